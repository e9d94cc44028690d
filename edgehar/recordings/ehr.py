"""Packets with their arrival times, to and from a file `*.ehr` that a power cut cannot spoil.

The file begins with the 8 bytes `edgehar` and 0x01 (the format's version); records follow, little endian:

    2 bytes   marker 0xE4 0x52
    u32       CRC-32 (zlib's) of the rest of the record
    u16       length of the body
    u8        stream: index into the header's streams; 254 for a mark, 255 for a header
    f64       stream time of arrival, s, bit for bit; 0 for a header
    n bytes   body: a packet as on the wire, a mark or a header as JSON (`marks.Mark`, `Header`); empty: time went on

The first record is a header. Every writer that opens the file for more adds its own header and
never changes a byte that is there. A reader skips what is no record up to the next that is, so
a torn tail costs its own record alone, also in the middle of a file that was continued. It also skips
a record whose time, beside its neighbours', cannot be that of an arrival, and counts all of it. Stream
time begins anew with every writer: later parts are moved by the difference of their headers'
epochs, but never before the packet they follow nor more than 60 s behind it.

Flushed for every second of stream time and with every mark, so a killed process loses at most a second. A power cut loses
what the kernel had not written yet, on Linux about the last 30 s. Closing waits for the disk.
"""

import contextlib
import fcntl
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.recordings import labels_csv, marks
from edgehar.recordings.ehr_records import (
    CHUNK,
    HEADER_STREAM,
    MARK_STREAM,
    Record,
    Records,
    Unread,
    encode_record,
)
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.recordings.scoring import Segment
from edgehar.recordings.timeline import ArrivalCheck, Timeline
from edgehar.types import UNREADABLE, Item, Stream
from edgehar.validation import shown

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
_NAME = b"edgehar"
_MAGIC = _NAME + bytes((_VERSION,))
_FLUSH_S = 1.0
_WRITER_ENDED = Mark("end", note="writer")
"""Nobody said what was done between a writer that was killed and the next one."""
_LATEST_EPOCH_S = 1e10
"""Unix time of the year 2286, s."""


class Header(Struct, frozen=True):
    """The wearer and the streams of a recording."""

    wearer: str
    streams: tuple[Stream, ...]
    """At most 254; a packet names its own by index."""
    epoch: float
    """Unix time at stream time 0, s."""
    created: str = ""
    """Program and time that made it, for people."""


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
        magic = b"" if self._owned and self._file.tell() else _MAGIC
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


