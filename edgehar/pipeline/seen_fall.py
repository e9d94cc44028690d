"""Confirmation of a fall that a camera saw: who lies after it has fallen.

A model that sees the body takes some other quick ways to the floor for falls: a squat, sitting down hard, bending for
something. None of them ends with the person lying. Who lies down by will does it slowly, and is not suspected.
"""

from collections import deque
from collections.abc import Collection
from math import inf

from msgspec import Struct

from edgehar.pipeline.fall_confirmation import ONCE_S
from edgehar.pipeline.fall_settings import FallSettings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.types import FALLING, Prediction

LYING = "lying"

_LIES = 0.5
"""Probability from which somebody lies: it is more likely than all else together."""
_UP_WINDOWS = 4
"""Who is up in so many windows in a row is up again; a round number, two seconds."""


class SeenFall(Struct, frozen=True):
    """A fall that was seen to be one."""

    t: float
    """Middle of the window that showed it most clearly, stream time, s."""
    probability: float
    """Largest that the model gave a window."""
    lying: float
    """Probability of lying that proved it."""


class SeenFalls:
    """Watches what is said of one wearer while any of the `cameras` (indices) sees them; `recovered` is of the fall told last."""

    def __init__(
        self, tree: LabelTree, window_s: float, settings: FallSettings, cameras: Collection[int]
    ) -> None:
        self._cameras = frozenset(cameras)
        self._falling, self._lying = tree.labels.index(FALLING), tree.labels.index(LYING)
        self._window_s, self._settings = window_s, settings
        self.recovered = False
        """True if who fell last was up again since."""
        self.reset()

    def reset(self) -> None:
        """Forget everything but whether who fell last has recovered."""
        self._suspicious: deque[tuple[float, float]] = deque()
        self._lay_at = self._told_at = -inf
        self._up = 0

    @property
    def suspected(self) -> None:
        """Always None: until somebody lies there is nothing to tell of."""
        return

    def push(self, prediction: Prediction) -> list[SeenFall]:
        """Return the fall that this window confirms, if it does; never two of one."""
        p = prediction
        # What sensors say alone is proved by what they feel.
        if p.probabilities is None or self._cameras <= p.excluded_sensors.keys():
            return []
        falling, lying = float(p.probabilities[self._falling]), float(p.probabilities[self._lying])
        self._watch_recovery(falling + lying)
        while self._suspicious and p.t - self._suspicious[0][0] > self._settings.within_s:
            self._suspicious.popleft()
        lay_at, self._lay_at = self._lay_at, p.t if lying >= _LIES else self._lay_at
        # Who turns over in bed lay before; who lies since the fall does not fall again.
        if p.t - max(lay_at, self._told_at) > ONCE_S and falling >= self._settings.suspicion:
            self._suspicious.append((p.t, falling))
        if lying < _LIES or not self._suspicious:
            return []
        t, probability = max(self._suspicious, key=lambda each: each[1])
        self._suspicious.clear()
        self._told_at, self._up, self.recovered = p.t, 0, False
        return [SeenFall(t - 0.5 * self._window_s, probability, lying)]

    def _watch_recovery(self, down: float) -> None:
        """Note when who fell is up."""
        self._up = self._up + 1 if down < 1.0 - _LIES else 0
        self.recovered = self.recovered or (self._told_at > -inf and self._up >= _UP_WINDOWS)
