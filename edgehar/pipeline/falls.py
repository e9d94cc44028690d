"""All that can prove a fall of one wearer: sensors that feel it, and a camera that sees it."""

from collections.abc import Collection, Sequence
from math import inf
from typing import Protocol

from edgehar.pipeline.belief import confirms_falls
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import ONCE_S, Fall, FallConfirmation
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.seen_fall import LYING, SeenFall, SeenFalls
from edgehar.types import FALLING, Prediction


class Watch(Protocol):
    """What waits for the proof of a fall."""

    recovered: bool
    """True if who fell last was up again since."""

    @property
    def suspected(self) -> tuple[int, float] | None:
        """The sensor that may have felt a fall, and with what peak, m/s²."""
        ...

    def reset(self) -> None:
        """Forget everything but whether who fell last has recovered."""
        ...

    def push(self, prediction: Prediction) -> Sequence[Fall | SeenFall]:
        """Return the fall that this window confirms, if it does."""
        ...


class Falls:
    """Several watches as one: who is told by one has fallen."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches, self._last = watches, watches[0]
        self._told_at = -inf

    def reset(self) -> None:
        """Forget everything but whether who fell last has recovered."""
        self._told_at = -inf
        for watch in self._watches:
            watch.reset()

    @property
    def suspected(self) -> tuple[int, float] | None:
        """The sensor that may have felt a fall, and with what peak, m/s²."""
        return next((suspected for watch in self._watches if (suspected := watch.suspected)), None)

    @property
    def recovered(self) -> bool:
        """True if who fell last was up again since."""
        return self._last.recovered

    def push(self, prediction: Prediction) -> Sequence[Fall | SeenFall]:
        """Return the fall that this window confirms, if it does; of two proofs of one fall the first."""
        told = [(watch, fall) for watch in self._watches for fall in watch.push(prediction)]
        if not told or prediction.t - self._told_at <= ONCE_S:
            return []
        self._told_at = prediction.t
        self._last, fall = told[0]
        return [fall]


def watch_falls(
    tree: LabelTree,
    window_s: float,
    hop_s: float,
    settings: Settings,
    placements: Sequence[str | None],
    cameras: Collection[int],
) -> Falls | None:
    """Return what proves falls by the sensors at these placements, of which `cameras` (indices) see; None if nothing does.

    ConfigError as of `FallConfirmation`.
    """
    if not confirms_falls(tree, settings):
        return None
    watches = list[Watch]()
    if len(cameras) < len(placements) or not placements:
        label = tree.labels.index(FALLING)
        watches.append(FallConfirmation(label, window_s, hop_s, settings.falls, placements))
    if cameras and LYING in tree.labels:
        watches.append(SeenFalls(tree, window_s, settings.falls, cameras))
    return Falls(watches) if watches else None
