"""DeepMimic's humanoid3d frames."""

from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.deepmimic import read_archive, read_deepmimic
from edgehar.motion.skeleton import Array

ROOT, RIGHT_KNEE, LEFT_HIP, LEFT_ELBOW = 4, 20, 30, 43


def upright(rows: int = 3) -> Array:
    frames = np.zeros((rows, 44))
    frames[:, 0], frames[:, 2] = 0.03, 0.9
    frames[:, [4, 8, 12, 16, 21, 25, 30, 35, 39]] = 1.0
    return frames


def about_axis(axis: int, degrees: float) -> Array:
    q = np.zeros(4)
    q[0], q[1 + axis] = np.cos(np.deg2rad(degrees) / 2), np.sin(np.deg2rad(degrees) / 2)
    return q


def test_somebody_who_stands_upright_has_all_segments_upright_up_to_yaw() -> None:
    motion = read_deepmimic(upright())
    assert motion.t == pytest.approx([0.0, 0.03, 0.06])
    for name, rotation in motion.rotations.items():
        assert rotation[:, 2] == pytest.approx(np.tile([0.0, 0.0, 1.0], (3, 1)), abs=1e-9), name
        assert rotation[0] == pytest.approx(motion.rotations["pelvis"][0], abs=1e-9), name


def test_the_left_hip_is_left_and_the_toes_are_ahead() -> None:
    motion = read_deepmimic(upright())
    to_pelvis = np.swapaxes(motion.rotations["pelvis"], 1, 2)[0]
    seen = {name: to_pelvis @ (x[0] - motion.joints["pelvis"][0]) for name, x in motion.joints.items()}
    assert seen["hip_left"] == pytest.approx([0.0, 0.084887, 0.0], abs=1e-9)
    assert seen["ankle_left"] == pytest.approx([0.0, 0.084887, -0.831416], abs=1e-9)
    assert seen["toe_right"][0] > 0.1
    assert seen["wrist_right"][1] < -0.15


def test_knees_bend_back_and_elbows_forward() -> None:
    frames = upright()
    frames[:, RIGHT_KNEE], frames[:, LEFT_ELBOW] = -np.pi / 2, np.pi / 2
    motion = read_deepmimic(frames)
    ahead = motion.rotations["pelvis"][0, :, 0]
    assert (motion.joints["ankle_right"][0] - motion.joints["knee_right"][0]) @ ahead == pytest.approx(
        -0.40987
    )
    assert (motion.joints["wrist_left"][0] - motion.joints["elbow_left"][0]) @ ahead == pytest.approx(
        0.258947
    )


def test_a_raised_thigh_points_ahead_whichever_way_one_faces() -> None:
    frames = upright()
    frames[:, ROOT : ROOT + 4] = about_axis(1, 70.0)
    frames[:, LEFT_HIP : LEFT_HIP + 4] = about_axis(2, 90.0)
    motion = read_deepmimic(frames)
    thigh = motion.joints["knee_left"][0] - motion.joints["hip_left"][0]
    assert thigh == pytest.approx(0.421546 * motion.rotations["pelvis"][0, :, 0], abs=1e-9)


def test_wrong_frames_are_refused() -> None:
    with pytest.raises(RecordingError, match=r"walk: expected .*44"):
        read_deepmimic(np.zeros((5, 43)), "walk")
    still = upright()
    still[0, 0] = 0.0
    with pytest.raises(RecordingError, match="lasts no time"):
        read_deepmimic(still)
    flat = upright()
    flat[1, LEFT_HIP : LEFT_HIP + 4] = 0.0
    with pytest.raises(RecordingError, match="left_hip"):
        read_deepmimic(flat)


def test_a_number_that_is_none_is_named_with_its_place() -> None:
    for value in (np.nan, np.inf, 1e300):
        frames = upright(5)
        frames[3, LEFT_ELBOW] = value
        with pytest.raises(RecordingError, match="walk: expected a number in frame 4, column 43, got"):
            read_deepmimic(frames, "walk")
    frames = upright(5)
    frames[2, 0] = np.nan
    with pytest.raises(RecordingError, match="walk: expected the s that frame 3 lasts in column 0, got nan"):
        read_deepmimic(frames, "walk")
    # After the last frame nothing comes.
    frames = upright(5)
    frames[4, 0] = np.nan
    assert read_deepmimic(frames).t == pytest.approx(0.03 * np.arange(5))
    with pytest.raises(RecordingError, match=r"44 numbers, got .* of <U"):
        read_deepmimic(upright(5).astype(str))


def test_an_archive_gives_its_clips_apart(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    np.savez(path, frames=np.concatenate([upright(3), upright(5)]), n=[3, 5], path=["a.txt", "b.txt"])
    assert [(m.source, len(m.t)) for m in read_archive(path)] == [("a.txt", 3), ("b.txt", 5)]


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    np.savez(path, frames=upright(4), n=[3], path=["a.txt"])
    with pytest.raises(RecordingError, match=r"clips\.npz: n adds up to 3 of 4"):
        list(read_archive(path))
    np.savez(path, frames=upright(4), n=[6, -2], path=["a.txt", "b.txt"])
    with pytest.raises(RecordingError, match=r"clips\.npz: n adds up to 4 of 4 rows"):
        list(read_archive(path))
    np.savez(path, frames=upright(4), n=[4], path=["a.txt", "b.txt"])
    with pytest.raises(RecordingError, match=r"clips\.npz: 1 numbers of rows in n, but 2 names in path"):
        list(read_archive(path))
    np.savez(path, frames=upright(4))
    with pytest.raises(RecordingError, match=r"clips\.npz: lacks n, path"):
        list(read_archive(path))
    np.savez(path, frames=upright(4), n=4, path="a.txt")
    with pytest.raises(RecordingError, match=r"clips\.npz: expected frames .* is it another archive"):
        list(read_archive(path))


def test_a_half_copied_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    np.savez_compressed(path, frames=upright(40), n=[40], path=["a.txt"])
    whole = path.read_bytes()
    start = whole.index(b"frames.npy") + 40
    flags = whole.index(b"PK\x01\x02") + 8
    np.savez(path, frames=upright(40), n=[40], path=["a.txt"])
    for content in (
        b"",
        whole[: len(whole) // 2],
        whole[:start] + b"\xff" * 40 + whole[start + 40 :],
        whole[:flags] + b"\x01" + whole[flags + 1 :],  # flagged as encrypted
        path.read_bytes().replace(b"}", b" ", 1),  # a header that does not end
    ):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=r"clips\.npz: no npz file, or a damaged one"):
            list(read_archive(path))
