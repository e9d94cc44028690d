"""Poses of films as windows: read as published, cut within clips, of one scale, nothing held out among what is learned."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from msgspec.structs import replace
from skeletons import FRAMES, PICTURES, cad60, drawn, ntu, penn, seen

from edgehar.errors import RecordingError
from edgehar.motion.capture.kinect import OPENNI_JOINTS, V2_JOINTS
from edgehar.motion.capture.planar import JHMDB_JOINTS, PENN_JOINTS
from edgehar.training.studies.pose_sources import SETS, Source, is_at_hand, read_source, windows


def _jhmdb_mats(data: Path) -> None:
    for clip in range(10):
        folder = data / "joint_positions" / "wave" / f"clip{clip}"
        folder.mkdir(parents=True)
        scipy.io.savemat(
            folder / "joint_positions.mat", {"pos_img": np.transpose(drawn(JHMDB_JOINTS), (2, 1, 0))}
        )


def _jhmdb_npz(data: Path) -> None:
    (data / "pose").mkdir(parents=True)
    np.savez(
        data / "pose" / "jhmdb_gt_pose.npz",
        pose=np.tile(drawn(JHMDB_JOINTS), (10, 1, 1)),
        n=np.full(10, PICTURES),
        label=np.full(10, "wave"),
        split1_train=np.arange(10) % 5 < 4,
    )


def _penn_mats(data: Path) -> None:
    (data / "Penn_Action" / "labels").mkdir(parents=True)
    for clip in range(10):
        penn(
            data / "Penn_Action" / "labels" / f"{clip:04}.mat", action="wave", train=1 if clip % 5 < 4 else -1
        )


def _penn_npz(data: Path) -> None:
    (data / "pose").mkdir(parents=True)
    xy = np.tile(drawn(PENN_JOINTS), (10, 1, 1))
    np.savez(
        data / "pose" / "penn_action_2d.npz",
        xy=np.rint(10.0 * xy).astype(np.int16),
        scale=np.float32(0.1),
        visible=np.ones(xy.shape[:2], np.uint8),
        n=np.full(10, PICTURES),
        activity=np.full(10, "wave"),
    )


def _cad60(data: Path) -> None:
    for person in range(1, 6):
        folder = data / "cad60" / f"data{person}"
        folder.mkdir(parents=True)
        (folder / "activityLabel.txt").write_text("0512,wave,\n0513,wave,\nEND\n")
        for clip in ("0512", "0513"):
            cad60(folder / f"{clip}.txt", seen(OPENNI_JOINTS))


def _ntu(data: Path) -> None:
    (data / "nturgb+d_skeletons").mkdir(parents=True)
    for person in range(5):
        for camera in (1, 2):
            name = f"S001C00{camera}P00{person}R001A023.skeleton"
            ntu(data / "nturgb+d_skeletons" / name, {7: (seen(V2_JOINTS), range(FRAMES))})
    ntu(
        data / "nturgb+d_skeletons" / "S001C001P009R001A023.skeleton", {}
    )  # nobody in it, as in 302 published files


@pytest.mark.parametrize(
    ("name", "write", "label", "dimensions", "held_out"),
    [
        ("jhmdb", _jhmdb_mats, "wave", 2, 2),
        ("jhmdb", _jhmdb_npz, "wave", 2, 2),
        ("penn", _penn_mats, "wave", 2, 2),
        ("penn", _penn_npz, "wave", 2, 2),
        ("cad60", _cad60, "wave", 3, 2),
        ("ntu", _ntu, "A023", 3, 5),
    ],
)
def test_a_set_is_read_from_its_published_files(
    tmp_path: Path, name: str, write: Callable[[Path], None], label: str, dimensions: int, held_out: int
) -> None:
    assert not is_at_hand(tmp_path, name)
    write(tmp_path)
    assert [other for other in SETS if is_at_hand(tmp_path, other)] == [name]
    source = read_source(tmp_path, name, 100)
    assert source.labels == (label,)
    assert (len(source.x), source.dimensions, int(source.held_out.sum())) == (10, dimensions, held_out)
    # Who lifts a wrist by some decimetres is that large in metres, and centred.
    assert 0.15 < np.ptp(source.x[0], axis=0).max() < 1.0
    assert np.abs(source.x[0]).max() < 1.5
    assert len(read_source(tmp_path, name, 5).x) == 5


def test_of_many_clips_some_of_each_label_are_read(tmp_path: Path) -> None:
    (tmp_path / "pose").mkdir()
    count = 120
    np.savez(
        tmp_path / "pose" / "jhmdb_gt_pose.npz",
        pose=np.tile(drawn(JHMDB_JOINTS), (count, 1, 1)),
        n=np.full(count, PICTURES),
        label=[f"label {i % 4}" for i in range(count)],
        split1_train=np.ones(count, np.bool_),
    )
    source = read_source(tmp_path, "jhmdb", 30)
    assert len(source.x) == 30
    assert np.bincount(source.label, minlength=4).min() > 2
    assert np.array_equal(source.label, read_source(tmp_path, "jhmdb", 30).label)
    everything = read_source(tmp_path, "jhmdb", count).label
    assert everything.tolist() == [i % 4 for i in range(count)]


def _made(frames: tuple[int, ...], seed: int = 1) -> Source:
    rng = np.random.default_rng(seed)
    x = tuple(np.cumsum(rng.standard_normal((count, 4)), axis=0) for count in frames)
    label = np.arange(len(frames)) % 2
    return Source("made", 30.0, ("a", "b"), 2, x, label, np.arange(len(frames)) % 3 == 2)


@pytest.mark.parametrize("kind", ["pose", "synth"])
def test_nothing_crosses_clips(kind: str) -> None:
    source = _made((60, 45, 50, 41, 12))
    together = windows(source, kind, 25.0, 25)
    for clip in range(4):
        alone = replace(
            source, x=(source.x[clip],), label=source.label[[clip]], held_out=np.zeros(1, np.bool_)
        )
        made = windows(alone, kind, 25.0, 25)
        rows = [i for i, x in enumerate(together.x) if _is_scaled(x, made.x[0])]
        assert len(rows) == 1
        assert together.label[rows[0]] == source.label[clip]
        assert together.held_out[rows[0]] == source.held_out[clip]


def _is_scaled(x: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two windows are the same but for their scale."""
    a, b = x.ravel() / np.linalg.norm(x), other.ravel() / np.linalg.norm(other)
    return bool(a @ b > 0.9999)


