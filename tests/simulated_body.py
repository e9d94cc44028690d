"""A body of one size, and what a sensor on it measures, for the tests of movements."""

import numpy as np

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.imu import SITES, PlacedSensor, place_sensor, read_sensor
from edgehar.motion.skeleton import Array, Figure, segment_lengths

BODY = segment_lengths(1.75)
WARM_UP = 200
"""Rows after which a mounting has forgotten how the simulation began."""


def read_pose(pose: dict[str, Array], placed: PlacedSensor) -> tuple[Array, Array]:
    """Return specific force and angular rate behind the warm-up."""
    rows = len(next(iter(pose.values())))
    force, rate = read_sensor(Figure(BODY, pose, rows), pose, placed)
    return force[WARM_UP:], rate[WARM_UP:]


def wear(activity: str, rng: np.random.Generator, site: str, t: Array) -> tuple[Array, Array, Array]:
    """Return times behind the warm-up, specific force and angular rate on the left of somebody who does this."""
    pose = CATALOGUE[activity](BODY, rng)(t)
    return t[1:-1][WARM_UP:], *read_pose(pose, place_sensor(SITES[site], "left", BODY, rng))
