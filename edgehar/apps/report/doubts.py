"""Doubts, and why: reasons in the words of the decision, grouped where they differ by figures alone."""

import re

from msgspec import Struct

from edgehar.types import NOT_WORN, OTHER, Activity

LEAST_SURE = 0.5
"""A belief below this is less than even."""

MOST_GROUPS = 200
"""Groups that are kept; what is like none of them is counted together."""

MOST_TIMES = 12
"""Stretches of a group that are named, the longest."""

_FIGURE = re.compile(r"\d+(?:\.\d+)?")


class Doubt(Struct):
    """Stretches of one reason."""

    reason: str
    """As it was given first."""
    seconds: float = 0.0
    stretches: int = 0
    longest: list[tuple[float, float]] = []
    """Begin and end, stream time in s."""

    def times(self) -> list[tuple[float, float]]:
        """Return the longest stretches, in their order."""
        return sorted(sorted(self.longest, key=lambda stretch: stretch[0] - stretch[1])[:MOST_TIMES])


class Doubts:
    """Groups of uncertain stretches; takes all answers, in their order."""

    def __init__(self) -> None:
        self.groups: dict[str, Doubt] = {}
        self.seconds = 0.0
        """All that was uncertain, s."""
        self._running: tuple[str, float, float] | None = None

    def push(self, activity: Activity, seconds: float) -> None:
        """Take the next answer, which stands for so many seconds up to its time."""
        reason = _reason(activity)
        key = _FIGURE.sub("…", reason)
        if self._running and self._running[0] != key:
            self.finish()
        if not key:
            return
        if key not in self.groups and len(self.groups) >= MOST_GROUPS:
            key = reason = "For another reason."
        group = self.groups.setdefault(key, Doubt(reason))
        group.seconds += seconds
        self.seconds += seconds
        begin = self._running[1] if self._running else activity.t - seconds
        self._running = (key, begin, activity.t)

    def finish(self) -> None:
        """End the stretch that runs."""
        if self._running:
            key, begin, end = self._running
            group = self.groups[key]
            group.stretches += 1
            group.longest.append((begin, end))
            if len(group.longest) > 4 * MOST_TIMES:
                group.longest = group.times()
        self._running = None

    def largest(self) -> list[Doubt]:
        """Return the groups, that of the most seconds first."""
        return sorted(self.groups.values(), key=lambda group: -group.seconds)


def _reason(activity: Activity) -> str:
    """Return why an answer is uncertain; nothing if it is not. What was told anyway is left out where a sensor was."""
    if not is_uncertain(activity):
        return ""
    _, _, without = activity.reason.partition("; without ")
    return f"Without {without}" if without else activity.reason


def is_uncertain(activity: Activity) -> bool:
    """Tell whether an answer is none, less than even, or rests on less than all that is worn."""
    if activity.label is None:
        return activity.no_answer != NOT_WORN
    return (
        activity.label == OTHER
        or activity.confidence < LEAST_SURE
        or activity.coverage < LEAST_SURE
        or bool(activity.excluded_sensors)
    )
