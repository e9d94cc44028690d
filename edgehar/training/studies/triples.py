"""Windows of one sensor with the pose that was seen meanwhile and its words: simulated people, and recorded motion.

The mirror image of whoever wears the sensor on the right is shown, so that it always hangs on the left arm or leg.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.collection import Take, clips
from edgehar.motion.capture.gaps import slice_rows
from edgehar.motion.capture.track import Track
from edgehar.motion.imu import RATE
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.skeleton import SIDES, Array, Body, SegmentLengths
from edgehar.training.cache import SIMULATION_VERSION, CachedArrays, cache_key, file_digests
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe, Sensor
from edgehar.training.studies.simulated_source import base_recipe
from edgehar.training.synthesize import Dataset, at_work, perform
from edgehar.training.virtual_sensors import LEAD, Recorded, record, stacked
from edgehar.types import KEYPOINTS, Window

TRIPLES_VERSION = 1
"""Raise it with any change that gives other triples."""
POSE_HZ = 25
POINTS = ("nose", *(name for name in KEYPOINTS if name.partition("_")[0] not in {"nose", "eye", "ear"}))
"""Points of a pose."""
CAPTURED = 0.25
"""Share of windows that are recorded motion, if there is any: round number."""
_ALSO = (
    "arms_raised", "bending", "lying_down", "sitting_on_floor", "loaded_squatting", "moving_freely", "push_ups", "sit_ups",
)  # fmt: skip
"""Activities of the catalogue that the shipped recipe has no label for: they are `other`."""
_SEEDS = 1_000_000
_AT_ONCE = 32
_SHORTEST_S = 3.6
"""Least length of a clip: mountings ring for 0.85 s, a window is 2.56 s long."""
_LONGEST_S = 30.0
_REPEATS = 8
"""Sensors put on the same clip at most."""


class Triples(Struct, frozen=True, eq=False):
    """Windows, poses and contents."""

    x: NDArray[np.float16]
    """(n, 2, window, 3), in the axes of the limb, m/s² and rad/s."""
    pose: NDArray[np.float16]
    """(n, rows at POSE_HZ, points, 3): from the mid-hip, x to where the body faces at the window's beginning, z up, m."""
    label: NDArray[np.int64]
    """(n,), index into the recipe's labels."""
    content: NDArray[np.int64]
    """(n,), index into `contents`."""
    contents: NDArray[np.str_]
    """Activities of the catalogue, and contents of recorded motion in their source's words."""

    def dataset(self, recipe: Recipe) -> Dataset:
        """Return the windows as `synthesize.Views` takes them."""
        first = np.array([recipe.activities.index(recipe.synthesis.of(label)[0]) for label in recipe.labels])
        site = np.zeros((len(self.x), 1), np.int64)
        return Dataset(self.x[:, None], self.label, first[self.label], site)


class Piece(Struct, frozen=True, eq=False):
    """Windows of one stretch of movement."""

    x: NDArray[np.float16]
    pose: NDArray[np.float16]


def recipe_of(site: str, seed: int) -> Recipe:
    """Return the recipe of the shipped model with a single sensor at a site of the body, of the labels it can tell there, and more activities."""
    shipped = base_recipe()
    worn = next(sensor for sensor in shipped.sensors if site in sensor.sites)
    labels = tuple(label for label in shipped.labels if not worn.labels or label in worn.labels)
    activities = {label: tuple(dict.fromkeys(shipped.synthesis.of(label))) for label in labels}
    activities["other"] = (*activities["other"], *_ALSO)
    synthesis = replace(shipped.synthesis, activities=activities)
    alone = Sensor("sensor", (site,), (site,), alone=1.0)
    return replace(shipped, labels=labels, seed=seed, sensors=(alone,), synthesis=synthesis)


