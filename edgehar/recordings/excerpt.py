"""The seconds around a moment, written as a recording of their own; and how long such recordings stay.

They lie in one folder of which only its owner reads anything. A file is there as a whole or not at all, also after a power cut.
"""

import contextlib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.free_space import require_space
from edgehar.recordings.marks import TimedMark
from edgehar.recordings.names import RecordingName, parse_name
from edgehar.types import Item

FOLDER = "kept"
"""Below the folder for what outlives the process."""

PART = ".part"
"""Ends the name of a file that is being written."""

_MOST_OF_A_NAME = 1000


class Bounds(Struct, frozen=True):
    """Bounds of a folder, beyond which the oldest recordings go."""

    age_s: float
    size: int
    """Bytes."""


class Excerpt(Struct, frozen=True):
    """The makings of a recording."""

    header: Header
    items: Sequence[Item]
    """Packets in their order."""
    marks: Sequence[TimedMark]
    """Marks in their order."""


def write(folder: Path, name: RecordingName, excerpt: Excerpt, former: Collection[Path] = ()) -> Path:
    """Write a recording into a folder, which is made if need be, and return its path; RecordingError if it cannot be.

    The `former` recordings, whose place it takes, go once it is there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_space(folder)
        path = _unused(folder, name, former)
        part = path.with_name(path.name + PART)
        try:
            _write(part, excerpt)
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        for other in former:
            if other != path:
                other.unlink(missing_ok=True)
        _sync(folder)
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from error
    return path


def _write(path: Path, excerpt: Excerpt) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        with Writer(file, excerpt.header) as writer:
            writer.write(excerpt.items, excerpt.marks)
        os.fsync(handle)


def _unused(folder: Path, name: RecordingName, former: Collection[Path]) -> Path:
    """Return a path that no file has, but one that is replaced: there may be several moments in a second."""
    for number in range(1, _MOST_OF_A_NAME):
        word = name.word if number == 1 else f"{name.word}_{number}"
        path = folder / str(replace(name, word=word))
        if path in former or not path.exists():
            return path
    raise RecordingError(f"{folder}: has {_MOST_OF_A_NAME} recordings of one second; move them away")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, bounds: Bounds, now: float) -> list[Path]:
    """Remove what is too old or too much, and return it; `now` is Unix time, s. RecordingError if it cannot be.

    What a power cut left of a file that was being written goes too; what has another name is not ours, and stays.
    """
    gone: list[Path] = []
    try:
        files = [*folder.iterdir()] if folder.is_dir() else []
        for path in files:
            if path.name.endswith(PART):
                path.unlink(missing_ok=True)
        dated = sorted((name.unix_s, path) for path in files if (name := parse_name(path.name)))
        left = sum(path.stat().st_size for _, path in dated)
        for unix_s, path in dated:
            if now - unix_s <= bounds.age_s and left <= bounds.size:
                break
            left -= path.stat().st_size
            path.unlink(missing_ok=True)
            gone.append(path)
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from error
    return gone
