"""Activities of the last minutes, and the last events, as the page shows them.

What holds now is told in Unix times, made of stream times only then: a clock that is set moves all of it at once.
"""

from collections import deque
from typing import Any

from edgehar.publishers import payloads
from edgehar.publishers.payloads import ToUnixTime, monotonic_to_unix
from edgehar.types import Activity, Event

TIMELINE_S = 600.0
"""Length of the timeline, s."""

MOST_STATES = 200
"""States of one wearer that are kept; somebody who changes more often than every three seconds has a shorter timeline."""

MOST_EVENTS = 50
"""Lines of the event log."""


class History:
    """States of all wearers and the last events; takes them as a publisher does."""

    def __init__(self, to_unix: ToUnixTime = monotonic_to_unix) -> None:
        self._to_unix = to_unix
        self.newest: dict[str, Activity] = {}
        """The last answer to each wearer."""
        self.events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        """Oldest first: events as they are published, and `note` and `time` of what was done on the page."""
        self._states: dict[str, deque[tuple[float, str]]] = {}
        """By wearer: stream time from which it held, s, and state."""

    def push(self, item: Activity | Event) -> bool:
        """Take an answer; return True if it says anything new."""
        if isinstance(item, Event):
            self.events.append({"wearer": item.wearer, **payloads.event(item, self._to_unix)})
            return True
        before = self.newest.get(item.wearer)
        self.newest[item.wearer] = item
        if before is None or before.state != item.state:
            self._begin(item)
            return True
        return False

    def note(self, wearer: str, text: str, unix_s: float) -> None:
        """Add a sentence of its own to the events."""
        self.events.append({"wearer": wearer, "note": text, "time": payloads.iso_utc(unix_s)})

    def forget(self, wearer: str) -> None:
        """Drop the states of somebody who is watched no more."""
        self.newest.pop(wearer, None)
        self._states.pop(wearer, None)

    def since(self, activity: Activity) -> float:
        """Return the Unix time from which an answer holds, s."""
        return self._to_unix(activity.since)

    def timeline(self, wearer: str, now: float) -> list[tuple[float, str]]:
        """Return the states that held at any time of the last TIMELINE_S: the Unix time each began, s, and its name.

        `now` is stream time, s.
        """
        states = self._states.get(wearer)
        if not states:
            return []
        while len(states) > 1 and states[1][0] <= now - TIMELINE_S:
            states.popleft()
        return [(round(self._to_unix(t), 1), state) for t, state in states]

    def _begin(self, item: Activity) -> None:
        states = self._states.setdefault(item.wearer, deque(maxlen=MOST_STATES))
        # What holds from an earlier time on corrects what was told of the time after it.
        while states and states[-1][0] >= item.since:
            states.pop()
        states.append((item.since, item.state))