def make(
    recipe: Recipe, windows: int, data: Path | None, cached: CachedArrays, workers: int, progress: Progress
) -> Triples:
    """Return so many windows, each activity equally often, unless they are kept.

    With `data` a part of them is its recorded motion, `mocap/`: contents by the root of their length. RecordingError if it is missing.
    """
    arrays = cached.load()
    if arrays is not None:
        return Triples(**arrays)
    captured = _captured(recipe, int(CAPTURED * windows), data, workers, progress) if data else []
    simulated = _simulated(recipe, windows - sum(len(piece.x) for *_, piece in captured), workers, progress)
    parts = [*simulated, *captured]
    contents = sorted({content for _, content, _ in parts})
    label, content = (
        np.repeat(np.array(each, np.int64), [len(piece.x) for *_, piece in parts])
        for each in ([label for label, *_ in parts], [contents.index(content) for _, content, _ in parts])
    )
    x, pose = (np.concatenate([getattr(piece, name) for *_, piece in parts]) for name in ("x", "pose"))
    triples = Triples(x, pose, label, content, np.array(contents))
    cached.save({name: getattr(triples, name) for name in Triples.__struct_fields__})
    return triples


def key(recipe: Recipe, windows: int, data: Path | None) -> str:
    """Return the key of what `make` makes."""
    mocap = sorted((data / "mocap").rglob("*.*")) if data else []
    return cache_key(
        {"recipe": msgspec.to_builtins(recipe), "windows": windows, "mocap": file_digests(mocap)},
        f"triples {TRIPLES_VERSION}, simulation {SIMULATION_VERSION}",
        np.__version__,
    )


_Part = tuple[int, str, Piece]
"""Label, content, windows."""


