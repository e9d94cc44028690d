"""Moments at which the recognizer did not know, and from which a later teaching learns most; in stream time alone.

`other` that follows a label, or that is not likelier than the labels together, is such a moment once it has lasted for HOLD_S:
somebody does something that no label names, or does a label's thing in a way that the model does not know. What is missing
(`no_signal`) or not worn teaches nothing. One moment for each time that it is `other`, and at most so many an hour.
"""

from collections import deque

from msgspec import Struct

from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER, Activity

HOLD_S = 8.0
"""Passing from one activity to another is `other` for a while too, s: with a sensor in a trouser pocket for at most 6.7
(`python -m benchmarks.rejections`)."""

HOUR_S = 3600.0

LIKELIER = 0.5
"""Belief from which `other` is likelier than all labels together."""


class Rejection(Struct, frozen=True):
    """A moment at which nothing was certain."""

    t: float
    """Stream time, s."""
    note: str
    """Note for people."""


class Rejections:
    """Finder of such moments of one wearer."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._taken: deque[float] = deque(maxlen=per_hour)
        self._before: str = NO_SIGNAL
        self._state: str = NO_SIGNAL
        self._uncertain_since: float | None = None
        self._is_taken = False

    def push(self, activity: Activity) -> Rejection | None:
        """Take an answer; return the moment that it shows, if it does."""
        if activity.state != self._state:
            self._before, self._state = self._state, activity.state
            self._uncertain_since, self._is_taken = None, False
        if activity.state != OTHER or self._is_taken:
            return None
        if activity.confidence >= LIKELIER:
            self._uncertain_since = None
        elif self._uncertain_since is None:
            self._uncertain_since = activity.t
        return self._lasting(activity)

    def _lasting(self, activity: Activity) -> Rejection | None:
        follows = self._before not in {NO_SIGNAL, NOT_WORN, OTHER}
        since = activity.since if follows else self._uncertain_since
        if since is None or activity.t - since < HOLD_S:
            return None
        self._is_taken = True
        if len(self._taken) == self._per_hour and activity.t - self._taken[0] < HOUR_S:
            return None
        self._taken.append(activity.t)
        why = f"after {self._before}" if follows else "though labels were likelier"
        return Rejection(since, f"told other, {activity.confidence:.2f}, {why}")
