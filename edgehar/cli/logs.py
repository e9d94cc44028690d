"""Log lines on stderr: as text for people, with levels for the journal, as JSON for programs; repeats are counted."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

import typer

from edgehar.errors import one_line

REPEATS_S = 60.0
"""A line that comes again within so long is counted instead, s."""

MOST_REPEATED = 1000
"""Different lines that are watched for repeats at once; of more every one is written."""

_SYSLOG = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class LogFormat(StrEnum):
    """Form of the log of `edgehar run`."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class TextLine(logging.Formatter):
    """A record as one line, whoever has a say in its text; a traceback stands indented below it."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback's lines."""
        return "\n".join(f"  {one_line(line)}" for line in super().formatException(ei).split("\n"))


class JournalLine(TextLine):
    """The same with the level in front of every line, as sd-daemon(3) has it: `journalctl -p warning` works."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines."""
        level = _SYSLOG.get(record.levelno, 6)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).split("\n"))


class JsonLine(logging.Formatter):
    """A record as one JSON object: `ts` in UTC, `level`, `logger`, `msg`, `repeated` of a count, `trace` of a fault."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object on one line."""
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if repeated := getattr(record, "repeated", 0):
            line["repeated"] = repeated
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


class CountingHandler(logging.StreamHandler[Any]):
    """Writer of a log in which the repeats of a line within REPEATS_S are one line with their number.

    It stands there once they are over and something else is logged, or at the end. Lines below INFO are all written.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._repeats: dict[tuple[int, str, str], tuple[float, logging.LogRecord, int]] = {}
        """By line, since when, the newest record, and how many came after the first."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it; as of any handler, nothing that is wrong with it reaches who logs."""
        try:
            self._write_or_count(record)
        except Exception:  # noqa: BLE001 - logging's own way
            self.handleError(record)

    def _write_or_count(self, record: logging.LogRecord) -> None:
        now = self._clock()
        self._write_counts(now)
        line = (record.levelno, record.name, record.getMessage())
        if line in self._repeats:
            since, _, count = self._repeats[line]
            self._repeats[line] = (since, record, count + 1)
            return
        if record.levelno >= logging.INFO and len(self._repeats) < MOST_REPEATED:
            self._repeats[line] = (now, record, 0)
        super().emit(record)

    def close(self) -> None:
        """Write what was counted."""
        self._write_counts(float("inf"))
        super().close()

    def _write_counts(self, now: float) -> None:
        # The oldest is first.
        for line, (since, record, count) in list(self._repeats.items()):
            if now - since < REPEATS_S:
                return
            del self._repeats[line]
            if count:
                super().emit(_counted(record, count))


def _counted(record: logging.LogRecord, count: int) -> logging.LogRecord:
    counted = copy(record)
    counted.msg = f"{record.getMessage()} ({count} times more within {REPEATS_S:.0f} s)"
    counted.args, counted.exc_info, counted.exc_text = None, None, None
    counted.repeated = count
    return counted


def log_to_stderr() -> None:
    """Have all log lines from INFO on written to stderr, as text."""
    handler = CountingHandler(sys.stderr)
    handler.setFormatter(TextLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Below INFO bleak has a line for every notification, and asyncio names its selector.
    for library in ("bleak", "asyncio"):
        logging.getLogger(library).setLevel(logging.INFO)


def choose_format(chosen: LogFormat) -> None:
    """Have the log written as chosen: `auto` is text for a terminal, levels for the journal, and else JSON."""
    is_journal = _is_journal()
    for handler in logging.getLogger().handlers:
        if not isinstance(handler, CountingHandler):
            continue
        is_terminal = handler.stream is not None and handler.stream.isatty()
        is_text = chosen is LogFormat.TEXT or is_journal or is_terminal
        if chosen is LogFormat.JSON or not is_text:
            handler.setFormatter(JsonLine())
        elif is_journal:
            handler.setFormatter(JournalLine())


def _is_journal() -> bool:
    """Tell whether stderr is systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    named = os.environ.get("JOURNAL_STREAM")
    # Who closes stderr has none.
    if not named or sys.stderr is None:
        return False
    status = os.fstat(sys.stderr.fileno())
    return named == f"{status.st_dev}:{status.st_ino}"


def write_last_line(sentence: str) -> None:
    """Write to stderr why a verb has failed: as a line of the log where programs read it, else as a sentence."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    if any(isinstance(formatter, JsonLine | JournalLine) for formatter in formatters):
        logging.getLogger("edgehar").critical("%s", sentence)
    else:
        typer.echo(f"edgehar: {sentence}", err=True)
