"""The lower envelope of what a link adds: the line that follows a device clock's offset and skew.

A link only ever delays: of all packets within a second, the one with the smallest (arrival - device time) met
the least of it. A straight line under those minima follows offset and skew of the device clock, and is blind to
retries, bursts and a busy host.
"""

import numpy as np

STEEPEST_CLOCK = 0.05
STEEPEST_COUNT = 0.35
STEEPEST_BLIND = 1.0
"""Slopes beyond which a line lies under two clocks: an uncalibrated RC oscillator is off by a few percent
and a young line by the link's jitter on top, a nominal sample period may be wrong by a quarter. A count
of what came alone loses a second for each that it counts if half of all is lost."""
BINS_CLOCK = 8
BINS_COUNT = 3
"""Minima before a line is trusted; a nominal period errs by percents, so a count needs its slope soon."""

_BIN_S = 1.0
"""Length of a bin, of which only the minimum counts, s of device time."""
_SPAN_S = 120.0
"""Time over which the line looks back: long against retries, short against a crystal that warms up."""
_BINS_YOUNG = 20
_BINS_PER_FIT = 5
"""A young line is fitted with every new minimum, an old one now and then: its slope hardly moves."""
_REFITS = 3
"""Fits to the lower half after the first to all minima."""
_LIMIT_S = 0.25
"""Disagreement of a packet with the line that no healthy link explains for long."""
_EARLY_PACKETS = 5
"""Packets in a row that come too early for the line, and so make it wrong."""
_LATE_BINS = 3
_LATE_S = 2.0
"""Bins and time for which all comes late before the line is wrong: a burst that was held back arrives within
moments; a clock that jumped stays late for longer."""


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
        self.restart(0.0, 0.0, BINS_CLOCK, STEEPEST_CLOCK)

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
        return not -min(self._steepest, STEEPEST_COUNT) <= self.slope <= self._steepest

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
