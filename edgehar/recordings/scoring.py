"""Scores of reported events against the true boundaries of a labelled recording."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from edgehar.recordings.labels import common_label
from edgehar.types import Event

Segment = tuple[float, float, str]
"""Start and end in stream time, s, and the label of what was done."""

Confusion = dict[str, dict[str, int]]
"""Windows, by what was done, in common labels, and by the answer."""

TOLERANCE_S = 2.0
"""A reported boundary this near to the true one counts as right, s."""


class Boundaries(Struct, frozen=True):
    """Reported against true boundaries of one kind."""

    true: int
    reported: int
    right: int
    """Reported ones of the right label within the tolerance, each true one counted once."""

    @property
    def precision(self) -> float | None:
        """Share of the reported ones that are right; None if none was reported."""
        return self.right / self.reported if self.reported else None

    @property
    def recall(self) -> float | None:
        """Share of the true ones that were reported; None if there are none."""
        return self.right / self.true if self.true else None


def merge(truth: Iterable[Segment]) -> list[Segment]:
    """Return the same truth in common labels, with touching segments of one label joined."""
    merged: list[Segment] = []
    for start, end, label in truth:
        name = common_label(label)
        if merged and merged[-1][2] == name and start - merged[-1][1] < TOLERANCE_S:
            merged[-1] = (merged[-1][0], end, name)
        else:
            merged.append((start, end, name))
    return merged


def score(
    events: Sequence[Event], truth: Iterable[Segment], labels: Sequence[str], tolerance_s: float = TOLERANCE_S
) -> dict[str, Boundaries]:
    """Match boundaries by kind of event; segments whose label the model lacks have no true boundary."""
    segments = [segment for segment in merge(truth) if segment[2] in labels]
    return {
        "activity_started": _match(
            [(start, label) for start, _, label in segments],
            [(e.started_at, e.label) for e in events if e.kind == "activity_started"],
            tolerance_s,
        ),
        "activity_ended": _match(
            [(end, label) for _, end, label in segments],
            [(e.ended_at, e.label) for e in events if e.ended_at is not None],
            tolerance_s,
        ),
    }


def by_kind(events: Iterable[Event], top: Callable[[str], str]) -> list[Event]:
    """Return the events as if each label were its kind; one label giving way to another of its kind is no event."""
    kinds: list[Event] = []
    for event in events:
        kind, last = top(event.label), kinds[-1] if kinds else event
        gives_way = last.ended_at is not None and event.ended_at is None
        if gives_way and (last.label, last.detected_at) == (kind, event.detected_at):
            kinds.pop()
        else:
            kinds.append(replace(event, label=kind))
    return kinds


def confusion(answers: Iterable[tuple[float, str]], truth: Iterable[Segment], window_s: float) -> Confusion:
    """Count windows by what was done all the while and by the answer to them.

    Args:
        answers: End of each window, s, in order, and the state that was told then.
        truth: What was done.
        window_s: Length of a window, s.
    """
    counter = ConfusionCounter(truth, window_s)
    for t, state in answers:
        counter.push(t, state)
    return counter.counts


class ConfusionCounter:
    """Counts windows as `confusion` does, one after the other."""

    def __init__(self, truth: Iterable[Segment], window_s: float) -> None:
        self.counts: Confusion = {}
        self._window_s = window_s
        self._segments = iter(merge(truth))
        self._segment: Segment = (-inf, -inf, "")

    def push(self, t: float, state: str) -> None:
        """Count the window that ended at `t`, s, after all before it."""
        while t > self._segment[1]:
            self._segment = next(self._segments, (inf, inf, ""))
        start, _, label = self._segment
        if t - self._window_s >= start:
            row = self.counts.setdefault(label, {})
            row[state] = row.get(state, 0) + 1


def confusion_by_kind(counts: Confusion, top: Callable[[str], str]) -> Confusion:
    """Add up the windows of each kind, and the answers of each kind."""
    kinds: Confusion = {}
    for label, row in counts.items():
        kind = kinds.setdefault(top(label), {})
        for answer, n in row.items():
            kind[top(answer)] = kind.get(top(answer), 0) + n
    return kinds


def f1(counts: Confusion, labels: Iterable[str]) -> dict[str, float]:
    """Return F1 of each of these labels that was done; any other answer is an error."""
    scores = {}
    for label in labels:
        if label in counts:
            answered = sum(row.get(label, 0) for row in counts.values())
            scores[label] = 2 * counts[label].get(label, 0) / (sum(counts[label].values()) + answered)
    return scores


def _match(
    true: list[tuple[float, str]], reported: list[tuple[float, str]], tolerance_s: float
) -> Boundaries:
    """Pair each true boundary with the nearest free report of its label, nearest pairs first."""
    reports: dict[str, list[tuple[float, int]]] = {}
    for j, (at, named) in enumerate(reported):
        reports.setdefault(named, []).append((at, j))
    for of_label in reports.values():
        of_label.sort()
    pairs: list[tuple[float, int, int]] = []
    for i, (t, label) in enumerate(true):
        near = reports.get(label, [])
        # A little more than the tolerance: rounding must not decide which are looked at.
        first, end = (bisect_left(near, (t + side * (tolerance_s + 1.0), -1)) for side in (-1, 1))
        pairs += [(abs(at - t), i, j) for at, j in near[first:end] if abs(at - t) <= tolerance_s]
    pairs.sort()
    taken_true: set[int] = set()
    taken_reported: set[int] = set()
    for _, i, j in pairs:
        if i not in taken_true and j not in taken_reported:
            taken_true.add(i)
            taken_reported.add(j)
    return Boundaries(true=len(true), reported=len(reported), right=len(taken_true))
