"""Recorded movement before simulated cameras: real ways to move, and keypoints of which everything else is known.

By these windows a camera's model is chosen; no keypoint of a real picture decides anything.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.collection import labelled_clips
from edgehar.motion.capture.markers import read_markers
from edgehar.motion.capture.track import Track
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.skeleton import Array
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.film import RATE, as_counts, cut, is_seen, shot

_MARKERS = "ui_prmd_markers.npz"
_EXERCISES = {
    "deep squat": "squatting",
    "inline lunge": "other",
    "side lunge": "other",
    "hurdle step": "other",
}
"""Labels of the exercises that have one."""
_LONGEST_S = 8.0
"""A longer take is filmed in parts, each by another camera."""
_PARTS = 6
"""Most parts of one take."""
_SHOTS = 2
"""Cameras of each part."""
_FLOOR = 0.07
"""Height of an ankle that stands, m."""


class FilmedCapture(Struct, frozen=True, eq=False):
    """Windows of recorded movement before simulated cameras."""

    x: NDArray[np.int16]
    """(n, window, 51), as `training.film.Film`."""
    label: NDArray[np.str_]
    """(n,)."""
    group: NDArray[np.str_]
    """(n,), the person or people, as far as they can be told apart."""


def clips(folder: Path) -> Iterator[tuple[str, str, Motion]]:
    """Give (label, group, clip) of all motion capture in `folder`; RecordingError if some of it is broken."""
    yield from labelled_clips(folder, shortest=2.6)
    repetitions = list(read_markers(folder / _MARKERS))
    for repetition in repetitions:
        if repetition.activity in _EXERCISES and repetition.motion.t[-1] >= 2.6:
            label = _EXERCISES[repetition.activity]
            yield label, f"ui-prmd {repetition.subject}", repetition.motion


def film(recipe: CameraRecipe, folder: Path, seed: int = 1) -> FilmedCapture:
    """Film all motion capture in `folder` as the recipe films its own people."""
    x, labels, groups = [], [], []
    for number, (label, group, motion) in enumerate(clips(folder)):
        rng = np.random.default_rng((seed, number))
        try:
            points = _points(motion, rng)
        except RecordingError:
            continue  # a clip that lacks a joint shows no whole person
        for part in _parts(points):
            for _ in range(_SHOTS):
                t = np.arange(len(part)) / RATE
                samples, _ = shot(recipe.synthesis, label, t, part, 0.5 * float(t[-1]), rng)
                made = [as_counts(window.x) for window in cut(recipe, samples) if is_seen(window.x)]
                x += made
                labels += [label] * len(made)
                groups += [group] * len(made)
    return FilmedCapture(np.stack(x), np.array(labels), np.array(groups))


def _points(motion: Motion, rng: np.random.Generator) -> Array:
    track = Track(motion, RATE)
    points = landmarks(track, track.lengths, draw_offsets(rng))
    points[:, :, 2] += _FLOOR - np.quantile(points[:, 15:, 2], 0.05)
    return points


def _parts(points: Array) -> list[Array]:
    longest = int(_LONGEST_S * RATE)
    starts = range(0, max(len(points) - int(3.2 * RATE), 1), longest)
    picked = [int(starts[i]) for i in np.unique(np.linspace(0, len(starts) - 1, _PARTS).astype(int))]
    return [points[start : start + longest] for start in picked]
