"""Skeleton files of depth cameras in their published forms."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from skeletons import FRAMES, cad60, ntu, seen

from edgehar.errors import RecordingError
from edgehar.motion.capture.kinect import (
    OPENNI_JOINTS,
    V1_JOINTS,
    V2_JOINTS,
    from_camera,
    read_cad60,
    read_ntu,
    read_utd,
)
from edgehar.motion.capture.track import Track
from edgehar.motion.skeleton import SIDES, Array


def points(names: tuple[str, ...]) -> dict[str, Array]:
    return dict(zip(names, np.moveaxis(seen(names), 1, 0), strict=True))


def test_people_face_along_x_and_stand_along_z() -> None:
    motion = from_camera(points(V1_JOINTS), np.arange(FRAMES) / 30.0)
    assert motion.joints["head"][0] == pytest.approx([-2.8, 0.0, 0.6], abs=0.01)
    assert motion.joints["hip_left"][0, 1] > 0.0 > motion.joints["hip_right"][0, 1]
    assert motion.rotations["thorax"][0] == pytest.approx(np.eye(3), abs=0.01)
    # Knees bend forward: the thigh leans back on its way up, so its x axis points up in front.
    assert motion.rotations["thigh_left"][0][2, 0] > 0.1
    assert motion.joints["wrist_left"][0, 0] > motion.joints["elbow_left"][0, 0]


def test_the_middle_of_the_hips_is_the_pelvis_and_the_navel_is_dropped() -> None:
    motion = from_camera(points(V1_JOINTS), np.arange(FRAMES) / 30.0)
    assert motion.joints["pelvis"][0, 2] == pytest.approx(-0.08)
    assert "spine" not in motion.joints


def test_jitter_is_smoothed_and_slow_movement_is_not() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(300) / 30.0
    swing = np.zeros((300, 3))
    swing[:, 1] = 0.2 * np.sin(2.0 * np.pi * 1.0 * t)
    clean, noisy = ({"head": swing + noise} for noise in (0.0, 0.01 * rng.standard_normal((300, 3))))
    raw = from_camera(noisy, t, smooth_hz=None).joints["head"]
    truth = from_camera(clean, t, smooth_hz=None).joints["head"]
    smooth = from_camera(noisy, t).joints["head"]
    assert np.std(smooth[20:-20] - truth[20:-20]) < 0.65 * np.std(raw - truth)
    assert from_camera(clean, t).joints["head"][20:-20] == pytest.approx(truth[20:-20], abs=0.01)


def utd(path: Path, **arrays: Array) -> Path:
    scipy.io.savemat(path, arrays or {"d_skel": np.transpose(seen(V1_JOINTS), (1, 2, 0))})
    return path


def test_utd_mhad(tmp_path: Path) -> None:
    motion = read_utd(utd(tmp_path / "a1_s1_t1_skeleton.mat"))
    assert len(motion.t) == FRAMES
    assert np.ptp(motion.joints["wrist_right"][:, 2]) > 5.0 * np.ptp(motion.joints["wrist_left"][:, 2])
    assert len(Track(motion).frame("forearm_right").origin) > 300


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"d_depth": np.zeros((2, 2))}, "lacks d_skel; it holds d_depth"),
        ({"d_skel": np.zeros((20, 2, 30))}, "shape"),
        (
            {"d_skel": np.full((20, 3, 30), np.nan)},
            r"x\.mat: d_skel: head of frame 1: expected a place in m, got",
        ),
        (
            {"d_skel": np.full((20, 3, 30), 1e4)},
            r"x\.mat: d_skel: head of frame 1: expected a place in m, got",
        ),
        ({"d_skel": np.full((20, 3, 30), "a")}, "numbers|shape"),
    ],
)
def test_utd_mhad_of_another_form_is_refused(tmp_path: Path, arrays: dict[str, Array], words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        read_utd(utd(tmp_path / "x.mat", **arrays))


def test_utd_mhads_spine_may_be_none_and_a_body_in_one_point_has_axes(tmp_path: Path) -> None:
    x = seen(V1_JOINTS)
    expected = read_utd(utd(tmp_path / "x.mat", d_skel=np.transpose(x, (1, 2, 0))))
    x[3, V1_JOINTS.index("spine")] = np.nan
    motion = read_utd(utd(tmp_path / "x.mat", d_skel=np.transpose(x, (1, 2, 0))))
    for name, rotation in expected.rotations.items():
        assert motion.rotations[name] == pytest.approx(rotation)
    # A camera that has lost the body writes zeros.
    lost = Track(read_utd(utd(tmp_path / "x.mat", d_skel=np.zeros((20, 3, 30)))))
    assert np.isfinite(lost.frame("thorax").rotation).all()


@pytest.mark.parametrize("content", [b"", b"no file of MATLAB's", b"MATLAB 5.0 MAT-file" + bytes(120)])
def test_a_damaged_matlab_file_is_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(RecordingError, match=r"x\.mat"):
        read_utd(tmp_path / "x.mat")


def test_ntu_takes_the_body_that_moves(tmp_path: Path) -> None:
    chair = np.tile(seen(V2_JOINTS)[:1] + np.array([1.0, 0.0, 0.0]), (FRAMES, 1, 1))
    bodies = {72057594037944738: (chair, range(FRAMES)), 72057594037944739: (seen(V2_JOINTS), range(FRAMES))}
    (motion,) = read_ntu(ntu(tmp_path / "S001C001P001R001A010.skeleton", bodies))
    assert np.ptp(motion.joints["wrist_right"][:, 2]) > 0.05
    assert motion.joints["neck"][0, 2] == pytest.approx(0.4)
    assert motion.rotations["thorax"][0] == pytest.approx(np.eye(3), abs=0.01)


def test_ntu_is_cut_where_the_body_was_out_of_sight(tmp_path: Path) -> None:
    x = np.tile(seen(V2_JOINTS), (3, 1, 1))
    path = ntu(tmp_path / "x.skeleton", {1: (x, range(120))}, 120)
    (whole,) = read_ntu(path)
    assert len(whole.t) == 120
    lines = path.read_text("ascii").splitlines()
    head, block = lines[:1], 28
    blind = [line for k in range(120) for line in (["0"] if 40 <= k < 60 else lines[1 + block * k :][:block])]
    path.write_text("\n".join(head + blind), "ascii")
    assert [len(motion.t) for motion in read_ntu(path)] == [40, 60]


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (0, "forty", "line 1: the number of frames expected"),
        (1, "-1", "line 2: the number of bodies expected"),
        (3, "20", "line 4: 25 joints expected, not 20"),
        (5, "0.1 0.2", "line 6: a joint expected .* not 2 numbers"),
        (5, "nan " * 12, "line 6: a joint expected"),
        (0, "41", "line 1122: the file ends"),
    ],
)
def test_ntu_of_another_form_is_refused_with_its_line(
    tmp_path: Path, line: int, text: str, words: str
) -> None:
    path = ntu(tmp_path / "x.skeleton", {1: (seen(V2_JOINTS), range(FRAMES))})
    lines = path.read_text("ascii").splitlines()
    lines[line] = text
    path.write_text("\n".join(lines), "ascii")
    with pytest.raises(RecordingError, match=words):
        read_ntu(path)


def test_ntu_does_not_believe_a_joint_that_was_not_tracked(tmp_path: Path) -> None:
    path = ntu(tmp_path / "x.skeleton", {1: (seen(V2_JOINTS), range(FRAMES))})
    lines = path.read_text("ascii").splitlines()
    lines[4] = lines[4].removesuffix("2") + "0"
    path.write_text("\n".join(lines), "ascii")
    assert [len(motion.t) for motion in read_ntu(path)] == [FRAMES - 1]


@pytest.mark.parametrize("word", ["nan", "inf", "NaN"])
def test_ntu_is_not_refused_for_what_nobody_uses(tmp_path: Path, word: str) -> None:
    path = ntu(tmp_path / "x.skeleton", {1: (seen(V2_JOINTS), range(FRAMES))})
    (expected,) = read_ntu(path)
    lines = path.read_text("ascii").splitlines()
    # The pixels of a joint, all of a finger, and where the body leans.
    lines[4] = " ".join([*lines[4].split()[:3], *[word] * 8, "2"])
    lines[28] = " ".join([word] * 12)
    lines[2] = lines[2].replace("0.05 -0.2", f"{word} {word}")
    path.write_bytes("\n".join(lines).encode("utf-8-sig"))
    (motion,) = read_ntu(path)
    for name, x in expected.joints.items():
        assert motion.joints[name] == pytest.approx(x)


def test_ntus_joint_without_a_place_was_not_seen(tmp_path: Path) -> None:
    path = ntu(tmp_path / "x.skeleton", {1: (seen(V2_JOINTS), range(FRAMES))})
    lines = path.read_text("ascii").splitlines()
    for frame, word in ((5, "nan"), (20, "1e30")):
        lines[4 + 28 * frame] = " ".join([word, *lines[4 + 28 * frame].split()[1:]])
    path.write_text("\n".join(lines), "ascii")
    (motion,) = read_ntu(path)
    assert np.abs(motion.joints["hip_left"]).max() < 5.0


def test_ntus_frames_beyond_the_number_it_says_are_read(tmp_path: Path) -> None:
    path = ntu(tmp_path / "x.skeleton", {1: (seen(V2_JOINTS), range(FRAMES))})
    path.write_text(path.read_text("ascii").replace(f"{FRAMES}\n", "20\n", 1) + "\n \n", "ascii")
    assert [len(motion.t) for motion in read_ntu(path)] == [FRAMES]


def test_ntu_with_nobody_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nobody"):
        read_ntu(ntu(tmp_path / "x.skeleton", {}))


@pytest.mark.parametrize("x_points", [1.0, -1.0])
def test_cad60_is_in_metres_and_nobody_is_mirrored(tmp_path: Path, x_points: float) -> None:
    (motion,) = read_cad60(cad60(tmp_path / "0512.txt", seen(OPENNI_JOINTS) * [x_points, 1.0, 1.0]))
    assert motion.joints["shoulder_left"][0] == pytest.approx([-2.8, 0.2, 0.38], abs=0.01)
    assert motion.rotations["thorax"][0] == pytest.approx(np.eye(3), abs=0.01)
    assert {f"{name}_{side}" for name in ("shank", "forearm") for side in SIDES} <= set(motion.rotations)


def test_cad60_leaves_out_what_is_seldom_seen(tmp_path: Path) -> None:
    hidden = {OPENNI_JOINTS.index("ankle_left"): 35, OPENNI_JOINTS.index("knee_right"): 4}
    (motion,) = read_cad60(cad60(tmp_path / "x.txt", seen(OPENNI_JOINTS), seen_from=hidden))
    assert "ankle_left" not in motion.joints
    assert len(motion.t) == FRAMES - 4


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        (2, "3,1,2", "line 3: a frame expected .171 numbers., not 3 numbers"),
        (2, "hello", "line 3: a frame expected .* not 'hello'"),
        (2, "2.5," + "1," * 170, "line 3: frame 2.5 does not follow frame 2"),
        (2, "9999999," + "1," * 170, "line 3: frame 1e.07 does not follow frame 2"),
        (2, None, "line 3: frame 2 does not follow frame 2"),
        (FRAMES, "FIN", "line 41: a frame expected .* not 'FIN'"),
    ],
)
def test_cad60_of_another_form_is_refused_with_its_line(
    tmp_path: Path, line: int, text: str | None, words: str
) -> None:
    path = cad60(tmp_path / "x.txt", seen(OPENNI_JOINTS))
    lines = path.read_text("ascii").splitlines()
    lines[line] = lines[line - 1] if text is None else text
    path.write_text("\n".join(lines), "ascii")
    with pytest.raises(RecordingError, match=words):
        read_cad60(path)


def test_cad60_without_its_end_is_refused(tmp_path: Path) -> None:
    path = cad60(tmp_path / "x.txt", seen(OPENNI_JOINTS))
    path.write_text(path.read_text("ascii").removesuffix("END\n"), "ascii")
    with pytest.raises(RecordingError, match="line 41: the file ends where a frame or END is expected"):
        read_cad60(path)


def test_cad60_is_not_refused_for_an_orientation(tmp_path: Path) -> None:
    path = cad60(tmp_path / "x.txt", seen(OPENNI_JOINTS))
    (expected,) = read_cad60(path)
    lines = path.read_text("ascii").splitlines()
    lines[2] = lines[2].replace(",1,0,0,0,1,", ",nan,0,0,0,inf,", 1)
    path.write_text("\n".join(lines), "ascii")
    (motion,) = read_cad60(path)
    assert motion.joints["neck"] == pytest.approx(expected.joints["neck"])
