"""Packets with their arrival times, to and from a file `*.ehr` that a power cut cannot spoil.

The file begins with the 8 bytes `edgehar` and 0x01 (the format's version); records follow, little endian:

    2 bytes   marker 0xE4 0x52
    u32       CRC-32 (zlib's) of the rest of the record
    u16       length of the body
    u8        stream: index into the header's streams; 255 for a header
    f64       stream time of arrival, s, bit for bit; 0 for a header
    n bytes   body: a packet as on the wire, or a header as JSON (see `Header`); empty: time went on

The first record is a header. Every writer that opens the file for more adds its own header and
never changes a byte that is there. A reader skips what is no record up to the next that is, so
a torn tail costs its own record alone, also in the middle of a file that was continued. Stream
time begins anew with every writer: later parts are moved by the difference of their headers'
epochs, but never before the packet they follow nor more than 60 s behind it.

Flushed for every second of stream time, so a killed process loses at most that. A power cut loses
what the kernel had not written yet, on Linux about the last 30 s. Closing waits for the disk.
"""

import contextlib
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.types import Item, Stream

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
_NAME = b"edgehar"
_MAGIC = _NAME + bytes((_VERSION,))
_MARKER = b"\xe4R"
_MARKER_AND_CRC = struct.Struct("<2sI")
_LENGTH_STREAM_TIME = struct.Struct("<HBd")
_MIN_RECORD = _MARKER_AND_CRC.size + _LENGTH_STREAM_TIME.size
_MAX_RECORD = _MIN_RECORD + 0xFFFF
_HEADER_STREAM = 255
CHUNK = 1 << 18
"""Bytes that are read at once, and buffered before a write."""

_FLUSH_S = 1.0
# A machine without a battery-backed clock may believe that decades lie between two parts.
_MAX_PAUSE_S = 60.0


class Header(Struct, frozen=True):
    """The wearer and the streams of a recording."""

    wearer: str
    streams: tuple[Stream, ...]
    """At most 255; a packet names its own by index."""
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
        if len(header.streams) > _HEADER_STREAM:
            raise ValueError(f"{len(header.streams)} streams; at most {_HEADER_STREAM} fit")
        self._owned = isinstance(target, Path)
        self._name = str(target)
        self._file = _open_to_append(target, header) if isinstance(target, Path) else target
        self._streams = len(header.streams)
        self.packets = 0
        """Packets that the file holds for certain: those up to the newest flush."""
        self._pushed = 0
        self._flush_at = float("-inf")
        magic = b"" if self._owned and self._file.tell() else _MAGIC
        self._write(magic + _encode_record(0.0, _HEADER_STREAM, msgspec.json.encode(header)), flush=True)

    def push(self, t: float, stream: int, body: bytes) -> None:
        """Append one packet that arrived at stream time t, s."""
        if not 0 <= stream < self._streams:
            raise ValueError(f"stream {stream} of {self._streams}")
        self._pushed += bool(body)
        self._write(_encode_record(t, stream, body), flush=t >= self._flush_at)
        if t >= self._flush_at:
            self._flush_at = t + _FLUSH_S

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
    """A recording on disk; each iteration reads it from the start, in bounded memory."""

    def __init__(self, path: Path) -> None:
        self.header = _first_header(path)
        """Header of the file's first part."""
        self._path = path
        self._records: _Records | None = None

    @property
    def torn(self) -> int:
        """Bytes that the latest iteration met so far and that are no record."""
        return 0 if self._records is None else self._records.torn

    def __iter__(self) -> Iterator[Item]:
        with _open_to_read(self._path) as file:
            self._records = _Records(file)
            timeline = _Timeline()
            for t, stream, body in self._records:
                if stream == _HEADER_STREAM:
                    timeline.begin_part(_parse_header(self._path, body).epoch - self.header.epoch)
                elif stream < len(self.header.streams):
                    yield timeline.recording_time(t), stream, body
                else:
                    raise RecordingError(f"{self._path}: a packet of stream {stream}, which its header lacks")


def read(path: Path) -> Recording:
    """Open a recording; RecordingError if the file is none."""
    return Recording(path)