def _simulated(recipe: Recipe, windows: int, workers: int, progress: Progress) -> list[_Part]:
    kinds = [(label, name) for label, of in enumerate(recipe.labels) for name in recipe.synthesis.of(of)]
    share = -(-windows // len(kinds))
    parts: list[_Part] = []
    with at_work(workers) as run:
        for done, (label, activity) in enumerate(kinds):
            progress("simulating people", done, len(kinds))
            missing = share
            for piece in _bouts(recipe, activity, run):
                parts.append((label, activity, _first(piece, missing)))
                missing -= len(parts[-1][2].x)
                if not missing:
                    break
    progress("simulating people", len(kinds), len(kinds))
    return parts


def _first(piece: Piece, count: int) -> Piece:
    return Piece(piece.x[:count], piece.pose[:count])


def _bouts(recipe: Recipe, activity: str, run: Any) -> Iterator[Piece]:
    seed = list(CATALOGUE).index(activity) * _SEEDS
    for first in range(seed, seed + _SEEDS, _AT_ONCE):
        yield from run(_bout, [(recipe, activity, s) for s in range(first, first + _AT_ONCE)])


def _bout(job: tuple[Recipe, str, int]) -> Piece:
    recipe, activity, seed = job
    figure, lengths, recorded = perform(recipe, activity, seed)
    return piece_of(recipe, figure, lengths, recorded, np.random.default_rng((recipe.seed, 17, seed)))


def piece_of(
    recipe: Recipe, body: Body, lengths: SegmentLengths, recorded: Recorded, rng: np.random.Generator
) -> Piece:
    """Return the windows that a body's sensor recorded, with its poses; `rng` draws where the points lie on it."""
    x = stacked(recipe, recorded.windows)[:, 0]
    points = landmarks(body, lengths, draw_offsets(rng))[:, [KEYPOINTS.index(name) for name in POINTS]]
    pelvis = body.frame("pelvis")
    length = recipe.window / recipe.rate_hz
    since = np.arange(round(length * POSE_HZ)) / POSE_HZ
    pose = np.zeros((len(x), len(since), len(POINTS), 3), np.float16)
    for i, window in enumerate(recorded.windows):
        rows = np.clip(_rows(window, length, since), 0, len(points) - 1)
        turn = _facing(pelvis.rotation[rows[0]])
        pose[i] = (points[rows] - pelvis.origin[rows, None]) @ turn
    return Piece(x, pose) if SIDES[recorded.side[0]] == "left" else _mirrored(x, pose)


def _rows(window: Window, length: float, since: Array) -> NDArray[np.int64]:
    return np.asarray(LEAD + np.round((window.t_end - length + since) * RATE), np.int64)


def _facing(rotation: Array) -> Array:
    """Return (3, 3), for rows from the left, from the world to axes of which x is where a body faces that may lie.

    Whoever stands faces along the pelvis's x, whoever lies on the back or front across its y.
    """
    x, y = rotation[:2, 0] + (rotation[1, 1], -rotation[0, 1])
    size = max(float(np.hypot(x, y)), 1e-6)
    c, s = float(x) / size, float(y) / size
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _mirrored(x: NDArray[np.float16], pose: NDArray[np.float16]) -> Piece:
    """Return what the mirror image reads and shows."""
    x, pose = x.copy(), pose.copy()
    # Across the limb is x: the mirror image of a force flips x, that of a turn y and z.
    x[:, 0, :, 0] *= -1.0
    x[:, 1, :, 1:] *= -1.0
    pose[..., 1] *= -1.0
    swap = [
        POINTS.index(name.replace("_left", "_*").replace("_right", "_left").replace("_*", "_right"))
        for name in POINTS
    ]
    return Piece(x, pose[:, :, swap])


def _captured(recipe: Recipe, windows: int, data: Path, workers: int, progress: Progress) -> list[_Part]:
    whole = (take for take in clips(data / "mocap", _SHORTEST_S) if take.label in recipe.labels)
    takes = [part for take in whole for part in _parts(take)]
    jobs = _jobs(recipe, takes, windows)
    parts = []
    with at_work(workers) as run:
        for done, (take, piece) in enumerate(zip(takes, run(_capture, jobs), strict=True)):
            progress("simulating sensors on recorded motion", done, len(jobs))
            if piece is not None:
                parts.append((recipe.labels.index(take.label), take.content, piece))
    progress("simulating sensors on recorded motion", len(jobs), len(jobs))
    return parts


def _parts(take: Take) -> Iterator[Take]:
    """Cut what is long: a body's segments are held at 200 rows per second."""
    motion = take.motion
    starts = np.arange(0.0, max(motion.t[-1] - _SHORTEST_S, 0.1), _LONGEST_S)
    for start in starts:
        first, last = np.searchsorted(motion.t, (start, start + _LONGEST_S))
        yield replace(take, motion=slice_rows(motion, int(first), int(last)))


_Capture = tuple[Recipe, Motion, int, int]
"""Recipe, clip, seed, windows wanted."""


def _jobs(recipe: Recipe, takes: Sequence[Take], windows: int) -> list[_Capture]:
    seconds: dict[str, float] = {}
    for take in takes:
        seconds[take.content] = seconds.get(take.content, 0.0) + float(take.motion.t[-1])
    weights: Mapping[str, float] = {content: length**0.5 for content, length in seconds.items()}
    total = sum(weights.values())
    return [
        (
            recipe,
            take.motion,
            seed,
            round(windows * weights[take.content] / total * float(take.motion.t[-1]) / seconds[take.content]),
        )
        for seed, take in enumerate(takes)
    ]


def _capture(job: _Capture) -> Piece | None:
    """Put sensors on a clip until it gave the windows that are wanted; None if it gives none, such as one that lacks a joint."""
    recipe, motion, seed, wanted = job
    rng = np.random.default_rng((recipe.seed, 18, seed))
    pieces: list[Piece] = []
    try:
        track = Track(motion)
        for _ in range(_REPEATS):
            if sum(len(piece.x) for piece in pieces) >= wanted:
                break
            recorded = record(recipe, track, {}, track.lengths, rng)
            pieces.append(piece_of(recipe, track, track.lengths, recorded, rng))
    except RecordingError:
        return None
    if not pieces:
        return None
    x, pose = np.concatenate([p.x for p in pieces]), np.concatenate([p.pose for p in pieces])
    # Those of all parts of the clip alike.
    chosen = np.sort(rng.permutation(len(x))[:wanted])
    return Piece(x[chosen], pose[chosen])
