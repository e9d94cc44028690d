"""Other ways to show a sensor whose mounting is unknown: each maps windows (n, sensors, 2, rows, 3) to the same shape.

The first of the pair is acceleration, the second angular rate, m/s² and rad/s. What is shown is
compared by `ablate`; the run time shows the device's own axes.
"""

from collections.abc import Callable, Mapping

import numpy as np

from edgehar.types import FloatArray

Frame = Callable[[FloatArray], FloatArray]


def device(x: FloatArray) -> FloatArray:
    """The device's own axes."""
    return x


def gravity(x: FloatArray) -> FloatArray:
    """Turned so that the mean specific force of the window points along z; the heading stays by chance."""
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


def heading(x: FloatArray) -> FloatArray:
    """As `gravity`, and turned about z so that the horizontal acceleration varies most along x."""
    level = gravity(x)
    flat = level[:, :, 0, :, :2] - level[:, :, 0, :, :2].mean(axis=2, keepdims=True)
    angle = 0.5 * np.arctan2(
        2.0 * (flat[..., 0] * flat[..., 1]).sum(axis=2), (flat[..., 0] ** 2 - flat[..., 1] ** 2).sum(axis=2)
    )
    c, s, o = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    turn = np.stack(
        [
            np.stack([c, -s, o], axis=-1),
            np.stack([s, c, o], axis=-1),
            np.stack([o, o, o + 1.0], axis=-1),
        ],
        axis=-2,
    )
    return np.asarray(level @ turn[:, :, None], np.float32)


def invariant(x: FloatArray) -> FloatArray:
    """Three numbers that no turn of the device changes: length, part along gravity, part across it."""
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
    "heading": heading,
    "invariant": invariant,
}
