"""A device that nobody wears: turned slowly in the hand, about all of its axes, as one does to try it."""

import numpy as np

from edgehar.motion.imu import inertial_signals
from edgehar.motion.skeleton import Array, rotation_about

_STEP_S = 0.005
_SWINGS = ((0, 1.2, 0.11, 0.0), (1, 0.9, 0.17, 1.0), (2, 1.0, 0.13, 2.0))
"""Axis, amplitude in rad, rate in Hz and phase in rad of each of the three swings: up to 1.5 rad/s together."""


def turned_by_hand(t: Array) -> Array:
    """Return specific force and angular rate, (n, 6), m/s² and rad/s, at times `t`, s, in order."""
    fine = np.arange(t[0] - 2 * _STEP_S, t[-1] + 3 * _STEP_S, _STEP_S)
    rotation = np.tile(np.eye(3), (len(fine), 1, 1))
    for axis, size, hertz, phase in _SWINGS:
        rotation = rotation @ rotation_about(axis, size * np.sin(2 * np.pi * hertz * fine + phase), len(fine))
    force, rate = inertial_signals(np.zeros((len(fine), 3)), rotation, 1 / _STEP_S)
    columns = np.concatenate([force, rate], axis=1).T
    return np.stack([np.interp(t, fine[1:-1], column) for column in columns], axis=1)
