"""The axes in which the network sees a sensor whose mounting nobody knows: its own, and level ones.

The device's own axes tell how people are used to wear it, and so how a limb lies. Level axes are the
same however it is mounted, but for a half turn about the vertical: z is up, along the window's mean
specific force, and x is the horizontal direction in which the specific force varies most.
"""

import math
from typing import Any

import numpy as np

from edgehar.types import FloatArray

_NOTHING = 1e-9
"""A force, m/s², that keeps the direction of none from being no number."""


def level(x: FloatArray) -> FloatArray:
    """Turn one sensor's window, (rows, 6), m/s² and rad/s, into level axes."""
    force = x[:, :3]
    mean = np.add.reduce(force) / np.float32(len(x))
    varies = force - mean
    axes = _axes(mean.tolist(), (varies.T @ varies).tolist(), math, math.atan2)
    return (x.reshape(-1, 3) @ np.array(axes, np.float32).T).reshape(x.shape)


def level_all(x: FloatArray) -> FloatArray:
    """Turn many windows, (n, sensors, 2, rows, 3), force before rate, into level axes."""
    force = x[:, :, 0]
    mean = force.mean(axis=2)
    varies = force - mean[:, :, None]
    scatter = np.moveaxis(np.swapaxes(varies, 2, 3) @ varies, (2, 3), (0, 1))
    axes = _axes(np.moveaxis(mean, 2, 0), scatter, np, np.arctan2)
    return np.asarray(x @ np.array(axes, np.float32).transpose(2, 3, 1, 0)[:, :, None], np.float32)


def _axes(mean: Any, scatter: Any, m: Any, atan2: Any) -> tuple[tuple[Any, Any, Any], ...]:
    """Return the three axes in those of the device; `m` is the module that calculates with numbers, or with arrays.

    Without any force there is no up, and the other two are the device's x and y.
    """
    x, y, z = mean
    size = m.sqrt(x * x + y * y + z * z) + _NOTHING
    x, y, z = x / size, y / size, z / size
    # Two axes orthogonal to that, without a pole (Duff et al., J. Computer Graphics Techniques 6:1, 2017).
    sign = m.copysign(1.0, z)
    k = -1.0 / (sign + z)
    a = (1.0 + sign * x * x * k, sign * x * y * k, -sign * x)
    b = (x * y * k, sign + y * y * k, -y)
    aa, bb, ab = _product(a, scatter, a), _product(b, scatter, b), _product(a, scatter, b)
    angle = 0.5 * atan2(2.0 * ab, aa - bb)
    c, s = m.cos(angle), m.sin(angle)
    heading = tuple(c * p + s * q for p, q in zip(a, b, strict=True))
    across = tuple(c * q - s * p for p, q in zip(a, b, strict=True))
    return heading, across, (x, y, z)


def _product(a: Any, scatter: Any, b: Any) -> Any:
    p, q, r = b
    along = [row[0] * p + row[1] * q + row[2] * r for row in scatter]
    return a[0] * along[0] + a[1] * along[1] + a[2] * along[2]
