"""Windows of simulated people, cut by the run-time grid, and the views of them that a network learns from."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.motion.activities.catalogue import CATALOGUE, EVENTS
from edgehar.motion.imu import RATE, SITES, draw_mountings, random_rotations
from edgehar.motion.skeleton import Array, Figure, SegmentLengths, segment_lengths
from edgehar.motion.wearer import draw_body_height
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.frames import FRAMES
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe, Sensor
from edgehar.training.virtual_sensors import LEAD, Recorded, record, stacked
from edgehar.training.workers import processes
from edgehar.types import FloatArray, Window

_SEEDS = 1_000_000
"""People per activity, before the seeds of the next one begin."""
_EDGE_S = 0.4
"""Least distance of an event from either end of a window in which it is seen, s."""
_AT_ONCE = 32

# Seeds of `Views`, each use its own.
REPRESENTATIVE_VIEWS = 2
"""Views for the ranges of the int8 activations."""
STRANGERS_VIEWS = 3
"""Views of strangers, who give the temperature and what int8 costs."""
FOREST_VIEWS = 4
"""Views that the random forest of the baselines is grown on."""
FIRST_EPOCH_VIEWS = 1000
"""Views of the fit's first epoch; each later epoch has the next number."""

_Map = Callable[..., Iterable[Any]]
"""The built-in `map`, or that of a pool of processes."""


class Dataset(Struct, frozen=True, eq=False):
    """Windows in m/s² and rad/s, every sensor worn, in the axes of the limb."""

    x: NDArray[np.float16]
    """(n, sensors, 2, window, 3): acceleration, then angular rate."""
    label: NDArray[np.int64]
    """(n,), index into the recipe's labels."""
    activity: NDArray[np.int64]
    """(n,), index into the recipe's activities."""
    site: NDArray[np.int64]
    """(n, sensors), which of the sensor's sites it was worn at."""


class Bout(Struct, frozen=True, eq=False):
    """One person's stretch of one activity as windows."""

    x: NDArray[np.float16]
    site: tuple[int, ...]


def perform(recipe: Recipe, activity: str, seed: int) -> tuple[Figure, SegmentLengths, Recorded]:
    """Let one new person do `activity` for a while; what has an event is seen in windows that show it."""
    rng = np.random.default_rng((recipe.seed, seed))
    lengths = segment_lengths(draw_body_height(rng))
    start = LEAD / RATE
    event = EVENTS.get(activity)
    # What has an event is watched from its beginning, all else from anywhere.
    begin = rng.uniform(0.0, 60.0) if event is None else rng.uniform(0.0, recipe.hop / recipe.rate_hz)
    fine = np.arange(int((recipe.synthesis.bout_s + start) * RATE) + 3) / RATE + begin
    pose = CATALOGUE[activity](lengths, rng)(fine)
    figure = Figure(lengths, pose, len(fine))
    recorded = record(recipe, figure, pose, lengths, rng)
    at = None if event is None else event - begin - start
    shown = tuple(window for window in recorded.windows if at is None or _shows(recipe, window, at))
    return figure, lengths, replace(recorded, windows=shown)


def bout(recipe: Recipe, activity: str, seed: int) -> Bout:
    """Return the windows of one new person who does `activity` for a while."""
    _, _, recorded = perform(recipe, activity, seed)
    return Bout(stacked(recipe, recorded.windows), recorded.site)


def _shows(recipe: Recipe, window: Window, at: float) -> bool:
    """Tell whether the event at time `at`, s, lies in the window, neither at its very beginning nor end."""
    since = window.t_end - at
    return _EDGE_S <= since <= recipe.window / recipe.rate_hz - _EDGE_S


def synthesize(recipe: Recipe, workers: int, progress: Progress, stage: str = "simulating") -> Dataset:
    """Make all windows of the recipe, labels equally often."""
    bouts: list[Bout] = []
    rows: list[tuple[int, int]] = []
    total = sum(share for _, _, share in recipe.shares())
    with at_work(workers) as run:
        for label, index, share in recipe.shares():
            missing = share
            for made in _bouts(recipe, recipe.activities[index], index * _SEEDS, run):
                taken = made.x[:missing]
                missing -= len(taken)
                bouts.append(Bout(taken, made.site))
                rows += [(label, index)] * len(taken)
                progress(stage, len(rows), total)
                if not missing:
                    break
    sites = [made.site for made in bouts for _ in range(len(made.x))]
    label, index = np.asarray(rows).T
    return Dataset(np.concatenate([made.x for made in bouts]), label, index, np.asarray(sites))


def _bouts(recipe: Recipe, activity: str, seed: int, run: _Map) -> Iterator[Bout]:
    for first in range(seed, seed + _SEEDS, _AT_ONCE):
        yield from run(_bout_of, [(recipe, activity, s) for s in range(first, first + _AT_ONCE)])


@contextmanager
def at_work(count: int) -> Iterator[_Map]:
    """Give a map that works in so many processes."""
    if count == 1:
        yield map
        return
    with processes(count) as pool:
        yield partial(pool.map, chunksize=4)


def _bout_of(job: tuple[Recipe, str, int]) -> Bout:
    return bout(*job)


