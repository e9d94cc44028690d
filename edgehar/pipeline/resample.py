"""Sensors of one wearer, each with its own times and rate, to one uniform grid.

A row stands at a whole multiple of 1 / rate. Between two samples the signal is a straight line. A
sensor clearly faster than the grid is averaged over each row's cell (half a row to either side), so
that what the grid cannot carry does not alias. Where neighbouring samples are too far apart, the
rows between them are marked as not present and hold the sample before the gap; rows before the
first sample hold the first. Training fills its losses by this same code.

A block is a function of the samples around it, never of how they were cut into packets: all sums
begin at the block's own left neighbour, all estimates are made once per block.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.types import IMU_CHANNELS, Block, FloatArray, Samples, Times, Values

_FUTURE_S = 1.0
"""Samples this far ahead of their arrival have a wrong clock."""
_FASTER = 1.3
"""Rate against the grid's from which cells are averaged; 60 Hz on a grid of 50 is still interpolated."""
_GAP_PERIODS = 2.5
_DIFFS_TO_TRUST = 4
_PERIOD_GROWTH = 1.25
"""Growth of a period per block while only few samples tell it: a slow sensor, or a gap."""
_STALE_S = 5.0
"""Channels that bring nothing for so long while others of their sensor do are no longer sent by it."""
_WIDTH = len(IMU_CHANNELS)


