"""Physics of the simulated body and its sensors."""

import subprocess
import sys

import numpy as np
import pytest
from simulated_body import BODY, read_pose

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.activities.falls import IMPACT_S
from edgehar.motion.imu import (
    RATE,
    SITES,
    PlacedSensor,
    draw_mountings,
    inertial_signals,
    place_sensor,
    random_rotations,
)
from edgehar.motion.skeleton import SIDES, Array, Figure, rotation_about
from edgehar.motion.wearer import Wearer
from edgehar.types import STANDARD_GRAVITY


def perform(seed: int, activity: str, seconds: float) -> dict[str, Array]:
    t = np.arange(int(seconds * RATE)) / RATE
    return CATALOGUE[activity](BODY, np.random.default_rng(seed))(t)


@pytest.mark.parametrize("name", SITES)
def test_a_still_sensor_reads_one_g_and_no_turning_however_it_is_mounted(name: str) -> None:
    rng = np.random.default_rng(1)
    for side in SIDES:
        names = (
            "nod",
            f"ankle_{side}",
            "yaw",
            "tilt",
            "roll",
            "turn",
            "lean",
            f"hip_{side}",
            f"knee_{side}",
            f"arm_{side}",
            f"palm_{side}",
        )
        pose = {angle: np.full(400, rng.uniform(-3.0, 3.0)) for angle in names}
        force, rate = read_pose(pose, place_sensor(SITES[name], side, BODY, rng))
        mounted = force @ random_rotations(rng, 1)[0]
        assert np.linalg.norm(mounted, axis=1) == pytest.approx(STANDARD_GRAVITY, abs=1e-6)
        assert rate == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", SITES)
def test_a_falling_body_feels_nothing(name: str) -> None:
    t = np.arange(400) / RATE
    pose = {"root_z": -0.5 * STANDARD_GRAVITY * t**2, "root_x": 3.0 * t, "tilt": np.full(400, 0.4)}
    force, _ = read_pose(pose, place_sensor(SITES[name], "left", BODY, np.random.default_rng(2)))
    assert force == pytest.approx(0.0, abs=1e-6)


def test_turning_about_a_fixed_axis_is_felt_as_centripetal_force() -> None:
    turning, radius = 7.0, 0.3
    angle = turning * np.arange(400) / RATE
    position = radius * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    force, rate = inertial_signals(position, rotation_about(2, angle, 400), RATE)
    assert force[:, 0] == pytest.approx(-(turning**2) * radius, rel=1e-3)
    assert force[:, 1] == pytest.approx(0.0, abs=1e-6)
    assert force[:, 2] == pytest.approx(STANDARD_GRAVITY)
    assert rate == pytest.approx(np.tile([0.0, 0.0, turning], (398, 1)), abs=1e-9)


def test_a_pendulum_feels_no_force_across_its_string() -> None:
    length, swing = 0.9, 0.05
    t = np.arange(1200) / RATE
    angle = swing * np.cos(np.sqrt(STANDARD_GRAVITY / length) * t)
    position = length * np.stack([np.sin(angle), 0.0 * t, -np.cos(angle)], axis=1)
    force, _ = inertial_signals(position, rotation_about(1, -angle, len(t)), RATE)
    assert np.abs(force[:, 0]).max() < 0.01 * STANDARD_GRAVITY * swing
    assert force[:, 2] == pytest.approx(STANDARD_GRAVITY, rel=0.01)


def test_angular_rate_integrates_back_to_the_rotation() -> None:
    pose = perform(3, "running", 3.0)
    rotation = Figure(BODY, pose, 600).frame("forearm_left").rotation
    _, rate = inertial_signals(np.zeros((600, 3)), rotation, RATE)
    turned = rotation[0]
    for step in rate[::2] * (2.0 / RATE):
        angle = float(np.linalg.norm(step))
        x, y, z = step / angle
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        turned = turned @ (np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)
    assert turned == pytest.approx(rotation[598], abs=1e-6)


def mirrored(pose: dict[str, Array]) -> dict[str, Array]:
    """Return the pose as a mirror shows it: sides exchanged, and what points or turns sideways reversed."""
    sideways = {"yaw", "roll", "turn", "bend", "twist", "head_turn", "head_bend", "root_y", "push_y"}
    swap = {"left": "right", "right": "left"}
    seen = {}
    for name, value in pose.items():
        stem, _, side = name.rpartition("_")
        flipped = name in sideways or name.startswith("hit_y_")
        seen[f"{stem}_{swap[side]}" if side in swap else name] = -value if flipped else value
    return seen


