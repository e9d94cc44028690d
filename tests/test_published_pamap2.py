"""PAMAP2 as it is published, file by file."""

from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.recordings.published.pamap2 import COLUMNS, WORDS, read

FILE = "Protocol/subject101.dat"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    archives.pamap2(tmp_path / FILE, [(0, 0.3), (4, 0.5), (24, 0.2)])
    return tmp_path


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    x = archives.pamap2(tmp_path / FILE, [(0, 0.3), (4, 0.5), (24, 0.2)], seed=3)
    recording = read(tmp_path, FILE)
    assert (recording.file, recording.person, recording.rate_hz) == (FILE, "subject101", 100.0)
    assert recording.columns == COLUMNS
    assert recording.x.dtype == np.float32
    assert recording.x == pytest.approx(x, rel=1e-5, nan_ok=True)
    assert recording.t == pytest.approx(np.arange(100) / 100, abs=1e-3)
    assert (
        recording.labels["activity"].of_rows().tolist()
        == [""] * 30 + ["walking"] * 50 + ["rope_jumping"] * 20
    )


def test_columns_stand_where_the_description_has_them() -> None:
    """Its columns are counted from 1, with time and label before the heart rate."""
    at = {name: i + 3 for i, name in enumerate(COLUMNS)}
    assert len(COLUMNS) == 52
    assert [at[n] for n in ("heart_rate", "hand.temperature", "hand.acc16_x", "hand.acc6_x")] == [3, 4, 5, 8]
    assert [at[n] for n in ("hand.gyr_x", "chest.temperature", "ankle.mag_z", "ankle.orientation_z")] == [
        11,
        21,
        50,
        54,
    ]
    assert len(WORDS) == 19


def _with_line(path: Path, number: int, line: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 3", "line 7: expected 54 columns, got 3"),
        (" ".join(["1", "4"] + ["0"] * 53), "line 7: expected 54 columns, got 55"),
        (" ".join(["1", "4", "fast"] + ["0"] * 51), "line 7, column 3: expected a number or NaN, got 'fast'"),
        (" ".join(["1", "4", "inf"] + ["0"] * 51), "line 7, column 3: expected a number or NaN, got 'inf'"),
        (" ".join(["1", "4", "1e99"] + ["0"] * 51), "line 7, column 3: expected a number or NaN, got '1e99'"),
        (" ".join(["1", "8"] + ["0"] * 52), "line 7: expected the code of a label, one of 0, 1, .*, got 8"),
        (" ".join(["1", "nan"] + ["0"] * 52), "line 7: expected the code of a label, .*, got nan"),
        (" ".join(["1", "4", "\u00e9\x1b[2J"] + ["0"] * 51), r"line 7, column 3: .*, got .*\\\\u001b"),
    ],
    ids=[
        "few",
        "many",
        "word",
        "infinite",
        "too large",
        "unknown label",
        "no label",
        "not a number's letters",
    ],
)
def test_a_misfit_is_named_by_its_line(folder: Path, line: str, message: str) -> None:
    _with_line(folder / FILE, 7, line)
    with pytest.raises(RecordingError, match=message) as error:
        read(folder, FILE)
    assert "subject101.dat" in str(error.value)
    assert "unpack the archive again" in str(error.value)


def test_a_file_cut_off_is_named_by_its_last_line(folder: Path) -> None:
    path = folder / FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordingError, match=r"line 100: expected 54 columns, got \d+"):
        read(folder, FILE)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / FILE).write_bytes(content)
    with pytest.raises(RecordingError, match="got an empty table"):
        read(folder, FILE)


def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / FILE).write_bytes(bytes(range(256)) * 50)
    with pytest.raises(RecordingError, match=r"line 1: expected 54 columns, got \d+"):
        read(folder, FILE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RecordingError, match=r"subject101\.dat: no such file; unpack the whole archive there"
    ):
        read(tmp_path, FILE)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(parents=True)
    with pytest.raises(RecordingError, match=r"subject101\.dat: Is a directory"):
        read(tmp_path, FILE)
