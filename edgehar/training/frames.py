"""Ways to show a sensor whose mounting is unknown: each maps windows (n, sensors, 2, rows, 3) to the same shape.

The first of the pair is acceleration, the second angular rate, m/s² and rad/s. The run time knows the
device's own axes and the level ones (edgehar/pipeline/mounting.py); the others are there to be compared by `ablate`.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edgehar.pipeline.mounting import level_all
from edgehar.types import FloatArray

Frame = Callable[[FloatArray], FloatArray]


def device(x: FloatArray) -> FloatArray:
    """Leave the device's own axes."""
    return x


def gravity(x: FloatArray) -> FloatArray:
    """Turn so that the mean specific force of the window points along z; the heading stays by chance."""
    up = _direction(x[:, :, 0].mean(axis=2))
    # Rodrigues' rotation of `up` into z by the shortest way; (n, sensors, 3, 3), for rows from the left.
    a, b, c = up[..., 0], up[..., 1], np.maximum(up[..., 2], -0.999)
    k = 1.0 / (1.0 + c)
    turn = np.stack(
        [
            np.stack([1.0 - k * a * a, -k * a * b, a], axis=-1),
            np.stack([-k * a * b, 1.0 - k * b * b, b], axis=-1),
            np.stack([-a, -b, c], axis=-1),
        ],
        axis=-2,
    )
    return np.asarray(x @ turn[:, :, None], np.float32)


def invariant(x: FloatArray) -> FloatArray:
    """Return three numbers that no turn of the device changes: length, part along gravity, part across it."""
    up = _direction(x[:, :, 0].mean(axis=2))[:, :, None, None]
    length = np.linalg.norm(x, axis=-1)
    along = (x * up).sum(axis=-1)
    across = np.sqrt(np.maximum(length**2 - along**2, 0.0))
    return np.stack([length, along, across], axis=-1).astype(np.float32)


def _direction(v: FloatArray) -> FloatArray:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-6), np.float32)


FRAMES: Mapping[str, Frame] = {
    "device": device,
    "gravity": gravity,
    "level": level_all,
    "invariant": invariant,
}
