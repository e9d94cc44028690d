"""Going on foot: slopes, and hands that hold on to something."""

import numpy as np
import pytest

from edgehar.motion.activities import gait
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.imu import RATE, SITES, place_sensor, read_sensor
from edgehar.motion.skeleton import SIDES, Array, Figure, segment_lengths
from edgehar.motion.waveforms import Cycle

PHASE = np.arange(200) / 200.0


def degrees(curve: tuple[tuple[float, float], ...]) -> Array:
    return np.rad2deg(Cycle(curve)(PHASE))


def test_a_slope_of_no_steepness_is_level() -> None:
    level = gait.interpolate_strides(gait.WALKING, gait.UPHILL, 0.0)
    assert level.lean == gait.WALKING.lean
    for name in ("thigh", "knee", "ankle"):
        # Points every 2 % meet the given ones but for the corners between.
        assert degrees(getattr(level, name)) == pytest.approx(degrees(getattr(gait.WALKING, name)), abs=1.0)


def test_the_steeper_the_higher_one_steps() -> None:
    strides = [gait.interpolate_strides(gait.WALKING, gait.UPHILL, share) for share in (0.0, 0.5, 1.0)]
    assert [float(np.ptp(degrees(stride.thigh))) for stride in strides] == pytest.approx([46, 54, 62], abs=3)
    # At foot strike the knee is bent by about as much as the way is steep, and more.
    assert [float(degrees(stride.knee)[0]) for stride in strides] == pytest.approx([3, 18, 34], abs=3)


def test_downhill_the_knee_gives_way_under_load() -> None:
    level, down = (degrees(stride.knee)[80] for stride in (gait.WALKING, gait.DOWNHILL))
    assert down - level > 25.0


def test_a_hand_that_holds_on_shakes_less_than_one_that_does_not() -> None:
    t = np.arange(int(4 * RATE)) / RATE
    shakes: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        body = segment_lengths(1.7)
        pose = CATALOGUE["walking"](body, rng)(t)
        figure = Figure(body, pose, len(t))
        for side in SIDES:
            firm = f"hit_z_forearm_{side}" in pose
            if firm:
                held, push = pose[f"hit_z_forearm_{side}"], pose["push_z"]
                share = -float(held @ push / (push @ push))
                assert 0.0 <= share <= 0.9
                assert held == pytest.approx(-share * push, abs=1e-9)
                if share < 0.5:
                    continue
            force, _ = read_sensor(figure, pose, place_sensor(SITES["wrist"], side, body, rng))
            shakes[firm].append(float(np.linalg.norm(force, axis=1).std()))
    assert len(shakes[True]) > 10
    assert np.median(shakes[True]) < 0.85 * np.median(shakes[False])
