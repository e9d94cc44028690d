"""Packets with their arrival times, in a file `*.ehr` that a power cut cannot spoil: its format, and the reading of it.

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
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.recordings import labels_csv, marks
from edgehar.recordings.ehr_records import (
    HEADER_STREAM,
    MARK_STREAM,
    Record,
    Records,
    Unread,
)
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.recordings.scoring import Segment
from edgehar.recordings.timeline import ArrivalCheck, Timeline
from edgehar.types import UNREADABLE, Item, Stream
from edgehar.validation import shown

_VERSION = 1
_NAME = b"edgehar"
MAGIC = _NAME + bytes((_VERSION,))
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


class Recording:
    """A recording on disk; each iteration reads it from the start, in bounded memory.

    What arrives behind something that could not be read follows an empty body of the stream UNREADABLE.
    """

    def __init__(self, path: Path) -> None:
        self.header = first_header(path)
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
        magic = file.read(len(MAGIC))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}; name a recording, *.ehr") from error
    if magic == MAGIC:
        return file
    file.close()
    if magic[:-1] == _NAME:
        raise RecordingError(f"{path}: recording format version {magic[-1]}; this edgehar reads {_VERSION}")
    raise RecordingError(
        f"{path}: no recording: expected a file that `edgehar record` wrote, got "
        + (f"one that begins with {shown(magic.decode('latin-1'))}" if magic else "an empty one")
    )


def first_header(path: Path) -> Header:
    """Read the header of a recording's first part; RecordingError if the file is none."""
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


def require_no_pipe(path: Path, hint: str) -> None:
    """Refuse, by RecordingError, what to open would wait for its other end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RecordingError(f"{path}: expected a file, and it is a pipe, a device or a socket; {hint}")
