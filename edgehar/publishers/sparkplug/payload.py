"""The payload of Sparkplug B 3.0 in bytes: the fields that are used here, read and written by hand.

    Payload   1 timestamp   2 metrics   3 seq
    Metric    1 name   2 alias   3 timestamp   4 datatype   5 is_historical   7 is_null
              10 int_value   11 long_value   12 float_value   13 double_value   14 boolean_value   15 string_value

It is Protocol Buffers (the specification, 6.4.1, has the schema; protobuf.dev, "Encoding", the bytes). A library for
that is a compiled package, with code generated to fit one version of it, for sixteen fields; the tests have one read
and write the same bytes. Times are Unix time, ms.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

from edgehar.errors import FrameError

MOST_METRICS = 1000
"""Metrics of a payload that is read: nobody who writes to a node has so many."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types: how a field's value ends."""

_LONGEST_VARINT = 10
"""Bytes of the largest number, 2**64 - 1."""


class DataType(IntEnum):
    """Types of the metrics that are sent, as a birth names them."""

    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13


Value = bool | int | float | str
"""A date is an int, ms; an int is 0 to 2**64 - 1."""


class Metric(Struct, frozen=True):
    """One value of one metric."""

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    """As in `DataType`, or another of the specification's."""
    value: Value | None = None
    """None: it has none now."""
    is_historical: bool = False
    """It is old, and not what is so now."""


class Payload(Struct, frozen=True):
    """All that one message carries."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: tuple[Metric, ...] = ()


def encode(payload: Payload) -> bytes:
    """Write a payload, fields in the order of their numbers."""
    parts = [_number(1, payload.timestamp)]
    parts += [_text(2, _metric(metric)) for metric in payload.metrics]
    return b"".join([*parts, _number(3, payload.seq)])


def _metric(metric: Metric) -> bytes:
    name = b"" if metric.name is None else _text(1, metric.name.encode())
    numbers = _number(2, metric.alias) + _number(3, metric.timestamp) + _number(4, metric.datatype)
    return name + numbers + (_number(5, 1) if metric.is_historical else b"") + _value(metric.value)


def _value(value: Value | None) -> bytes:
    match value:
        case None:
            return _number(7, 1)
        case bool():
            return _number(14, int(value))
        case int():
            return _number(11, value)
        case float():
            return _key(13, _FIXED64) + struct.pack("<d", value)
        case str():
            return _text(15, value.encode())


def _number(field: int, value: int | None) -> bytes:
    return b"" if value is None else _key(field, _VARINT) + _varint(value)


def _text(field: int, content: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(content)) + content


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Write a number, seven bits a byte, the lowest first; all but the last have the highest bit set."""
    if not 0 <= value < 2**64:
        raise ValueError(f"expected a number from 0 to 2**64 - 1, got {value}")
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def decode(payload: bytes) -> Payload:
    """Read a payload; FrameError if it breaks the format. Fields that are not used here are passed over."""
    numbers: dict[int, int] = {}
    metrics: list[Metric] = []
    for field, content in _fields(payload):
        if isinstance(content, int):
            numbers[field] = content
        elif field == 2 and len(metrics) == MOST_METRICS:
            raise FrameError(f"expected at most {MOST_METRICS} metrics, got more")
        elif field == 2 and isinstance(content, bytes):
            metrics.append(_read_metric(content))
    return Payload(numbers.get(1), numbers.get(3), tuple(metrics))


def _read_metric(content: bytes) -> Metric:
    fields = dict(_fields(content))
    numbers = {field: number for field, number in fields.items() if isinstance(number, int)}
    return Metric(
        _read_text(fields.get(1)),
        numbers.get(2),
        numbers.get(3),
        numbers.get(4),
        None if numbers.get(7) else _read_value(fields),
        bool(numbers.get(5)),
    )


def _read_value(fields: "dict[int, int | float | bytes]") -> Value | None:
    """Return the value in whichever field holds it; of one with another wire type than the field's, nothing."""
    match fields:
        case {10: int(number)} | {11: int(number)} | {12: float(number)} | {13: float(number)}:
            return number
        case {14: int(number)}:
            return bool(number)
    return _read_text(fields.get(15))


def _read_text(content: int | float | bytes | None) -> str | None:  # noqa: PYI041 - what a field may hold
    if not isinstance(content, bytes):
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FrameError(f"expected UTF-8, got {content[:20].hex()}...") from error


def _fields(content: bytes) -> "Iterator[tuple[int, int | float | bytes]]":
    """Yield number and content of every field, in the order of the bytes."""
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        field, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            number, at = _read_varint(content, at)
            yield field, number
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire_type)
        if wire_type == _BYTES:
            size, at = _read_varint(content, at)
        if size is None:
            raise FrameError(f"expected a field of wire type 0, 1, 2 or 5, got {wire_type} at byte {at}")
        if len(content) - at < size:
            raise FrameError(f"expected {size} bytes from byte {at} on, got {len(content) - at}")
        piece = content[at : at + size]
        at += size
        yield field, piece if wire_type == _BYTES else struct.unpack("<d" if size == 8 else "<f", piece)[0]


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next byte is."""
    value = 0
    for i, byte in enumerate(content[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80 and value < 2**64:
            return value, at + i + 1
    raise FrameError(f"expected a number of at most 64 bits at byte {at}, got {content[at : at + 10].hex()}")
