"""Windows of simulated people before simulated cameras, cut by the run-time grid."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.devices.keypoints import COUNTS_PER_UNIT, SCALE
from edgehar.motion.activities.catalogue import CATALOGUE, EVENTS
from edgehar.motion.camera import DESK, ROOM, draw_camera
from edgehar.motion.detection import detect, draw_eye
from edgehar.motion.draws import draw_log_uniform
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.skeleton import Array, Figure, segment_lengths
from edgehar.motion.travel import travel
from edgehar.motion.wearer import draw_body_height
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.windows import Windows
from edgehar.training.camera_recipe import CameraRecipe, Filming
from edgehar.training.progress import Progress
from edgehar.training.workers import processes
from edgehar.types import KEYPOINT_CHANNELS, KEYPOINTS, FloatArray, Samples, Times, Window

RATE = 60.0
"""Rows per second of the movement that is filmed."""
_MARGIN_S = 2.1
"""Before and after a bout, in which what a body's way forgets is still felt."""
_SEEDS = 1_000_000
_AT_ONCE = 32
_EDGE_S = 0.3
"""Least distance of an event from either end of a window in which it is seen, s."""
_LEAST_SCORE = 0.25
"""Mean score of all keypoints below which a network says that nobody is there."""
_LEAST_CHANGE = 0.2
"""m that the middle of somebody's points rises or falls, where an activity is a change of posture."""

_CHANGES = frozenset({"sitting_down_standing_up", "lying_down"})
"""Activities whose windows are those in which the posture changes."""

_Map = Callable[..., Iterable[NDArray[np.int16]]]


class Film(Struct, frozen=True, eq=False):
    """Windows of keypoints."""

    x: NDArray[np.int16]
    """(n, window, 51) as KEYPOINT_CHANNELS, counts as of `devices.keypoints`."""
    label: NDArray[np.int64]
    """(n,), index into the recipe's labels."""
    activity: NDArray[np.int64]
    """(n,), index into the recipe's activities."""


def bout(recipe: CameraRecipe, activity: str, seed: int) -> NDArray[np.int16]:
    """Film one new person who does `activity` for a while; return their windows (n, window, 51)."""
    rng = np.random.default_rng((recipe.seed, seed))
    seconds, event = recipe.synthesis.bout_s, EVENTS.get(activity)
    # What has an event is watched from its beginning, all else from anywhere.
    begin = rng.uniform(0.0, 60.0) if event is None else rng.uniform(0.0, recipe.hop / recipe.rate_hz)
    t = np.arange(int((seconds + 2.0 * _MARGIN_S) * RATE)) / RATE - _MARGIN_S
    points = _points(recipe.synthesis, activity, t + begin, rng)
    inside = (t >= 0.0) & (t < seconds)
    t, points = t[inside], points[inside]
    around = 0.5 * seconds if event is None else event - begin
    samples, _ = shot(recipe.synthesis, activity, t, points, around, rng)
    windows = []
    for window in cut(recipe, samples):
        since = window.t_end - (event - begin if event is not None else 0.0)
        length = recipe.window / recipe.rate_hz
        if event is not None and not _EDGE_S <= since <= length - _EDGE_S:
            continue
        if activity in _CHANGES and not _changes(t, points, window.t_end - length, window.t_end):
            continue
        if is_seen(window.x):
            windows.append(window.x)
    return as_counts(np.asarray(windows, np.float32).reshape(-1, recipe.window, len(KEYPOINT_CHANNELS)))


def as_counts(x: FloatArray) -> NDArray[np.int16]:
    """Return keypoints as they are kept."""
    return np.round(x * COUNTS_PER_UNIT).clip(-32768, 32767).astype(np.int16)


def as_keypoints(counts: NDArray[np.int16]) -> FloatArray:
    """Return kept keypoints in their units."""
    return np.multiply(counts, np.float32(1.0 / COUNTS_PER_UNIT), dtype=np.float32)


def _points(filming: Filming, activity: str, t: Array, rng: np.random.Generator) -> Array:
    """Return where the points of a new person are who does `activity` at times `t`, (rows, 17, 3), m."""
    lengths = segment_lengths(draw_body_height(rng))
    pose = CATALOGUE[activity](lengths, rng)(t)
    points = landmarks(Figure(lengths, pose, len(t)), lengths, draw_offsets(rng))
    # Nobody's arm reaches through what they lie on.
    points[:, :, 2] = np.maximum(points[:, :, 2], 0.02)
    points += travel(pose, t, in_place=rng.random() < filming.scenes.treadmill)[:, None]
    if rng.random() < filming.scenes.bed.get(activity, 0.0):
        points[:, :, 2] += rng.uniform(0.25, 0.7)
    return points