class _Track:
    """Channels of one sensor that come together: their samples from the last row on."""

    def __init__(self, slot: int, channels: tuple[str, ...]) -> None:
        used = [i for i, name in enumerate(channels) if name in IMU_CHANNELS]
        self.slot = slot
        self.channels = frozenset(channels)
        self.newest = -math.inf
        self._source = None if len(used) == len(channels) else used
        self._columns = _as_slice([slot * _WIDTH + IMU_CHANNELS.index(channels[i]) for i in used])
        self._times: list[Times] = []
        self._values: list[Values] = []
        self._scale: FloatArray | None = None
        self._period = 0.0

    def append(self, t: Times, values: Values, scale: FloatArray | None) -> None:
        if scale is not self._scale:
            self._rescale(scale)
        self._times.append(t)
        self._values.append(values)
        self.newest = t.item(-1)

    def _rescale(self, scale: FloatArray | None) -> None:
        """Turn what waits into counts of another scale."""
        if self._values:
            unit = np.divide(1.0 if self._scale is None else self._scale, 1.0 if scale is None else scale)
            self._values = [values * unit.astype(np.float32) for values in self._values]
        self._scale = scale

    def fill(self, rows: Times, half: float, gap_s: float, x: FloatArray) -> NDArray[np.bool_] | None:
        """Write this track's columns of `x`; return which rows are present, None if all are."""
        if not self._times:
            return np.zeros(len(rows), np.bool_)
        t = self._times[0] if len(self._times) == 1 else np.concatenate(self._times)
        counts = self._values[0] if len(self._values) == 1 else np.concatenate(self._values)
        values = self._in_si(counts)
        right = t.searchsorted(rows, "right")
        left, low, high = right - 1, right.item(0) - 1, right.item(-1)
        spans = t[1:] - t[:-1]
        widest = self._learn_period(spans[max(low, 0) : high])
        gap_s = max(gap_s, _GAP_PERIODS * self._period)
        if low >= 0 and high < len(t) and widest <= gap_s:
            share, present = (rows - t.take(left)) / spans.take(left), None
        else:
            left = np.maximum(left, 0)
            right = np.minimum(right, len(t) - 1)
            share, present = _bridge(rows, t[left], t[right], gap_s)
        if len(t) > 1 and self._period * _FASTER < 2.0 * half:
            filled, whole = _cell_means(rows, half, t, values)
            whole = whole if present is None else whole & present
            if not whole.all():
                filled = np.where(whole[:, None], filled, _points(values, left, right, share))
        else:
            filled = _points(values, left, right, share)
        x[:, self._columns] = filled
        # Needed is still the left neighbour of the next row's cell.
        first, edge = max(high - 1, 0), rows.item(-1) + half
        while first + 1 < len(t) and t.item(first + 1) <= edge:
            first += 1
        self._times, self._values = [t[first:]], [counts[first:]]
        return present

    def _in_si(self, counts: Values) -> FloatArray:
        x = np.asarray(counts if self._scale is None else counts * self._scale, np.float32)
        return x if self._source is None else x[:, self._source]

    def _learn_period(self, spans: Times) -> float:
        """Take the median of the block's spans for the period; return the widest, s."""
        n = len(spans)
        if not n:
            return 0.0
        ordered = spans.copy()
        ordered.sort()
        middle = ordered.item(n // 2)
        if n < _DIFFS_TO_TRUST and self._period:
            middle = min(middle, self._period * _PERIOD_GROWTH)
        self._period = middle
        return ordered.item(-1)


def _as_slice(columns: list[int]) -> slice | list[int]:
    """Return columns as a slice where they are neighbours: numpy copies those faster."""
    if columns and columns == list(range(columns[0], columns[0] + len(columns))):
        return slice(columns[0], columns[0] + len(columns))
    return columns


def _bridge(rows: Times, left: Times, right: Times, gap_s: float) -> tuple[Times, NDArray[np.bool_]]:
    """Return the share of the right sample in each row, and which rows are present: on a sample or in no gap."""
    span = right - left
    near = (span > 0.0) & (span <= gap_s) & (rows >= left)
    share = np.divide(rows - left, span, out=np.zeros(len(rows)), where=near)
    return share, near | (rows == left)


def _points(values: FloatArray, left: NDArray[np.intp], right: NDArray[np.intp], share: Times) -> FloatArray:
    """Return the point `share` of the way along the straight line between two samples each."""
    start = values.take(left, 0)
    return start + (values.take(right, 0) - start) * share.astype(np.float32)[:, None]


def _cell_means(
    rows: Times, half: float, t: Times, values: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the mean of the piecewise linear signal over each row's cell, and whether that lies between samples."""
    edges = np.empty(len(rows) + 1)
    np.subtract(rows, half, out=edges[:-1])
    edges[-1] = rows[-1] + half
    segment = t.searchsorted(edges, "right")
    segment -= 1
    np.minimum(np.maximum(segment, 0, out=segment), len(t) - 2, out=segment)
    first, last = int(segment[0]), int(segment[-1]) + 2
    segment -= first
    t, x = t[first:last], values[first:last].astype(np.float64)
    span = (t[1:] - t[:-1])[:, None]
    rise = x[1:] - x[:-1]
    area = np.zeros_like(x)
    np.add.accumulate((x[:-1] + 0.5 * rise) * span, axis=0, out=area[1:])
    into = (edges - t.take(segment))[:, None]
    integral = (0.5 * into) * (rise / span).take(segment, 0)
    integral += x.take(segment, 0)
    integral *= into
    integral += area.take(segment, 0)
    mean = (integral[1:] - integral[:-1]) / (2.0 * half)
    return mean.astype(np.float32), (edges[:-1] >= t[0]) & (edges[1:] <= t[-1])


class Grid:
    """One wearer's uniform grid: irregular samples in, blocks of rows out.

    A block is complete when every worn sensor has samples beyond its last row, or `wait_s` of stream
    time after that row. After `quiet_s` without samples there are no more blocks; the next samples
    go on at the block of their arrival, so hours of silence cost nothing.

    Args:
        slots: for each sensor of the model the placement worn there, or None.
        rate_hz: rows per second of stream time.
        block: rows of a block; blocks end on multiples of it.
        wait_s: patience with a late sensor, s; more than the second that its packets may span.
        gap_s: time between samples from which the rows between are not present, s; sensors slower
            than 2.5 samples in that time get 2.5 of their periods.
        quiet_s: empty blocks after the last samples, s; enough to see that there is no signal.

    Raises:
        ValueError: if a placement stands in two slots.
    """

    def __init__(
        self,
        slots: Sequence[str | None],
        rate_hz: float,
        block: int,
        wait_s: float = 1.2,
        gap_s: float = 0.25,
        quiet_s: float = 60.0,
    ) -> None:
        self._slots = {placement: i for i, placement in enumerate(slots) if placement is not None}
        if len(self._slots) != sum(placement is not None for placement in slots):
            raise ValueError(f"a placement stands in two slots: {list(slots)}")
        self._sensors, self._rate, self._block = len(slots), rate_hz, block
        self._wait_s, self._gap_s, self._quiet_s = wait_s, gap_s, quiet_s
        self._half = 0.5 / rate_hz
        self._ramp = np.arange(1, block + 1, dtype=np.float64)
        self._whole = np.array([[placement is not None for placement in slots]] * block)
        self._whole.flags.writeable = False
        self.reset()

    def reset(self) -> None:
        """Forget all samples and where the grid stands; the next call begins it anew."""
        self.late = 0
        """Samples that came after their row was emitted, or behind a newer one of their sensor."""
        self.early = 0
        """Samples further in the future of their arrival than any clock error can be."""
        self._now = self._heard = -math.inf
        self._forget()

    def push(self, t_arrival: float, samples: Samples) -> list[Block]:
        """Take samples that arrived at stream time `t_arrival`, s; return the blocks they complete."""
        blocks = self.advance(t_arrival)
        if samples.placement not in self._slots or not len(samples.t):
            return blocks
        if self._now >= self._end + self._wait_s:
            # Blocks had stopped: the silence is skipped.
            self._forget()
            self._begin(self._now)
        self._heard = self._now
        track = self._tracks.get((samples.placement, samples.channels)) or self._track(samples)
        self._append(track, samples)
        while track.newest >= self._needed and self._is_complete():
            blocks.append(self._emit())
        return blocks

    def advance(self, t: float) -> list[Block]:
        """Let stream time go on to `t`, s; return the blocks that need not be waited for any longer."""
        if t > self._now:
            if self._heard == -math.inf:
                self._heard = t
                self._begin(t)
            self._now = t
        blocks = []
        while self._now >= self._end + self._wait_s and self._end <= self._heard + self._quiet_s:
            blocks.append(self._emit())
        return blocks

    def _forget(self) -> None:
        self._tracks: dict[tuple[str, tuple[str, ...]], _Track] = {}
        self._worn: dict[int, list[_Track]] = {slot: [] for slot in self._slots.values()}

    def _begin(self, t: float) -> None:
        """Make the block that `t` falls into the next one."""
        self._stand_at(math.floor(t * self._rate / self._block))

    def _stand_at(self, index: int) -> None:
        self._index = index
        self._last = index * self._block / self._rate
        self._end = (index + 1) * self._block / self._rate
        self._needed = self._end + self._half

    def _track(self, samples: Samples) -> _Track:
        """Begin a track for channels not seen yet, in the place of tracks that held any of them."""
        slot = self._slots[samples.placement]
        track = _Track(slot, samples.channels)
        beside = [other for other in self._worn[slot] if not other.channels & track.channels]
        self._keep(slot, [*beside, track])
        self._tracks[samples.placement, samples.channels] = track
        return track

    def _keep(self, slot: int, tracks: list[_Track]) -> None:
        self._worn[slot] = tracks
        self._tracks = {key: t for key, t in self._tracks.items() if t.slot != slot or t in tracks}

    def _append(self, track: _Track, samples: Samples) -> None:
        t, values = samples.t, samples.values
        first = t.item(0)
        if first <= track.newest or first <= self._last or t.item(-1) > self._now + _FUTURE_S:
            behind = int(t.searchsorted(track.newest, "right"))
            end = int(t.searchsorted(self._now + _FUTURE_S, "right"))
            self.early += len(t) - end
            self.late += min(max(behind, int(t.searchsorted(self._last, "right"))), end)
            # What is late still tells where the line to the next row begins.
            t, values = t[behind:end], values[behind:end]
            if not len(t):
                return
        track.append(t, values, samples.scale)

    def _is_complete(self) -> bool:
        worn = self._worn.values()
        return all(tracks and min([track.newest for track in tracks]) >= self._needed for tracks in worn)

    def _emit(self) -> Block:
        rows = (self._ramp + self._index * self._block) / self._rate
        x = np.zeros((self._block, self._sensors * _WIDTH), np.float32)
        present = self._whole
        for slot, tracks in self._worn.items():
            filled = [track.fill(rows, self._half, self._gap_s, x) for track in tracks]
            for rows_filled in filled or [np.zeros(self._block, np.bool_)]:
                if rows_filled is not None:
                    # Not written to in place: all blocks without a gap share one.
                    present = present.copy()
                    present[:, slot] &= rows_filled
            fresh = [track for track in tracks if track.newest > self._end - _STALE_S]
            if 0 < len(fresh) < len(tracks):
                self._keep(slot, fresh)
        end = self._end
        self._stand_at(self._index + 1)
        return Block(end, x, present)
