"""The messages of the app Sensor Logger: the parts that are used, and large messages as several small ones.

Form: tszheichoi/awesome-sensor-logger, PUSHING.md ("Typescript Payload Schema"). `sensor_logger` says what
the values mean.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from edgehar.devices.timestamped import TimestampedSample, timestamped_sample
from edgehar.errors import FrameError

TOTAL, UNCALIBRATED, LINEAR = "totalacceleration", "accelerometeruncalibrated", "accelerometer"
GYROSCOPE = "gyroscope"
_USED = frozenset((TOTAL, UNCALIBRATED, LINEAR, GYROSCOPE))

LONGEST = 65_535
"""Bytes of a message that a reader takes; what a recording holds."""

LARGEST = 4 << 20
"""Bytes of one push: seconds of every sensor at its highest rate, but no film."""

_Id = Annotated[str, Meta(max_length=128)]


class _Values(Struct):
    x: float
    y: float
    z: float


class _Reading(Struct):
    """One sample of any sensor."""

    name: str = ""
    time: int | float | None = None
    values: Raw = Raw(b"null")


class Message(Struct, rename="camel"):
    """One push. `more` is ours: the same message goes on in the next one."""

    device_id: _Id
    payload: list[Raw]
    session_id: _Id = ""
    message_id: Annotated[int, Meta(ge=0, lt=1 << 53)] | None = None
    more: bool = False


class _Part(Struct, rename="camel", omit_defaults=True):
    message_id: int | None
    session_id: str
    device_id: str
    payload: list[Raw]
    more: bool = False


_decoder = msgspec.json.Decoder(Message)
_reading = msgspec.json.Decoder(_Reading)
_values = msgspec.json.Decoder(_Values)
_encode = msgspec.json.encode


class Push(Struct, frozen=True):
    """One push, made ready for a reader."""

    device: str
    """The phone's `deviceId`."""
    bodies: list[bytes]
    """Valid messages with all that a reader uses of it, and nothing else; none if there is nothing."""
    damaged: bool = False
    """A part of it could not be read and was left out."""


def read_push(raw: bytes, most: int = LONGEST) -> Push:
    """Read one push, its samples cut into messages of at most `most` bytes, at least 2,048; FrameError if it is none.

    Places, sounds and pictures, which the app may send along, are left out.
    """
    if len(raw) > LARGEST:
        raise FrameError(f"a push of {len(raw)} bytes")
    message, samples, damaged = parse(raw)
    if any(name in {TOTAL, UNCALIBRATED} for name, _ in samples):
        samples = [sample for sample in samples if sample[0] != LINEAR]
    samples.sort(key=lambda named: named[1][0])
    parts: list[list[Raw]] = []
    room = 0
    for name, (time_ns, *xyz) in samples:
        entry = _encode(_Reading(name, time_ns, Raw(_encode(_Values(*xyz)))))
        if len(entry) >= room:
            parts.append([])
            room = most - len(_encode(_part(message, [], more=True)))
        parts[-1].append(Raw(entry))
        room -= len(entry) + 1
    bodies = [_encode(_part(message, part, more=part is not parts[-1])) for part in parts]
    return Push(message.device_id, bodies, damaged)


def _part(message: Message, payload: list[Raw], *, more: bool) -> _Part:
    return _Part(message.message_id, message.session_id, message.device_id, payload, more)


def parse(raw: bytes) -> tuple[Message, list[tuple[str, TimestampedSample]], bool]:
    """Read a message: what it says of itself, its samples with their sensors' names, and whether it is damaged.

    Damaged is one of whose readings some cannot be read, as phones send null for what they did not measure;
    they are left out. FrameError if it is no message, or not one reading can be used for that.
    """
    try:
        message = _decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no message of Sensor Logger: {error}") from error
    samples: list[tuple[str, TimestampedSample]] = []
    misfit: Exception | None = None
    for entry in message.payload:
        try:
            reading = _reading.decode(entry)
            if reading.name in _USED:
                samples.append((reading.name, _sample(reading)))
        except (ValueError, RecursionError, FrameError) as error:
            misfit = misfit or error
    if misfit and not samples:
        raise FrameError(f"no message of Sensor Logger: {misfit}") from misfit
    return message, samples, misfit is not None


def _sample(reading: _Reading) -> TimestampedSample:
    """Return a reading's sample; ValueError or FrameError if it has none that was measured."""
    values = _values.decode(reading.values)
    return timestamped_sample(-1 if reading.time is None else reading.time, (values.x, values.y, values.z))
