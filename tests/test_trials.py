"""Files of trials that are damaged or hold what nobody can have measured: refused in one line by all who read them."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from test_npz import made

from edgehar.errors import RecordingError
from edgehar.recordings.datasets import read_npz_set, read_set
from edgehar.recordings.npz import read_npz
from edgehar.types import IMU_CHANNELS

ROWS = {"t_ms": np.arange(120) * 100, "row_label": np.array(["sit"] * 50 + ["walk"] * 70)}
"""Arrays that some sets have."""
UTD: dict[str, Any] = {
    "inertial": np.ones((60, 6), np.float32),
    "n_inertial": np.array([20, 40]),
    "subject": np.array([1, 2]),
    "activity": np.array(["wave", "clap"]),
    "trial": np.array([1, 1]),
    "placement": np.array(["wrist_right", "wrist_right"]),
}


def replayed(path: Path) -> object:
    track = read_npz(path, subject=1)
    return track.header, track.truth, list(track)


def evaluated(path: Path) -> object:
    return [
        (
            trial.subject,
            trial.number,
            trial.truth,
            {k: (s.t.tolist(), s.x.tolist()) for k, s in trial.tracks.items()},
        )
        for trial in read_npz_set([path])
    ]


READERS = [replayed, evaluated]


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(RecordingError) as refused:
        read(path)
    text = str(refused.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def answer_or_refusal(read: Callable[[Path], object], path: Path) -> str | None:
    """Return what was read, in words, or None where the file was refused in one line."""
    try:
        return repr(read(path))
    except RecordingError as error:
        text = str(error)
    assert text.startswith(f"{path}: ")
    assert len(text.splitlines()) == 1
    return None


@pytest.fixture(scope="module", params=["deflated", "stored"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = made(tmp_path_factory.mktemp(request.param) / "set.npz", **ROWS)
    if request.param == "stored":
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=100, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    sound: Path, read: Callable[[Path], object], where: float, bit: int
) -> None:
    content = bytearray(sound.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    # Not itself: the wearer is called after the file.
    damaged = sound.parent / "damaged" / sound.name
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(content)
    assert answer_or_refusal(read, damaged) in {None, repr(read(sound))}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_damage_ends_in_a_traceback(sound: Path, data: st.DataObject) -> None:
    content = bytearray(sound.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        begin = data.draw(st.integers(0, len(content) - 1))
        content[begin : begin + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    damaged = sound.with_name("spoilt.npz")
    damaged.write_bytes(content)
    for read in READERS:
        answer_or_refusal(read, damaged)


def test_a_directory_that_swallows_an_entry_is_refused(sound: Path) -> None:
    content = bytearray(sound.read_bytes())
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))
    content[entry + 32] = 59  # the last entry, 46 bytes and `row_label.npy`, as a comment of the one before
    damaged = sound.with_name("swallowed.npz")
    damaged.write_bytes(content)
    assert refusal(replayed, damaged).endswith("9 arrays, expected 10 as its end says")


@pytest.mark.parametrize("read", READERS)
def test_a_bit_behind_the_last_row_that_is_wanted_is_noticed(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    # More rows than zipfile reads ahead.
    rows, n = np.zeros((40_030, 9), np.int16), np.array([30, 10_000, 10_000, 20_000])
    path = made(tmp_path / "set.npz", x=rows, n=n, subject=np.array([1, 2, 2, 2]), trial=np.arange(4))
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    content = bytearray(path.read_bytes())
    content[info.header_offset + info.compress_size] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32 for file 'x.npy'" in refusal(read, path)


NOT_NUMBERS = [np.nan, np.inf, -np.inf, 1e300]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("bad", NOT_NUMBERS)
@pytest.mark.parametrize("key", ["x", "scale", "rate_hz", "n", "subject", "trial", "t_ms"])
def test_what_is_no_number_is_refused_with_its_key_and_index(
    tmp_path: Path, read: Callable[[Path], object], key: str, bad: float
) -> None:
    with np.load(made(tmp_path / "sound.npz", **ROWS)) as file:
        array = file[key].astype(np.float64)
    index = {0: (), 1: (2,), 2: (2, 1)}[array.ndim]
    array[index] = bad
    path = made(tmp_path / "set.npz", **ROWS | {key: array})
    where = f"index {', '.join(map(str, index))}: " if index else ""
    assert refusal(read, path).startswith(f"array {key}: {where}{bad}, expected a ")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("n", [30, 30, 30.5, 29.5], "array n: index 2: 30.5, expected a whole number from 0"),
        ("n", [30, -30, 90, 30], "array n: index 1: -30, expected a whole number from 0"),
        ("trial", [1, 2.5, 3, 4], "array trial: index 1: 2.5, expected a whole number"),
        ("trial", ["1", "2", "3", "4"], "array trial: <U1, expected numbers"),
        (
            "scale",
            np.full(9, 1e4),
            "array scale: index 0: 10000 makes up to 1.071e+07 of x, expected at most",
        ),
        ("scale", np.full(9, 1j), "array scale: complex128, expected numbers"),
        ("scale", np.ones(9, bool), "array scale: bool, expected numbers"),
        ("subject", np.zeros(4, "M8[s]"), "array subject: datetime64[s], expected numbers or text"),
        ("activity", np.zeros(4), "array activity: float64, expected text"),
        ("activity", [b"walking"] * 4, "array activity: |S7, expected text"),
        (
            "activity",
            ["walk\ning"] * 4,
            "array activity: character U+000A, expected text that can be printed",
        ),
        ("subject", ["\x1b[2J"] * 4, "array subject: character U+001B, expected text that can be printed"),
        ("columns", np.array([0x110000] * 9, np.uint32).view("U1"), "array columns: character U+110000, "),
        ("columns", np.zeros(9), "array columns: float64, expected text"),
        ("row_label", np.zeros(120), "array row_label: float64, expected text"),
        ("row_label", ["sit"] * 119, "array row_label: 119 rows, expected the sum of n, 120"),
        ("t_ms", np.arange(121), "array t_ms: 121 rows, expected the sum of n, 120"),
        (
            "t_ms",
            np.full(120, 1.8e15),
            "array t_ms: index 0: 1800000000000000.0, expected a number from -1e+14",
        ),
    ],
)
def test_another_type_or_value_is_refused_with_its_key(
    tmp_path: Path, read: Callable[[Path], object], key: str, value: Any, words: str
) -> None:
    path = made(tmp_path / "set.npz", **ROWS | {key: np.asarray(value)})
    assert refusal(read, path).startswith(words)


@pytest.mark.parametrize("read", READERS)
def test_a_set_without_any_column_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    none = {"x": np.zeros((120, 0), np.int16), "scale": np.zeros(0), "columns": np.zeros(0, "U9")}
    assert refusal(read, made(tmp_path / "set.npz", **none)).startswith("array columns: names none")


@pytest.mark.parametrize("shape", [(10**12, 9), (-120, -9), (120, 0), (119, 9), (120,)])
def test_a_header_that_says_more_or_less_than_there_is_takes_no_memory(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = made(tmp_path / "set.npz")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    x = members["x.npy"]
    wrong = x[10:128].decode("latin1").replace("(120, 9)", str(shape)).strip().ljust(117) + "\n"
    members["x.npy"] = x[:10] + wrong.encode("latin1") + x[128:]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert refusal(replayed, path).startswith("array x: ")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<i2', 'fortran_order': False, 'shape': " + "(" * 900 + "}",
        "{" * 500,
        "-" * 4000 + "1",
        "\0",
    ],
)
def test_a_header_that_cannot_be_evaluated_is_refused(tmp_path: Path, header: str) -> None:
    path = made(tmp_path / "set.npz", x=None)
    with zipfile.ZipFile(path, "a") as archive:
        text = f"{header}\n".encode()
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    refusal(replayed, path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"inertial": np.full((60, 6), np.nan)}, "array inertial: index 0, 0: nan, expected a number"),
        (
            {"inertial": np.ones((60, 5))},
            "no set of trials: inertial, n_inertial, .* or inertial has not six columns",
        ),
        ({"n_inertial": np.array([20, 41])}, "no set of trials: inertial, n_inertial, .* differ in length"),
        ({"n_inertial": np.array([60, 0])}, "no set of trials: a trial with nothing in it"),
        ({"n_inertial": np.array([30.0, np.inf])}, "array n_inertial: index 1: inf, expected a whole number"),
        ({"placement": np.array(["wrist"])}, "no set of trials: inertial, n_inertial, .* differ in length"),
        (
            {"subject": np.array(["1", "b"])},
            "no set of trials: array subject: index 1: 'b', expected a whole number",
        ),
        ({"trial": np.array([1, np.nan])}, "array trial: index 1: nan, expected a whole number"),
    ],
)
def test_the_paired_set_is_refused_alike(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    (tmp_path / "imu").mkdir()
    path = tmp_path / "imu" / "utd_mhad_paired.npz"
    np.savez(path, **UTD)
    assert [trial.tracks["wrist_right"].channels for trial in read_set(tmp_path, "utd_mhad")] == [
        IMU_CHANNELS
    ] * 2
    np.savez(path, **UTD | changed)
    with pytest.raises(RecordingError, match=words) as refused:
        read_set(tmp_path, "utd_mhad")
    assert "\n" not in str(refused.value)
