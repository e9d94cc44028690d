"""Random views of recorded windows: which sensors are worn, how they are mounted, and how rough the signal is.

Recorded people wear what they wear. The network is to know them also with fewer sensors, without gyroscope, with a device
turned over or put on a little crooked, and on the other side of the body.
"""

import numpy as np
from numpy.typing import NDArray

from edgehar.motion.imu import random_rotations, small_rotations
from edgehar.motion.skeleton import Array
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows
from edgehar.types import FloatArray

_ALONE, _SOME = 0.6, 0.15
"""Shares of windows with several sensors of which one is shown, or any number; all are in the others. Of five sensors
worn at once each has to be known alone as well, and most wear one."""
_FACES = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float64)
"""Diagonals of the four rotations by half turns about a device's own axes."""

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class PeopleViews:
    """Draws recorded windows, and what a network may see of them, by one seed."""

    def __init__(self, recipe: FinetuneRecipe, spec: ModelSpec, windows: PeopleWindows, seed: int) -> None:
        self._variation, self._spec, self._windows = recipe.variation, spec, windows
        self._rng = np.random.default_rng((recipe.seed, 11, seed))
        self._tells = np.array(
            [[spec.tells(i, label) for label in spec.labels] for i in range(len(spec.sensors))]
        )
        self._relatives = relatives(spec)
        self._edges = np.cumsum(shares(recipe, windows))

    def draw(self, count: int) -> tuple[FloatArray, Mask]:
        """Return so many windows, (count, sensors, 2, window, 3), m/s² and rad/s, and their labels, (count, labels)."""
        rows = np.minimum(np.searchsorted(self._edges, self._rng.random(count)), len(self._edges) - 1)
        shown = self._worn(self._windows.shown[rows])
        worn = shown >= 0
        x = np.zeros((*worn.shape, *self._windows.x.shape[1:]), np.float32)
        x[worn] = self._varied(self._windows.x[shown[worn]].astype(np.float32), worn)
        return x, self._told(self._windows.allowed[rows], worn)

    def _worn(self, shown: Rows) -> Rows:
        """Leave out some sensors of windows that have several; two of a kind change places by chance."""
        rng, shown = self._rng, shown.copy()
        worn = shown >= 0
        chance = rng.random(shown.shape) * worn
        how = rng.random(len(shown))
        several = worn.sum(axis=1) > 1
        alone, some = several & (how < _ALONE), several & (how >= _ALONE) & (how < _ALONE + _SOME)
        first = chance == chance.max(axis=1, keepdims=True)
        shown[alone[:, None] & ~first] = -1
        shown[some[:, None] & ~first & (rng.random(shown.shape) < 0.5)] = -1
        for left, right in twins(self._spec):
            swapped = (shown[:, right] >= 0) & ((shown[:, left] < 0) | (rng.random(len(shown)) < 0.5))
            shown[swapped, left], shown[swapped, right] = shown[swapped, right], shown[swapped, left]
        return shown

    def _varied(self, x: FloatArray, worn: Mask) -> FloatArray:
        """Return what other devices, worn otherwise, would have read: (sensor windows, 2, window, 3)."""
        rng, how, count = self._rng, self._variation, len(x)
        window = np.repeat(np.arange(len(worn)), worn.sum(axis=1))
        # The other side of the body: the mirror image of a force flips one axis, that of a turn the two others. Which
        # axis it is makes no difference once the device lies any way on its faces.
        mirrored = (rng.random(len(worn)) < 0.5 * how.flipped)[window]
        x[mirrored, 0, :, 0] *= -1.0
        x[mirrored, 1, :, 1:] *= -1.0
        x = x @ self._turns(mirrored)[:, None].astype(np.float32)
        mean = x.mean(axis=2, keepdims=True)
        x -= mean
        noise = rng.uniform(0.0, how.rattle, (count, 1, 1, 1)) * x.std(axis=2, keepdims=True)
        x += noise.astype(np.float32) * rng.standard_normal(x.shape, np.float32)
        most = np.log(how.gain)
        x *= np.exp(rng.uniform(-most, most, (count, 1, 1, 1))).astype(np.float32)
        x += mean
        x[(rng.random(len(worn)) < how.no_gyroscope)[window], 1] = 0.0
        return x

    def _turns(self, mirrored: Mask) -> Array:
        """Return (n, 3, 3); what is mirrored lies any way on its faces."""
        rng, how, count = self._rng, self._variation, len(mirrored)
        faces = _FACES[rng.integers(len(_FACES), size=count)]
        faces[(rng.random(count) >= how.flipped) & ~mirrored] = 1.0
        turns = small_rotations(rng, how.tilt_deg, count) * faces[:, None, :]
        free = rng.random(count) < how.turned
        turns[free] = random_rotations(rng, int(free.sum()))
        return np.asarray(turns)

    def _told(self, allowed: Mask, worn: Mask) -> Mask:
        """Return the labels that may be true and that the worn sensors can tell, else those nearest to them in the tree."""
        offered = (worn[:, :, None] & self._tells).any(axis=1)
        told: Mask = allowed & offered
        blind = ~told.any(axis=1)
        told[blind] = (allowed[blind] @ self._relatives) & offered[blind]
        still_blind = ~told.any(axis=1)
        told[still_blind] = allowed[still_blind]
        return told


def relatives(spec: ModelSpec) -> Mask:
    """Return (labels, labels): which labels of the model lie below the same top of its tree as each."""
    tree = LabelTree(spec.labels, spec.tree)
    tops = np.array([tree.top(label) for label in spec.labels])
    return np.asarray(tops[:, None] == tops)


def twins(spec: ModelSpec) -> list[tuple[int, int]]:
    """Return the pairs of sensors, by index, that take the same placements: both wrists."""
    pairs = []
    for other, sensor in enumerate(spec.sensors):
        same = [i for i in range(other) if spec.sensors[i].placements == sensor.placements]
        pairs += [(i, other) for i in same]
    return pairs


def shares(recipe: FinetuneRecipe, windows: PeopleWindows) -> NDArray[np.float64]:
    """Return (n,), how often each window is drawn: sources and, within them, labels by the root of their size.

    Between equally often for all, which shows a few minutes of a rare activity a hundred times, and equally often for
    each window, which shows little else than sitting.
    """
    drawn = np.zeros(len(windows.source))
    for index, some in enumerate(recipe.recordings):
        rows = np.flatnonzero(windows.source == index)
        if not len(rows):
            continue
        _, label, sizes = np.unique(windows.label[rows], return_inverse=True, return_counts=True)
        of_each = sizes[label] ** -0.5
        worn = (windows.shown[rows] >= 0).sum(axis=1).mean()
        drawn[rows] = of_each / of_each.sum() * np.sqrt(len(rows) * worn) * some.weight
    return np.asarray(drawn / drawn.sum())
