"""Moments that somebody marked by the press of a button, in a file of JSON lines: beside `walk.ehr` it is `walk.marks.jsonl`."""

import os
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from edgehar.errors import RecordingError

Kind = Literal["start", "stop", "mark"]

LARGEST = 2**20
"""Bytes of a file."""


class Mark(Struct, frozen=True):
    """A moment, or where a recording began or ended."""

    t: float
    """Stream time, s, as the recording beside it has it."""
    time: str
    """The same moment in UTC."""
    wearer: str
    kind: Kind
    label: str | None = None
    """Label that was recorded; None for a moment."""


def beside(recording: Path) -> Path:
    """Return the path of a recording's marks."""
    return recording.with_suffix(".marks.jsonl")


def append(path: Path, mark: Mark) -> None:
    """Append to a file that its owner alone reads; RecordingError if it cannot be, or is full."""
    line = msgspec.json.encode(mark) + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "ab") as file:
            if os.fstat(handle).st_size + len(line) > LARGEST:
                raise RecordingError(f"{path}: is full at {LARGEST >> 10} kB; move it away")
            file.write(line)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
