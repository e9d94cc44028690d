"""Recorded clips as bodies that can carry sensors."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion, Span
from edgehar.motion.capture.gaps import slice_rows, split_at_jumps
from edgehar.motion.capture.track import LEAST_ROWS, Track, measure_lengths, noise_level
from edgehar.motion.imu import RATE, SITES, inertial_signals, place_sensor, read_sensor
from edgehar.motion.skeleton import Array, Figure, rotation_about
from edgehar.types import STANDARD_GRAVITY

EDGE = 100
"""Rows at either end where a spline knows only one side."""


def limb(place: Array, rotation: Array, fps: float) -> Motion:
    """Return a forearm at `place` (rows, 3), and nothing else."""
    far = place + rotation @ np.array([0.0, 0.0, -0.25])
    return Motion(
        t=np.arange(len(place)) / fps,
        joints={"elbow_left": place, "wrist_left": far},
        rotations={"forearm_left": rotation},
        source="made up",
    )


def signals(motion: Motion, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> tuple[Array, Array]:
    frame = Track(motion).frame("forearm_left")
    force, rate = inertial_signals(frame.origin + frame.rotation @ np.array(offset), frame.rotation, RATE)
    return force[EDGE:-EDGE], rate[EDGE:-EDGE]


def limbs(rng: np.random.Generator) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Draw a limb-like path of 12 harmonics from 0.8 to 13 Hz, and its acceleration of about 12 m/s² rms."""
    hertz = np.linspace(0.8, 13.0, 12)
    size = rng.normal(0.0, 1.0, (12, 3)) / hertz[:, None] ** 3.0
    phase = rng.uniform(0.0, 2.0 * np.pi, (12, 3))
    turning = 2.0 * np.pi * hertz[:, None]

    def path(t: Array) -> Array:
        return np.asarray(np.sum(size * np.sin(turning * t[:, None, None] + phase), axis=1))

    def acceleration(t: Array) -> Array:
        return np.asarray(-np.sum(turning**2 * size * np.sin(turning * t[:, None, None] + phase), axis=1))

    scale = 12.0 / acceleration(np.arange(0.0, 10.0, 0.005)).std()
    return lambda t: scale * path(t), lambda t: scale * acceleration(t)


def test_a_still_limb_reads_one_g_and_no_turning() -> None:
    force, rate = signals(limb(np.ones((200, 3)), rotation_about(0, np.full(200, 0.7), 200), 60.0))
    assert np.linalg.norm(force, axis=1) == pytest.approx(STANDARD_GRAVITY, abs=1e-6)
    assert rate == pytest.approx(0.0, abs=1e-6)


def test_a_falling_limb_feels_nothing() -> None:
    t = np.arange(120) / 60.0
    place = np.stack([2.0 * t, 0.0 * t, -0.5 * STANDARD_GRAVITY * t**2], axis=1)
    force, _ = signals(limb(place, rotation_about(1, np.zeros(120), 120), 60.0))
    assert force == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_turning_about_a_fixed_axis_is_felt_as_centripetal_force(fps: float) -> None:
    turning, rows = 7.0, int(6 * fps)
    angle = turning * np.arange(rows) / fps
    # Seven turns: a quaternion changes sign on the way.
    force, rate = signals(limb(np.zeros((rows, 3)), rotation_about(2, angle, rows), fps), (0.3, 0.0, 0.0))
    assert force[:, 0] == pytest.approx(-(turning**2) * 0.3, rel=2e-3)
    assert force[:, 1] == pytest.approx(0.0, abs=0.02)
    assert rate == pytest.approx(np.tile([0.0, 0.0, turning], (len(rate), 1)), abs=0.01)


@pytest.mark.parametrize(("fps", "millimetres"), [(30.0, 5.0), (60.0, 2.0), (120.0, 0.5), (120.0, 5.0)])
def test_noise_is_found_and_taken_out(fps: float, millimetres: float) -> None:
    rng = np.random.default_rng(1)
    estimates, errors, plain = [], [], []
    for _ in range(4):
        path, acceleration = limbs(rng)
        t = np.arange(0.0, 10.0, 1.0 / fps)
        seen = path(t) + rng.normal(0.0, 1e-3 * millimetres, (len(t), 3))
        estimates.append(1e3 * noise_level(seen))
        track = Track(limb(seen, rotation_about(0, np.zeros(len(t)), len(t)), fps))
        got = np.diff(track.frame("forearm_left").origin, 2, axis=0) * RATE**2
        true = acceleration(track.t[1:-1])
        errors.append(np.std((got - true)[EDGE:-EDGE]) / true.std())
        direct = np.diff(seen, 2, axis=0) * fps**2 - acceleration(t[1:-1])
        plain.append(np.std(direct) / true.std())
    assert np.median(estimates) == pytest.approx(millimetres, rel=0.1)
    assert np.mean(errors) < {0.5: 0.12, 2.0: 0.22, 5.0: 0.35}[millimetres]
    assert np.mean(errors) < 0.5 * np.mean(plain)


