"""Moments that somebody marked while nothing was recorded, a JSON line each in `WEARER.moments.jsonl`."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from edgehar.errors import RecordingError

SUFFIX = ".moments.jsonl"

LARGEST = 2**20
"""Bytes of a file."""


class Moment(Struct, frozen=True):
    """A moment of one wearer."""

    time: str
    """In UTC."""
    wearer: str
    note: str
    """Its origin, such as `button`."""


def append(path: Path, moment: Moment) -> None:
    """Append to a file that its owner alone reads; RecordingError if it cannot be, or is full."""
    line = msgspec.json.encode(moment) + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "ab") as file:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_size + len(line) > LARGEST:
                raise RecordingError(f"{path}: is full at {LARGEST >> 10} kB; move it away")
            file.write(line)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error


def remove(path: Path, before: float) -> int:
    """Remove the moments that are older than `before`, Unix time, s, and return how many; the file goes with its last one.

    A line that cannot be read is old. RecordingError if the disk refuses.
    """
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # a daemon may be about to append
            lines = file.readlines()
            newer = [line for line in lines if _unix_s(line) >= before]
            if len(newer) < len(lines):
                file.seek(0)
                file.writelines(newer)
                file.truncate()
            if not newer:
                path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    return len(lines) - len(newer)


def _unix_s(line: bytes) -> float:
    """Return when a line's moment was, Unix time, s; 0 if it does not say."""
    try:
        moment = datetime.fromisoformat(msgspec.json.decode(line, type=Moment).time)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
