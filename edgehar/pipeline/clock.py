"""A sensor's own time to stream time, by the lower envelope of what the link adds.

A link only ever delays: of all packets within a second, the one with the smallest
(arrival - device time) met the least of it. A straight line under those minima follows offset and
skew of the device clock, and is blind to retries, bursts and a busy host. What stays is one
constant per sensor, the shortest way through its link (up to a connection interval on BLE).

A sensor without a clock is given one: the number of its samples times their nominal period. An
error of that period is then skew like any other.
"""

import numpy as np

from edgehar.types import Packet, Samples, Times

_BIN_S = 1.0
_SPAN_S = 120.0
"""Time over which the line looks back: long against retries, short against a crystal that warms up."""
_BINS_CLOCK = 8
_BINS_COUNT = 3
"""Minima before a line is trusted; a nominal period errs by percents, so a count needs its slope soon."""
_BINS_YOUNG = 20
_BINS_PER_FIT = 5
"""A young line is fitted with every new minimum, an old one now and then: its slope hardly moves."""
_REFITS = 3
_LIMIT_S = 0.25
"""Disagreement of a packet with the line that no healthy link explains for long."""
_EARLY_PACKETS = 5
_LATE_BINS = 3
_LATE_S = 2.0
"""A burst that was held back arrives within moments; a clock that jumped stays late for longer."""
_STEEPEST_CLOCK = 0.05
_STEEPEST_COUNT = 0.35
_STEEPEST_BLIND = 1.0
"""Slopes beyond which a line lies under two clocks: an uncalibrated RC oscillator is off by a few percent
and a young line by the link's jitter on top, a nominal sample period may be wrong by a quarter. A count
of what came alone loses a second for each that it counts if half of all is lost."""
_STOOD_STILL_S = 1.5
"""Time unexplained by a count and a wrong period, from which the sensor did not count. What a link held
back for so long comes too late for the grid anyway; links that bundle every second stay below."""
_AHEAD_S = 2.0
"""Packet numbers further ahead of the arrival than this were not lost: the numbering began anew."""
_WRAP_US = 1 << 32
_HALF_WRAP_US = 1 << 31
_SMALLEST_STEP_S = 1e-6
_PERIOD_TOLERANCE = 0.2
_PERIOD_GAIN = 1 / 16


class Envelope:
    """The line under the smallest (arrival - device) of each second of the last two minutes."""

    def __init__(self) -> None:
        self.slope = 0.0
        """Seconds that the offset gains per second of device time."""
        self.fitted = False
        self.jumps = 0
        """Times that the device clock proved to be another one than the line was fitted to."""
        # Rows: 1, device time, offset of each minimum; the moments of a fit are then one product.
        self._points = np.ones((3, 4 * int(_SPAN_S / _BIN_S)))
        self.restart(0.0, 0.0, _BINS_CLOCK, _STEEPEST_CLOCK)

    def restart(self, d: float, offset: float, bins_needed: int, steepest: float) -> None:
        """Forget all minima and begin at one offset; the slope stays, a crystal or a period keeps it."""
        self.fitted = False
        self._needed, self._steepest = bins_needed, steepest
        self._first = self._last = 0
        self._origin, self._level = d, offset
        self._open_bin(d, offset, offset)
        self._early = self._late = 0
        self._late_since = 0.0

    def _open_bin(self, d: float, offset: float, tilt: float) -> None:
        # Device time, offset and tilt, the offset less what the slope explains, of the bin's minimum.
        self._lowest = (d, offset, tilt)
        self._bin_end = (d // _BIN_S + 1.0) * _BIN_S

    def under(self, d: float, offset: float, t: float) -> float:
        """Return the offset to add to device time `d`, s, never above `offset` = arrival `t` - `d`."""
        tilt = offset - self.slope * (d - self._origin)
        lateness = tilt - self._level
        if lateness < -_LIMIT_S:
            # Earlier than any link can be: a wrong time stamp at first, a wrong line if it goes on.
            self._early += 1
            if self._early >= _EARLY_PACKETS:
                self._jump(d, offset)
            return offset
        self._early = 0
        if lateness < 0.0 and not self.fitted:
            self._level = tilt
        if d >= self._bin_end:
            self._close_bin(d, t)
            if self._is_late(t) or self._is_steep():
                self._jump(d, offset)
                return offset
            tilt = offset - self.slope * (d - self._origin)
            self._open_bin(d, offset, tilt)
        elif tilt < self._lowest[2]:
            self._lowest = (d, offset, tilt)
        return min(offset, self._level + offset - tilt)

    def _jump(self, d: float, offset: float) -> None:
        self.jumps += 1
        if self._is_steep():
            self.slope = 0.0
        self.restart(d, offset, self._needed, self._steepest)

    def _is_steep(self) -> bool:
        # Nothing that is lost makes a count run ahead.
        return not -min(self._steepest, _STEEPEST_COUNT) <= self.slope <= self._steepest

    def _is_late(self, t: float) -> bool:
        return self._late >= _LATE_BINS and t - self._late_since >= _LATE_S

    def _close_bin(self, d: float, t: float) -> None:
        late = self.fitted and self._lowest[2] - self._level > _LIMIT_S
        if late and not self._late:
            self._late_since = t
        self._late = self._late + 1 if late else 0
        self._keep(d)
        n = self._last - self._first
        self.fitted = n >= self._needed
        if self.fitted and (n <= _BINS_YOUNG or self._last % _BINS_PER_FIT == 0):
            self._fit()

    def _keep(self, d: float) -> None:
        """Add the minimum of the bin that ended; drop those that are too old at `d`."""
        points = self._points
        if self._last == points.shape[1]:
            n = self._last - self._first
            points[:, :n] = points[:, self._first :]
            self._first, self._last = 0, n
        points[1, self._last], points[2, self._last], _ = self._lowest
        self._last += 1
        while self._first < self._last and points[1, self._first] < d - _SPAN_S:
            self._first += 1

    def _fit(self) -> None:
        """Fit by least squares, then again to the lower half of what is left over."""
        points = self._points[:, self._first : self._last].copy()
        _, origin, level = points[:, -1].tolist()
        points[1] -= origin
        points[2] -= level
        _, x, y = points
        half = len(x) // 2
        (n, sx, sy), (_, sxx, sxy), _ = (points @ points.T).tolist()
        for _ in range(_REFITS):
            rest = y - (n * sxy - sx * sy) / (n * sxx - sx * sx) * x
            ordered = rest.copy()
            ordered.partition(half)
            lower = points * (rest <= ordered.item(half))
            (n, sx, sy), (_, sxx, sxy), _ = (lower @ points.T).tolist()
        self.slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
        self._origin, self._level = origin, level + (sy - self.slope * sx) / n


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
            steepest = _STEEPEST_BLIND if packet.sequence is None else _STEEPEST_COUNT
            self._envelope.restart(end, t - end, _BINS_COUNT, steepest)
        else:
            self._envelope.restart(end, t - end, _BINS_CLOCK, _STEEPEST_CLOCK)

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
        limit = _STOOD_STILL_S + _STEEPEST_COUNT * seconds
        return seconds if -_AHEAD_S < unexplained < limit else None

    def _learn_period(self, measured: float) -> None:
        """Follow the sensing element, whose oscillator may differ from the clock that stamps its samples."""
        error, bound = measured - self._period, _PERIOD_TOLERANCE * self._period
        if -bound < error < bound:
            self._period += _PERIOD_GAIN * error
