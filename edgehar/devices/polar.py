"""Polar H10 and Verity Sense: blocks of samples, a clock of ns that stamps the last one.

polarofficial/polar-ble-sdk, technical_documentation/online_measurement.pdf and documentation/products
(rates, ranges); AccData.kt, GyrData.kt, BlePMDClient.kt, PmdSetting.kt and their tests (frames).

The device's date is not set: packets are told apart by differences of its clock, which setting would
make jump.
"""

import logging
import struct
from collections.abc import Mapping
from functools import partial

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, MILLI_G, SensorReader, packets_missing, scales
from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY, Packet
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

_UUID = "fb005c8{}-02e7-f387-1cad-8acd2d8df0c8"
SERVICE, CONTROL, DATA = (_UUID.format(number) for number in range(3))

H10_RATE_HZ = 50
VERITY_RATE_HZ = 52
_RANGE_G, _RANGE_DPS = 8, 2000

_ACC, _GYR = 2, 5
_NAMES = {_ACC: "acceleration", _GYR: "angular rate"}
_START, _STOP, _ANSWER = 0x02, 0x03, 0xF0
_SAMPLE_RATE, _RESOLUTION, _RANGE, _CHANNELS, _FACTOR = 0, 1, 2, 4, 5
_REFUSALS = {
    3: "it has no such measurement; is --profile or the entry's profile that of the sensor?",
    6: "it is sending already; switch it off and on",
    8: "it does not measure at this rate",
    12: "it is in another mode, or an app uses it; close the app, or switch the sensor off and on",
    13: "it is being charged; take it off the charger",
}
"""Words on what a person can do, by the status of an answer (PmdControlPointResponse.kt)."""
# Bytes of one value of each setting that an answer may bring.
_SETTING_SIZES = {0: 2, 1: 2, 2: 2, 3: 4, 4: 1, 5: 4}

# The characteristics of `notify`, by their numbers.
_ANSWERS, _DATA = 0, 1
_HEAD = struct.Struct("<BQB")
_WIDEST = 24
_MOST_SAMPLES = 1000
"""Far more than a notification can hold of anything but zeros."""

_TOLERANCE = 0.2
"""Share by which a true period may differ from the nominal one."""


class _FrameKind(Struct, frozen=True):
    """The layout and unit of one measurement's frames."""

    channels: tuple[str, ...]
    unit: float
    """SI units of one count times the factor."""
    default_factor: float | None
    """Factor of a device that has told none; None: it always tells one."""
    value_size: int
    """Bytes of a value; 0 in a compressed frame."""


# By measurement and frame type.
_KINDS: Mapping[tuple[int, int], _FrameKind] = {
    (_ACC, 0x00): _FrameKind(ACCELERATION, MILLI_G, 1.0, 1),
    (_ACC, 0x01): _FrameKind(ACCELERATION, MILLI_G, 1.0, 2),
    (_ACC, 0x80): _FrameKind(ACCELERATION, STANDARD_GRAVITY, None, 0),
    (_ACC, 0x81): _FrameKind(ACCELERATION, MILLI_G, 1.0, 0),
    (_GYR, 0x80): _FrameKind(ANGULAR_RATE, DEGREE, None, 0),
}


def _unpack_differences(block: bytes, width: int, count: int) -> NDArray[np.int64]:
    """Return (count, 3) two's complement numbers of so many bits, least significant bit first."""
    if width > _WIDEST or len(block) < (width * count * 3 + 7) // 8:
        raise FrameError(f"{count} differences of {width} bits in {len(block)} bytes")
    if not width:
        return np.zeros((count, 3), np.int64)
    bits = np.unpackbits(np.frombuffer(block, np.uint8), count=width * count * 3, bitorder="little")
    weights = 1 << np.arange(width, dtype=np.int64)
    weights[-1] = -weights[-1]
    return np.asarray(bits.reshape(count, 3, width) @ weights, np.int64)


def decompress(content: bytes) -> NDArray[np.int16]:
    """Return (n, 3) counts: three of i16, then blocks of differences, each led by their width and number."""
    if len(content) < 6:
        raise FrameError(f"a compressed frame of {len(content)} bytes")
    parts = [np.frombuffer(content, "<i2", 3).astype(np.int64)[np.newaxis]]
    at, samples = 6, 1
    while at < len(content):
        width, count = content[at], content[at + 1] if at + 1 < len(content) else 0
        samples += count
        if not count or samples > _MOST_SAMPLES:
            raise FrameError(f"a block of {count} differences")
        end = at + 2 + (width * count * 3 + 7) // 8
        parts.append(_unpack_differences(content[at + 2 : end], width, count))
        at = end
    values = np.concatenate(parts).cumsum(axis=0)
    if np.abs(values).max() > 0x7FFF:
        raise FrameError("differences that leave 16 bits")
    return values.astype(np.int16)


def _uncompressed(content: bytes, value_size: int) -> NDArray[np.int16]:
    if not content or len(content) % (3 * value_size):
        raise FrameError(f"{len(content)} bytes of samples")
    return np.frombuffer(content, f"<i{value_size}").reshape(-1, 3).astype(np.int16)


