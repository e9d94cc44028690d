"""Windows of simulated people, cut by the run-time grid, and the views of them that a network learns from."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.motion.activities import CATALOGUE
from edgehar.motion.imu import RATE, SITES, hardware, mountings, read, surface
from edgehar.motion.skeleton import SIDES, Array, Figure, segments
from edgehar.motion.wearer import body_height
from edgehar.resample import Grid
from edgehar.training.recipe import Recipe, Synthesis
from edgehar.types import IMU_CHANNELS, FloatArray, Samples
from edgehar.windows import Windows

_LEAD = 170
"""Rows before a bout in which mountings begin to ring."""
_PACKET = 10
"""Samples."""
_SEEDS = 1_000_000
"""People per label, before the seeds of the next one begin."""
_AT_ONCE = 32

_Map = Callable[..., Iterable["Bout"]]


class Dataset(Struct, frozen=True, eq=False):
    """Windows in m/s² and rad/s, every sensor worn, in the axes of the limb."""

    x: NDArray[np.float16]
    """(n, sensors, 2, window, 3): acceleration, then angular rate."""
    label: NDArray[np.int64]
    """(n,), index into the recipe's labels."""
    site: NDArray[np.int64]
    """(n, sensors), which of the sensor's sites it was worn at."""


class Bout(Struct, frozen=True, eq=False):
    """One person's stretch of one activity as windows."""

    x: NDArray[np.float16]
    site: tuple[int, ...]


def bout(recipe: Recipe, label: str, seed: int) -> Bout:
    """One new person does `label` for a while."""
    rng = np.random.default_rng((recipe.seed, seed))
    lengths = segments(body_height(rng))
    start = _LEAD / RATE
    fine = np.arange(int((recipe.synthesis.bout_s + start) * RATE) + 3) / RATE + rng.uniform(0.0, 60.0)
    pose = CATALOGUE[label](lengths, rng)(fine)
    figure = Figure(lengths, pose, len(fine))
    site = tuple(int(rng.integers(len(sensor.sites))) for sensor in recipe.sensors)
    tracks = []
    for sensor, which in zip(recipe.sensors, site, strict=True):
        placed = surface(SITES[sensor.sites[which]], SIDES[rng.integers(2)], lengths, rng)
        truth = np.concatenate(read(figure, pose, placed), axis=1)[_LEAD - 1 :]
        tracks.append(_sampled(truth, recipe.synthesis, sensor.name, rng))
    windows = cut(recipe, tracks, rng)
    shape = (len(windows), recipe.window, len(recipe.sensors), 2, 3)
    x = np.asarray(windows, dtype=np.float16).reshape(shape).transpose(0, 2, 3, 1, 4)
    return Bout(np.ascontiguousarray(x), site)


def _sampled(truth: Array, synthesis: Synthesis, name: str, rng: np.random.Generator) -> Samples:
    """What a device of some rate makes of 200 rows per second."""
    rate = synthesis.source_rates_hz[rng.integers(len(synthesis.source_rates_hz))]
    if rng.random() < 0.5:
        # Devices average over a part of their period, or have a filter that is set lower still.
        width = max(1, round(RATE / min(rate, rng.uniform(8.0, 60.0)) * rng.uniform(0.5, 1.2)))
        truth = np.stack(
            [np.convolve(column, np.full(width, 1.0 / width), "same") for column in truth.T], axis=1
        )
    t = rng.uniform(0.0, 1.0 / rate) + np.arange(int(len(truth) / RATE * rate) - 1) / rate
    x = np.stack([np.interp(t, np.arange(len(truth)) / RATE, column) for column in truth.T], axis=1)
    return Samples(name, t, hardware(rng).measure(x, rng).astype(np.float32), IMU_CHANNELS)


def cut(recipe: Recipe, tracks: Sequence[Samples], rng: np.random.Generator) -> list[FloatArray]:
    """Send the tracks packet by packet through the run-time grid, some lost; whole windows only."""
    sensors = len(tracks)
    grid = Grid([sensor.name for sensor in recipe.sensors], recipe.rate_hz, recipe.hop)
    cutter = Windows(recipe.window, range(sensors))
    packets = []
    for track in tracks:
        lost = rng.uniform(0.0, recipe.synthesis.packet_loss) * (rng.random() < 0.5)
        for i in range(0, len(track.t) - _PACKET + 1, _PACKET):
            rows = slice(i, i + _PACKET)
            if rng.random() >= lost:
                packets.append(Samples(track.placement, track.t[rows], track.x[rows], track.channels))
    packets.sort(key=lambda packet: float(packet.t[-1]))
    found = []
    for packet in packets:
        for block in grid.push(float(packet.t[-1]), packet):
            found += [window.x.copy() for window in cutter.push(block) if min(window.coverage) > 0.8]
    return found


