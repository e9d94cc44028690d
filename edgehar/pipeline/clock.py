"""A sensor's own time to stream time, the host's monotonic clock. Read `Clock.push` first.

`envelope` maps the device's clock by the least that the link adds. What stays is one constant per sensor, the
shortest way through its link (up to a connection interval on BLE).

A sensor without a clock is given one: the number of its samples times their nominal period. An error of that
period is then skew like any other.
"""

import numpy as np

from edgehar.pipeline.envelope import (
    BINS_CLOCK,
    BINS_COUNT,
    STEEPEST_BLIND,
    STEEPEST_CLOCK,
    STEEPEST_COUNT,
    Envelope,
)
from edgehar.types import Packet, Samples, Times

_STOOD_STILL_S = 1.5
"""Time unexplained by a count and a wrong period, from which the sensor did not count. What a link held
back for so long comes too late for the grid anyway; links that bundle every second stay below."""
_AHEAD_S = 2.0
"""Packet numbers further ahead of the arrival than this were not lost: the numbering began anew."""
_WRAP_US = 1 << 32
_HALF_WRAP_US = 1 << 31
_SMALLEST_STEP_S = 1e-6
_PERIOD_TOLERANCE = 0.2
"""Share of the period by which a measured one may differ and still be learnt from."""
_PERIOD_GAIN = 1 / 16
"""Share of a measured difference by which the period follows it."""


class Clock:
    """Gives every sample of one sensor its stream time, whatever the link did to its packet.

    Times strictly increase over the sensor's whole life and lie no further in the future of their
    packet's arrival than a microsecond a sample.
    """

    def __init__(self, placement: str) -> None:
        self._placement = placement
        self._ramp: Times = np.empty(0)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if no packet had come."""
        self._envelope = Envelope()
        self._identity: tuple[str, int, bool] | None = None
        self._arrival = self._newest = -np.inf
        self._period = 0.0
        self._began_anew = 0

    @property
    def skew_ppm(self) -> float | None:
        """Excess of the device clock's rate over the host's, ppm; None before a line was fitted."""
        envelope = self._envelope
        return (1.0 / (1.0 + envelope.slope) - 1.0) * 1e6 if envelope.fitted else None

    @property
    def is_counting(self) -> bool:
        """True of a sensor without a clock: its samples are counted instead."""
        return self._identity is not None and self._identity[2]

    @property
    def restarts(self) -> int:
        """Times that the fit began anew: reboot, clock jump, host suspend, pause without counting."""
        return self._began_anew + self._envelope.jumps

    def push(self, t: float, packet: Packet) -> Samples:
        """Return the packet, arrived at stream time `t`, with a time for each sample."""
        values = packet.values
        n = len(values)
        elapsed = t - self._arrival
        if elapsed < 0.0:
            elapsed, t = 0.0, self._arrival
        self._arrival = t
        ticks = packet.ticks_us
        if (packet.device, packet.period_us, ticks is None) != self._identity:
            self._meet(t, packet)
        elif (step := self._device_step(elapsed, packet)) is None:
            self._began_anew += 1
            self._begin(t, packet)
        else:
            self._d += step
        self._ticks, self._sequence, self._size = ticks, packet.sequence, n
        return Samples(self._placement, self._times(t, n), values, packet.channels, packet.scale)

    def _times(self, t: float, n: int) -> Times:
        envelope, span = self._envelope, n - 1
        end = self._d + span * self._period
        end += envelope.under(end, t - end, t)
        step = self._period * (1.0 + envelope.slope)
        start = end - span * step
        if start <= self._newest:
            # The line sank: press the packet together rather than let time run backwards.
            step = max((end - self._newest) / n, _SMALLEST_STEP_S)
            start = self._newest + step
        self._newest = start + span * step
        if n != len(self._ramp):
            self._ramp = np.arange(n, dtype=np.float64)
        times = self._ramp * step
        times += start
        return times

    def _meet(self, t: float, packet: Packet) -> None:
        """Begin with another sensor than before: nothing learnt holds."""
        if self._identity is not None:
            self._began_anew += 1
        self._envelope.slope = 0.0
        self._identity = (packet.device, packet.period_us, packet.ticks_us is None)
        self._period = packet.period_us * 1e-6
        self._begin(t, packet)

    def _begin(self, t: float, packet: Packet) -> None:
        """Set device time 0 to the first sample of this packet."""
        self._d = 0.0
        end = (len(packet.values) - 1) * self._period
        if packet.ticks_us is None:
            steepest = STEEPEST_BLIND if packet.sequence is None else STEEPEST_COUNT
            self._envelope.restart(end, t - end, BINS_COUNT, steepest)
        else:
            self._envelope.restart(end, t - end, BINS_CLOCK, STEEPEST_CLOCK)

    def _device_step(self, elapsed: float, packet: Packet) -> float | None:
        """Return the device time since the last packet's first sample, s; None if the clock or count began anew."""
        sequence, ticks, lost = packet.sequence, packet.ticks_us, 0
        if sequence is not None and self._sequence is not None:
            lost = (sequence - self._sequence - 1) & 0xFFFF
        if ticks is None or self._ticks is None:
            return self._count(elapsed, lost)
        step = ticks - self._ticks
        unexplained = elapsed * 1e6 - step
        if not -_HALF_WRAP_US <= unexplained <= _HALF_WRAP_US:
            # The wrap, or several of them in a long silence: as the arrival says.
            step += _WRAP_US * round(unexplained / _WRAP_US)
        if step <= -packet.period_us:
            # Less is a packet that came twice, of a clock whose time for the first sample is an estimate.
            return None
        seconds = step * 1e-6
        if not lost:
            self._learn_period(seconds / self._size)
        return seconds

    def _count(self, elapsed: float, lost: int) -> float | None:
        seconds = (lost + 1) * self._size * self._period
        unexplained = elapsed - seconds * (1.0 + self._envelope.slope)
        limit = _STOOD_STILL_S + STEEPEST_COUNT * seconds
        return seconds if -_AHEAD_S < unexplained < limit else None

    def _learn_period(self, measured: float) -> None:
        """Follow the sensing element, whose oscillator may differ from the clock that stamps its samples."""
        error, bound = measured - self._period, _PERIOD_TOLERANCE * self._period
        if -bound < error < bound:
            self._period += _PERIOD_GAIN * error