class Recording:
    """A recording on disk; each iteration reads it from the start, in bounded memory.

    What arrives behind something that could not be read follows an empty body of the stream UNREADABLE.
    """

    def __init__(self, path: Path) -> None:
        self.header = _first_header(path)
        """Header of the file's first part."""
        self.unread = Unread()
        """Counts of what the latest iteration met so far and could not read."""
        self.path = path
        """Name of the file."""

    def __iter__(self) -> Iterator[Item]:
        for t, stream, body in self._items():
            if stream not in {MARK_STREAM, HEADER_STREAM}:
                yield t, stream, body

    def marks(self) -> list[TimedMark]:
        """Read the marks, in their order, by the recording's stream time, s."""
        return [timed for timed in self._marks_and_end()[0] if timed[1] is not _WRITER_ENDED]

    def truth(self, begin: float | None = None) -> list[Segment]:
        """Read what was done, in common labels and stream time, s; nothing if nobody says it.

        The labels beside the recording say it, or without such a file the marks. Labels count from `begin`, or without
        it from the first packet, which came when the last of its samples was taken. RecordingError as `read_labels`.
        """
        if not labels_csv.beside(self.path).is_file():
            return marks.segments(*self._marks_and_end())
        if begin is None:
            begin = next((t for t, _, body in self if body), 0.0)
        return [
            (begin + start, begin + end, label) for start, end, label in labels_csv.read_labels(self.path)
        ]

    def _marks_and_end(self) -> tuple[list[TimedMark], float]:
        """Return the marks, where a writer followed another one's end, and the time of the last that was recorded, s."""
        timed: list[TimedMark] = []
        t = 0.0
        for t, stream, body in self._items():
            if stream == MARK_STREAM:
                timed.append((t, marks.decode(body)))
            elif stream == HEADER_STREAM:
                timed.append((t, _WRITER_ENDED))
        return timed, t

    def _items(self) -> Iterator[Item]:
        """Yield packets and marks, where something between two could not be read, and the end of a writer before another."""
        with _open_to_read(self.path) as file:
            self.unread = Unread()
            timeline, end, first, t = Timeline(), file.tell(), None, None
            for record in self._in_order(Records(file, self.unread)):
                if record.stream == HEADER_STREAM:
                    timeline.begin_part(self._later(record))
                    if t is not None:
                        yield t, HEADER_STREAM, b""
                elif record.stream == MARK_STREAM and not marks.is_mark(record.body):
                    self.unread.refused += 1
                    self.unread.note(record.offset)
                else:
                    t = timeline.recording_time(record.t)
                    if record.offset != end:
                        yield t, UNREADABLE, b""
                    if self.unread.first_offset is None or record.offset < self.unread.first_offset:
                        first = t if first is None else first
                        self.unread.first_after_s = t - first
                    yield t, record.stream, record.body
                end = record.end

    def _in_order(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield headers, and the packets whose times can be those of arrivals."""
        check, end = ArrivalCheck(len(self.header.streams), self.unread), 0
        for record in records:
            is_header = record.stream == HEADER_STREAM
            # Time that goes back where bytes are spoilt is that of another writer, whose header was among them.
            is_headless = record.offset != end and check.goes_back(record)
            if is_header or is_headless:
                yield from check.flush()
                check = ArrivalCheck(len(self.header.streams), self.unread)
                yield record if is_header else Record(end, record.offset, 0.0, HEADER_STREAM, b"")
            if not is_header:
                yield from check.push(record)
            end = record.end
        yield from check.flush()

    def _later(self, header: Record) -> float:
        """Return how much later than the first writer's stream time 0 that of a header lies, s; 0 if it is unreadable."""
        try:
            return _parse_header(self.path, header.body).epoch - self.header.epoch
        except RecordingError:
            self.unread.note(header.offset)
            self.unread.refused += header.body != b""
            return 0.0


def read(path: Path) -> Recording:
    """Open a recording; RecordingError if the file is none."""
    return Recording(path)


def _open_to_read(path: Path) -> BinaryIO:
    """Open the file behind its magic; RecordingError if it cannot be read or has another."""
    try:
        file = path.open("rb")
        magic = file.read(len(_MAGIC))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}; name a recording, *.ehr") from error
    if magic == _MAGIC:
        return file
    file.close()
    if magic[:-1] == _NAME:
        raise RecordingError(f"{path}: recording format version {magic[-1]}; this edgehar reads {_VERSION}")
    raise RecordingError(
        f"{path}: no recording: expected a file that `edgehar record` wrote, got "
        + (f"one that begins with {shown(magic.decode('latin-1'))}" if magic else "an empty one")
    )


def _first_header(path: Path) -> Header:
    with _open_to_read(path) as file:
        for record in Records(file, Unread()):
            if record.stream != HEADER_STREAM:
                break
            return _parse_header(path, record.body)
    raise RecordingError(f"{path}: no recording: its first record is no readable header")


def _parse_header(path: Path, body: bytes) -> Header:
    try:
        header = msgspec.json.decode(body, type=Header)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{path}: header: {error}") from error
    if abs(header.epoch) > _LATEST_EPOCH_S:
        raise RecordingError(f"{path}: header: epoch {header.epoch:g}, expected Unix time in s")
    return header


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


def require_no_pipe(path: Path, hint: str) -> None:
    """Refuse, by RecordingError, what to open would wait for its other end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RecordingError(f"{path}: expected a file, and it is a pipe, a device or a socket; {hint}")


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
        return _MAGIC.startswith(file.read(len(_MAGIC))) and next(iter(Records(file, Unread())), None) is None


def _require_same_streams(path: Path, header: Header) -> None:
    recorded = _first_header(path)
    if (recorded.wearer, recorded.streams) != (header.wearer, header.streams):
        raise RecordingError(
            f"{path}: holds {_wearer_and_placements(recorded)}; cannot append {_wearer_and_placements(header)}"
        )


def _wearer_and_placements(header: Header) -> str:
    return f"{', '.join(stream.placement for stream in header.streams)} of {header.wearer}"
