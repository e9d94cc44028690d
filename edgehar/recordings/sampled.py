"""Samples at times of their own, as packets of edgehar's wire format that a `pipeline.clock.Clock` gives those times again.

A packet holds evenly spaced samples, so it ends where the next one stands off the even spacing; it arrives with its last sample. What even
is follows the clock's own estimate of the period, which is repeated here: of two packets in a row, by a sixteenth of what they differ.
"""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY, Item, Samples
from edgehar.wire.protocol import (
    FULL_SCALE,
    MAX_SAMPLES,
    Counts,
    Description,
    encode_data,
    encode_description,
)

_OFF_S = 2.5e-4
"""A sample lies no further from its own time, s."""
_PERIOD_TOLERANCE = 0.2
_PERIOD_GAIN = 1 / 16
"""Both as in `pipeline.clock`."""
_FORCE_RANGES_G = (2, 4, 8, 16, 32, 64, 128, 255)
_RATE_RANGES_DPS = (250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 65535)
_LARGEST_COUNT = FULL_SCALE - 1
_RAMP = np.arange(MAX_SAMPLES, dtype=np.float64)


def bodies(tracks: Sequence[Samples], name: str) -> Iterator[Item]:
    """Yield stream time of arrival, s, stream 0 and body of each packet of one sensor's tracks, which share a clock.

    Tracks of several kinds of channels take turns, each described before its packets. `name` makes the sensor's id.
    """
    device = f"{zlib.crc32(name.encode(errors='surrogateescape')):012x}"
    cutters = [_Cutter(track, device) for track in tracks]
    sequence, described_until, arrival, before = 0, -np.inf, -np.inf, None
    while waiting := [cutter for cutter in cutters if cutter.propose(learns=cutter is before)]:
        cutter = min(waiting, key=lambda proposing: proposing.arrival)
        arrival = max(arrival, cutter.arrival)
        if cutter is not before or arrival >= described_until:
            yield arrival, 0, cutter.description
            described_until = np.floor(arrival) + 1.0
        yield arrival, 0, cutter.accept(sequence)
        sequence, before = sequence + 1, cutter


class _Cutter:
    """Cuts one track into packets."""

    def __init__(self, track: Samples, device: str) -> None:
        self._t = track.t
        self._at = self._next = 0
        self._period = self._next_period = max(1, round(float(np.median(np.diff(track.t))) * 1e6)) * 1e-6
        self._measured = self._period
        described = _described(track, device)
        self._counts = _counts(track, described)
        self.description = encode_description(described)
        self.arrival = 0.0
        """Stream time of the proposed packet's last sample, s."""

    def propose(self, *, learns: bool) -> bool:
        """Cut the next packet; `learns`: the one before it was of this track too. False: there is none."""
        first, period = self._at, self._period
        if first == len(self._t):
            return False
        error = self._measured - period
        if learns and abs(error) < _PERIOD_TOLERANCE * period:
            period += _PERIOD_GAIN * error
        near = self._t[first : first + MAX_SAMPLES]
        off = np.abs(near - near[0] - _RAMP[: len(near)] * period) > _OFF_S
        count = int(off.argmax()) if off.any() else len(near)
        self._next, self._next_period = first + count, period
        self.arrival = float(near[0]) + (count - 1) * period
        return True

    def accept(self, sequence: int) -> bytes:
        """Return the proposed packet's body."""
        first, end = self._at, self._next
        ticks = _ticks(self._t, first)
        if end < len(self._t):
            self._measured = (_ticks(self._t, end) - ticks) * 1e-6 / (end - first)
        self._at, self._period = end, self._next_period
        return encode_data(sequence, ticks, self._counts[first:end])


def _ticks(t: np.ndarray[tuple[int], np.dtype[np.float64]], index: int) -> int:
    return round(t.item(index) * 1e6)


def _described(track: Samples, device: str) -> Description:
    """Describe a sensor of the smallest range that holds all that it measured, so that counts are small."""
    largest = {
        name: float(np.abs(column).max()) for name, column in zip(track.channels, track.x.T, strict=True)
    }
    force = (
        max((value for name, value in largest.items() if name in ACCELERATION), default=0.0)
        / STANDARD_GRAVITY
    )
    rate = np.degrees(
        max((value for name, value in largest.items() if name not in ACCELERATION), default=0.0)
    )
    period_us = max(1, round(float(np.median(np.diff(track.t))) * 1e6))
    return Description(
        device,
        period_us,
        _range(_FORCE_RANGES_G, force),
        _range(_RATE_RANGES_DPS, float(rate)),
        track.channels,
    )


def _range(ranges: Sequence[int], largest: float) -> int:
    return next((r for r in ranges if largest <= r * _LARGEST_COUNT / FULL_SCALE), ranges[-1])


def _counts(track: Samples, described: Description) -> Counts:
    counts = np.zeros((len(track.t), len(IMU_CHANNELS)), np.int16)
    columns = [IMU_CHANNELS.index(channel) for channel in track.channels]
    counts[:, columns] = np.rint(track.x / described.scale()).clip(-FULL_SCALE, _LARGEST_COUNT)
    return counts