def synthesize(recipe: Recipe, workers: int, tick: Callable[[int], None]) -> Dataset:
    """All windows of the recipe, labels equally often; `tick` hears of finished windows."""
    share = -(-recipe.synthesis.windows // len(recipe.labels))
    bouts: list[Bout] = []
    labels: list[int] = []
    with _workers(workers) as run:
        for index, label in enumerate(recipe.labels):
            missing = share
            for made in _bouts(recipe, label, index * _SEEDS, run):
                taken = made.x[:missing]
                missing -= len(taken)
                bouts.append(Bout(taken, made.site))
                labels += [index] * len(taken)
                tick(len(taken))
                if not missing:
                    break
    sites = [made.site for made in bouts for _ in range(len(made.x))]
    return Dataset(np.concatenate([made.x for made in bouts]), np.asarray(labels), np.asarray(sites))


def _bouts(recipe: Recipe, label: str, seed: int, run: _Map) -> Iterator[Bout]:
    for first in range(seed, seed + _SEEDS, _AT_ONCE):
        yield from run(_bout_of, [(recipe, label, s) for s in range(first, first + _AT_ONCE)])


@contextmanager
def _workers(count: int) -> Iterator[_Map]:
    if count == 1:
        yield map
        return
    # A fresh interpreter per worker: a fork would copy whatever threads the caller runs.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=4)


def _bout_of(job: tuple[Recipe, str, int]) -> Bout:
    return bout(*job)


def normalize(recipe: Recipe, x: FloatArray) -> FloatArray:
    """(n, sensors, 2, window, 3) in SI units -> the model's input (n, window, sensors * 6)."""
    scale = np.asarray(recipe.normalization.scale, np.float32).reshape(2, 1, 3)
    clip = np.asarray(recipe.normalization.clip, np.float32).reshape(2, 1, 3)
    flat = (np.clip(x, -clip, clip) / scale).transpose(0, 3, 1, 2, 4)
    return np.ascontiguousarray(flat.reshape(len(x), recipe.window, -1), dtype=np.float32)


class Views:
    """Draws what a network sees: side, mounting of every sensor, which sensors, with gyroscope or not."""

    def __init__(self, recipe: Recipe, data: Dataset, seed: int) -> None:
        self._recipe, self._data = recipe, data
        self._rng = np.random.default_rng((recipe.seed, 7, seed))
        names = [sensor.name for sensor in recipe.sensors]
        self._favourite = names.index(recipe.views.favourite)
        self._rare = np.array([recipe.views.rare.get(label, 1.0) for label in recipe.labels])

    def __call__(self, rows: NDArray[np.int64]) -> FloatArray:
        """The model's input for these rows of the data set."""
        x = self._data.x[rows].astype(np.float32)
        mirrored = self._rng.random(len(rows)) < 0.5
        # Across the limb is x: the mirror image of a force flips x, that of a turn y and z.
        x[mirrored, :, 0, :, 0] *= -1.0
        x[mirrored, :, 1, :, 1:] *= -1.0
        x = x @ self._mountings(self._data.site[rows])[:, :, None].astype(np.float32)
        worn, turning = self._worn(self._data.label[rows])
        x[:, :, 0] *= worn[:, :, None, None]
        x[:, :, 1] *= (worn & turning)[:, :, None, None]
        return normalize(self._recipe, x)

    def _mountings(self, site: NDArray[np.int64]) -> Array:
        turns = np.empty((*site.shape, 3, 3))
        for i, sensor in enumerate(self._recipe.sensors):
            for which, name in enumerate(sensor.sites):
                here = site[:, i] == which
                turns[here, i] = mountings(SITES[name], self._rng, int(here.sum()))
        return turns

    def _worn(self, label: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which sensors are worn, and which of them have a gyroscope: (n, sensors) each."""
        rng, views = self._rng, self._recipe.views
        n, sensors = len(label), len(self._recipe.sensors)
        kind = rng.random(n)
        alone = kind < views.favourite_alone
        alone &= rng.random(n) < self._rare[label]
        other = ~alone & (kind < views.favourite_alone + views.other_alone)
        single = np.where(alone, self._favourite, rng.integers(0, sensors, n))
        keep = rng.choice([0.35, 0.7, 1.0], n)
        worn = rng.random((n, sensors)) < keep[:, None]
        worn[alone | other] = False
        worn[np.arange(n), single] = True
        gyroscopes = rng.random(n) >= views.no_gyroscope
        some = gyroscopes[:, None] & (rng.random((n, sensors)) >= 0.05)
        return worn, np.where((worn.sum(axis=1) == 1)[:, None], gyroscopes[:, None], some)
