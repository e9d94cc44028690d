"""The file of events on a real disk: closed, killed, cut short, damaged, full and taken."""

import errno
import logging
import os
import random
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgehar.errors import ConfigError
from edgehar.publishers import event_file
from edgehar.publishers.event_file import FILE_NAME, EventFile, Row, check_folder


@pytest.fixture
def file(tmp_path: Path) -> Iterator[EventFile]:
    file = EventFile(tmp_path)
    yield file
    file.close()


def row(number: int) -> Row:
    return (number, 1000.0 + number, "edgehar/pi/anna/event", b'{"id":"%d"}' % number)


def left_in(folder: Path) -> list[Row]:
    file = EventFile(folder)
    rows = file.rows()
    file.close()
    return rows


def sql(file: EventFile, statement: str) -> Any:
    assert file._connection
    return file._connection.execute(statement).fetchone()


def fill(file: EventFile, numbers: range) -> None:
    """Write rows, each in a transaction of its own."""
    for number in numbers:
        file.write(row(number))
        assert file.flush()


def test_what_was_written_and_not_erased_is_there_again_in_order(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "made" / "too")
    for number in range(1, 6):
        file.write(row(number))
    file.erase(2)
    file.close()
    assert left_in(tmp_path / "made" / "too") == [row(1), row(3), row(4), row(5)]


