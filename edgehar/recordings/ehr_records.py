"""The records of an `.ehr` file, whose layout `ehr` describes, out of bytes and into bytes."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from edgehar.types import Item

_MARKER = b"\xe4R"
_MARKER_AND_CRC = struct.Struct("<2sI")
_LENGTH_STREAM_TIME = struct.Struct("<HBd")
_MIN_RECORD = _MARKER_AND_CRC.size + _LENGTH_STREAM_TIME.size
_MAX_RECORD = _MIN_RECORD + 0xFFFF
MARK_STREAM = 254
HEADER_STREAM = 255
CHUNK = 1 << 18
"""Bytes that are read at once, and buffered before a write."""


class Record(Struct, frozen=True):
    """One record of a file."""

    offset: int
    """Place of its first byte in the file."""
    end: int
    """Behind its last byte."""
    t: float
    """A writer's stream time, s."""
    stream: int
    body: bytes


class Unread(Struct):
    """Counts of what an iteration over a recording met so far and could not read."""

    spoilt_bytes: int = 0
    """Bytes that are no record."""
    places: int = 0
    """Places where such bytes lie in a row."""
    refused: int = 0
    """Records that are whole, but not of a time or a stream that can be."""
    first_offset: int | None = None
    """First byte of the first of all of these, in the file; None if there are none."""
    first_after_s: float | None = None
    """Time from the recording's first packet to the last one before that byte, s; None without such packets."""

    def note(self, offset: int) -> None:
        """Keep where the first is."""
        if self.first_offset is None or offset < self.first_offset:
            self.first_offset = offset

    def in_words(self) -> str:
        """Say how much it is and where; empty if all was read."""
        parts = []
        if self.places:
            parts.append(f"{_count(self.spoilt_bytes, 'byte')} in {_count(self.places, 'place')}")
        if self.refused:
            parts.append(f"{_count(self.refused, 'record')} of impossible time or stream")
        if not parts:
            return ""
        seconds = "" if self.first_after_s is None else f"{self.first_after_s:.1f} s in, "
        return f"{' and '.join(parts)}, the first {seconds}at byte {self.first_offset}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


class Records:
    """The records of a file, open behind its magic, in their order; bytes that are none are skipped and counted."""

    def __init__(self, file: BinaryIO, unread: Unread) -> None:
        self._file, self._unread = file, unread
        self._spoilt_end = -1

    def __iter__(self) -> Iterator[Record]:
        start = self._file.tell()
        buffer, at, more = b"", 0, True
        while True:
            if more and len(buffer) - at < _MAX_RECORD:
                chunk = self._file.read(CHUNK)
                start, buffer, at, more = start + at, buffer[at:] + chunk, 0, len(chunk) == CHUNK
            if at == len(buffer):
                return
            item, end = _decode_record(buffer, at)
            if item is not None:
                yield Record(start + at, start + end, *item)
            else:
                self._skip(start + at, start + end)
            at = end

    def _skip(self, begin: int, end: int) -> None:
        """Count bytes that are no record."""
        if begin != self._spoilt_end:
            self._unread.places += 1
            self._unread.note(begin)
        self._unread.spoilt_bytes += end - begin
        self._spoilt_end = end


def encode_record(t: float, stream: int, body: bytes) -> bytes:
    """Return the bytes of a record."""
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
