"""Samples that carry their own times, as phones send them, to packets.

A phone samples when its system finds time: the spacing jitters, and a sample may be left out. A packet
holds evenly spaced samples, so it ends where the next sample stands off the even spacing; its first
sample's time is the phone's own, and no sample lies further from the phone's time than an eighth of
the period. The period is the median of the first few spacings and stays what it was for good, for
`Clock` takes another one for another sensor; where it does not fit, packets are short, not wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from edgehar.devices.reader import LARGEST_VALUE, packets_missing
from edgehar.errors import FrameError
from edgehar.types import Packet

TimestampedSample = tuple[int, float, float, float]
"""Time by the phone's clock, ns, and three values in SI units."""

_SPACINGS = 10
"""Spacings that tell the period; the samples until then wait for it."""

_KEPT_NS = 200_000_000
"""Time kept of what waited: a `Clock` that first sees what is old believes that the link is slow."""

_LONGEST_NS = 200_000_000
"""Length of a packet at most: samples that came in one burst then step towards their arrival by less than
`Clock` takes for a wrong time stamp."""

_LATEST_NS = 1 << 63


def timestamped_sample(time_ns: float, values: Sequence[float]) -> TimestampedSample:
    """Return the sample; FrameError if it cannot have been measured."""
    if not 0 <= time_ns < _LATEST_NS:
        raise FrameError(f"time {time_ns!r:.30}")
    if len(values) < 3 or not all(-LARGEST_VALUE <= value <= LARGEST_VALUE for value in values[:3]):
        raise FrameError("a value that no sensor measures")
    x, y, z = values[:3]
    return int(time_ns), x, y, z


class TimestampedChannels:
    """Channels whose samples come together. Times of its packets strictly increase until `restart`."""

    def __init__(self, device: str, channels: tuple[str, ...]) -> None:
        self._device, self._channels = device, channels
        self._scale = np.ones(len(channels), np.float32)
        self._period_us: int | None = None
        self._waiting: list[TimestampedSample] = []
        self.newest = -1
        """Time of the newest sample, ns; -1 before the first."""
        self.stale = 0
        """Samples dropped, because they came twice or behind a newer one."""
        self.lost = 0
        """Samples that are missing between two that came, by their times."""

    def restart(self) -> None:
        """Take older times again: the phone's clock was set back."""
        self.newest = -1
        self._waiting.clear()

    def push(self, samples: Iterable[TimestampedSample]) -> list[Packet]:
        """Return the packets of these samples, in any order, and of those that waited for the period."""
        fresh = []
        for sample in sorted(samples):
            time_ns = sample[0]
            if time_ns <= self.newest:
                self.stale += 1
                continue
            if self.newest >= 0:
                self.lost += packets_missing((time_ns - self.newest) // 1000, 1, self._period_us)
            self.newest = time_ns
            fresh.append(sample)
        if self._period_us is None:
            self._waiting += fresh
            if len(self._waiting) <= _SPACINGS:
                return []
            waited, self._waiting = self._waiting, []
            self._period_us = _median_spacing_us(waited)
            fresh = [sample for sample in waited if sample[0] > self.newest - _KEPT_NS]
        return [self._packet(run, self._period_us) for run in _even_runs(fresh, self._period_us * 1000)]

    def _packet(self, run: Sequence[TimestampedSample], period_us: int) -> Packet:
        return Packet(
            device=self._device,
            sequence=None,
            ticks_us=run[0][0] // 1000 & 0xFFFFFFFF,
            period_us=period_us,
            channels=self._channels,
            values=np.array([sample[1:] for sample in run], np.float32),
            scale=self._scale,
        )


def _median_spacing_us(samples: Sequence[TimestampedSample]) -> int:
    spacings = [after[0] - before[0] for before, after in pairwise(samples)]
    return max(1, round(median(spacings) / 1000))


def _even_runs(samples: Sequence[TimestampedSample], period_ns: int) -> Iterator[Sequence[TimestampedSample]]:
    """Yield the samples, cut where they leave the even spacing or a packet would become too long."""
    most, tolerance_ns = max(1, _LONGEST_NS // period_ns), period_ns // 8
    first = 0
    for i, (time_ns, *_) in enumerate(samples):
        n = i - first
        if n and (n == most or abs(time_ns - samples[first][0] - n * period_ns) > tolerance_ns):
            yield samples[first:i]
            first = i
    if samples:
        yield samples[first:]
