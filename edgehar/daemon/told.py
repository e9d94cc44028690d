"""The answers about a wearer in the last minutes, by which a correction says which of it was wrong. Times are stream time, s."""

from collections import deque

from msgspec import Struct

from edgehar.types import NOT_YET, Activity, Event

_MOST = 1000
"""States, and events, that are remembered; somebody who changes more often than every third of a second has fewer minutes."""


class Span(Struct, frozen=True):
    """A state, and the time for which it held."""

    state: str
    begin: float
    """Stream time, s."""
    end: float
    """Stream time, s; NOT_YET while it holds."""


class Told:
    """The states and events of the last `reach_s` seconds; takes them as a publisher does."""

    def __init__(self, reach_s: float) -> None:
        self._reach_s = reach_s
        self._begun: deque[tuple[float, str]] = deque(maxlen=_MOST)
        """Time from which it held, and state."""
        self._events: deque[Event] = deque(maxlen=_MOST)

    def push(self, item: Activity | Event) -> None:
        """Take an answer."""
        if isinstance(item, Event):
            self._events.append(item)
            while self._events[0].detected_at < item.detected_at - self._reach_s:
                self._events.popleft()
        elif not self._begun or self._begun[-1][1] != item.state:
            # What holds from an earlier time on corrects what was told of the time after it.
            while self._begun and self._begun[-1][0] >= item.since:
                self._begun.pop()
            self._begun.append((item.since, item.state))
            while len(self._begun) > 1 and self._begun[1][0] < item.t - self._reach_s:
                self._begun.popleft()

    def newest(self) -> Span | None:
        """Return what holds now; None before the first answer."""
        return self.at(NOT_YET)

    def at(self, t: float) -> Span | None:
        """Return what held at a time; None if that is not known any more."""
        end = NOT_YET
        for begin, state in reversed(self._begun):
            if begin <= t:
                return Span(state, begin, end)
            end = begin
        return None

    def event(self, event_id: str) -> Span | None:
        """Return what an event told; None if no such is remembered."""
        events = [event for event in self._events if event.id == event_id]
        if not events:
            return None
        newest = events[-1]
        return Span(newest.label, newest.started_at, NOT_YET if newest.ended_at is None else newest.ended_at)

    def clear(self) -> None:
        """Forget all."""
        self._begun.clear()
        self._events.clear()
