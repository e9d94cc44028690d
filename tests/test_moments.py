"""Moments in a file: those that are old go, and only those."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgehar.errors import RecordingError
from edgehar.recordings import moments
from edgehar.recordings.moments import Moment

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "anna.moments.jsonl"
    for day in ("2026-05-01", "2026-05-04T11:59:59Z", "2026-05-04T12:00:00.500Z"):
        moments.append(path, Moment(day, "anna", "button"))
    return path


def test_old_ones_go_and_newer_ones_stay_as_they_were(path: Path) -> None:
    newest = path.read_bytes().splitlines(keepends=True)[-1]
    assert moments.remove(path, NOON) == 2
    assert path.read_bytes() == newest
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert moments.remove(path, NOON) == 0
    moments.append(path, Moment("2026-05-05T00:00:00Z", "anna", "tap"))
    assert path.read_bytes().startswith(newest)
    assert path.read_bytes().count(b"\n") == 2


def test_the_file_goes_with_its_last_one(path: Path) -> None:
    assert moments.remove(path, NOON + 1.0) == 3
    assert not path.exists()
    assert moments.remove(path, NOON) == 0


@pytest.mark.parametrize(
    "torn", [b"{", b"\xff\n", b'{"time": "noon", "wearer": "anna", "note": ""}\n', b"\n"]
)
def test_what_cannot_be_read_is_old(path: Path, torn: bytes) -> None:
    with path.open("ab") as file:
        file.write(torn)
    assert moments.remove(path, 1.0) == 1
    assert path.read_bytes().count(b"anna") == 3


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Is a directory"):
        moments.remove(tmp_path, NOON)
