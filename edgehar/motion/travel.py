"""The way of a modelled pelvis through the room: what an IMU never feels, and a camera sees.

A pose has the height that its angles ask for, the accelerations that come on top of it (`push_*`), and for who walks
the speeds at which the feet leave the ground behind (`pace`, `climb`). Twice integrated, accelerations would carry
anybody away: only what is quicker than about a second is kept of them.
"""

import numpy as np

from edgehar.motion.skeleton import Array, Pose

_SLOW_S = 0.7
"""Deviation of the bell curve whose mean is taken off: a round number about the length of a stride."""
_REACH = 3.0


def travel(pose: Pose, t: Array, *, in_place: bool = False) -> Array:
    """Return (rows, 3), how far the pelvis is from where its pose says, m, at evenly spaced times `t`.

    `in_place`: on a treadmill, or by a camera that goes along.
    """
    step = float(t[1] - t[0])
    moved = np.zeros((len(t), 3))
    for axis, name in enumerate("xyz"):
        if f"path_{name}" in pose:
            moved[:, axis] = pose[f"path_{name}"]
        elif f"push_{name}" in pose:
            moved[:, axis] = _quick_way(np.asarray(pose[f"push_{name}"]), step)
    if "pace" in pose and not in_place:
        moved[:, 0] += np.cumsum(pose["pace"]) * step
        moved[:, 2] += np.cumsum(np.broadcast_to(pose.get("climb", 0.0), t.shape)) * step
    return _along_heading(moved, np.broadcast_to(pose.get("yaw", 0.0), t.shape))


def _quick_way(acceleration: Array, step: float) -> Array:
    speed = _without_slow(np.cumsum(acceleration) * step, step)
    return _without_slow(np.cumsum(speed) * step, step)


def _without_slow(x: Array, step: float) -> Array:
    """Take a bell curve's mean off; near the ends it is the mean of what is there."""
    half = int(_REACH * _SLOW_S / step)
    bell = np.exp(-0.5 * (np.arange(-half, half + 1) * step / _SLOW_S) ** 2)
    sums = np.convolve(np.pad(x, half, "edge"), bell, "valid")
    return np.asarray(x - sums / bell.sum())


def _along_heading(moved: Array, yaw: Array) -> Array:
    """Turn each row's step by the heading of the moment."""
    steps = np.diff(moved, axis=0, prepend=moved[:1])
    steps[0] = moved[0]
    c, s = np.cos(yaw), np.sin(yaw)
    turned = np.stack(
        [c * steps[:, 0] - s * steps[:, 1], s * steps[:, 0] + c * steps[:, 1], steps[:, 2]], axis=1
    )
    return np.asarray(np.cumsum(turned, axis=0))
