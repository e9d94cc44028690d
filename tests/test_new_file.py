"""A new file: whole or not there, and nobody else's is touched."""

import errno
import os
from pathlib import Path

import pytest

from edgehar.errors import RecordingError
from edgehar.recordings.new_file import new_file


def _refuse(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture(params=["hard links", "none, as on a memory stick"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on a file system that has hard links, and on one that has none."""
    if request.param != "hard links":
        monkeypatch.setattr(Path, "hardlink_to", _refuse)
    return tmp_path


def write(path: Path, error: BaseException | None = None, meanwhile: str = "") -> None:
    with new_file(path) as file:
        file.write(b"mine")
        assert not path.exists()
        if meanwhile:
            path.write_text(meanwhile)
        if error:
            raise error


def test_it_is_there_once_all_is_written(folder: Path) -> None:
    write(folder / "a.csv")
    assert (folder / "a.csv").read_bytes() == b"mine"
    assert [*folder.iterdir()] == [folder / "a.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a bug"), RecordingError("no")])
def test_whatever_ends_it_before_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write(tmp_path / "a.csv", error)
    assert [*tmp_path.iterdir()] == []


def test_one_that_came_meanwhile_stays_as_it_is(folder: Path) -> None:
    with pytest.raises(RecordingError, match="there is one already"):
        write(folder / "a.csv", meanwhile="another's")
    assert (folder / "a.csv").read_text() == "another's"
    assert [*folder.iterdir()] == [folder / "a.csv"]


def test_a_link_to_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "none")
    with pytest.raises(RecordingError, match="there is one already"):
        write(tmp_path / "a.csv")


def test_a_disk_that_refuses_is_said_by_the_file_s_name(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none/a\.csv: No such file"):
        write(tmp_path / "none" / "a.csv")