@pytest.mark.parametrize("activity", CATALOGUE)
def test_a_mirrored_body_gives_the_mirrored_signal(activity: str) -> None:
    pose = perform(4, activity, 4.0)
    flip, across = np.diag([1.0, -1.0, 1.0]), np.diag([-1.0, 1.0, 1.0])
    for name in ("wrist", "trouser_pocket", "chest", "foot"):
        placed = place_sensor(SITES[name], "left", BODY, np.random.default_rng(5))
        other = PlacedSensor(
            segment=placed.segment.replace("left", "right"),
            offset=flip @ placed.offset,
            axes=flip @ placed.axes @ across,
            kernels=placed.kernels,
            # About z it is tipped by a force along y, which a mirror leaves as it is; the turn it reverses.
            tip_kernels=placed.tip_kernels * np.array([[1.0], [1.0], [-1.0]]),
            impact_gain=flip @ placed.impact_gain,
        )
        force, rate = read_pose(pose, placed)
        seen_force, seen_rate = read_pose(mirrored(pose), other)
        assert seen_force == pytest.approx(force * [-1.0, 1.0, 1.0], abs=1e-6), name
        assert seen_rate == pytest.approx(rate * [1.0, -1.0, -1.0], abs=1e-6), name


@pytest.mark.parametrize("activity", CATALOGUE)
def test_it_does_not_matter_which_way_one_faces(activity: str) -> None:
    pose = perform(6, activity, 4.0)
    turned = pose | {"yaw": pose.get("yaw", np.zeros(800)) + 2.1}
    for name in ("wrist", "trouser_pocket", "head"):
        placed = place_sensor(SITES[name], "right", BODY, np.random.default_rng(7))
        ahead, away = read_pose(pose, placed), read_pose(turned, placed)
        assert away[0] == pytest.approx(ahead[0], abs=1e-6), name
        assert away[1] == pytest.approx(ahead[1], abs=1e-6), name


def test_twice_the_rate_gives_the_same_signal() -> None:
    movement = CATALOGUE["walking"](BODY, np.random.default_rng(8))
    signals = []
    for factor in (1, 2):
        t = np.arange(600 * factor) / (RATE * factor)
        frame = Figure(BODY, movement(t), len(t)).frame("shank_left")
        force, rate = inertial_signals(frame.origin, frame.rotation, RATE * factor)
        signals.append(np.concatenate([force, rate], axis=1)[factor - 1 :: factor][:590])
    assert np.sqrt(np.mean((signals[0] - signals[1]) ** 2)) < 0.01 * np.std(signals[1])


@pytest.mark.parametrize("activity", CATALOGUE)
def test_a_seed_determines_every_byte(activity: str) -> None:
    def made(seed: int) -> bytes:
        wearer = Wearer(seed, ["wrist_left", "trouser_pocket"])
        return b"".join(s.x.tobytes() for a in ("standing", activity) for s in wearer.perform(a, 2.0))

    assert made(9) == made(9)
    assert made(9) != made(10)


@pytest.mark.parametrize("activity", CATALOGUE)
def test_a_movement_is_the_same_however_it_is_cut(activity: str) -> None:
    movement, t = CATALOGUE[activity](BODY, np.random.default_rng(15)), np.arange(-1.0, 8.0, 0.05)
    whole, pieces = movement(t), [movement(part) for part in np.split(t, [30, 31, 120])]
    for name, value in whole.items():
        assert np.concatenate([piece[name] for piece in pieces]) == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("activity", CATALOGUE)
def test_nobody_moves_beyond_what_bodies_bear(activity: str) -> None:
    rng = np.random.default_rng(16)
    for seed in range(3):
        pose = perform(seed, activity, 8.0)
        for name in ("wrist", "head", "ankle"):
            force, rate = read_pose(pose, place_sensor(SITES[name], "left", BODY, rng))
            # Boxers reach some 50 g at the hand; 16 g is where most sensors end.
            assert np.linalg.norm(force, axis=1).max() < 40.0 * STANDARD_GRAVITY
            assert np.linalg.norm(rate, axis=1).max() < 35.0


def test_one_stretch_is_the_same_in_any_pieces() -> None:
    whole, pieces = (Wearer(11, ["waist", "knee_right"]) for _ in range(2))
    script = [("walking", (0.5, 3.0, 0.02)), ("lying", (0.1, 0.4, 3.5)), ("running", (2.0, 2.0))]
    for activity, parts in script:
        expected = whole.perform(activity, sum(parts))
        got = [pieces.perform(activity, part) for part in parts]
        for i, samples in enumerate(expected):
            assert np.concatenate([g[i].t for g in got]) == pytest.approx(samples.t, abs=1e-12)
            # The devices' noise is the same too; the sums of a convolution may round differently.
            assert np.concatenate([g[i].x for g in got]) == pytest.approx(samples.x, abs=2e-3)