class _Timeline:
    """The times of a recording: those of a later writer are moved behind the packets before it."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._floor = float("-inf")
        self._shift = 0.0
        self._new_shift: float | None = None

    def begin_part(self, shift: float) -> None:
        """Begin the part of a writer whose stream time 0 lies this much after the first writer's, s."""
        if self._last is not None:
            self._floor, self._new_shift = self._last, shift

    def recording_time(self, t: float) -> float:
        """Return the recording's time for a writer's, s; for the first writer's the same to the bit."""
        if self._new_shift is not None:
            earliest = self._floor - t
            self._shift = min(max(self._new_shift, earliest), earliest + _MAX_PAUSE_S)
            self._new_shift = None
        # A sum may fall short of the floor by rounding.
        self._last = max(t + self._shift, self._floor) if self._shift else t
        return self._last


class _Records:
    """The records of an open file in their order; bytes that are none are skipped and counted."""

    def __init__(self, file: BinaryIO) -> None:
        self.torn = 0
        """Bytes that are no record, so far."""
        self._file = file

    def __iter__(self) -> Iterator[Item]:
        buffer, at, more = b"", 0, True
        while True:
            if more and len(buffer) - at < _MAX_RECORD:
                chunk = self._file.read(CHUNK)
                buffer, at, more = buffer[at:] + chunk, 0, len(chunk) == CHUNK
            if at == len(buffer):
                return
            item, end = _decode_record(buffer, at)
            if item is not None:
                yield item
            else:
                self.torn += end - at
            at = end


def _encode_record(t: float, stream: int, body: bytes) -> bytes:
    rest = _LENGTH_STREAM_TIME.pack(len(body), stream, t) + body
    return _MARKER_AND_CRC.pack(_MARKER, zlib.crc32(rest)) + rest


def _decode_record(buffer: bytes, at: int) -> tuple[Item | None, int]:
    """Return the record at this offset and its end; without one, None and where to look next."""
    start = at + _MARKER_AND_CRC.size
    if len(buffer) - at >= _MIN_RECORD and buffer.startswith(_MARKER, at):
        length, stream, t = _LENGTH_STREAM_TIME.unpack_from(buffer, start)
        end = at + _MIN_RECORD + length
        if end <= len(buffer) and zlib.crc32(buffer[start:end]) == _MARKER_AND_CRC.unpack_from(buffer, at)[1]:
            return (t, stream, buffer[start + _LENGTH_STREAM_TIME.size : end]), end
    marker = buffer.find(_MARKER, at + 1)
    # The last byte is looked at again: it may be the first half of a marker.
    return None, marker if marker >= 0 else max(at + 1, len(buffer) - 1)


def _open_to_read(path: Path) -> BinaryIO:
    """Open the file behind its magic; RecordingError if it cannot be read or has another."""
    try:
        file = path.open("rb")
        magic = file.read(len(_MAGIC))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    if magic == _MAGIC:
        return file
    file.close()
    if magic[:-1] == _NAME:
        raise RecordingError(f"{path}: recording format version {magic[-1]}; this edgehar reads {_VERSION}")
    raise RecordingError(f"{path}: no recording: begins with {magic!r}, expected {_MAGIC!r}")


def _first_header(path: Path) -> Header:
    with _open_to_read(path) as file:
        for _, stream, body in _Records(file):
            if stream != _HEADER_STREAM:
                break
            return _parse_header(path, body)
    raise RecordingError(f"{path}: no recording: its first record is no readable header")


def _parse_header(path: Path, body: bytes) -> Header:
    try:
        return msgspec.json.decode(body, type=Header)
    except msgspec.DecodeError as error:
        raise RecordingError(f"{path}: header: {error}") from error


def _open_to_append(path: Path, header: Header) -> BinaryIO:
    """Open the file at its end; RecordingError if it is none, is being written, or holds anything but these streams."""
    # To open a pipe would wait for whoever reads it.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RecordingError(
            f"{path}: expected a file, and it is a pipe, a device or a socket; name a new file"
        )
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
        return _MAGIC.startswith(file.read(len(_MAGIC))) and next(iter(_Records(file)), None) is None


def _require_same_streams(path: Path, header: Header) -> None:
    recorded = _first_header(path)
    if (recorded.wearer, recorded.streams) != (header.wearer, header.streams):
        raise RecordingError(
            f"{path}: holds {_wearer_and_placements(recorded)}; cannot append {_wearer_and_placements(header)}"
        )


def _wearer_and_placements(header: Header) -> str:
    return f"{', '.join(stream.placement for stream in header.streams)} of {header.wearer}"
