"""Stretches of time in one state, as the newest answer says: a later answer may correct when it began."""

from msgspec import Struct

from edgehar.types import Activity

MOST = 20_000
"""Stretches that are kept of a recording: more than any picture shows."""

_FIRST_THINNED_S = 1.0


class Span(Struct):
    """One stretch."""

    begin: float
    """Stream time, s."""
    end: float
    """Stream time, s."""
    state: str
    confidence_sum: float = 0.0
    """Sum over its answers."""
    answers: int = 0

    @property
    def confidence(self) -> float:
        """Mean over its answers, 0..1."""
        return self.confidence_sum / self.answers if self.answers else 0.0

    @property
    def seconds(self) -> float:
        """Length, s."""
        return self.end - self.begin


class Spans:
    """States in their order, each up to the next. Of too many the shortest become part of what was before them."""

    def __init__(self, most: int = MOST) -> None:
        self.all: list[Span] = []
        self.shortest_s = 0.0
        """Stretches shorter than this may be missing, s."""
        self._most = most

    def push(self, activity: Activity) -> None:
        """Take the next answer."""
        spans = self.all
        if not spans or spans[-1].state != activity.state:
            while spans and spans[-1].begin >= activity.since:
                spans.pop()
            if not spans or spans[-1].state != activity.state:
                if spans:
                    spans[-1].end = activity.since
                spans.append(Span(activity.since, activity.t, activity.state))
        newest = spans[-1]
        newest.end = max(newest.end, activity.t)
        newest.confidence_sum += activity.confidence
        newest.answers += 1
        if len(spans) > self._most:
            self._thin()

    def seconds(self) -> dict[str, float]:
        """Return the time in each state, s."""
        seconds: dict[str, float] = {}
        for span in self.all:
            seconds[span.state] = seconds.get(span.state, 0.0) + span.seconds
        return seconds

    def longest(self, count: int) -> list[Span]:
        """Return so many of the longest, in their order."""
        longest = sorted(self.all, key=lambda span: -span.seconds)[:count]
        return sorted(longest, key=lambda span: span.begin)

    def _thin(self) -> None:
        """Leave out what is short until half are left; the newest stays."""
        while len(self.all) > self._most // 2:
            self.shortest_s = 2 * self.shortest_s or _FIRST_THINNED_S
            kept: list[Span] = []
            for span in self.all:
                if kept and (kept[-1].state == span.state or span.seconds < self.shortest_s):
                    kept[-1].end = span.end
                else:
                    kept.append(span)
            if kept[-1].state != self.all[-1].state:
                kept.append(self.all[-1])
                kept[-2].end = kept[-1].begin
            self.all = kept
