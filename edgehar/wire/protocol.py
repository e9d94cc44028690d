"""The layout of a sensor's packets: what stands at which byte of a body.

A BLE notification carries a body as it is, a byte stream carries it framed (`framing`).
`firmware_bridge/README.md` specifies every byte, `firmware_bridge/imu_link.c` writes them, and both ends are held to
`firmware_bridge/vectors.json`: a change is one in all four. Commands and their answers are `commands`.
"""

import math
import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, STANDARD_GRAVITY, FloatArray

MAX_SAMPLES = 19
"""Samples in one data packet at most: 235 bytes, which an ATT MTU of 247 carries."""

FULL_SCALE = 32768
"""Counts at the upper end of a channel's range."""

# Version 1 in the high nibble, the kind of packet in the low one.
_DATA = 0x10
_DESCRIPTION = 0x11

_DATA_LAYOUT = struct.Struct("<BHI")
_DESCRIPTION_LAYOUT = struct.Struct("<B6sIBHBBBHB")
_COUNT = np.dtype("<i2")
_HEAD_BYTES, _SAMPLE_BYTES = _DATA_LAYOUT.size, len(IMU_CHANNELS) * _COUNT.itemsize
# Of the counts in a data packet of so many bytes.
_SHAPES = {_HEAD_BYTES + _SAMPLE_BYTES * n: (n, len(IMU_CHANNELS)) for n in range(1, MAX_SAMPLES + 1)}

MAX_BODY = max(_SHAPES)
"""Bytes of the longest body."""

_MAX_PERIOD_US = 10_000_000
_HAS_CLOCK = 0x01
Counts = NDArray[np.int16]


class Data(Struct, frozen=True, eq=False):
    """A data packet."""

    sequence: int
    """0..65535 and round again; descriptions have none."""
    ticks_us: int
    """Device clock at the first sample, µs, modulo 2**32; 0 from a sensor without a clock."""
    counts: Counts
    """(samples, 6) in the order of IMU_CHANNELS; zero in channels the sensor lacks."""


class Description(Struct, frozen=True):
    """A sensor's constants; sent at its start and every second."""

    device: str
    """The sensor's own id, 12 hexadecimal digits."""
    period_us: int
    """Nominal time from one sample to the next, µs, 1..10,000,000."""
    acc_range_g: int
    """Acceleration's full scale, g, 0..255; FULL_SCALE counts."""
    gyr_range_dps: int
    """Angular rate's full scale, degree/s, 0..65535; FULL_SCALE counts."""
    channels: tuple[str, ...] = IMU_CHANNELS
    """Channels the sensor has, in the order of IMU_CHANNELS."""
    battery: int | None = None
    """Charge, percent; None if unknown."""
    has_clock: bool = True
    """True where the ticks of data packets mean anything."""
    firmware: tuple[int, int] = (0, 0)
    """Version, major and minor, each 0..255."""

    def scale(self) -> FloatArray:
        """Return SI units per count, (channels,): m/s² and rad/s."""
        acc = self.acc_range_g * STANDARD_GRAVITY / FULL_SCALE
        gyr = math.radians(self.gyr_range_dps) / FULL_SCALE
        return np.array([acc if name in ACCELERATION else gyr for name in self.channels], np.float32)


def encode_data(sequence: int, ticks_us: int, counts: Counts) -> bytes:
    """Return a data packet's body, of 1..19 samples, (n, 6); both numbers are taken modulo their width."""
    if counts.ndim != 2 or counts.shape[1] != len(IMU_CHANNELS) or not 0 < len(counts) <= MAX_SAMPLES:
        raise ValueError(f"counts of shape {counts.shape}; (1..{MAX_SAMPLES}, 6) expected")
    head = _DATA_LAYOUT.pack(_DATA, sequence & 0xFFFF, ticks_us & 0xFFFFFFFF)
    return head + counts.astype("<i2", casting="safe", copy=False).tobytes()


def encode_description(description: Description) -> bytes:
    """Return the body of a description, 20 bytes; ValueError where a field is out of its bounds."""
    if (fault := _fault(description)) is not None:
        raise ValueError(fault)
    major, minor = description.firmware
    return _DESCRIPTION_LAYOUT.pack(
        _DESCRIPTION,
        bytes.fromhex(description.device),
        description.period_us,
        description.acc_range_g,
        description.gyr_range_dps,
        sum(1 << IMU_CHANNELS.index(name) for name in description.channels),
        255 if description.battery is None else description.battery,
        _HAS_CLOCK if description.has_clock else 0,
        major << 8 | minor,
        0,
    )


def decode(body: bytes) -> Data | Description:
    """Read one body; FrameError if it breaks the format."""
    head = body[0] if body else None
    if head == _DATA:
        return _decode_data(body)
    if head == _DESCRIPTION:
        return _decode_description(body)
    raise FrameError(f"packet begins with {body[:1]!r}; 0x10 or 0x11 expected")


def _decode_data(body: bytes) -> Data:
    shape = _SHAPES.get(len(body))
    if shape is None:
        expected = f"{_HEAD_BYTES} + {_SAMPLE_BYTES} per sample, 1..{MAX_SAMPLES}, expected"
        raise FrameError(f"data packet of {len(body)} bytes; {expected}")
    _, sequence, ticks_us = _DATA_LAYOUT.unpack_from(body)
    # The slice is a copy, and unlike the body's odd offset it is aligned.
    return Data(sequence, ticks_us, np.ndarray(shape, _COUNT, body[_DATA_LAYOUT.size :]))


def _decode_description(body: bytes) -> Description:
    if len(body) != _DESCRIPTION_LAYOUT.size:
        raise FrameError(f"description of {len(body)} bytes; {_DESCRIPTION_LAYOUT.size} expected")
    _, device, period, acc, gyr, bits, battery, flags, version, _ = _DESCRIPTION_LAYOUT.unpack(body)
    description = Description(
        device=device.hex(),
        period_us=period,
        acc_range_g=acc,
        gyr_range_dps=gyr,
        channels=tuple(name for i, name in enumerate(IMU_CHANNELS) if bits >> i & 1),
        battery=battery if battery <= 100 else None,
        has_clock=bool(flags & _HAS_CLOCK),
        firmware=divmod(version, 256),
    )
    if (fault := _fault(description)) is not None:
        raise FrameError(fault)
    return description


def _fault(description: Description) -> str | None:
    """Say in words what makes a description unusable; None if nothing does."""
    names, period, battery = description.channels, description.period_us, description.battery
    acc, gyr = (not set(names).isdisjoint(kind) for kind in (ACCELERATION, ANGULAR_RATE))
    in_order = tuple(name for name in IMU_CHANNELS if name in names)
    checks = (
        (len(description.device) == 12, f"device id {description.device!r}; 12 hexadecimal digits expected"),
        (names and names == in_order, f"channels {names}; some of {IMU_CHANNELS} in this order expected"),
        (0 < period <= _MAX_PERIOD_US, f"sample period {period} µs; 1..{_MAX_PERIOD_US} expected"),
        (description.acc_range_g or not acc, "acceleration with a full scale of 0 g"),
        (description.gyr_range_dps or not gyr, "angular rate with a full scale of 0 degree/s"),
        (battery is None or 0 <= battery <= 100, f"battery {battery} %; 0..100 expected"),
    )
    return next((fault for sound, fault in checks if not sound), None)