def shot(
    filming: Filming, activity: str, t: Times, points: Array, around: float, rng: np.random.Generator
) -> tuple[list[Samples], Array]:
    """Film points (rows, 17, 3) at times `t`, s, by a new camera that has them in the picture at the time `around`.

    Return the keypoints, picture by picture, and the times at which they arrive.
    """
    scenes = filming.scenes
    standpoint = DESK if rng.random() < scenes.desk.get(activity, 0.0) else ROOM
    at = int(np.clip(np.searchsorted(t, around), 0, len(t) - 1))
    camera = draw_camera(points, at, 1.0 / RATE, standpoint, scenes.held, rng)
    taken = _taken(filming, t, rng)
    row = np.clip(np.searchsorted(t, taken), 0, len(t) - 1)
    if len(camera.turns) > 1:
        camera = type(camera)(camera.place, camera.turns[row], camera.focal, camera.aspect)
    seen = points[row]
    behind = np.zeros(seen.shape[:2], np.bool_)
    if rng.random() < scenes.table.get(activity, 0.0):
        low = float(np.median(seen[:, 11:13, 2]))
        behind = seen[:, :, 2] < low + rng.uniform(-0.3, 0.25)
    keypoints = detect(seen, taken, camera, behind, draw_eye(rng), rng).reshape(len(taken), -1)
    late = rng.uniform(0.02, 0.2)
    counts = as_counts(keypoints)
    samples = [
        Samples("camera", taken[i : i + 1], counts[i : i + 1], KEYPOINT_CHANNELS, SCALE)
        for i in range(len(taken))
    ]
    return samples, taken + late


def _taken(filming: Filming, t: Times, rng: np.random.Generator) -> Times:
    """Draw when pictures are taken: at an uneven rate, some lost."""
    rate = draw_log_uniform(rng, *filming.frame_rates_hz)
    step = np.exp(rng.normal(0.0, rng.uniform(0.0, 0.25), int((t[-1] - t[0]) * rate) + 2)) / rate
    taken = t[0] + np.cumsum(np.maximum(step, 0.01))
    taken = taken[rng.random(len(taken)) >= rng.uniform(0.0, filming.lost_frames)]
    return np.asarray(taken[taken <= t[-1]], np.float64)


def cut(recipe: CameraRecipe, samples: Iterable[Samples]) -> list[Window]:
    """Send pictures one by one through the run-time grid; whole windows only."""
    grid = Grid(["camera"], recipe.rate_hz, recipe.hop, channels=KEYPOINT_CHANNELS)
    cutter = Windows(recipe.window, [0], channels=KEYPOINT_CHANNELS)
    windows = []
    for picture in samples:
        for block in grid.push(float(picture.t[-1]), picture):
            windows += [window for window in cutter.push(block) if window.coverage[0] > 0.8]
    return windows


def is_seen(x: FloatArray) -> bool:
    """Tell whether enough of somebody is seen in a window (rows, 51) to be looked at."""
    return float(x.reshape(len(x), len(KEYPOINTS), 3)[:, :, 2].mean()) >= _LEAST_SCORE


def _changes(t: Times, points: Array, start: float, end: float) -> bool:
    rows = points[(t >= start) & (t <= end)]
    return len(rows) > 0 and float(np.ptp(rows[:, :, 2].mean(axis=1))) >= _LEAST_CHANGE


def synthesize(recipe: CameraRecipe, workers: int, progress: Progress, stage: str = "filming") -> Film:
    """Make all windows of the recipe, labels equally often."""
    shares = list(recipe.shares())
    total = sum(share for _, _, share in shares)
    parts, rows = [], []
    with processes(workers) as pool:
        run: _Map = map if workers == 1 else partial(pool.map, chunksize=4)
        for label, index, share in shares:
            missing = share
            for made in _bouts(recipe, recipe.activities[index], index * _SEEDS, run):
                taken = made[:missing]
                missing -= len(taken)
                parts.append(taken)
                rows += [(label, index)] * len(taken)
                progress(stage, len(rows), total)
                if not missing:
                    break
    label_of, activity_of = np.asarray(rows, np.int64).T
    return Film(np.concatenate(parts), label_of, activity_of)


def _bouts(recipe: CameraRecipe, activity: str, seed: int, run: _Map) -> Iterator[NDArray[np.int16]]:
    for first in range(seed, seed + _SEEDS, _AT_ONCE):
        yield from run(_bout_of, [(recipe, activity, s) for s in range(first, first + _AT_ONCE)])


def _bout_of(job: tuple[CameraRecipe, str, int]) -> NDArray[np.int16]:
    return bout(*job)
