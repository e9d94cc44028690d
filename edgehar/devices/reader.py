"""Parts that the readers of several kinds of sensors share."""

import logging
import math
import struct
from abc import ABC, abstractmethod

import numpy as np
from msgspec import Struct

from edgehar.errors import FrameError
from edgehar.types import STANDARD_GRAVITY, FloatArray, Packet, Values

_LOGGER = logging.getLogger(__name__)

MILLI_G = STANDARD_GRAVITY / 1000
"""m/s²."""

DEGREE = math.radians(1)
"""rad."""

_LONGEST_GAP_US = 30_000_000
"""A link on which nothing came for longer is another life: nobody can tell what was lost."""

LARGEST_VALUE = 1e5
"""m/s² or degree/s, far beyond every sensor; a float that is more, or none, was never measured."""


def scales(acc: float, gyr: float | None = None) -> FloatArray:
    """Return SI units per count: for three channels of acceleration, and three of angular rate if any."""
    return np.array([acc] * 3 if gyr is None else [acc] * 3 + [gyr] * 3, np.float32)


def require_measurable(values: FloatArray) -> FloatArray:
    """Return the values; FrameError if one of them cannot have been measured."""
    # Some bytes are a NaN that signals as soon as it is compared.
    with np.errstate(invalid="ignore"):
        if not (np.abs(values) <= LARGEST_VALUE).all():
            raise FrameError("a value that no sensor measures")
    return values


class SensorReader(ABC):
    """A reader that counts and drops what breaks the format; a kind of sensor brings `_read`."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.packets = 0
        """Packets returned."""
        self.lost = 0
        """Packets missing between two that came, by the device's clock."""
        self.malformed = 0
        """Bodies that break the format, as a whole or in a part that was left out."""
        self.problem: str | None = None
        """Reason, in words, why none of its packets can be used; None as long as some can."""
        self.remark: str | None = None
        """Remark on what it sends, no fault, in words; None: nothing is to be known."""

    @property
    def battery(self) -> int | None:
        """Always None: packets of these sensors do not tell their charge."""
        return None

    @property
    def preamble(self) -> tuple[bytes, ...]:
        """Nothing: each body of these sensors can be read by itself."""
        return ()

    def health(self) -> dict[str, int]:
        """Return the counters, by name."""
        return {"packets": self.packets, "lost": self.lost, "malformed": self.malformed}

    def push(self, body: bytes) -> list[Packet]:
        """Return the packets that this body completes; nothing for an empty one. Never raises."""
        if not body:
            return []
        try:
            packets = self._read(body)
        except FrameError as error:
            self.malformed += 1
            _LOGGER.debug("dropped what %s sent: %s", self._device, error)
            return []
        self.packets += len(packets)
        return packets

    @abstractmethod
    def _read(self, body: bytes) -> list[Packet]:
        """Return the packets that a body, never empty, completes; FrameError if it breaks the format."""


class DeviceCounter:
    """A device's own counter of time, turned into µs modulo 2**32, whatever its unit and width."""

    def __init__(self, unit_us: int, bits: int, period_us: int | None) -> None:
        """Take a counter's unit and width, and the sample period; None if nobody knows it."""
        self._unit_us, self._half, self._period_us = unit_us, 1 << bits - 1, period_us
        self._count: int | None = None
        self._us = self._samples = 0

    def push(self, count: int, samples: int) -> tuple[int, int]:
        """Return the ticks of a packet of so many samples that begins at `count`, and packets lost before it.

        A counter that went back by less than half its range lets the ticks go back as far.
        """
        former, self._count = self._count, count
        before, self._samples = self._samples, samples
        if former is None:
            self._us = count * self._unit_us & 0xFFFFFFFF
            return self._us, 0
        half = self._half
        step_us = ((count - former + half & 2 * half - 1) - half) * self._unit_us
        self._us = self._us + step_us & 0xFFFFFFFF
        return self._us, packets_missing(step_us, before, self._period_us)


def packets_missing(step_us: int, samples: int, period_us: int | None) -> int:
    """Count the packets that a step of the clock has room for beside that, of so many samples, before it."""
    if period_us is None or not 0 < step_us <= _LONGEST_GAP_US:
        return 0
    return max(0, round(step_us / (samples * period_us)) - 1)


class SampleLayout(Struct, frozen=True, eq=False):
    """A notification that carries one sample, always at the same places; little endian."""

    sizes: range
    """Lengths that occur, bytes."""
    offset: int
    """Bytes before the values."""
    dtype: str
    """Type of a value: `<i2` counts, `<f4` units that `scale` turns into SI."""
    channels: tuple[str, ...]
    """Names of the values, in their order."""
    scale: FloatArray
    """(channels,), SI units per count or unit; below zero where the device's axis points the other way."""
    period_us: int
    """Time from one sample to the next, µs."""
    clock_format: str | None = None
    """The device's clock, which comes first, as `struct` names it; None if it has none."""
    clock_unit_us: int = 1
    """Unit of that clock, µs."""
    is_period_certain: bool = True
    """True where the period is known well enough to tell from the clock what was lost."""


class SampleLayoutReader(SensorReader):
    """A reader of the notifications that a layout describes."""

    def __init__(self, device: str, layout: SampleLayout) -> None:
        super().__init__(device)
        self._layout = layout
        self._is_float = layout.dtype == "<f4"
        self._scale = np.ones_like(layout.scale) if self._is_float else layout.scale
        self._clock = layout.clock_format and struct.Struct(layout.clock_format)
        if self._clock:
            period = layout.period_us if layout.is_period_certain else None
            self._counter = DeviceCounter(layout.clock_unit_us, 8 * self._clock.size, period)

    def _read(self, body: bytes) -> list[Packet]:
        layout = self._layout
        if len(body) not in layout.sizes:
            raise FrameError(f"{len(body)} bytes")
        raw = np.frombuffer(body, layout.dtype, len(layout.channels), layout.offset)
        values: Values = require_measurable(raw) * layout.scale if self._is_float else raw.astype(np.int16)
        ticks, lost = None, 0
        if self._clock:
            ticks, lost = self._counter.push(self._clock.unpack_from(body)[0], 1)
        self.lost += lost
        return [
            Packet(
                device=self._device,
                sequence=None,
                ticks_us=ticks,
                period_us=layout.period_us,
                channels=layout.channels,
                values=values[np.newaxis],
                scale=self._scale,
            )
        ]
