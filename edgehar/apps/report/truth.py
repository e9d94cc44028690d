"""Answers against what was done: windows, by label and by kind, and boundaries."""

from collections.abc import Sequence

from msgspec import Struct

from edgehar.pipeline.label_tree import LabelTree
from edgehar.recordings.scoring import Boundaries, ConfusionCounter, Segment, f1, merge, score
from edgehar.types import Activity, Event

MOST_EVENTS = 50_000
"""Events that are held against the truth; those after them are not."""


class LabelFigures(Struct, frozen=True):
    """Scores of one label, by windows that lie within one activity."""

    label: str
    windows: int
    """Windows in which it was done."""
    precision: float | None
    """Share of the windows it was told in that were it; None if it was never told."""
    recall: float
    """Share of its windows in which it was told."""
    recall_by_kind: float
    """Share of its windows in which it, or a kind that it is of, was told."""
    f1: float | None
    """None of a label that the model lacks."""


class AgainstTruth:
    """Counts answers by what was done; takes them in their order."""

    def __init__(self, truth: Sequence[Segment], tree: LabelTree, window_s: float) -> None:
        self.segments = merge(truth)
        """In common labels."""
        self.tree = tree
        self._counter = ConfusionCounter(truth, window_s)
        self._events: list[Event] = []

    def push(self, item: Activity | Event) -> None:
        """Take the next answer."""
        if isinstance(item, Activity):
            self._counter.push(item.t, item.state)
        elif len(self._events) < MOST_EVENTS:
            self._events.append(item)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Windows by what was done and by the answer."""
        return self._counter.counts

    @property
    def macro_f1(self) -> float | None:
        """Mean F1 of the labels that the model knows and that were done; None if none was."""
        scores = f1(self.counts, self.tree.labels)
        return sum(scores.values()) / len(scores) if scores else None

    @property
    def right_by_kind(self) -> float | None:
        """Share of all windows of which the label or one of its kinds was told; None if there are none."""
        windows = sum(sum(row.values()) for row in self.counts.values())
        right = sum(self._right_by_kind(label) for label in self.counts)
        return right / windows if windows else None

    def boundaries(self) -> dict[str, Boundaries]:
        """Compare starts and ends as `scoring.score`."""
        return score(self._events, self.segments, self.tree.labels)

    def labels(self) -> list[LabelFigures]:
        """Return a line for each label that was done, the most done first."""
        scores = f1(self.counts, self.tree.labels)
        lines = []
        for label, row in sorted(self.counts.items(), key=lambda item: -sum(item[1].values())):
            windows, right = sum(row.values()), row.get(label, 0)
            answered = sum(other.get(label, 0) for other in self.counts.values())
            lines.append(
                LabelFigures(
                    label=label,
                    windows=windows,
                    precision=right / answered if answered else None,
                    recall=right / windows,
                    recall_by_kind=self._right_by_kind(label) / windows,
                    f1=scores.get(label),
                )
            )
        return lines

    def _right_by_kind(self, label: str) -> int:
        path = self.tree.path(label)
        return sum(n for answer, n in self.counts[label].items() if answer in path)