class PolarReader(SensorReader):
    """A reader of answers and data, told apart by characteristic; one packet for each measurement."""

    def __init__(self, device: str, rate_hz: int) -> None:
        super().__init__(device)
        self._period_us = round(1_000_000 / rate_hz)
        self._factors: dict[int, float] = {}
        self._answers: dict[int, bytes] = {}
        """By measurement, the body that told its factor."""
        self._warn = WarnOnce(_LOGGER)
        self._last_us: dict[int, int] = {}

    @property
    def preamble(self) -> tuple[bytes, ...]:
        """The answers that told factors, which come once in a life."""
        return tuple(self._answers.values())

    def _read(self, body: bytes) -> list[Packet]:
        characteristic, payload = body[0], body[1:]
        if not payload:
            return []
        if characteristic == _ANSWERS:
            self._take_factor(payload)
            return []
        if characteristic != _DATA or len(payload) <= _HEAD.size:
            raise FrameError(f"{len(payload)} bytes from characteristic {characteristic}")
        measurement, stamp_ns, frame = _HEAD.unpack_from(payload)
        if (kind := _KINDS.get((measurement, frame))) is None:
            raise FrameError(f"measurement {measurement} in a frame of type {frame:#x}")
        if (factor := self._factors.get(measurement, kind.default_factor)) is None:
            raise FrameError("samples whose factor was not told")
        content = payload[_HEAD.size :]
        counts = _uncompressed(content, kind.value_size) if kind.value_size else decompress(content)
        return [
            Packet(
                device=self._device,
                sequence=None,
                ticks_us=self._first_ticks(measurement, stamp_ns // 1000, len(counts)),
                period_us=self._period_us,
                channels=kind.channels,
                values=counts,
                scale=scales(kind.unit * factor),
            )
        ]

    def _first_ticks(self, measurement: int, last_us: int, samples: int) -> int:
        """Return the first sample's ticks; samples fill the time since the frame before, if none was lost."""
        elapsed = last_us - self._last_us.get(measurement, last_us)
        self._last_us[measurement] = last_us
        nominal = samples * self._period_us
        self.lost += packets_missing(elapsed, samples, self._period_us)
        span = elapsed if abs(elapsed - nominal) < _TOLERANCE * nominal else nominal
        return last_us - span * (samples - 1) // samples & 0xFFFFFFFF

    def _take_factor(self, payload: bytes) -> None:
        """Take the factor from the answer to a start; warn of a refusal."""
        if len(payload) < 4 or payload[0] != _ANSWER:
            raise FrameError(f"an answer of {len(payload)} bytes")
        _, command, measurement, status = payload[:4]
        if command != _START or measurement not in _NAMES:
            return
        if status:
            reason = _REFUSALS.get(status, f"refusal {status}")
            refusal = (_NAMES[measurement], reason)
            self._warn(refusal, "Polar %s sends no %s: %s", self._device, *refusal)
            return
        # Byte 4 tells whether more follows.
        factor = _read_factor(payload[5:])
        if factor is not None:
            self._factors[measurement] = factor
            self._answers[measurement] = bytes((_ANSWERS,)) + payload


def _read_factor(settings: bytes) -> float | None:
    """Read the factor from settings: each is a kind, a number of values, and the values; None without one."""
    at = 0
    while at + 2 <= len(settings):
        kind, count = settings[at], settings[at + 1]
        size = _SETTING_SIZES.get(kind)
        if size is None or at + 2 + count * size > len(settings):
            raise FrameError(f"setting {kind}, {count} times")
        if kind == _FACTOR and count:
            factor = float(struct.unpack_from("<f", settings, at + 2)[0])
            if not 0.0 < factor <= 1.0:
                raise FrameError(f"a factor of {factor}")
            return factor
        at += 2 + count * size
    return None


def _stop(measurement: int) -> Write:
    return Write(CONTROL, bytes((_STOP, measurement)), response=True)


def _start(measurement: int, rate_hz: int, span: int, channels: bytes = b"") -> Write:
    settings = struct.pack("<BBHBBHBBH", _SAMPLE_RATE, 1, rate_hz, _RESOLUTION, 1, 16, _RANGE, 1, span)
    return Write(CONTROL, bytes((_START, measurement)) + settings + channels, response=True)


_THREE_CHANNELS = bytes((_CHANNELS, 1, 3))

# Stopped first, because a stream that another life has left is refused and its factor not told again.
H10 = Profile(
    name="polar_h10",
    title="Polar H10",
    services=(SERVICE,),
    name_prefixes=("Polar H10",),
    notify=(CONTROL, DATA),
    rate_hz=H10_RATE_HZ,
    has_gyroscope=False,
    reader=partial(PolarReader, rate_hz=H10_RATE_HZ),
    start=(_stop(_ACC), _start(_ACC, H10_RATE_HZ, _RANGE_G)),
    stop=(_stop(_ACC),),
)
VERITY = Profile(
    name="polar_verity",
    title="Polar Verity Sense",
    services=(SERVICE,),
    name_prefixes=("Polar Sense",),
    notify=(CONTROL, DATA),
    rate_hz=VERITY_RATE_HZ,
    reader=partial(PolarReader, rate_hz=VERITY_RATE_HZ),
    start=(
        _stop(_ACC),
        _stop(_GYR),
        _start(_ACC, VERITY_RATE_HZ, _RANGE_G, _THREE_CHANNELS),
        _start(_GYR, VERITY_RATE_HZ, _RANGE_DPS, _THREE_CHANNELS),
    ),
    stop=(_stop(_ACC), _stop(_GYR)),
    # The calmer the wearer, the smaller the differences, and the more of them fill a frame.
    bundle_s=2.5,
)
