"""Exercises: rhythms that were drawn come back out, and feet that stand stay."""

import numpy as np
import pytest
from simulated_body import BODY, read_pose, wear

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.activities.legs import leg_angles
from edgehar.motion.imu import RATE, SITES, place_sensor
from edgehar.motion.skeleton import Array, Figure


def repetition_rate(x: Array, guess: float) -> float:
    """Return the Hz at which columns at `RATE` repeat themselves, within a factor of 1.6: two strokes are alike too."""
    power = np.abs(np.fft.rfft(x - x.mean(axis=0), 2 * len(x), axis=0)) ** 2
    alike = np.fft.irfft(power.sum(axis=1))
    lags = np.arange(int(RATE / (1.6 * guess)), int(1.6 * RATE / guess))
    return float(RATE / lags[alike[lags].argmax()])


@pytest.mark.parametrize("site", ["wrist", "chest", "knee"])
def test_the_stroke_rate_in_the_signal_is_the_one_that_was_drawn(site: str) -> None:
    for seed in range(6):
        drawn = np.random.default_rng(seed).uniform(14.0, 36.0) / 60.0
        t = np.arange(0.0, 60.0, 1.0 / RATE)
        _, _, rate = wear("rowing", np.random.default_rng(seed), site, t)
        assert repetition_rate(rate, drawn) == pytest.approx(drawn, abs=0.03)


def test_the_rowers_feet_stay_where_they_are() -> None:
    t = np.arange(0.0, 6.0, 1.0 / RATE)
    for seed in range(5):
        pose = CATALOGUE["rowing"](BODY, np.random.default_rng(seed))(t)
        shank = Figure(BODY, pose, len(t)).frame("foot_left").origin
        # The pelvis is pushed; the foot against it moves the other way round.
        push = np.cumsum(np.cumsum(pose["push_x"][1:-1])) / RATE**2
        foot = shank[1:-1, 0] + push
        drift = np.polyval(np.polyfit(t[1:-1], foot, 3), t[1:-1])
        assert np.std(foot - drift) < 0.3 * np.std(shank[:, 0])


def test_squatting_shanks_feel_little_and_the_trunk_goes_up_and_down() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(0.0, 10.0, 1.0 / RATE)
    for seed in range(5):
        pose = CATALOGUE["squatting"](BODY, np.random.default_rng(seed))(t)
        sizes = []
        for site in ("ankle", "waist"):
            force, _ = read_pose(pose, place_sensor(SITES[site], "left", BODY, rng))
            sizes.append(np.linalg.norm(force, axis=1).std())
        assert sizes[0] < 0.5 * sizes[1]
        assert np.ptp(pose["root_z"]) > 0.1


@pytest.mark.parametrize("activity", ["squatting", "lunging", "sitting_down_standing_up", "collapsing"])
def test_feet_that_carry_are_on_the_floor(activity: str) -> None:
    t = np.arange(0.0, 10.0, 0.02)
    for seed in range(6):
        pose = CATALOGUE[activity](BODY, np.random.default_rng(seed))(t)
        figure = Figure(BODY, pose, len(t))
        lower = np.minimum(*(figure.frame(f"foot_{side}").origin[:, 2] for side in ("left", "right")))
        assert np.abs(lower).max() < 0.3
        assert np.median(np.abs(lower)) < 0.12


def test_leg_angles_reach_the_point_they_are_given() -> None:
    x, down = np.array([0.1, 0.4, 0.6]), np.array([0.7, 0.1, -0.2])
    thigh, knee = leg_angles(x, down, BODY)
    shank = thigh - knee
    assert BODY.thigh * np.sin(thigh) + BODY.shank * np.sin(shank) == pytest.approx(x)
    assert BODY.thigh * np.cos(thigh) + BODY.shank * np.cos(shank) == pytest.approx(down)
