"""Devices that lie on a table or ride along."""

import numpy as np
import pytest
from simulated_body import BODY, read_pose, wear

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.imu import RATE, SITES, place_sensor
from edgehar.motion.skeleton import Figure
from edgehar.types import STANDARD_GRAVITY

T = np.arange(0.0, 12.0, 1.0 / RATE)


@pytest.mark.parametrize("site", ["wrist", "trouser_pocket", "head"])
def test_a_table_neither_pushes_nor_turns(site: str) -> None:
    still = 0
    for seed in range(20):
        _, force, rate = wear("on_table", np.random.default_rng(seed), site, T)
        assert rate == pytest.approx(0.0, abs=1e-6) or np.ptp(force[:, 2]) > 0.01
        size = np.linalg.norm(force, axis=1)
        assert np.median(size) == pytest.approx(STANDARD_GRAVITY, abs=1e-3)
        still += int(np.abs(size - STANDARD_GRAVITY).max() < 1e-6)
    # A few tables are bumped.
    assert 12 <= still < 20


def test_a_device_lies_on_all_of_its_faces() -> None:
    faces = set()
    for seed in range(60):
        pose = CATALOGUE["on_table"](BODY, np.random.default_rng(seed))(T[:3])
        up = Figure(BODY, pose, 3).frame("pelvis").rotation[0, 2]
        faces.add((int(np.abs(up).argmax()), bool(up[np.abs(up).argmax()] > 0)))
    assert len(faces) == 6


def test_a_device_without_a_body_feels_the_same_wherever_it_would_be_worn() -> None:
    pose = CATALOGUE["handled"](BODY, np.random.default_rng(3))(T)
    sizes = []
    for site in ("wrist", "foot"):
        placed = place_sensor(SITES[site], "left", BODY, np.random.default_rng(4))
        force, _ = read_pose(pose, placed)
        sizes.append(np.linalg.norm(force, axis=1))
    assert np.sqrt(np.mean((sizes[0] - sizes[1]) ** 2)) < 0.5


def test_a_ride_shakes_everything_a_little() -> None:
    for site in ("wrist", "waist"):
        shakes = []
        for seed in range(10):
            _, force, rate = wear("riding", np.random.default_rng(seed), site, T)
            shakes.append(np.linalg.norm(force, axis=1).std())
            assert np.linalg.norm(rate, axis=1).max() < 6.0
        assert 0.05 < np.median(shakes) < 1.5
