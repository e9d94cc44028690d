"""A file of events that outlives the process and a power cut.

It is SQLite in WAL mode, each change synced to the disk before it counts (`synchronous=FULL`,
https://www.sqlite.org/pragma.html). A disk may take long for that, and an SD card sometimes seconds, so a thread of its
own writes: an event that was pushed is on the disk some milliseconds later. What is acknowledged sooner is never written.
A disk that fails, from the start on or later, costs no event while the process lives: they stay in memory, and are
written once it works again. What an earlier life left on a disk that did not work at the start waits for the next one.
"""

import contextlib
import errno
import logging
import os
import sqlite3
import threading
from pathlib import Path

from edgehar.brokers.mqtt_text import check_topic
from edgehar.errors import ConfigError
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

FILE_NAME = "events.sqlite"

RETRY_S = 10.0
"""A disk that failed is tried again after so long, s."""

FLUSH_S = 5.0
"""The end of the process waits at most this long for the disk, s."""

_SETUP = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 64;
PRAGMA journal_size_limit = 524288;
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL
) STRICT;
"""
# auto_vacuum gives back what a long outage took, journal_size_limit what the log beside the file took, but half a megabyte.

_TAKEN = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""Codes of a file that another process has."""

_FAILS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM}
_FAILS_OF_SYSTEM = {errno.EROFS, errno.ENOSPC, errno.EIO, errno.EDQUOT}
"""Codes of a disk that does not work, which say nothing against the file."""

_ERRORS = (OSError, sqlite3.Error, UnicodeDecodeError)
"""Errors that a call may raise: even in SQLite's own messages there may be damaged text."""

Row = tuple[int, float, str, bytes]
"""Number, Unix time when it was pushed, topic, payload."""


