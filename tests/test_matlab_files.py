"""MATLAB's files, written by SciPy."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings, strategies as st

from edgehar.errors import RecordingError
from edgehar.motion.capture.matlab_files import read_matlab

NUMBERS = ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


@given(
    shape=st.lists(st.integers(0, 5), min_size=2, max_size=4),
    kind=st.sampled_from(NUMBERS),
    packed=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_numbers_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, *, shape: list[int], kind: str, packed: bool, seed: int
) -> None:
    x = np.random.default_rng(seed).uniform(0.0, 100.0, shape).astype(kind)
    path = tmp_path_factory.getbasetemp() / "x.mat"
    scipy.io.savemat(path, {"before": {"a": [1, "b"]}, "x": x, "z": 1j}, do_compression=packed)
    back = read_matlab(path, "x")["x"]
    assert (back.shape, back.dtype) == (x.shape, x.dtype)
    assert np.array_equal(back, x)


@pytest.mark.parametrize("packed", [False, True])
def test_text_comes_back_as_a_list_of_rows(tmp_path: Path, *, packed: bool) -> None:
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"one": "jumping_jacks", "two": ["a", "übers"], "none": ""}, do_compression=packed)
    arrays = read_matlab(path, "one", "two", "none")
    assert [arrays[name].tolist() for name in ("one", "two")] == [["jumping_jacks"], ["a    ", "übers"]]
    assert not arrays["none"].size


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([[1j]]), "neither real numbers nor text"),
        ({"a": 1}, "neither real numbers nor text"),
        (np.array([1, "a"], dtype=object), "neither real numbers nor text"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, value: object, words: str) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"x": value})
    with pytest.raises(RecordingError, match=rf"x\.mat: .*{words}"):
        read_matlab(tmp_path / "x.mat", "x")


def test_files_of_other_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"x": np.eye(3)}, format="4")
    with pytest.raises(RecordingError, match=r"x\.mat: .*save it with -v7"):
        read_matlab(path, "x")
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(RecordingError, match=r"x\.mat: .*save it with -v7"):
        read_matlab(path, "x")


@given(place=st.integers(0, 10_000), bits=st.integers(1, 255), packed=st.booleans(), cut=st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_one_error_or_an_array(
    tmp_path_factory: pytest.TempPathFactory, *, place: int, bits: int, packed: bool, cut: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.mat"
    scipy.io.savemat(path, {"x": np.arange(24.0).reshape(2, 3, 4), "name": "abc"}, do_compression=packed)
    raw = bytearray(path.read_bytes())
    place %= len(raw)
    raw[place] ^= bits
    path.write_bytes(raw[:place] if cut else raw)
    complaint = None
    try:
        assert all(isinstance(x, np.ndarray) for x in read_matlab(path, "x", "name").values())
    except RecordingError as error:
        complaint = str(error)
    assert complaint is None or (str(path) in complaint and "\n" not in complaint)
