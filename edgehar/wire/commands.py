"""Commands of a gateway to a sensor, and the sensor's answers: bytes, without I/O.

Both are bodies: a byte stream carries them framed, as all of them (`framing`). `firmware_bridge/README.md` specifies
every byte.
"""

import struct
from enum import IntEnum

from msgspec import Struct

from edgehar.errors import FrameError

OWN_KINDS = range(0xE0, 0x100)
"""Kinds of command whose meaning is the sensor's own."""

# Version 1 in the high nibble, the kind of packet in the low one.
_ANSWER = 0x12
_COMMAND = 0x18
_COMMAND_LAYOUT = struct.Struct("<BBBIH")
_ANSWER_LAYOUT = struct.Struct("<BBBBII")


class Kind(IntEnum):
    """Kinds of command; `value` and `more` are the arguments of `encode_command`."""

    START = 0x01
    """Send data."""
    STOP = 0x02
    """Send no data."""
    SET_RATE = 0x03
    """value: time from one sample to the next, µs, 1..10,000,000."""
    SET_RANGES = 0x04
    """value: acceleration's full scale, g, 1..255; more: angular rate's, degree/s; 0 leaves it as it is."""
    IDENTIFY = 0x05
    """value: how long to show which sensor it is, s, 0..255; 0 ends it."""
    ECHO = 0x06
    """value: 0..2**32 - 1, which the answer brings back."""
    REST = 0x07
    """Low power when still. value: threshold, mg, 0..65535; more: after so many s, 0..65535; 0 is never."""
    WAKE = 0x08
    """Motion ends a rest. value: threshold, mg, 0..65535; 0 is never."""


# Of value and more, the largest of each.
_BOUNDS = {
    Kind.START: (0, 0),
    Kind.STOP: (0, 0),
    Kind.SET_RATE: (10_000_000, 0),
    Kind.SET_RANGES: (255, 65535),
    Kind.IDENTIFY: (255, 0),
    Kind.ECHO: (2**32 - 1, 0),
    Kind.REST: (65535, 65535),
    Kind.WAKE: (65535, 0),
} | dict.fromkeys(OWN_KINDS, (2**32 - 1, 65535))


class Result(IntEnum):
    """Outcome of a command."""

    ACCEPTED = 0
    REFUSED = 1
    """The sensor knows the kind but cannot do this; nothing has changed."""
    UNKNOWN = 2
    """The sensor does not know the kind."""


class Answer(Struct, frozen=True):
    """A sensor's answer to one command."""

    number: int
    """The command's, 0..255."""
    kind: int
    """The command's, 0..255."""
    result: Result
    ticks_us: int
    """Device clock when the command came, µs, modulo 2**32; 0 from a sensor without a clock."""
    echo: int
    """The value of an ECHO; 0 in other answers."""


def encode_command(number: int, kind: int, value: int = 0, more: int = 0) -> bytes:
    """Return the body of a command, 9 bytes; ValueError where an argument is out of its kind's bounds.

    Args:
        number: The gateway's own choice, taken modulo 256; the answer brings it back.
        kind: A `Kind`, or one of OWN_KINDS.
        value: First argument of its kind.
        more: Second argument of its kind.
    """
    if kind not in _BOUNDS:
        raise ValueError(
            f"command of kind {kind:#04x}; a Kind, or {OWN_KINDS[0]:#x}..{OWN_KINDS[-1]:#x}, expected"
        )
    most_value, most_more = _BOUNDS[kind]
    least = 1 if kind == Kind.SET_RATE else 0
    if not (least <= value <= most_value and 0 <= more <= most_more):
        raise ValueError(
            f"command {kind:#04x} with {value} and {more}; {least}..{most_value} and 0..{most_more} expected"
        )
    return _COMMAND_LAYOUT.pack(_COMMAND, number & 0xFF, kind, value, more)


def is_answer(body: bytes) -> bool:
    """Tell whether a body is an answer that keeps to the format."""
    return len(body) == _ANSWER_LAYOUT.size and body[0] == _ANSWER and body[3] <= max(Result)


def decode_answer(body: bytes) -> Answer:
    """Read an answer's body; FrameError if it is none."""
    if not is_answer(body):
        raise FrameError(f"{body[:12].hex()}, {len(body)} bytes; an answer of {_ANSWER_LAYOUT.size} expected")
    _, number, kind, result, ticks_us, echo = _ANSWER_LAYOUT.unpack(body)
    return Answer(number, kind, Result(result), ticks_us, echo)