def test_what_is_erased_before_there_was_time_to_write_it_never_is(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    with file._changed:  # the thread cannot begin
        file.write(row(1))
        file.erase(1)
        assert file._pending == {}
    file.close()
    assert left_in(tmp_path) == []


def test_nobody_else_may_read_what_people_do(file: EventFile, tmp_path: Path) -> None:
    fill(file, range(3))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.usefixtures("file")
def test_a_file_that_another_process_has_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{FILE_NAME}: another edgehar has it; give each gateway a folder"):
        EventFile(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigError, match=r"events cannot be kept in .*/events.sqlite: (File exists|Not a dir)"
    ):
        EventFile(tmp_path / "file")


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_set_aside_and_a_new_one_begins(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(damage)
    file = EventFile(tmp_path)
    fill(file, range(3))
    file.close()
    assert left_in(tmp_path) == [row(number) for number in range(3)]
    assert (tmp_path / f"{FILE_NAME}.damaged").read_bytes() == damage
    assert "a new one begins" in caplog.text


def test_a_file_whose_pages_are_overwritten_costs_no_start(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    fill(file, range(200))
    file.close()
    with (tmp_path / FILE_NAME).open("r+b") as disk:
        disk.seek(4096)
        disk.write(random.Random(1).randbytes(8192))
    assert left_in(tmp_path) == []
    assert left_in(tmp_path) == []


def test_after_a_power_cut_at_any_byte_the_oldest_are_there_and_all_that_was_synced(
    file: EventFile, tmp_path: Path
) -> None:
    """The disk may hold any beginning of what was not yet synced, and anything behind that."""
    log, chance = tmp_path / f"{FILE_NAME}-wal", random.Random(3)
    synced = [log.stat().st_size]
    for number in range(12):
        fill(file, range(number, number + 1))
        synced.append(log.stat().st_size)
    whole = log.read_bytes()
    for cut in (*synced, *(chance.randrange(len(whole)) for _ in range(40))):
        folder = tmp_path / str(cut)
        folder.mkdir(exist_ok=True)
        shutil.copy(file.path, folder)
        tail = chance.randbytes(chance.choice((0, 100, 5000)))
        (folder / log.name).write_bytes(whole[:cut] + tail)
        survived = left_in(folder)
        assert survived == [row(number) for number in range(len(survived))]
        assert len(survived) >= sum(size <= cut for size in synced) - 1


def spoilt(whole: bytes, chance: random.Random) -> bytes:
    """Return a file in which one byte is another one, of the head as often as of the rest."""
    at = chance.choice((chance.randrange(110), chance.randrange(len(whole))))
    return whole[:at] + bytes((chance.randrange(256),)) + whole[at + 1 :]


def test_whatever_byte_is_spoilt_it_opens_and_what_it_gives_can_be_published(tmp_path: Path) -> None:
    file, chance = EventFile(tmp_path), random.Random(5)
    fill(file, range(1, 40))
    file.close()
    whole = (tmp_path / FILE_NAME).read_bytes()
    topic = whole.index(b"edgehar/pi")
    files = [whole[: topic + 3] + odd + whole[topic + 4 :] for odd in (b"+", b"\xff", b"\0")]
    for i, content in enumerate([*files, *(spoilt(whole, chance) for _ in range(150))]):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(content)
        for _, _, of, payload in left_in(folder):
            assert not {"+", "#"} & set(of)
            assert isinstance(payload, bytes)
    assert [left_in(tmp_path / str(i)) for i in range(3)] == [[], [], []]


def test_after_a_long_outage_the_file_is_small_again(file: EventFile) -> None:
    for number in range(5000):
        file.write(row(number))
    file.flush()
    for number in range(5000):
        file.erase(number)
    file.flush()
    on_disk = sum(path.stat().st_size for path in file.path.parent.iterdir())
    assert on_disk < 2**20, f"{on_disk:,} bytes"


def fill_disk(file: EventFile) -> None:
    (pages,) = sql(file, "PRAGMA page_count")
    sql(file, f"PRAGMA max_page_count = {pages}")


def until_it_fails(file: EventFile) -> None:
    with file._changed:
        assert file._changed.wait_for(lambda: file.problem is not None, 10.0)


def test_a_full_disk_costs_nothing_but_a_warning_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_file, "RETRY_S", 0.01)
    file = EventFile(tmp_path)
    fill_disk(file)
    for number in range(200):
        file.write(row(number))
    until_it_fails(file)
    assert file.problem == "database or disk is full"
    for number in range(100):
        file.erase(number)
    sql(file, "PRAGMA max_page_count = 10000")
    assert file.flush()
    assert file.problem is None
    file.close()
    assert [kept[0] for kept in left_in(tmp_path)] == list(range(100, 200))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        f"{file.path}: database or disk is full; events are kept in memory alone, trying again"
    ]


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_the_start_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    monkeypatch.setattr(event_file, "RETRY_S", 0.01)
    earlier = EventFile(tmp_path)
    fill(earlier, range(1, 4))
    earlier.close()

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    works = os.open
    monkeypatch.setattr(os, "open", fail)
    file = EventFile(tmp_path)
    assert (file.problem, file.rows()) == (os.strerror(number), [])
    file.write((*row(1)[:2], "edgehar/pi/ben/event", b"{}"))
    file.write((*row(2)[:2], "edgehar/pi/ben/event", b"{}"))
    file.erase(2)
    monkeypatch.setattr(os, "open", works)
    assert file.flush()
    assert file.problem is None
    file.close()
    # What an earlier life left there is still there, and goes out after the next start.
    assert [(kept[0], kept[2]) for kept in left_in(tmp_path)] == [
        *((n, "edgehar/pi/anna/event") for n in (1, 2, 3)),
        (4, "edgehar/pi/ben/event"),
    ]
    assert caplog.text.count("events are kept in memory alone, trying again") == 1


def test_a_disk_that_is_full_at_the_first_start_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "_SETUP", "PRAGMA max_page_count = 1;" + event_file._SETUP)
    file = EventFile(tmp_path)
    assert file.problem == "database or disk is full"
    monkeypatch.undo()
    file.close()


def test_a_disk_that_never_works_again_does_not_let_the_changes_grow(
    file: EventFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "RETRY_S", 0.0)
    fill_disk(file)
    for number in range(3000):
        file.write((*row(number)[:3], bytes(5000)))
        if number >= 10:
            file.erase(number - 10)
    # Those that wait, and what is erased while it is tried once more.
    assert len(file._pending) <= 30
    sql(file, "PRAGMA max_page_count = 10000")


def test_a_process_that_ends_while_the_disk_fails_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_file, "FLUSH_S", 0.1)
    file = EventFile(tmp_path)
    fill_disk(file)
    file.write((*row(1)[:3], bytes(20_000)))
    file.close()
    assert "changes did not reach the disk: 1" in caplog.text


@pytest.mark.parametrize("place", ["file", "file/below", "closed", "closed/below"])
def test_a_place_where_no_file_can_be_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir()
    # Root, as whom tests may run, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "closed")
    check_folder(tmp_path / "new" / "folder")
    assert not (tmp_path / "new").exists()
    with pytest.raises(
        ConfigError, match=f"events cannot be kept in .*/{place}: .*(file is no|cannot write in)"
    ):
        check_folder(tmp_path / place)
