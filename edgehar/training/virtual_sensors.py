"""Sensors on a body that moves, and the windows of what they read, cut by the run-time grid."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.motion.imu import RATE, SITES, draw_hardware, place_sensor, read_sensor
from edgehar.motion.skeleton import SIDES, Array, Body, Pose, SegmentLengths
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.windows import Windows
from edgehar.training.recipe import Recipe, Synthesis
from edgehar.types import IMU_CHANNELS, Samples, Window

LEAD = 170
"""Rows before a bout in which mountings begin to ring."""
_PACKET = 10
"""Samples."""


class Recorded(Struct, frozen=True, eq=False):
    """Windows of what sensors read on one body."""

    windows: tuple[Window, ...]
    """Times count from the row `LEAD` of the movement."""
    site: tuple[int, ...]
    """Index of the site that each sensor was worn at."""
    side: tuple[int, ...]
    """Side of the body of each, index into SIDES."""


def record(
    recipe: Recipe, body: Body, pose: Pose, lengths: SegmentLengths, rng: np.random.Generator
) -> Recorded:
    """Put the recipe's sensors on a body and let them record it."""
    site = tuple(int(rng.integers(len(sensor.sites))) for sensor in recipe.sensors)
    side = tuple(sides(recipe, rng))
    tracks = []
    for sensor, which, where in zip(recipe.sensors, site, side, strict=True):
        placed = place_sensor(SITES[sensor.sites[which]], SIDES[where], lengths, rng)
        truth = np.concatenate(read_sensor(body, pose, placed), axis=1)[LEAD - 1 :]
        tracks.append(_sampled(truth, recipe.synthesis, sensor.name, rng))
    return Recorded(tuple(cut(recipe, tracks, rng)), site, side)


def sides(recipe: Recipe, rng: np.random.Generator) -> list[int]:
    """Draw each sensor's side of the body, index into SIDES; the second of a kind sits across from the first."""
    names = [sensor.name for sensor in recipe.sensors]
    drawn: list[int] = []
    for sensor in recipe.sensors:
        side = int(rng.integers(2))
        drawn.append(side if sensor.beside is None else 1 - drawn[names.index(sensor.beside)])
    return drawn


def _sampled(truth: Array, synthesis: Synthesis, name: str, rng: np.random.Generator) -> Samples:
    """Sample 200 rows per second as a device of some rate does."""
    rate = synthesis.source_rates_hz[rng.integers(len(synthesis.source_rates_hz))]
    if rng.random() < 0.5:
        # Devices average over a part of their period, or have a filter that is set lower still.
        width = max(1, round(RATE / min(rate, rng.uniform(8.0, 60.0)) * rng.uniform(0.5, 1.2)))
        truth = np.stack(
            [np.convolve(column, np.full(width, 1.0 / width), "same") for column in truth.T], axis=1
        )
    t = rng.uniform(0.0, 1.0 / rate) + np.arange(int(len(truth) / RATE * rate) - 1) / rate
    x = np.stack([np.interp(t, np.arange(len(truth)) / RATE, column) for column in truth.T], axis=1)
    return Samples(name, t, draw_hardware(rng).measure(x, rng).astype(np.float32), IMU_CHANNELS)


def cut(recipe: Recipe, tracks: Sequence[Samples], rng: np.random.Generator) -> list[Window]:
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
    windows = []
    for packet in packets:
        for block in grid.push(float(packet.t[-1]), packet):
            whole = [window for window in cutter.push(block) if min(window.coverage) > 0.8]
            windows += [replace(window, x=window.x.copy()) for window in whole]
    return windows


def stacked(recipe: Recipe, windows: Sequence[Window]) -> NDArray[np.float16]:
    """Return windows as (n, sensors, 2, window, 3)."""
    shape = (len(windows), recipe.window, len(recipe.sensors), 2, 3)
    x = np.asarray([window.x for window in windows], dtype=np.float16).reshape(shape)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1, 4))