class EventFile:
    """Rows of events in a file, changed by a thread; one process at a time has it."""

    def __init__(self, folder: Path) -> None:
        """Open or make the file in a folder, which is made too; ConfigError if no file can be there, or another process has it.

        What is no such file any more is set aside under a name that ends in `.damaged`, with a warning.
        """
        self.path = folder / FILE_NAME
        self.problem: str | None = None
        """Reason why nothing can be written, in words; None while it can."""
        self._pending: dict[int, Row | None] = {}
        """By number, what is to be in the file; None: nothing."""
        self._is_writing = self._has_ended = self._is_to_scrub = False
        self._changed = threading.Condition()
        self._warn = WarnOnce(_LOGGER)
        self._connection: sqlite3.Connection | None = None
        self._rows: list[Row] = []
        self._offset = 0
        """Added to each number that is written, for a file that was not read at the start and has its own."""
        try:
            self._connection, self._rows = self._open()
        except _ERRORS as error:
            if not _is_failing_disk(error):
                raise ConfigError(f"events cannot be kept in {self.path}: {_in_words(error)}") from error
            self._note_problem(error)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _open(self) -> tuple[sqlite3.Connection, list[Row]]:
        """Return the connection, and what the file holds, oldest first."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return self._read()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if _is_failing_disk(error) or _code(error) in _TAKEN:
                raise
            damaged = self.path.with_name(f"{FILE_NAME}.damaged")
            self.path.replace(damaged)
            self.path.with_name(f"{FILE_NAME}-wal").unlink(missing_ok=True)
            _LOGGER.warning("%s: %s; it is now %s, and a new one begins", self.path, error, damaged)
            return self._read()

    def _read(self) -> tuple[sqlite3.Connection, list[Row]]:
        # Events say what people do: nobody else reads them.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_SETUP)
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)  # as SQLite itself does of other damage
            rows = connection.execute(
                "SELECT number, at, topic, payload FROM events ORDER BY number"
            ).fetchall()
            if any(not _can_be_published(topic) for _, _, topic, _ in rows):
                raise sqlite3.DatabaseError("it has a topic to which nobody can publish")
        except _ERRORS:
            connection.close()
            raise
        return connection, rows

    def rows(self) -> list[Row]:
        """Return once what the file held at the start, oldest first."""
        rows, self._rows = self._rows, []
        return rows

    def write(self, row: Row) -> None:
        """Have a row written; return at once."""
        with self._changed:
            self._pending[row[0]] = row
            self._changed.notify()

    def erase(self, number: int) -> None:
        """Have a row erased, or never written if there was no time for it yet; return at once."""
        with self._changed:
            if self._pending.pop(number, None) is None:
                self._pending[number] = None
                self._changed.notify()

    def scrub(self) -> None:
        """Have the bytes of what was erased overwritten, in the file and in the log beside it; return at once."""
        with self._changed:
            self._is_to_scrub = True
            self._changed.notify()

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all is on the disk; False if it was not within `timeout_s`, FLUSH_S unless given."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._pending or self._is_to_scrub or self._is_writing),
                FLUSH_S if timeout_s is None else timeout_s,
            )

    def close(self) -> None:
        """Write what is left, and let another process have the file."""
        if not self.flush():
            _LOGGER.warning("%s: changes did not reach the disk: %d", self.path, len(self._pending))
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()
        self._thread.join(FLUSH_S)

    def _work(self) -> None:
        while (changes := self._next_changes()) is not None:
            try:
                self._commit(self._connection or self._open_late(), changes)
            except _ERRORS as error:
                self._take_back(changes, error)
            else:
                self._written()
        with contextlib.suppress(*_ERRORS):
            if self._connection:
                self._connection.close()

    def _open_late(self) -> sqlite3.Connection:
        """Open a file that could not be opened at the start; what it holds stays for the next one."""
        self._connection, rows = self._open()
        self._offset = rows[-1][0] if rows else 0
        return self._connection

    def _next_changes(self) -> dict[int, Row | None] | None:
        """Wait for changes and take them all; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._is_to_scrub or self._has_ended)
            if self._has_ended:
                return None
            changes, self._pending = self._pending, {}
            self._is_writing = True
            return changes

    def _commit(self, connection: sqlite3.Connection, changes: dict[int, Row | None]) -> None:
        rows = [(row[0] + self._offset, *row[1:]) for row in changes.values() if row]
        gone = [(number + self._offset,) for number, row in changes.items() if row is None]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)", rows)
            connection.executemany("DELETE FROM events WHERE number = ?", gone)
            connection.execute("COMMIT")
        except _ERRORS:
            with contextlib.suppress(*_ERRORS):
                connection.execute("ROLLBACK")
            raise
        if self._is_to_scrub:
            # Erased rows stay in the free parts of pages, and in the log until it is written anew.
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._is_to_scrub = False

    def _take_back(self, changes: dict[int, Row | None], error: Exception) -> None:
        """Keep what could not be written, and wait for better times."""
        with self._changed:
            self._note_problem(error)
            # What is to be erased and was never written is done with.
            newer = {n: row for n, row in self._pending.items() if row or changes.get(n) is None}
            done = self._pending.keys() - newer.keys()
            self._pending = {n: row for n, row in changes.items() if n not in done} | newer
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._has_ended, RETRY_S)

    def _note_problem(self, error: Exception) -> None:
        self.problem = _in_words(error)
        self._warn("disk", "%s: %s; events are kept in memory alone, trying again", self.path, self.problem)

    def _written(self) -> None:
        with self._changed:
            self.problem = None
            self._is_writing = False
            self._changed.notify_all()
        self._warn.forget()


def check_folder(folder: Path) -> None:
    """Refuse a folder, by ConfigError, in which no file of events can be made; makes none."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError(f"events cannot be kept in {folder}: {nearest} is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"events cannot be kept in {folder}: this user cannot write in {nearest}")


def _can_be_published(topic: str) -> bool:
    try:
        check_topic(topic)
    except ConfigError:
        return False
    return not {"+", "#"} & set(topic)


def _code(error: Exception) -> int:
    """Return SQLite's primary error code; 0 of what is no error of SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_failing_disk(error: Exception) -> bool:
    return _code(error) in _FAILS or getattr(error, "errno", None) in _FAILS_OF_SYSTEM


def _in_words(error: Exception) -> str:
    if _code(error) in _TAKEN:
        return "another edgehar has it; give each gateway a folder of its own"
    return getattr(error, "strerror", None) or str(error)
