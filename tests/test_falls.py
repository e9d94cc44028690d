"""Falls: how they look to a sensor, and what only looks like one."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from simulated_body import BODY, wear

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.activities.falls import IMPACT_S, falling
from edgehar.motion.imu import RATE
from edgehar.motion.skeleton import Array, Figure
from edgehar.motion.waveforms import FallProfile
from edgehar.types import STANDARD_GRAVITY


def force_in_g(activity: str, seed: int, site: str, seconds: float = 7.0) -> tuple[Array, Array]:
    """Return times, s, and specific force, g, of a sensor at a site."""
    t, force, _ = wear(activity, np.random.default_rng((seed, 1)), site, np.arange(-1.0, seconds, 1.0 / RATE))
    return t, force / STANDARD_GRAVITY


def test_the_trunk_falls_then_hits_the_floor_at_the_time_stated() -> None:
    peaks, least, when = [], [], []
    for seed in range(24):
        t, force = force_in_g("falling", seed, "waist")
        size = np.linalg.norm(force, axis=1)
        around = (t > IMPACT_S - 1.2) & (t < IMPACT_S + 1.0)
        peaks.append(size[around].max())
        when.append(t[around][size[around].argmax()])
        least.append(size[(t > IMPACT_S - 0.6) & (t < when[-1])].min())
    # 3 to 8 g at the trunk.
    assert 3.0 < np.median(peaks) < 8.0
    assert min(peaks) > 2.0
    assert np.median(least) < 0.5
    assert max(least) < 0.9
    assert np.abs(np.asarray(when) - IMPACT_S).max() < 0.3


def test_whoever_fell_lies_and_hardly_moves() -> None:
    for seed in range(12):
        t = np.array([1.0, IMPACT_S + 1.5, IMPACT_S + 2.5])
        pose = falling(BODY, np.random.default_rng(seed))(t)
        up = Figure(BODY, pose, 3).frame("thorax").rotation[:, 2, 2]
        assert up[0] > 0.7
        assert np.abs(up[1:]) == pytest.approx(0.0, abs=0.55)
        assert pose["root_z"][1:] == pytest.approx(0.1, abs=0.05)


def test_falls_go_all_four_ways_and_some_get_up() -> None:
    ways, risen = set(), 0
    for seed in range(60):
        pose = falling(BODY, np.random.default_rng(seed))(np.array([1.0, IMPACT_S + 2.0, 30.0]))
        # Where the head points from the hips, seen from where they faced.
        head = Figure(BODY, pose, 3).frame("thorax").rotation[1, :, 2]
        facing = pose["yaw"][1]
        ahead = np.cos(facing) * head[0] + np.sin(facing) * head[1]
        aside = -np.sin(facing) * head[0] + np.cos(facing) * head[1]
        ways.add(("forward" if ahead > 0 else "backward") if abs(ahead) > abs(aside) else ("left" if aside > 0 else "right"))  # fmt: skip
        risen += int(pose["root_z"][2] > 0.3)
    assert ways == {"forward", "backward", "left", "right"}
    assert 6 < risen < 32


def test_hands_meet_the_floor_no_earlier_than_they_may() -> None:
    for seed in range(20):
        t = np.arange(0.0, IMPACT_S - 0.2, 0.005)
        pose = falling(BODY, np.random.default_rng(seed))(t)
        for side in ("left", "right"):
            assert np.abs(pose[f"hit_z_forearm_{side}"]).max() == 0.0


@pytest.mark.parametrize("activity", ["stumbling", "collapsing", "reaching_jump", "hitting"])
def test_what_only_looks_like_a_fall_comes_about_then_and_leaves_them_upright(activity: str) -> None:
    busiest = []
    for seed in range(15):
        t, force = force_in_g(activity, seed, "wrist", 6.0)
        size = np.abs(np.linalg.norm(force, axis=1) - 1.0)
        busiest.append(t[size.argmax()])
        pose = CATALOGUE[activity](BODY, np.random.default_rng((seed, 1)))(np.array([5.0]))
        assert Figure(BODY, pose, 1).frame("pelvis").rotation[0, 2, 2] > 0.6
    assert np.median(busiest) == pytest.approx(IMPACT_S, abs=0.6)


def test_a_jump_is_free_fall_between_two_pushes() -> None:
    for seed in range(8):
        t, force = force_in_g("reaching_jump", seed, "waist", 6.0)
        size = np.linalg.norm(force, axis=1)
        assert size[(t > 1.5) & (t < 3.0)].min() < 0.1
        assert size[(t > 1.0) & (t < 5.0)].max() > 1.6


@given(
    seconds=st.floats(0.3, 1.2),
    ramp=st.floats(0.2, 0.9),
    width=st.floats(0.04, 0.2),
    rebound=st.floats(0.0, 0.3),
)
@settings(max_examples=40, deadline=None)
def test_a_fall_ends_where_it_should_without_a_jump_of_place_or_speed(
    seconds: float, ramp: float, width: float, rebound: float
) -> None:
    profile = FallProfile(2.0, seconds, ramp, width, rebound)
    t = np.arange(0.0, 12.0, 1e-3)
    share = profile(t)
    speed = np.diff(share) / 1e-3
    assert share[0] == 0.0
    assert share[-1] == pytest.approx(1.0, abs=1e-4)
    assert np.abs(np.diff(speed)).max() < 0.06 * np.abs(speed).max()
    assert np.diff(speed).argmin() * 1e-3 == pytest.approx(2.0, abs=0.5 * width + 3e-3)


@given(drop=st.floats(0.2, 0.9), pull=st.floats(2.0, 9.0), ramp=st.floats(0.2, 0.9))
@settings(max_examples=40, deadline=None)
def test_nothing_falls_faster_than_it_is_pulled(drop: float, pull: float, ramp: float) -> None:
    seconds = FallProfile.fall_time(drop, pull, ramp, 0.1, 0.1)
    t = np.arange(0.0, 3.0, 1e-3)
    falling_at = np.diff(drop * FallProfile(2.0, seconds, ramp, 0.1, 0.1)(t), 2) / 1e-6
    assert falling_at.max() == pytest.approx(pull, rel=0.03)