def test_rotations_are_smoothed_by_their_own_noise() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(0.0, 8.0, 1.0 / 100.0)
    angle = 0.6 * np.sin(2.0 * np.pi * t) + 0.1 * np.sin(6.0 * np.pi * t)
    true = 1.2 * np.pi * np.cos(2.0 * np.pi * t) + 0.6 * np.pi * np.cos(6.0 * np.pi * t)
    shaken = rotation_about(1, angle, len(t)) @ rotation_about(0, rng.normal(0.0, 0.01, len(t)), len(t))
    shaken = (
        shaken
        @ rotation_about(1, rng.normal(0.0, 0.01, len(t)), len(t))
        @ rotation_about(2, rng.normal(0.0, 0.01, len(t)), len(t))
    )
    _, rate = signals(limb(np.zeros((len(t), 3)), shaken, 100.0))
    wanted = np.interp(np.arange(len(rate)) / RATE + (EDGE + 1) / RATE, t, true)
    assert np.std(rate[:, 1] - wanted) < 0.15
    assert rate[:, [0, 2]].std() < 0.15


@settings(max_examples=15, deadline=None)
@given(yaw=st.floats(-np.pi, np.pi), seed=st.integers(0, 99))
def test_it_does_not_matter_which_way_one_faces(yaw: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = np.cumsum(rng.normal(0.0, 0.01, (90, 3)), axis=0)
    rotation = rotation_about(0, np.cumsum(rng.normal(0.0, 0.05, 90)), 90) @ rotation_about(
        1, np.cumsum(rng.normal(0.0, 0.05, 90)), 90
    )
    turn = rotation_about(2, yaw, 1)[0]
    ahead, away = signals(limb(place, rotation, 60.0)), signals(limb(place @ turn.T, turn @ rotation, 60.0))
    assert away[0] == pytest.approx(ahead[0], abs=1e-4)
    assert away[1] == pytest.approx(ahead[1], abs=1e-4)


def standing(rows: int = 120) -> Motion:
    """Return a whole body that stands, made by the simulator's skeleton."""
    places = {
        "pelvis": (0.0, 0.0, 0.9), "neck": (0.05, 0.0, 1.4),
        **{f"{j}_{s}": (0.0, k * y, z) for s, k in (("left", 1.0), ("right", -1.0)) for j, y, z in (
            ("hip", 0.09, 0.9), ("knee", 0.09, 0.5), ("ankle", 0.09, 0.1),
            ("shoulder", 0.2, 1.35), ("elbow", 0.2, 1.05), ("wrist", 0.2, 0.8),
        )},
    }  # fmt: skip
    parts = (
        "pelvis",
        "thorax",
        *(f"{p}_{s}" for p in ("thigh", "shank", "upper_arm", "forearm") for s in ("left", "right")),
    )
    return Motion(
        t=np.arange(rows) / 60.0,
        joints={name: np.tile(place, (rows, 1)) for name, place in places.items()},
        rotations={name: np.tile(np.eye(3), (rows, 1, 1)) for name in parts},
        spans=(Span("first", 0.0, 1.0), Span("second", 1.0, 2.0)),
        source="standing",
    )


def test_every_site_of_the_simulator_fits_a_recorded_body() -> None:
    track = Track(standing(200))
    rng = np.random.default_rng(3)
    for site in SITES.values():
        if not site.segment.startswith(("head", "foot")):
            force, rate = read_sensor(track, {}, place_sensor(site, "left", track.lengths, rng))
            assert np.linalg.norm(force[-EDGE:], axis=1) == pytest.approx(STANDARD_GRAVITY, abs=1e-3)
            assert rate[-EDGE:] == pytest.approx(0.0, abs=1e-3)


def test_lengths_are_those_of_the_clip() -> None:
    measured = measure_lengths(standing())
    assert (measured.thigh, measured.shank, measured.upper_arm, measured.forearm) == pytest.approx(
        (0.4, 0.4, 0.3, 0.25)
    )
    assert (measured.hip_half, measured.shoulder_half, measured.trunk) == pytest.approx(
        (0.09, 0.2, np.hypot(0.5, 0.05))
    )


def test_a_length_that_was_not_recorded_is_in_proportion() -> None:
    whole = standing()
    joints = {name: x for name, x in whole.joints.items() if "wrist" not in name}
    assert 0.2 < measure_lengths(replace(whole, joints=joints)).forearm < 0.28


def test_the_trunk_hangs_from_the_neck() -> None:
    track = Track(standing(200))
    assert track.frame("thorax").origin[50] == pytest.approx([0.05, 0.0, 1.4 - track.lengths.trunk])
    assert track.frame("shank_right").origin[50] == pytest.approx([0.0, -0.09, 0.5])


def test_the_rows_are_at_the_rate_asked_for_and_within_the_clip() -> None:
    motion = standing(61)
    assert Track(motion).t == pytest.approx(np.arange(201) / 200.0)
    assert len(Track(motion, 50.0).frame("pelvis").origin) == 51


def test_a_recorded_figure_reads_as_the_figure_itself() -> None:
    t = np.arange(0.0, 4.0, 1.0 / RATE)
    pose = {"knee_left": 0.5 - 0.5 * np.cos(2.0 * np.pi * t), "hip_left": 0.3 * np.sin(2.0 * np.pi * t)}
    figure = Figure(measure_lengths(standing()), pose, len(t))
    frame, few = figure.frame("shank_left"), slice(None, None, 4)
    motion = Motion(
        t=t[few],
        joints={
            "knee_left": frame.origin[few],
            "ankle_left": (frame.origin - 0.4 * frame.rotation[:, :, 2])[few],
        },
        rotations={"shank_left": frame.rotation[few]},
    )
    placed = place_sensor(SITES["lower_leg"], "left", measure_lengths(standing()), np.random.default_rng(4))
    whole, again = read_sensor(figure, pose, placed), read_sensor(Track(motion), {}, placed)
    rows = slice(EDGE, len(again[0]) - EDGE)
    assert again[0][rows] == pytest.approx(whole[0][rows], abs=0.05)
    assert again[1][rows] == pytest.approx(whole[1][rows], abs=0.02)


def test_a_planar_a_short_and_a_torn_clip_are_refused() -> None:
    motion = standing()
    with pytest.raises(RecordingError, match="standing: seen in a plane"):
        Track(replace(motion, planar=True))
    with pytest.raises(RecordingError, match=f"11 rows; a clip needs at least {LEAST_ROWS}"):
        Track(slice_rows(motion, 0, 11))
    with pytest.raises(RecordingError, match=r"at most 0\.3"):
        Track(replace(motion, t=np.where(np.arange(120) < 60, motion.t, motion.t + 1.0)))


def test_a_joint_that_is_missing_is_named() -> None:
    motion = standing()
    track = Track(
        replace(motion, joints={name: x for name, x in motion.joints.items() if name != "knee_left"})
    )
    with pytest.raises(RecordingError, match="standing: no joint knee_left, which shank_left needs"):
        track.frame("shank_left")
    with pytest.raises(RecordingError, match="no segment head"):
        track.frame("head")


def test_a_take_is_cut_where_it_jumps_and_nothing_leaks_across() -> None:
    motion = standing(240)
    jumped = {name: np.where(np.arange(240)[:, None] < 100, x, x + 0.4) for name, x in motion.joints.items()}
    pieces = split_at_jumps(replace(motion, joints=jumped))
    assert [len(piece.t) for piece in pieces] == [98, 138]
    for piece in pieces:
        assert piece.t[0] == 0.0
        frame = Track(piece).frame("thigh_left")
        force, _ = inertial_signals(frame.origin, frame.rotation, RATE)
        assert force[:, 2] == pytest.approx(STANDARD_GRAVITY, abs=1e-6)


def test_a_take_is_cut_at_gaps_and_at_impossible_turns() -> None:
    motion = standing(240)
    late = replace(motion, t=np.where(np.arange(240) < 120, motion.t, motion.t + 1.0))
    assert [len(piece.t) for piece in split_at_jumps(late)] == [119, 119]
    flipped = rotation_about(1, np.where(np.arange(240) < 80, 0.0, np.pi), 240)
    turned = replace(motion, rotations={**motion.rotations, "thigh_left": flipped})
    assert [len(piece.t) for piece in split_at_jumps(turned)] == [79, 159]
    assert split_at_jumps(motion) == [motion]


def test_the_spans_of_a_part_go_with_it() -> None:
    first, second = slice_rows(standing(), 30, 90).spans
    assert (first.label, second.label) == ("first", "second")
    assert (first.start, first.end) == pytest.approx((0.0, 0.5))
    assert (second.start, second.end) == pytest.approx((0.5, 59 / 60))