def normalize(model: Recipe | ModelSpec, x: FloatArray) -> FloatArray:
    """Turn (n, sensors, 2, window, 3) in SI units into the model's input (n, window, sensors * frames * 6).

    It is rounded as the int8 network rounds its input, so that nothing is learned from what is lost there.
    """
    worn = x.any(axis=(2, 3, 4))  # whoever wears nothing there shows zeros in all axes
    frames, rows = len(model.frames), x.shape[3]
    shown = np.concatenate([FRAMES[name](x[worn][:, None]) for name in model.frames], axis=2)[:, 0]
    scale = np.tile(np.asarray(model.normalization.scale, np.float32).reshape(2, 1, 3), (frames, 1, 1))
    clip = np.tile(np.asarray(model.normalization.clip, np.float32).reshape(2, 1, 3), (frames, 1, 1))
    step = 2.0 * float((clip / scale).max()) / 255.0
    steps = np.round(np.clip(shown, -clip, clip) / (scale * step))
    result = np.zeros((len(x), rows, x.shape[1], frames * 6), np.float32)
    where, sensor = np.nonzero(worn)
    result[where, :, sensor] = step * steps.transpose(0, 2, 1, 3).reshape(len(steps), rows, -1)
    return result.reshape(len(x), rows, -1)


def _can_tell(recipe: Recipe, sensor: Sensor, label: str, activity: str) -> bool:
    """Tell whether a sensor can tell that somebody of this label does this."""
    offered = not sensor.labels or label in sensor.labels
    return offered and (activity not in recipe.views.by_hand or "wrist" in sensor.sites)


class Views:
    """Random views of windows, what a network sees: side, mounting of every sensor, which sensors, with gyroscope or not."""

    def __init__(self, recipe: Recipe, data: Dataset, seed: int) -> None:
        self._recipe, self._data = recipe, data
        self._rng = np.random.default_rng((recipe.seed, 7, seed))
        self._tells = np.array(
            [
                [_can_tell(recipe, sensor, label, activity) for sensor in recipe.sensors]
                for label in recipe.labels
                for activity in recipe.synthesis.of(label)
            ]
        )

    def __call__(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return the model's input for these rows of the data set."""
        return normalize(self._recipe, self.windows(rows))

    def windows(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return what the sensors read in these rows of the data set: (n, sensors, 2, window, 3), m/s² and rad/s."""
        x = self._data.x[rows].astype(np.float32)
        mirrored = self._rng.random(len(rows)) < 0.5
        # Across the limb is x: the mirror image of a force flips x, that of a turn y and z.
        x[mirrored, :, 0, :, 0] *= -1.0
        x[mirrored, :, 1, :, 1:] *= -1.0
        x = x @ self._mountings(self._data.site[rows])[:, :, None].astype(np.float32)
        self._roughen(x)
        worn, turning = self._worn(self._data.activity[rows])
        x[:, :, 0] *= worn[:, :, None, None]
        x[:, :, 1] *= (worn & turning)[:, :, None, None]
        return x

    def _roughen(self, x: FloatArray) -> None:
        """Make each sensor livelier or calmer, and add noise that grows with how much it moves."""
        views, shape = self._recipe.views, (*x.shape[:2], 1, 1, 1)
        most = np.log(views.gain)
        gain = np.exp(self._rng.uniform(-most, most, shape)).astype(np.float32)
        mean = x.mean(axis=3, keepdims=True)
        x -= mean
        noise = self._rng.uniform(0.0, views.rattle, shape).astype(np.float32) * x.std(axis=3, keepdims=True)
        x += noise * self._rng.standard_normal(x.shape, np.float32)
        x *= gain
        x += mean

    def _mountings(self, site: NDArray[np.int64]) -> Array:
        turns = np.empty((*site.shape, 3, 3))
        for i, sensor in enumerate(self._recipe.sensors):
            for which, name in enumerate(sensor.sites):
                rows = site[:, i] == which
                turns[rows, i] = draw_mountings(SITES[name], self._rng, int(rows.sum()))
        free = self._rng.random(site.shape) < self._recipe.views.free
        turns[free] = random_rotations(self._rng, int(free.sum()))
        return turns

    def _worn(self, activity: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Draw which sensors are worn, and which of them have a gyroscope: (n, sensors) each."""
        rng = self._rng
        n, sensors = len(activity), len(self._recipe.sensors)
        edges = np.cumsum([sensor.alone for sensor in self._recipe.sensors])
        single = np.searchsorted(edges, rng.random(n), side="right")
        keep = rng.choice([0.35, 0.7, 1.0], n)
        worn = rng.random((n, sensors)) < keep[:, None]
        alone = single < sensors
        worn[alone] = False
        worn[alone, single[alone]] = True
        # Nobody is asked for what none of the sensors can tell.
        tells = self._tells[activity]
        blind = ~(worn & tells).any(axis=1)
        able = np.argmax(rng.random((n, sensors)) * tells, axis=1)
        worn[blind] = False
        worn[blind, able[blind]] = True
        gyroscopes = rng.random(n) >= self._recipe.views.no_gyroscope
        some = gyroscopes[:, None] & (rng.random((n, sensors)) >= 0.05)
        return worn, np.where((worn.sum(axis=1) == 1)[:, None], gyroscopes[:, None], some)
