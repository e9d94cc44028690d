"""Values and second derivatives of evenly sampled clips by splines.

The local one is that of the ICPR 2022 paper: degree 5 through the 12 frames around, read at the 7th. A linear map of those
frames: of what is a polynomial of degree 5 or less it is exact, and no frame further away changes it. The global one is
what the paper's published code does: degree 3, through all clips laid end to end.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from edgehar.motion.skeleton import Array

SPAN, MIDDLE, DEGREE = 12, 6, 5
"""Frames that a local spline runs through, index of the one it is read at, and its degree."""


def times(frames: int, rate_hz: float, new_rate_hz: float) -> Array:
    """Return the times of a grid, s from the first frame, at which a local spline can be read; none if too few frames."""
    first, last = MIDDLE / rate_hz, (frames - SPAN + MIDDLE) / rate_hz
    if frames < SPAN:
        return np.zeros(0)
    return first + np.arange(int((last - first) * new_rate_hz + 1e-6) + 1) / new_rate_hz


def local(x: Array, rate_hz: float, t: Array, derivative: int) -> Array:
    """Read splines through x (frames, ...) or their derivative, per s each, at times t of `times`: (len(t), ...)."""
    at = t * rate_hz
    nearest = np.clip(np.rint(at).astype(np.int64), MIDDLE, len(x) - SPAN + MIDDLE)
    # A spline through rows of the unit matrix: what each frame adds to what is read.
    spline = make_interp_spline(np.arange(SPAN), np.eye(SPAN), k=DEGREE)
    weights = np.asarray(spline(at - nearest + MIDDLE, nu=derivative)) * rate_hz**derivative
    rows = nearest[:, None] + np.arange(SPAN) - MIDDLE
    return np.asarray(np.einsum("nk,nk...->n...", weights, x[rows]))


def cubic(x: Array, rate_hz: float, new_rate_hz: float) -> tuple[Array, NDArray[np.int64]]:
    """Return the second derivative of one cubic spline through all rows of x (frames, width), and each row's frame."""
    spline = make_interp_spline(np.arange(len(x)) / rate_hz, x, k=3)
    t = np.arange(int((len(x) - 1) / rate_hz * new_rate_hz + 1e-6) + 1) / new_rate_hz
    frame = np.minimum(np.rint(t * rate_hz), len(x) - 1).astype(np.int64)
    return np.asarray(spline(t, nu=2)), frame
