"""A person's keypoints as the network sees them: from the middle of the hips, in lengths of the torso.

So neither the distance to the camera nor the place in its picture matters. Velocities are those in the picture, not
from the hips: who jumps, falls or walks past moves as a whole. Whose hips are hidden by a table or the picture's edge for
most of a window is seen from where the hips of somebody upright would be.
"""

import numpy as np
from numpy.typing import NDArray

from edgehar.devices.keypoints import HIPS, LEAST_SCORE, SHOULDERS, TORSO
from edgehar.types import KEYPOINTS, FloatArray

FEATURES = ("x", "y", "vx", "vy", "score")
"""Features of each keypoint: torso lengths, torso lengths per second, 0..1."""

_SHORTEST = 0.02
"""A torso that looks shorter, in heights of the picture, is a person too far away, or one who points at the camera."""


def from_torso(x: FloatArray, rate_hz: float) -> FloatArray:
    """Turn windows of keypoints, (..., rows, 17 * 3) as KEYPOINT_CHANNELS, into (..., rows, 17 * 5) as FEATURES.

    The torso is as long as it looks in most rows in which it is seen; what is not seen is zero.
    """
    points = x.reshape(*x.shape[:-1], len(KEYPOINTS), 3)
    place, score = points[..., :2], points[..., 2]
    seen = score >= LEAST_SCORE
    middle, length = _hips_and_torso(place, seen)
    shown = np.empty((*score.shape, len(FEATURES)), np.float32)
    shown[..., :2] = place - middle[..., None, :]
    shown[..., 2:4] = _velocities(place, rate_hz)
    shown[..., :4] /= length[..., None, None, None]
    shown[..., 4] = score
    shown *= seen[..., None]
    return shown.reshape(*x.shape[:-1], -1)


def _velocities(place: FloatArray, rate_hz: float) -> FloatArray:
    moved = np.empty_like(place)
    moved[..., 1:-1, :, :] = (place[..., 2:, :, :] - place[..., :-2, :, :]) * (0.5 * rate_hz)
    moved[..., 0, :, :] = (place[..., 1, :, :] - place[..., 0, :, :]) * rate_hz
    moved[..., -1, :, :] = (place[..., -1, :, :] - place[..., -2, :, :]) * rate_hz
    return moved


def _hips_and_torso(place: FloatArray, seen: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return the middle of the hips, (..., rows, 2), and one length of the torso, (...), in heights of the picture."""
    shoulders, hips = place[..., SHOULDERS, :].mean(axis=-2), place[..., HIPS, :].mean(axis=-2)
    whole = seen[..., TORSO].all(axis=-1)
    lengths = np.sqrt(((shoulders - hips) ** 2).sum(axis=-1))
    # Of none that is whole, all count.
    counted = np.where(whole.any(axis=-1, keepdims=True), whole, True)
    length = np.maximum(_median(lengths, counted), _SHORTEST)
    is_hidden = seen[..., HIPS].any(axis=-1).mean(axis=-1) < 0.5
    upright = shoulders + length[..., None, None] * np.array((0.0, 1.0), np.float32)
    return np.where(is_hidden[..., None, None], upright, hips), length


def _median(x: FloatArray, counted: NDArray[np.bool_]) -> FloatArray:
    """Return the median over the last axis of what is counted: at least one."""
    ordered = np.sort(np.where(counted, x, np.inf), axis=-1)
    count = counted.sum(axis=-1, keepdims=True)
    low, high = ((count - 1) // 2, count // 2)
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)
    return np.asarray(0.5 * middle[..., 0], np.float32)
