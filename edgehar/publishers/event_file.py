"""A file of events that outlives the process and a power cut.

It is SQLite in WAL mode, each change synced to the disk before it counts (`synchronous=FULL`,
https://www.sqlite.org/pragma.html). A disk may take long for that, and an SD card sometimes seconds, so a thread of its
own writes: an event that was pushed is on the disk some milliseconds later. What is acknowledged sooner is never written.
A disk that fails costs no event while the process lives: they stay in memory, and are written once it works again.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from pathlib import Path

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
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL
) STRICT;
"""
# auto_vacuum gives back what a long outage took; 64 pages keep the log beside the file below half a megabyte.

Row = tuple[int, float, str, bytes]
"""Number, Unix time when it was pushed, topic, payload."""


class EventFile:
    """Rows of events in a file, changed by a thread; one process at a time has it."""

    def __init__(self, folder: Path) -> None:
        """Open or make the file in a folder, which is made too; ConfigError if that cannot be.

        What is no such file any more is set aside under a name that ends in `.damaged`, with a warning.
        """
        self.path = folder / FILE_NAME
        self.problem: str | None = None
        """Why nothing can be written, while it is so."""
        self._pending: dict[int, Row | None] = {}
        """By number, what is to be in the file; None: nothing."""
        self._is_writing = self._has_ended = False
        self._changed = threading.Condition()
        self._warn = WarnOnce(_LOGGER)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            if "locked" in str(error):
                reason = "another edgehar has it; give each gateway a folder of its own"
            raise ConfigError(f"events cannot be kept in {self.path}: {reason}") from error
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, full, no rights: the file may be well
            damaged = self.path.with_name(f"{FILE_NAME}.damaged")
            self.path.replace(damaged)
            self.path.with_name(f"{FILE_NAME}-wal").unlink(missing_ok=True)
            _LOGGER.warning("%s: %s; it is now %s, and a new one begins", self.path, error, damaged)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        # Events say what people do: nobody else reads them.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_SETUP)
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)  # as SQLite itself does of other damage
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def rows(self) -> list[Row]:
        """Return what the file holds, oldest first; before anything is written."""
        return self._connection.execute(
            "SELECT number, at, topic, payload FROM events ORDER BY number"
        ).fetchall()

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

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all is on the disk; False if it was not within `timeout_s`, FLUSH_S unless given."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._pending or self._is_writing), FLUSH_S if timeout_s is None else timeout_s
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
                self._commit(changes)
            except sqlite3.Error as error:
                self._take_back(changes, error)
            else:
                self._written()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _next_changes(self) -> dict[int, Row | None] | None:
        """Wait for changes and take them all; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._has_ended)
            if self._has_ended:
                return None
            changes, self._pending = self._pending, {}
            self._is_writing = True
            return changes

    def _commit(self, changes: dict[int, Row | None]) -> None:
        connection = self._connection
        rows = [row for row in changes.values() if row]
        gone = [(number,) for number, row in changes.items() if row is None]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?)", rows)
            connection.executemany("DELETE FROM events WHERE number = ?", gone)
            connection.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _take_back(self, changes: dict[int, Row | None], error: sqlite3.Error) -> None:
        """Keep what could not be written, and wait for better times."""
        self._warn("disk", "%s: %s; events are kept in memory alone, trying again", self.path, error)
        with self._changed:
            self.problem = str(error)
            # What is to be erased and was never written is done with.
            newer = {n: row for n, row in self._pending.items() if row or changes.get(n) is None}
            done = self._pending.keys() - newer.keys()
            self._pending = {n: row for n, row in changes.items() if n not in done} | newer
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._has_ended, RETRY_S)

    def _written(self) -> None:
        with self._changed:
            self.problem = None
            self._is_writing = False
            self._changed.notify_all()
        self._warn.forget()
