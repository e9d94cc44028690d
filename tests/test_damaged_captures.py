"""Whatever is broken in a file of recorded movement: one line that names the file, or a movement that is one."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import skeletons
import test_amc
import test_bvh
import test_deepmimic
import test_markers
from hypothesis import given, settings, strategies as st

from edgehar.errors import RecordingError
from edgehar.motion.capture import kinect, planar
from edgehar.motion.capture.amc import read_amc
from edgehar.motion.capture.bvh import read_bvh
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.deepmimic import read_archive
from edgehar.motion.capture.markers import read_markers
from edgehar.motion.capture.track import Track

ROWS = 14
TOKENS = (
    "nan", "inf", "-1.#IND", "1e300", "-1e300", "1e-300", "1e8", "0", "", "abc", "99999999999", "-3", "{", "}", "MOTION",
    "JOINT", "End Site {", "OFFSET", "CHANNELS", "\ufeff", "\x00", "é",
)  # fmt: skip

Read = Callable[[Path], Iterable[Motion]]


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def mat(**arrays: object) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, arrays)
    return file.getvalue()


def written(write: Callable[..., Path], folder: Path, *content: object) -> bytes:
    return write(folder / "whole", *content).read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, bytes, Read]]:
    """Give of each reader the name of a file, what a whole one holds, and how it is read."""
    folder = tmp_path_factory.mktemp("whole")
    asf, amc = folder / "whole.asf", folder / "whole.amc"
    asf.write_text(test_amc.skeleton())
    amc.write_text(test_amc.angles(*[test_amc.STANDING] * ROWS))
    markers = test_markers.standing()
    people = skeletons.seen(kinect.V2_JOINTS, 20)
    return {
        "bvh": ("a.bvh", test_bvh.text(test_bvh.moving(ROWS)).encode(), lambda path: [read_bvh(path)]),
        "bvh that lies": (
            "a.bvh",
            test_bvh.laid_out(test_bvh.BONES_ALONG_X, test_bvh.moving(ROWS)).encode(),
            lambda path: [read_bvh(path)],
        ),
        "asf": ("a.asf", asf.read_bytes(), lambda path: [read_amc(path, amc)]),
        "amc": ("a.amc", amc.read_bytes(), lambda path: [read_amc(asf, path)]),
        "ntu": ("a.skeleton", written(skeletons.ntu, folder, {1: (people, range(20))}, 20), kinect.read_ntu),
        "cad60": (
            "a.txt",
            written(skeletons.cad60, folder, skeletons.seen(kinect.OPENNI_JOINTS, 20)).replace(b",", b" "),
            kinect.read_cad60,
        ),
        "utd": (
            "a.mat",
            mat(d_skel=np.transpose(skeletons.seen(kinect.V1_JOINTS, 20), (1, 2, 0))),
            lambda path: [kinect.read_utd(path)],
        ),
        "penn": ("a.mat", skeletons.penn(folder / "penn.mat").read_bytes(), lambda path: [planar.read_penn(path).motion]),
        "jhmdb": (
            "a.npz",
            npz(pose=skeletons.drawn(planar.JHMDB_JOINTS), n=[skeletons.PICTURES], label=["wave"]),
            lambda path: (clip.motion for clip in planar.read_jhmdb(path)),
        ),
        "deepmimic": ("a.npz", npz(frames=test_deepmimic.upright(ROWS), n=[ROWS], path=["a.txt"]), read_archive),
        "markers": (
            "a.npz",
            npz(
                x=np.stack([*markers.values()], axis=1).reshape(test_markers.ROWS, -1), scale=1.0, rate_hz=50.0,
                marker_names=[*markers], n=[test_markers.ROWS], subject=[1], activity=["squat"], episode=[1],
            ),
            lambda path: (repetition.motion for repetition in read_markers(path)),
        ),
    }  # fmt: skip


def require_movement_or_one_line(path: Path, read: Read) -> None:
    complaint = ""
    try:
        for motion in read(path):
            require_movement(motion)
    except RecordingError as error:
        complaint = str(error)
    assert "\n" not in complaint


def require_movement(motion: Motion) -> None:
    for x in (motion.t, *motion.joints.values()):
        assert np.isfinite(x).all()
    for name, rotation in motion.rotations.items():
        assert rotation @ np.swapaxes(rotation, 1, 2) == pytest.approx(
            np.tile(np.eye(3), (len(rotation), 1, 1)), abs=1e-6
        ), name
    if not motion.planar and motion.t[-1] < 10.0:
        for segment in ("pelvis", "thorax", "thigh_left", "forearm_right"):
            assert np.isfinite(Track(motion).frame(segment).rotation).all()


@pytest.mark.parametrize("name", ["bvh", "bvh that lies", "asf", "amc", "ntu", "cad60"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_text_with_wrong_words_or_pieces(
    files: dict[str, tuple[str, bytes, Read]],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    data: st.DataObject,
) -> None:
    file, whole, read = files[name]
    words = whole.decode().split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        match data.draw(st.sampled_from(["replace", "replace", "replace", "cut", "drop", "double"])):
            case "replace":
                words[at] = data.draw(st.sampled_from(TOKENS)) + ("\n" if "\n" in words[at] else "")
            case "cut":
                words = words[: at + 1]
            case "drop":
                del words[at + 1 : at + data.draw(st.integers(2, 30))]
            case "double":
                words[at:at] = words[at : at + data.draw(st.integers(1, 30))]
    path = tmp_path_factory.getbasetemp() / file
    path.write_text(" ".join(words), "utf-8")
    require_movement_or_one_line(path, read)


@pytest.mark.parametrize("name", ["utd", "penn", "jhmdb", "deepmimic", "markers", "bvh", "ntu"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_file_with_wrong_bytes(
    files: dict[str, tuple[str, bytes, Read]],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    data: st.DataObject,
) -> None:
    file, whole, read = files[name]
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.one_of(st.integers(0, len(raw) - 1), st.integers(0, min(len(raw), 300) - 1)))
        raw[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / file
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw), at]))])
    require_movement_or_one_line(path, read)


@pytest.mark.parametrize("name", ["jhmdb", "deepmimic", "markers"])
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_of_an_archive_changes_no_number(
    files: dict[str, tuple[str, bytes, Read]],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    at: int,
    bit: int,
) -> None:
    file, whole, read = files[name]
    path = tmp_path_factory.getbasetemp() / file
    path.write_bytes(whole)
    expected = [*read(path)]
    raw = bytearray(whole)
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    try:
        motions = [*read(path)]
    except RecordingError:
        return
    assert len(motions) == len(expected)
    for motion, known_motion in zip(motions, expected, strict=True):
        for part, x in known_motion.joints.items():
            assert np.array_equal(motion.joints[part], x)