@pytest.mark.parametrize(
    ("activity", "then", "most"),
    # A loose pocket rings as one gets up or puts it on a table; a tear would be a jump by about g.
    [("standing", "sitting", 3.0), ("sitting", "on_table", 4.0), ("fidgeting", "riding", 4.0)],
)
def test_a_change_of_activity_does_not_tear_the_signal(activity: str, then: str, most: float) -> None:
    wearer = Wearer(12, ["trouser_pocket", "chest"])
    before, after = (wearer.perform(each, 4.0) for each in (activity, then))
    for old, new in zip(before, after, strict=True):
        x = np.concatenate([old.x, new.x])
        assert np.abs(np.diff(x[:, :3], axis=0)).max() < most
        assert np.abs(new.x[0] - old.x[-1]).max() < 0.1 * most
        assert new.t[0] - old.t[-1] == pytest.approx(0.02)


def test_who_begins_to_walk_does_not_sink_or_rise() -> None:
    changes = []
    for seed in range(12):
        wearer = Wearer(seed, ["waist"])
        wearer.perform("standing", 4.0)
        (samples,) = wearer.perform("walking", 2.0)
        size = np.linalg.norm(samples.x[:60, :3], axis=1)
        changes.append(size[:30].mean() - size[30:].mean())
    assert np.mean(changes) == pytest.approx(0.0, abs=0.8)


def test_a_sensor_on_the_foot_lies_before_the_ankle_and_points_up() -> None:
    for seed in range(10):
        placed = place_sensor(SITES["foot"], "right", BODY, np.random.default_rng(seed))
        assert 0.0 < placed.offset[0] < 0.15
        assert placed.axes[:, 1] @ [-1.0, 0.0, 0.0] > 0.9
        assert placed.offset[2] > -0.03


def test_flexed_joints_lift_the_toes_and_bow_the_head() -> None:
    figure = Figure(BODY, {"ankle_left": 0.3, "nod": 0.3}, 1)
    assert figure.frame("foot_left").rotation[0, 2, 0] == pytest.approx(np.sin(0.3))
    assert figure.frame("head").rotation[0, 2, 0] == pytest.approx(-np.sin(0.3))
    assert figure.frame("head").origin[0] == pytest.approx([0.0, 0.0, BODY.trunk])


def test_a_new_activity_begins_at_its_own_beginning() -> None:
    peaks = []
    for seed in range(8):
        wearer = Wearer(seed, ["chest"])
        wearer.perform("standing", 5.3)
        (samples,) = wearer.perform("falling", 7.0)
        size = np.linalg.norm(samples.x[:, :3], axis=1)
        peaks.append(float(samples.t[size.argmax()]) - 5.3)
    assert np.asarray(peaks) == pytest.approx(IMPACT_S, abs=0.35)
    assert np.median(peaks) == pytest.approx(IMPACT_S, abs=0.1)


@pytest.mark.parametrize(
    ("activity", "deviation"),
    [("walking", 0.57), ("running", 1.09), ("stairs_down", 0.47), ("stairs_up", 0.36)],
)
def test_a_loose_phone_in_the_pocket_shakes_as_real_ones_do(activity: str, deviation: float) -> None:
    shakes = []
    for seed in range(60):
        (samples,) = Wearer(seed, ["trouser_pocket"]).perform(activity, 6.0)
        size = np.linalg.norm(samples.x[:256, :3], axis=1).reshape(2, 128) / STANDARD_GRAVITY
        shakes.append(float(np.median(size.std(axis=1))))
    assert np.median(shakes) == pytest.approx(deviation, abs=0.1)


def test_sitting_with_a_phone_along_the_thigh_lays_it_flat() -> None:
    rng = np.random.default_rng(13)
    along = []
    for seed in range(40):
        pose = perform(seed, "sitting", 3.0)
        force, _ = read_pose(pose, place_sensor(SITES["trouser_pocket"], "left", BODY, rng))
        along.append(abs(force[:, 1].mean()) / STANDARD_GRAVITY)
    assert np.median(along) < 0.3


def test_a_phone_is_mostly_mounted_along_the_thigh() -> None:
    turns = draw_mountings(SITES["trouser_pocket"], np.random.default_rng(14), 2000)
    lengthwise = np.abs(turns[:, 1, 1]) > np.cos(np.deg2rad(40.0))
    assert 0.8 < lengthwise.mean() < 0.95
    assert (turns[lengthwise, 1, 1] > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert turns @ turns.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(3), (2000, 1, 1)), abs=1e-9)


def test_an_unknown_activity_or_placement_is_refused() -> None:
    with pytest.raises(KeyError, match="flying"):
        Wearer(1, ["wrist"]).perform("flying", 1.0)
    with pytest.raises(KeyError, match="nose"):
        Wearer(1, ["nose"])


def test_the_body_loads_no_heavy_library_and_no_reader_of_recordings() -> None:
    code = (
        "import sys; from edgehar.motion.wearer import Wearer; "
        "Wearer(seed=1, placements=('wrist_left',), rate_hz=50.0).perform('walking', 1.0); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert not {"scipy", "tensorflow", "keras"} & set(modules)
    assert not [name for name in modules if name.startswith(("edgehar.motion.capture", "edgehar.training"))]
