"""Plug-in-Gait markers to joint centres and segments."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.gaps import fill_short_gaps
from edgehar.motion.capture.markers import from_markers, read_markers
from edgehar.motion.skeleton import SIDES, Array, rotation_about

ROWS, RATE = 50, 50.0

_LEFT: dict[str, tuple[float, float, float]] = {
    "LFHD": (0.09, 0.07, 1.65), "LBHD": (-0.09, 0.07, 1.602),
    "LASI": (0.1, 0.12, 0.965), "LPSI": (-0.1, 0.05, 1.0),
    "LSHO": (0.0, 0.18, 1.45), "LELB": (-0.02, 0.222, 1.08),
    "LWRA": (0.07, 0.18, 0.83), "LWRB": (0.01, 0.18, 0.83), "LFIN": (0.05, 0.18, 0.74),
    "LKNE": (0.0, 0.145, 0.5), "LANK": (-0.02, 0.132, 0.08), "LHEE": (-0.08, 0.09, 0.04), "LTOE": (0.14, 0.09, 0.04),
}  # fmt: skip
_MIDDLE = {
    "CLAV": (0.08, 0.0, 1.42),
    "C7": (-0.08, 0.0, 1.48),
    "STRN": (0.11, 0.0, 1.25),
    "T10": (-0.11, 0.0, 1.25),
}


def standing(turn: float = 0.0) -> dict[str, Array]:
    """Place the markers of somebody upright who looks along x, arms hanging, elbows a little bent, then turned by `turn` rad."""
    points = _MIDDLE | _LEFT | {f"R{name[1:]}": (x, -y, z) for name, (x, y, z) in _LEFT.items()}
    rotation = rotation_about(2, turn, 1)[0]
    return {name: np.tile(rotation @ np.array(point), (ROWS, 1)) for name, point in points.items()}


def test_a_standing_body_has_upright_segments_and_joints_inside_its_skin() -> None:
    (motion,) = from_markers(standing(), RATE)
    for segment in ("pelvis", "thorax", "head", "shank_left", "foot_left", "upper_arm_right", "thigh_right"):
        angle = np.degrees(np.arccos(0.5 * (np.trace(motion.rotations[segment][0]) - 1.0)))
        assert angle < 6.0, segment
    joints = {name: x[0] for name, x in motion.joints.items()}
    assert joints["knee_left"] == pytest.approx([0.0, 0.09, 0.5], abs=5e-3)
    assert joints["ankle_right"] == pytest.approx([-0.02, -0.09, 0.08], abs=5e-3)
    assert joints["wrist_left"] == pytest.approx([0.04, 0.18, 0.83])
    assert 0.07 < joints["hip_left"][1] < 0.11
    assert 0.86 < joints["hip_left"][2] < 0.93
    assert joints["shoulder_left"][2] == pytest.approx(1.45 - 0.17 * 0.36, abs=0.01)


def test_an_elbow_lies_inward_of_its_marker_even_when_nearly_straight() -> None:
    for bend in (0.3, 1.5):
        markers = standing()
        shoulder, _ = (from_markers(markers, RATE)[0].joints[name][0] for name in ("shoulder_left", "neck"))
        elbow = shoulder + np.array([0.0, 0.0, -0.3])
        wrist = elbow + 0.25 * np.array([np.sin(bend), 0.0, -np.cos(bend)])
        markers["LELB"] = np.tile(elbow + np.array([0.0, 0.042, 0.0]), (ROWS, 1))
        for name, across in (("LWRA", 0.03), ("LWRB", -0.03)):
            markers[name] = np.tile(wrist + across * np.array([np.cos(bend), 0.0, np.sin(bend)]), (ROWS, 1))
        (motion,) = from_markers(markers, RATE)
        assert motion.joints["elbow_left"][0] == pytest.approx(elbow, abs=0.008), bend
        assert motion.rotations["forearm_left"][0] == pytest.approx(
            rotation_about(1, -bend, 1)[0], abs=0.1
        ), bend


def test_turning_the_body_turns_every_segment_with_it() -> None:
    (straight,), (turned,) = from_markers(standing(), RATE), from_markers(standing(2.0), RATE)
    rotation = rotation_about(2, 2.0, 1)[0]
    for name, x in straight.joints.items():
        assert turned.joints[name] == pytest.approx(x @ rotation.T, abs=1e-9), name
    for name, r in straight.rotations.items():
        assert turned.rotations[name] == pytest.approx(rotation @ r, abs=1e-6), name


def test_left_and_right_are_treated_alike() -> None:
    (motion,) = from_markers(standing(), RATE)
    mirror = np.array([1.0, -1.0, 1.0])
    for joint in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist", "hand"):
        left, right = (motion.joints[f"{joint}_{side}"] for side in SIDES)
        assert left == pytest.approx(right * mirror, abs=1e-9), joint


def test_a_marker_hidden_for_a_moment_is_drawn_straight() -> None:
    markers = standing()
    markers["LKNE"][10:20] = 0.0
    markers["LTOE"][30:40] = np.nan
    (motion,) = from_markers(markers, RATE)
    assert len(motion.t) == ROWS
    assert motion.joints["knee_left"][15] == pytest.approx(motion.joints["knee_left"][0])


def test_a_clip_is_cut_where_a_marker_is_hidden_for_long() -> None:
    markers = {name: np.tile(x, (3, 1)) for name, x in standing().items()}
    markers["LKNE"][60:90] = 0.0
    clips = from_markers(markers, RATE)
    assert [len(clip.t) for clip in clips] == [60, 60]
    assert all(clip.t[0] == 0.0 for clip in clips)


def test_a_marker_that_is_hardly_ever_seen_takes_only_its_own_segments_away() -> None:
    markers = standing()
    markers["LASI"][5:] = 0.0
    (motion,) = from_markers(markers, RATE)
    assert not {"pelvis", "hip_left"} & set(motion.joints)
    assert {"forearm_left", "shank_left", "thorax"} <= set(motion.rotations)


def test_nothing_comes_of_a_clip_in_which_nothing_is_seen() -> None:
    assert from_markers({name: 0.0 * x for name, x in standing().items()}, RATE) == []


def test_gaps_of_up_to_the_longest_are_bridged_and_ends_are_not() -> None:
    t = np.arange(20) / 10.0
    x = np.stack([t, 2.0 * t], axis=1)
    x[[0, 4, 5, 9, 10, 11, 12, 19]] = np.nan
    filled = fill_short_gaps(x, t, longest=0.3 + 1e-9)
    assert filled[4:6] == pytest.approx(np.stack([t[4:6], 2.0 * t[4:6]], axis=1))
    assert np.isnan(filled[[0, 9, 10, 11, 12, 19]]).all()


def saved(path: Path, **change: object) -> Path:
    markers = standing()
    columns = np.concatenate(list(markers.values()), axis=1)
    arrays: dict[str, object] = {
        "x": np.round(columns / 0.0005).astype(np.int16), "scale": np.float32(0.0005), "rate_hz": np.float32(RATE),
        "marker_names": np.array(list(markers)), "n": np.array([30, 20]), "subject": np.array([1, 2]),
        "activity": np.array(["squat", "lunge"]), "episode": np.array([1, 1]),
    }  # fmt: skip
    kept = {name: np.asarray(value) for name, value in (arrays | change).items() if value is not None}
    np.savez(path, allow_pickle=False, **kept)
    return path


def test_a_file_gives_each_repetition_with_its_activity_and_person(tmp_path: Path) -> None:
    repetitions = list(read_markers(saved(tmp_path / "set.npz", n=np.array([20, 30]))))
    assert [
        (repetition.activity, repetition.subject, len(repetition.motion.t)) for repetition in repetitions
    ] == [("lunge", 2, 30)]
    assert repetitions[0].motion.source == "set subject 2 lunge 1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subject": None}, "lacks subject"),
        ({"n": np.array([30, 30])}, "x has shape"),
        ({"subject": np.array([1])}, r"set\.npz: subject has shape \(1,\).*\(2,\) expected"),
        ({"activity": np.array("squat")}, r"set\.npz: activity has shape \(\)"),
        ({"subject": np.array(["s1", "s2"])}, r"set\.npz: subject .*whole number"),
        ({"n": np.array(50)}, r"set\.npz: n has shape \(\)"),
        ({"rate_hz": np.array(0.0)}, r"set\.npz: rate_hz: expected one number above 0, got 0"),
        ({"n": np.array([80, -30])}, r"set\.npz: n: expected rows of each repetition"),
        ({"scale": np.array(np.nan)}, r"set\.npz: scale: expected one number above 0, got nan"),
        ({"scale": np.array([1.0, 2.0])}, r"set\.npz: scale: expected one number above 0"),
        ({"scale": np.array("mm")}, r"set\.npz: scale: expected one number above 0, got mm"),
        ({"marker_names": np.array([], str)}, r"set\.npz: marker_names: expected a list of names"),
        ({"marker_names": np.array(["C7", "C7"])}, r"set\.npz: marker_names: .* each once"),
        ({"rate_hz": np.array([30.0, np.nan])}, r"set\.npz: rate_hz: expected one number above 0"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        list(read_markers(saved(tmp_path / "set.npz", **change)))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(RecordingError, match=r"set\.npz"):
        list(read_markers(tmp_path / "set.npz"))
    with pytest.raises(RecordingError, match="No such file"):
        list(read_markers(tmp_path / "none.npz"))


def test_bones_of_real_people_keep_their_length(data: Path) -> None:
    for repetition in islice(read_markers(data / "mocap" / "ui_prmd_markers.npz"), 0, 60, 10):
        joints = repetition.motion.joints
        # The skin over a knee slides by centimetres in a deep squat.
        for a, b, spread in (("hip", "knee", 0.03), ("knee", "ankle", 0.03), ("elbow", "wrist", 0.01)):
            for side in SIDES:
                length = np.linalg.norm(joints[f"{a}_{side}"] - joints[f"{b}_{side}"], axis=1)
                assert 0.2 < np.median(length) < 0.5
                assert length.std() < spread, (repetition.motion.source, a, side)
