"""Geometry of a leg as two links: thigh and shank in the plane of walking."""

import numpy as np

from edgehar.motion.skeleton import Array, SegmentLengths


def leg_length(body: SegmentLengths, knee: float) -> float:
    """Return the distance from hip to ankle, m, with the knee flexed by `knee` rad."""
    return float(np.sqrt(body.thigh**2 + body.shank**2 + 2.0 * body.thigh * body.shank * np.cos(knee)))


def leg_angles(x: Array, down: Array, body: SegmentLengths) -> tuple[Array, Array]:
    """Return thigh angle to the vertical and knee flexion that put the ankle at (x, down) from the hip."""
    reach = np.hypot(x, down)
    cosine = (reach**2 - body.thigh**2 - body.shank**2) / (2.0 * body.thigh * body.shank)
    knee = np.arccos(np.clip(cosine, -0.999, 0.999))
    behind = np.arctan2(body.shank * np.sin(knee), body.thigh + body.shank * np.cos(knee))
    return np.asarray(np.arctan2(x, down) + behind), np.asarray(knee)


def hip_over_foot(body: SegmentLengths, thigh: Array, knee: Array) -> tuple[Array, Array]:
    """Return how far the hip is before and above a still ankle, m; `thigh` against the vertical, rad."""
    shank = knee - thigh
    return (
        body.shank * np.sin(shank) - body.thigh * np.sin(thigh),
        body.thigh * np.cos(thigh) + body.shank * np.cos(shank),
    )
