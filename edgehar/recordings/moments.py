"""Moments that somebody marked while nothing was recorded, a JSON line each in `WEARER.moments.jsonl`."""

import os
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
    """What marked it."""


def append(path: Path, moment: Moment) -> None:
    """Append to a file that its owner alone reads; RecordingError if it cannot be, or is full."""
    line = msgspec.json.encode(moment) + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "ab") as file:
            if os.fstat(handle).st_size + len(line) > LARGEST:
                raise RecordingError(f"{path}: is full at {LARGEST >> 10} kB; move it away")
            file.write(line)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