def test_the_published_code_crosses_them() -> None:
    source = _made((20, 20, 20, 20))
    assert len(windows(source, "synth_cubic", 25.0, 25).x) > 0
    with pytest.raises(RecordingError, match="no clip fills half a window of 1 s"):
        windows(source, "synth", 25.0, 25)


def test_a_clip_shorter_than_a_window_is_held_at_both_ends() -> None:
    made = windows(_made((32,)), "synth", 25.0, 25)  # 20 frames hold a whole span: 17 rows at 25 Hz
    assert made.x.shape == (1, 25, 4)
    moves = np.abs(np.diff(made.x[0], axis=0)).max(axis=1) > 0.0
    assert np.flatnonzero(moves).tolist() == list(range(4, 20))


def test_what_is_learned_from_has_a_deviation_of_1() -> None:
    made = windows(_made((90, 80, 70)), "synth", 50.0, 50)
    assert made.x[~made.held_out].std() == pytest.approx(1.0, abs=0.05)
    assert made.held_out.any()


def test_a_set_without_a_usable_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Penn_Action" / "labels").mkdir(parents=True)
    x = drawn(PENN_JOINTS)[:11]
    penn(
        tmp_path / "Penn_Action" / "labels" / "0001.mat",
        x=x[:, :, 0], y=x[:, :, 1], visibility=np.ones(x.shape[:2]), bbox=np.ones((11, 4)),
    )  # fmt: skip
    with pytest.raises(RecordingError, match="no clip of penn has 12 frames"):
        read_source(tmp_path, "penn", 10)
