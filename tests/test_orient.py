"""Rotations of segments out of positions of joints alone."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.orient import frame_from_axes, orient, twist_forearms
from edgehar.motion.skeleton import SIDES, Array, Figure, rotation_about, segment_lengths

BODY = segment_lengths(1.75)
RATE = 60.0
CHAINS = (
    ("thigh", "shank", "hip", "knee", "ankle", BODY.shank),
    ("upper_arm", "forearm", "shoulder", "elbow", "wrist", BODY.forearm),
)
MIRROR = np.diag([1.0, -1.0, 1.0])


def figure(pose: dict[str, Array], rows: int) -> tuple[Figure, dict[str, Array]]:
    """Make a modelled body, and of it only where its joints are."""
    body = Figure(BODY, pose, rows)
    thorax = body.frame("thorax")
    joints = {
        "pelvis": body.frame("pelvis").origin,
        "neck": thorax.origin + BODY.trunk * thorax.rotation[:, :, 2],
    }
    for upper, lower, top, hinge, end, length in CHAINS:
        for side in SIDES:
            joints[f"{top}_{side}"] = body.frame(f"{upper}_{side}").origin
            frame = body.frame(f"{lower}_{side}")
            joints[f"{hinge}_{side}"] = frame.origin
            joints[f"{end}_{side}"] = frame.origin - length * frame.rotation[:, :, 2]
    return body, joints


def swinging(seed: int, least_bend: float, rows: int = 120) -> dict[str, Array]:
    """Move every joint smoothly by chance; hinges never straighter than `least_bend` rad."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows) / RATE

    def wave(size: float, middle: float = 0.0) -> Array:
        return np.asarray(
            middle + size * np.sin(2.0 * np.pi * rng.uniform(0.2, 1.0) * t + rng.uniform(0.0, 6.0))
        )

    pose = {name: wave(0.6) for name in ("yaw", "tilt", "roll", "turn", "root_x")}
    for side in SIDES:
        pose |= {
            f"{name}_{side}": wave(0.4)
            for name in ("hip", "hip_out", "hip_turn", "arm", "arm_out", "arm_turn")
        }
        pose |= {f"{name}_{side}": wave(0.5, least_bend + 0.5) for name in ("knee", "elbow")}
    return pose


