"""Recordings of a moment: whole or not there, read by nobody else, and gone when they are too old or too much."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from edgehar.errors import RecordingError
from edgehar.recordings import excerpt
from edgehar.recordings.ehr import Header, read
from edgehar.recordings.excerpt import Bounds, Excerpt, sweep, write
from edgehar.recordings.marks import Mark
from edgehar.recordings.names import RecordingName, parse_name
from edgehar.types import Item, Stream

DAY_S = 86_400.0
TODAY = 1_796_083_200.0
"""2026-12-01."""
BOUNDS = Bounds(14 * DAY_S, 10**9)
ITEMS: list[Item] = [(t / 10, 0, bytes((t,))) for t in range(1, 100)]
MARKS = [(2.0, Mark("moment", note="told other")), (2.0, Mark("begin", "walking")), (5.0, Mark("end"))]


def kept(folder: Path, wearer: str = "anna", unix_s: float = TODAY) -> Path:
    content = Excerpt(Header(wearer, (Stream("wrist"),), epoch=unix_s), ITEMS, MARKS)
    return write(folder, RecordingName(wearer, unix_s, "rejected"), content)


def test_a_moment_is_a_recording_with_its_marks(tmp_path: Path) -> None:
    path = kept(tmp_path / "kept")
    recording = read(path)
    assert [*recording] == ITEMS
    assert recording.marks() == MARKS
    assert recording.truth() == [(2.0, 5.0, "walking")]
    assert path.name == "anna-20261201T000000Z-rejected.ehr"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_two_moments_of_a_second_have_two_files(tmp_path: Path) -> None:
    assert kept(tmp_path) != kept(tmp_path)
    assert {parse_name(path.name) is not None for path in tmp_path.iterdir()} == {True}


def test_what_takes_the_place_of_another_is_alone_there(tmp_path: Path) -> None:
    first, later = kept(tmp_path), kept(tmp_path, unix_s=TODAY + 1)
    content = Excerpt(Header("anna", (Stream("wrist"),), epoch=TODAY), ITEMS[:1], [])
    path = write(tmp_path, RecordingName("anna", TODAY, "rejected"), content, [first, later])
    assert [*tmp_path.iterdir()] == [path] == [first]
    assert [*read(path)] == ITEMS[:1]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RecordingError, match="No space left on device"):
        kept(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_disk_that_is_nearly_full_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RecordingError, match="100 MB are free on the disk, and 512 have to stay"):
        kept(tmp_path)


def test_what_is_older_than_its_days_goes(tmp_path: Path) -> None:
    files = [kept(tmp_path, unix_s=TODAY - days * DAY_S) for days in (0, 13, 15, 400)]
    assert sweep(tmp_path, BOUNDS, TODAY) == files[:1:-1]
    assert sorted(tmp_path.iterdir()) == sorted(files[:2])
    assert sweep(tmp_path, BOUNDS, TODAY + 2 * DAY_S) == [files[1]]


def test_what_is_too_much_goes_oldest_first(tmp_path: Path) -> None:
    files = [kept(tmp_path, wearer, TODAY - days * DAY_S) for days, wearer in ((3, "b"), (1, "a"), (2, "c"))]
    size = sum(path.stat().st_size for path in files)
    assert sweep(tmp_path, Bounds(14 * DAY_S, size), TODAY) == []
    assert sweep(tmp_path, Bounds(14 * DAY_S, size - 1), TODAY) == [files[0]]


def test_what_a_power_cut_left_goes_and_what_others_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "anna-20261201T000000Z-rejected.ehr.part").write_bytes(b"edgehar")
    (tmp_path / "notes.txt").write_text("mine")
    assert sweep(tmp_path, Bounds(0.0, 0), TODAY) == []
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert sweep(tmp_path / "none", BOUNDS, TODAY) == []


def test_a_second_has_a_bounded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt, "_MOST_OF_A_NAME", 3)
    kept(tmp_path)
    kept(tmp_path)
    with pytest.raises(RecordingError, match="move them away"):
        kept(tmp_path)


@pytest.mark.parametrize(
    ("name", "wearer"),
    [
        ("anna-20261201T000000Z-walking.ehr", "anna"),
        ("anna-2-20261201T000000Z-on_foot-2.ehr", "anna-2"),
        ("anna.ehr", None),
        ("anna-20261301T000000Z-walking.ehr", None),
    ],
)
def test_a_name_says_whose_it_is(name: str, wearer: str | None) -> None:
    parsed = parse_name(name)
    assert (parsed and parsed.wearer) == wearer
    assert parsed is None or str(parsed) == name
