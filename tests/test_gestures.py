"""Gestures and handwork as a wrist feels them."""

import numpy as np
import pytest
from simulated_body import BODY, wear

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.impacts import impact_acceleration
from edgehar.motion.imu import RATE
from edgehar.motion.skeleton import Array
from edgehar.types import STANDARD_GRAVITY


def force_in_g(activity: str, seed: int, site: str, seconds: float = 12.0) -> Array:
    t = np.arange(0.0, seconds, 1.0 / RATE)
    _, force, _ = wear(activity, np.random.default_rng(seed), site, t)
    return np.asarray(force / STANDARD_GRAVITY)


@pytest.mark.parametrize("activity", ["waving", "clapping", "punching", "throwing", "hitting", "arm_work"])
def test_the_arms_are_at_it_and_the_legs_are_not(activity: str) -> None:
    arms, legs = [], []
    for seed in range(9):
        arms.append(force_in_g(activity, seed, "wrist").std())
        legs.append(np.linalg.norm(force_in_g(activity, seed, "ankle"), axis=1).std())
    assert np.median(arms) > 0.08
    assert np.median(legs) < 0.3 * np.median(arms)


def test_hands_that_clap_are_struck_several_times_a_second() -> None:
    rates = []
    for seed in range(12):
        pose = CATALOGUE["clapping"](BODY, np.random.default_rng(seed))(np.arange(0.0, 20.0, 1 / RATE))
        left, right = pose["hit_y_forearm_left"], pose["hit_y_forearm_right"]
        # The hands push each other apart: the left one leftward.
        assert left == pytest.approx(-right)
        assert left.max() > 5.0
        begins = (left[1:] > 0.3 * left.max()) & (left[:-1] <= 0.3 * left.max())
        rates.append(begins.sum() / 20.0)
        size = np.linalg.norm(force_in_g("clapping", seed, "wrist"), axis=1)
        assert size.max() > 1.3
    assert max(rates) < 6.0
    assert np.median(rates) > 1.0


def test_waving_has_a_rhythm_of_one_to_three_hertz() -> None:
    rhythms = []
    for seed in range(25):
        force = force_in_g("waving", seed, "wrist", 15.0)
        power = np.abs(np.fft.rfft(force - force.mean(axis=0), axis=0)) ** 2
        hertz = np.fft.rfftfreq(len(force), 1.0 / RATE)
        inside = hertz > 0.7
        rhythms.append(hertz[inside][power.sum(axis=1)[inside].argmax()])
    # One hand in two waves on this side, the other only breathes.
    assert np.mean([0.7 < f < 3.6 for f in rhythms]) > 0.5


def test_idle_hands_are_mostly_still() -> None:
    size = [
        np.abs(np.linalg.norm(force_in_g("fidgeting", seed, "wrist"), axis=1) - 1.0) for seed in range(15)
    ]
    assert np.median(np.concatenate(size)) < 0.05
    assert max(s.max() for s in size) > 0.5


def test_a_hit_fades_from_joint_to_joint_and_a_strike_towards_the_head() -> None:
    gain = np.array([0.0, 0.0, 1.0])
    way = ("forearm_left", "upper_arm_left", "thorax", "pelvis", "thigh_right", "shank_right", "foot_right")
    hit = [impact_acceleration(segment, gain, {"hit_z_forearm_left": 10.0})[2] for segment in way]
    assert hit == pytest.approx([10.0 * 0.4**joints for joints in range(7)])
    assert impact_acceleration("forearm_right", gain, {"hit_y_forearm_left": 10.0})[1] == pytest.approx(
        10.0 * 0.4**4
    )
    legs = ("foot_left", "shank_left", "thigh_left", "pelvis", "thorax", "head")
    strike = [impact_acceleration(segment, gain, {"strike_left": 10.0})[2] for segment in legs]
    assert strike == sorted(strike, reverse=True)
    assert len(set(strike)) == len(legs)
