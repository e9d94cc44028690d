"""A person's keypoints as the network sees them: from the middle of the hips, in lengths of the torso.

So neither the distance to the camera nor the place in its picture matters. Velocities are those in the picture, not
from the hips: who jumps, falls or walks past moves as a whole.
"""

import numpy as np

from edgehar.types import KEYPOINTS, FloatArray

FEATURES = ("x", "y", "vx", "vy", "score")
"""Of each keypoint: torso lengths, torso lengths per second, 0..1."""

LEAST_SCORE = 0.2
"""A keypoint of less is not seen: the authors of MoveNet draw none below it."""

_SHOULDERS = [KEYPOINTS.index("shoulder_left"), KEYPOINTS.index("shoulder_right")]
_HIPS = [KEYPOINTS.index("hip_left"), KEYPOINTS.index("hip_right")]
_SHORTEST = 0.02
"""A torso that looks shorter, in heights of the picture, is a person too far away, or one who points at the camera."""


def from_torso(x: FloatArray, rate_hz: float) -> FloatArray:
    """Turn a window of keypoints, (rows, 17 * 3) as KEYPOINT_CHANNELS, into (rows, 17 * 5) as FEATURES.

    The torso is as long as it looks in most rows in which it is seen; what is not seen is zero.
    """
    points = x.reshape(len(x), len(KEYPOINTS), 3)
    place, score = points[:, :, :2], points[:, :, 2]
    seen = score >= LEAST_SCORE
    middle, length = _hips_and_torso(place, seen)
    moved = np.gradient(place, 1.0 / rate_hz, axis=0)
    shown = np.concatenate([(place - middle[:, None]) / length, moved / length, score[:, :, None]], axis=2)
    return np.asarray(shown * seen[:, :, None], np.float32).reshape(len(x), -1)


def _hips_and_torso(place: FloatArray, seen: np.ndarray) -> tuple[FloatArray, float]:
    """Return the middle of the hips, (rows, 2), and one length of the torso, in heights of the picture."""
    shoulders, hips = place[:, _SHOULDERS].mean(axis=1), place[:, _HIPS].mean(axis=1)
    whole = seen[:, _SHOULDERS + _HIPS].all(axis=1)
    lengths = np.linalg.norm(shoulders - hips, axis=1)
    length = float(np.median(lengths[whole])) if whole.any() else float(np.median(lengths))
    return hips, max(length, _SHORTEST)