def turning(rotation: Array) -> Array:
    """Return the angle from row to row, rad."""
    step = np.swapaxes(rotation[:-1], 1, 2) @ rotation[1:]
    return np.asarray(np.arccos(np.clip(0.5 * (np.trace(step, axis1=1, axis2=2) - 1.0), -1.0, 1.0)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_bent_limbs_give_back_the_rotations_they_were_made_with(seed: int) -> None:
    body, joints = figure(swinging(seed, least_bend=0.35), 120)
    for segment, rotation in orient(joints).items():
        assert rotation == pytest.approx(body.frame(segment).rotation, abs=1e-6), segment


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_long_axes_are_exact_and_frames_are_rotations_however_straight_the_limbs_are(seed: int) -> None:
    body, joints = figure(swinging(seed, least_bend=-0.5), 120)
    rotations = orient(joints)
    for upper, lower, *_ in CHAINS:
        for name in (f"{segment}_{side}" for segment in (upper, lower) for side in SIDES):
            assert rotations[name][:, :, 2] == pytest.approx(body.frame(name).rotation[:, :, 2], abs=1e-9)
            assert rotations[name] @ np.swapaxes(rotations[name], 1, 2) == pytest.approx(
                np.tile(np.eye(3), (120, 1, 1))
            )
            assert np.linalg.det(rotations[name]) == pytest.approx(1.0)


@given(seed=st.integers(0, 10_000), yaw=st.floats(-3.0, 3.0))
@settings(max_examples=5, deadline=None)
def test_it_does_not_matter_which_way_somebody_faces(seed: int, yaw: float) -> None:
    _, joints = figure(swinging(seed, least_bend=0.0), 120)
    turn = rotation_about(2, yaw, 1)[0]
    turned = orient({name: x @ turn.T for name, x in joints.items()})
    for segment, rotation in orient(joints).items():
        assert turned[segment] == pytest.approx(turn @ rotation, abs=1e-6), segment


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_a_mirrored_body_has_mirrored_rotations(seed: int) -> None:
    _, joints = figure(swinging(seed, least_bend=0.0), 120)
    other = {"left": "right", "right": "left"}

    def opposite(name: str) -> str:
        first, _, side = name.rpartition("_")
        return f"{first}_{other[side]}" if side in other else name

    mirrored = orient({opposite(name): x @ MIRROR for name, x in joints.items()})
    for segment, rotation in orient(joints).items():
        assert mirrored[opposite(segment)] == pytest.approx(MIRROR @ rotation @ MIRROR, abs=1e-6), segment


def test_a_limb_that_stretches_and_bends_again_does_not_spin() -> None:
    rows = 180
    t = np.arange(rows) / RATE
    straightening = np.clip(1.2 * np.cos(2.0 * np.pi * t / 3.0), 0.0, None)
    pose = {"hip_left": 0.6 * np.sin(2.0 * t), "hip_turn_left": 0.5 * np.sin(t), "knee_left": straightening}
    pose |= {"elbow_left": straightening, "arm_left": 0.8 * np.sin(2.0 * t), "arm_out_left": 0.3 + 0.4 * t}
    body, joints = figure(pose, rows)
    rotations = orient(joints)
    for segment in ("thigh_left", "shank_left", "upper_arm_left", "forearm_left"):
        fastest = turning(body.frame(segment).rotation).max()
        assert turning(rotations[segment]).max() < 1.2 * fastest, segment


def test_jitter_of_a_straight_limb_does_not_make_it_spin() -> None:
    rng = np.random.default_rng(1)
    pose = {"knee_left": np.full(200, 0.03), "knee_right": np.full(200, 0.03)}
    _, joints = figure(pose, 200)
    noisy = {name: x + 0.003 * rng.standard_normal(x.shape) for name, x in joints.items()}
    assert np.degrees(turning(orient(noisy)["thigh_left"])).max() < 3.0


def test_a_limb_that_is_never_bent_has_the_lateral_axis_of_its_trunk() -> None:
    body, joints = figure({"yaw": np.full(50, 1.0), "hip_left": np.linspace(0.0, 0.8, 50)}, 50)
    assert orient(joints)["thigh_left"] == pytest.approx(body.frame("thigh_left").rotation, abs=1e-6)


def test_what_a_source_does_not_have_is_left_out() -> None:
    _, joints = figure(swinging(3, 0.4, rows=60), 60)
    del joints["wrist_left"], joints["hip_right"], joints["ankle_right"]
    rotations = orient(joints)
    assert "upper_arm_left" in rotations
    assert not {"forearm_left", "thigh_right", "shank_right", "hand_left"} & set(rotations)
    assert orient({}) == {}


def test_a_measured_rotation_is_believed() -> None:
    _, joints = figure(swinging(4, 0.4, rows=60), 60)
    measured = rotation_about(0, 0.3, 60)
    assert orient(joints, {"pelvis": measured})["pelvis"] is measured


def test_joints_that_fall_together_for_a_moment_break_nothing() -> None:
    _, joints = figure(swinging(5, 0.4, rows=60), 60)
    joints["wrist_left"] = joints["wrist_left"].copy()
    joints["wrist_left"][20:25] = joints["elbow_left"][20:25]
    forearm = orient(joints)["forearm_left"]
    assert forearm @ np.swapaxes(forearm, 1, 2) == pytest.approx(np.tile(np.eye(3), (60, 1, 1)))


def test_a_standing_foot_is_level_and_points_forward() -> None:
    _, joints = figure({"yaw": np.full(10, 0.7)}, 10)
    slope = np.array([0.114, 0.0, -0.039]) @ rotation_about(2, 0.7, 1)[0].T
    joints |= {f"toe_{side}": joints[f"ankle_{side}"] + slope for side in SIDES}
    assert orient(joints)["foot_left"] == pytest.approx(rotation_about(2, 0.7, 10), abs=0.01)


def arm(rows: int, *, still: bool) -> Motion:
    t = np.arange(rows) / RATE
    _, joints = figure(
        {"elbow_left": np.full(rows, 1.0), "arm_left": 0.0 * t if still else np.sin(3.0 * t)}, rows
    )
    joints["hand_left"] = joints["wrist_left"] + 0.3 * (joints["wrist_left"] - joints["elbow_left"])
    return Motion(t, joints, orient(joints))


def test_twist_turns_forearm_and_hand_about_the_forearm_by_the_degrees_asked_for() -> None:
    motion = arm(1200, still=False)
    before = np.swapaxes(motion.rotations["forearm_left"], 1, 2)
    angles = []
    for seed in range(10):
        after = twist_forearms(motion, np.random.default_rng(seed), degrees=20.0, seconds=1.0).rotations
        turn = before @ after["forearm_left"]
        assert turn[:, :, 2] == pytest.approx(np.tile([0.0, 0.0, 1.0], (1200, 1)))
        assert np.swapaxes(after["forearm_left"], 1, 2) @ after["hand_left"] == pytest.approx(
            before @ motion.rotations["hand_left"], abs=1e-9
        )
        assert after["upper_arm_left"] is motion.rotations["upper_arm_left"]
        angles.append(np.degrees(np.arctan2(turn[:, 1, 0], turn[:, 0, 0])))
    assert 16.0 < np.std(angles) < 24.0
    assert np.abs(np.diff(angles, axis=1)).max() * RATE < 400.0


def test_twist_is_the_same_for_the_same_seed_and_rests_with_the_arm() -> None:
    motion = arm(300, still=False)
    once, again = (
        twist_forearms(motion, np.random.default_rng(2)).rotations["forearm_left"] for _ in range(2)
    )
    assert np.array_equal(once, again)
    resting = twist_forearms(arm(300, still=True), np.random.default_rng(2)).rotations["forearm_left"]
    assert turning(resting).max() < 1e-6


def test_a_frame_is_a_rotation_even_where_both_axes_are_one() -> None:
    z = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    y = np.array([[0.0, 0.0, 2.0], [0.0, 1.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    frames = frame_from_axes(z, y)
    assert frames[:, :, 2] == pytest.approx(z)
    assert np.linalg.det(frames) == pytest.approx(1.0)
    # From the second row on, y is where it was as long as it may be.
    assert frames[2, :, 1] == pytest.approx([0.0, 1.0, 0.0])
