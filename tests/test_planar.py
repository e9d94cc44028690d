"""Poses in pictures in their published forms."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings, strategies as st
from skeletons import PICTURES as FRAMES, drawn, penn

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.planar import (
    JHMDB_JOINTS,
    PENN_JOINTS,
    from_picture,
    read_jhmdb,
    read_joint_positions,
    read_penn,
    read_penn_split,
)
from edgehar.motion.capture.track import Track


def assert_is_our_person(motion: Motion) -> None:
    assert motion.planar
    assert motion.joints["hip_left"][0, 2] - motion.joints["ankle_left"][0, 2] == pytest.approx(
        1.7 * 0.491, abs=0.01
    )
    assert all(np.all(x[:, 1] == 0.0) for x in motion.joints.values())
    turn = np.degrees(np.arctan2(*motion.rotations["forearm_left"][-1][[0, 2], 2]))
    assert turn == pytest.approx(-np.degrees(2.0), abs=0.1)
    for rotation in motion.rotations.values():
        assert rotation[:, :, 1] == pytest.approx(np.tile([0.0, 1.0, 0.0], (FRAMES, 1)))
        assert np.linalg.det(rotation) == pytest.approx(1.0)


@given(pixels=st.floats(0.5, 2000.0), names=st.sampled_from([JHMDB_JOINTS, PENN_JOINTS]))
@settings(max_examples=20, deadline=None)
def test_whatever_the_picture_measures_the_person_is_of_usual_stature(
    pixels: float, names: tuple[str, ...]
) -> None:
    assert_is_our_person(from_picture(names, drawn(names, pixels), np.arange(FRAMES) / 30.0))


def test_joints_stand_in_their_published_order() -> None:
    assert JHMDB_JOINTS[:7] == (
        "neck",
        "belly",
        "head",
        "shoulder_right",
        "shoulder_left",
        "hip_right",
        "hip_left",
    )
    assert PENN_JOINTS[:5] == ("head", "shoulder_left", "shoulder_right", "elbow_left", "elbow_right")


def test_a_joint_that_is_hidden_for_long_is_left_out_and_for_a_moment_is_not() -> None:
    x = drawn(PENN_JOINTS)
    x[5:10, PENN_JOINTS.index("knee_left")] = np.nan
    x[5:25, PENN_JOINTS.index("wrist_left")] = np.nan
    x[0, PENN_JOINTS.index("ankle_right")] = np.nan
    motion = from_picture(PENN_JOINTS, x, np.arange(FRAMES) / 30.0)
    assert "knee_left" in motion.joints
    assert not {"wrist_left", "ankle_right"} & set(motion.joints)
    assert not {"forearm_left", "shank_right"} & set(motion.rotations)


def test_a_person_of_whom_no_limb_is_seen_has_no_size() -> None:
    with pytest.raises(RecordingError, match="one clip: no limb"):
        from_picture(
            PENN_JOINTS, np.full((FRAMES, len(PENN_JOINTS), 2), np.nan), np.arange(FRAMES) / 30.0, "one clip"
        )


def test_no_sensor_is_ever_simulated_across_depth() -> None:
    with pytest.raises(RecordingError, match="plane"):
        Track(from_picture(JHMDB_JOINTS, drawn(JHMDB_JOINTS), np.arange(FRAMES) / 30.0))


def test_joint_positions_of_jhmdb(tmp_path: Path) -> None:
    folder = tmp_path / "joint_positions" / "wave" / "some_clip"
    folder.mkdir(parents=True)
    path = folder / "joint_positions.mat"
    x = np.transpose(drawn(JHMDB_JOINTS), (2, 1, 0))
    scipy.io.savemat(path, {"pos_img": x, "pos_world": x / 100.0, "scale": np.ones(FRAMES), "viewpoint": "S"})
    clip = read_joint_positions(path)
    assert clip.label == "wave"
    assert_is_our_person(clip.motion)
    scipy.io.savemat(path, {"pos_img": x[:, :13]})
    with pytest.raises(RecordingError, match=r"joint_positions\.mat: pos_img has shape"):
        read_joint_positions(path)
    with pytest.raises(RecordingError, match="No such file"):
        read_joint_positions(tmp_path / "none.mat")


def test_labels_of_penn_action(tmp_path: Path) -> None:
    clip = read_penn(penn(tmp_path / "0001.mat"))
    assert (clip.label, clip.dimensions, clip.box.shape) == ("jumping_jacks", (360, 480, FRAMES), (FRAMES, 4))
    assert_is_our_person(clip.motion)
    assert clip.learned
    assert not read_penn(penn(tmp_path / "0002.mat", train=-1)).learned


def test_the_published_labels_of_penn_action_say_which_clips_are_tested(data: Path) -> None:
    folder = data / "pose" / "penn_action_samples"
    learned = {path.stem: read_penn_split(path) for path in sorted(folder.glob("*.mat"))}
    assert len(learned) == 15
    assert not learned["0001"]
    assert learned["0481"]


def test_what_penn_action_marks_as_invisible_is_not_believed(tmp_path: Path) -> None:
    x, visibility = drawn(PENN_JOINTS), np.ones((FRAMES, len(PENN_JOINTS)))
    x[10:14, PENN_JOINTS.index("wrist_right")] = 1.0
    visibility[10:14, PENN_JOINTS.index("wrist_right")] = 0
    path = penn(tmp_path / "0002.mat", x=x[:, :, 0], y=x[:, :, 1], visibility=visibility)
    assert_is_our_person(read_penn(path).motion)
    assert np.ptp(read_penn(path).motion.joints["wrist_right"][:, 2]) < 0.01


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visibility": None}, "lacks visibility"),
        ({"train": None}, "lacks train"),
        ({"train": 0}, r"train: expected 1 or -1, got \[0\]"),
        ({"dimensions": np.array([[np.nan, 480.0, 30.0]])}, "dimensions: expected whole numbers, got .*nan"),
        ({"action": ""}, "action: expected a name"),
        ({"action": 7}, "action: expected a name"),
        ({"bbox": "left"}, "bbox: expected numbers"),
        ({name: np.zeros((0, 13)) for name in ("x", "y", "visibility")}, "expected frames of numbers, got 0"),
        ({"y": np.zeros((FRAMES, 12))}, r"y has shape \(30, 12\) .*\(30, 13\)"),
    ],
)
def test_labels_of_another_form_are_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        read_penn(penn(tmp_path / "0003.mat", **change))


def test_what_is_no_place_in_a_picture_was_not_seen(tmp_path: Path) -> None:
    visibility = np.ones((FRAMES, len(PENN_JOINTS)))
    visibility[10:14, PENN_JOINTS.index("wrist_right")] = np.nan
    x = drawn(PENN_JOINTS)
    x[10:14, PENN_JOINTS.index("elbow_right")] = 1e300
    motion = read_penn(penn(tmp_path / "0002.mat", x=x[:, :, 0], y=x[:, :, 1], visibility=visibility)).motion
    assert_is_our_person(motion)


def test_a_set_of_jhmdb_poses(tmp_path: Path) -> None:
    pose = np.tile(drawn(JHMDB_JOINTS), (2, 1, 1)).astype(np.float32)
    path = tmp_path / "poses.npz"
    np.savez(path, pose=pose, n=np.array([FRAMES, FRAMES]), label=np.array(["wave", "clap"]))
    clips = list(read_jhmdb(path))
    assert [clip.label for clip in clips] == ["wave", "clap"]
    assert_is_our_person(clips[1].motion)
    for n, label in (([FRAMES, FRAMES], "wave"), ([30.0, 30.0], ["wave", "clap"]), (60, "wave")):
        np.savez(path, pose=pose, n=np.array(n), label=np.array(label))
        with pytest.raises(RecordingError, match=r"poses\.npz: n has shape"):
            list(read_jhmdb(path))
    for n, drawn_pose in (([90, -30], pose), ([FRAMES, FRAMES], np.array(1.0))):
        np.savez(path, pose=drawn_pose, n=np.array(n), label=np.array(["wave", "clap"]))
        with pytest.raises(RecordingError, match="pose has shape"):
            list(read_jhmdb(path))
    np.savez(path, pose=pose, n=np.array([FRAMES]), label=np.array(["wave"]))
    with pytest.raises(RecordingError, match="pose has shape"):
        list(read_jhmdb(path))


def test_people_in_real_pictures_have_human_proportions(data: Path) -> None:
    rises = {"walk": [], "stand": []}  # type: dict[str, list[float]]
    for clip in read_jhmdb(data / "pose" / "jhmdb_gt_pose.npz"):
        if clip.label in rises:
            joints = clip.motion.joints
            rises[clip.label].append(float(np.median(joints["head"][:, 2] - joints["ankle_left"][:, 2])))
    assert len(rises["walk"]) == 41
    assert 1.3 < np.median(rises["walk"]) < 1.6
