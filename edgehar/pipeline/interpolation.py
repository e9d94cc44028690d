"""The channels of one sensor from their own times to rows: straight lines, means over cells, and gaps.

Between two samples the signal is a straight line. A sensor clearly faster than the grid is averaged over
each row's cell (half a row to either side), so that what the grid cannot carry does not alias. Where
neighbouring samples are too far apart, the rows between them are marked as not present and hold the sample
before the gap; rows before the first sample hold the first.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from edgehar.types import FloatArray, Samples, Times, Values

_FASTER = 1.3
"""Rate against the grid's from which cells are averaged; 60 Hz on a grid of 50 is still interpolated."""
_GAP_PERIODS = 2.5
_DIFFS_TO_TRUST = 4
_PERIOD_GROWTH = 1.25
"""Growth of a period per block while only few samples tell it: a slow sensor, or a gap."""
_STALE_S = 5.0
"""Channels that bring nothing for so long while others of their sensor do are no longer sent by it."""


class Track:
    """Channels of one sensor that come together: their samples from the last row on."""

    def __init__(self, slot: int, channels: tuple[str, ...], of_model: tuple[str, ...]) -> None:
        used = [i for i, name in enumerate(channels) if name in of_model]
        self.slot = slot
        self.channels = frozenset(channels)
        self.newest = -math.inf
        self._source = None if len(used) == len(channels) else used
        self._columns = _as_slice([slot * len(of_model) + of_model.index(channels[i]) for i in used])
        self._times: list[Times] = []
        self._values: list[Values] = []
        self._scale: FloatArray | None = None
        self._period = 0.0

    def append(self, t: Times, values: Values, scale: FloatArray | None) -> None:
        """Add samples behind those that wait; times, values and scale as in `Samples`."""
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


class Tracks:
    """The tracks of one wearer's sensors; `slots` says which sensor of the model stands at each placement.

    `channels` are those of each of the model's sensors.
    """

    def __init__(self, slots: Mapping[str, int], channels: tuple[str, ...]) -> None:
        self._slots, self._channels = slots, channels
        self.clear()

    def clear(self) -> None:
        """Forget all samples."""
        self._by_channels: dict[tuple[str, tuple[str, ...]], Track] = {}
        self._worn: dict[int, list[Track]] = {slot: [] for slot in self._slots.values()}

    def has_place_for(self, placement: str) -> bool:
        """Tell whether the model has a sensor at this placement."""
        return placement in self._slots

    def of(self, samples: Samples) -> Track:
        """Return the track of these channels; a new one takes the place of tracks that held any of them."""
        key = (samples.placement, samples.channels)
        track = self._by_channels.get(key)
        if track is None:
            slot = self._slots[samples.placement]
            track = Track(slot, samples.channels, self._channels)
            beside = [other for other in self._worn[slot] if not other.channels & track.channels]
            self._keep(slot, [*beside, track])
            self._by_channels[key] = track
        return track

    def lagging(self, t: float) -> list[str]:
        """Return where sensors are worn that do not have samples of all their channels up to `t`, s."""
        return [
            placement
            for placement, slot in self._slots.items()
            if not self._worn[slot] or min([track.newest for track in self._worn[slot]]) < t
        ]

    def fill(
        self, rows: Times, half: float, gap_s: float, x: FloatArray
    ) -> Iterable[tuple[int, NDArray[np.bool_]]]:
        """Write all columns of `x`; yield the rows that are present of each slot and track that has not all."""
        for slot, tracks in self._worn.items():
            if not tracks:
                yield slot, np.zeros(len(rows), np.bool_)
            for track in tracks:
                present = track.fill(rows, half, gap_s, x)
                if present is not None:
                    yield slot, present

    def drop_stale(self, t: float) -> None:
        """Drop tracks that brought nothing for long before `t`, s, while others of their sensor did."""
        for slot, tracks in self._worn.items():
            fresh = [track for track in tracks if track.newest > t - _STALE_S]
            if 0 < len(fresh) < len(tracks):
                self._keep(slot, fresh)

    def _keep(self, slot: int, tracks: list[Track]) -> None:
        self._worn[slot] = tracks
        self._by_channels = {
            key: track for key, track in self._by_channels.items() if track.slot != slot or track in tracks
        }
