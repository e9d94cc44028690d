"""The writing of `*.ehr` files, as `ehr` describes them: a new one, or a recording that goes on.

Flushed for every second of stream time and with every mark, so a killed process loses at most a second. A power cut loses
what the kernel had not written yet, on Linux about the last 30 s. Closing waits for the disk.
"""

import contextlib
import fcntl
import logging
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from edgehar.errors import RecordingError
from edgehar.recordings import marks
from edgehar.recordings.ehr import MAGIC, Header, first_header, require_no_pipe
from edgehar.recordings.ehr_records import (
    CHUNK,
    HEADER_STREAM,
    MARK_STREAM,
    Records,
    Unread,
    encode_record,
)
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.types import Item

_LOGGER = logging.getLogger(__name__)

_FLUSH_S = 1.0


class Writer:
    """A writer that appends packets to a file, a new one or a recording of the same wearer and streams.

    RecordingError if the file is anything else, another writer has it, or the disk refuses. A file object
    that is handed over is written from where it stands, and stays open.
    """

    def __init__(self, target: Path | BinaryIO, header: Header) -> None:
        if len(header.streams) > MARK_STREAM:
            raise ValueError(f"{len(header.streams)} streams; at most {MARK_STREAM} fit")
        self._owned = isinstance(target, Path)
        self._name = str(target if isinstance(target, Path) else getattr(target, "name", target))
        self._file = _open_to_append(target, header) if isinstance(target, Path) else target
        self._streams = len(header.streams)
        self.packets = 0
        """Packets that the file holds for certain: those up to the newest flush."""
        self._pushed = 0
        self._flush_at = float("-inf")
        magic = b"" if self._owned and self._file.tell() else MAGIC
        self._write(magic + encode_record(0.0, HEADER_STREAM, msgspec.json.encode(header)), flush=True)

    def push(self, t: float, stream: int, body: bytes) -> None:
        """Append one packet that arrived at stream time t, s."""
        if not 0 <= stream < self._streams:
            raise ValueError(f"stream {stream} of {self._streams}")
        self._pushed += bool(body)
        self._write(encode_record(t, stream, body), flush=t >= self._flush_at)
        if t >= self._flush_at:
            self._flush_at = t + _FLUSH_S

    def mark(self, t: float, mark: Mark) -> None:
        """Append a mark of stream time t, s."""
        self._write(encode_record(t, MARK_STREAM, marks.encode(mark)), flush=True)

    def write(self, items: Iterable[Item], marks: Iterable[TimedMark]) -> None:
        """Append packets and marks, each in the order of their times; of both at a time the mark comes first."""
        left = deque(marks)
        for t, stream, body in items:
            while left and left[0][0] <= t:
                self.mark(*left.popleft())
            self.push(t, stream, body)
        for timed in left:
            self.mark(*timed)

    def _write(self, data: bytes, *, flush: bool) -> None:
        try:
            self._file.write(data)
            if flush:
                self._file.flush()
                self.packets = self._pushed
        except OSError as error:
            raise RecordingError(f"{self._name}: {error.strerror}") from error

    def close(self) -> None:
        """Write everything to the disk and end."""
        if self._file.closed:
            return
        try:
            self._write(b"", flush=True)
            if self._owned:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise RecordingError(f"{self._name}: {error.strerror}") from error
        finally:
            if self._owned:
                # It tries once more to write what the disk has just refused.
                with contextlib.suppress(OSError):
                    self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_to_append(path: Path, header: Header) -> BinaryIO:
    """Open the file at its end; RecordingError if it is none, is being written, or holds anything but these streams."""
    require_no_pipe(path, "name a new file")
    try:
        file = path.open("ab", buffering=CHUNK)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    try:
        _lock(file, path)
        if _holds_nothing(path):
            file.truncate(0)
            file.seek(0)
        else:
            _require_same_streams(path, header)
    except RecordingError:
        file.close()
        raise
    return file


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other writers off as long as the file is open; RecordingError if another one has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RecordingError(f"{path}: is being recorded to by another program; name another file") from error
    except OSError as error:
        # Not every file system can.
        _LOGGER.debug("%s: cannot be locked: %s", path, error.strerror)


def _holds_nothing(path: Path) -> bool:
    """Tell whether the file is empty, or a power cut spoilt the very first write to it."""
    with path.open("rb") as file:
        return MAGIC.startswith(file.read(len(MAGIC))) and next(iter(Records(file, Unread())), None) is None


def _require_same_streams(path: Path, header: Header) -> None:
    recorded = first_header(path)
    if (recorded.wearer, recorded.streams) != (header.wearer, header.streams):
        raise RecordingError(
            f"{path}: holds {_wearer_and_placements(recorded)}; cannot append {_wearer_and_placements(header)}"
        )


def _wearer_and_placements(header: Header) -> str:
    return f"{', '.join(stream.placement for stream in header.streams)} of {header.wearer}"
