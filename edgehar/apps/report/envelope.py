"""A signal of any length in a fixed number of bins: least, largest and sum of each; once they are full, two become one."""

import numpy as np
from numpy.typing import NDArray

from edgehar.types import Times

BINS = 1 << 15
"""A day has bins of 3.2 s then, an hour of 0.2 s."""

_FIRST_BIN_S = 0.05

Numbers = NDArray[np.float64]


class Envelope:
    """Bins of a signal from stream time `begin`, s, on; what lies before it counts into the first."""

    def __init__(self, begin: float, bins: int = BINS) -> None:
        self.begin = begin
        self.bin_s = _FIRST_BIN_S
        """Length of a bin, s."""
        self.least = np.full(bins, np.inf)
        self.largest = np.full(bins, -np.inf)
        self.total = np.zeros(bins)
        self.count = np.zeros(bins, np.int64)

    def push(self, t: Times, x: Numbers) -> None:
        """Take values and their stream times, s, which never go back."""
        if not len(t):
            return
        while (float(t.max()) - self.begin) / self.bin_s >= len(self.count):
            self._fold()
        at = np.maximum((t - self.begin) / self.bin_s, 0).astype(np.int64)
        starts = np.concatenate(([0], np.flatnonzero(np.diff(at)) + 1))
        into = at[starts]
        self.least[into] = np.minimum(self.least[into], np.minimum.reduceat(x, starts))
        self.largest[into] = np.maximum(self.largest[into], np.maximum.reduceat(x, starts))
        self.total[into] += np.add.reduceat(x, starts)
        self.count[into] += np.diff(np.append(starts, len(at)))

    def columns(self, begin: float, end: float, most: int) -> "Columns":
        """Return the bins from `begin` to `end`, s, joined to at most so many columns of one length."""
        first = int(np.clip((begin - self.begin) / self.bin_s, 0, len(self.count)))
        last = int(np.clip(np.ceil((end - self.begin) / self.bin_s), first, len(self.count)))
        width = max(1, -(-(last - first) // most))
        starts = np.arange(first, last, width)
        if not len(starts):
            empty = np.empty(0)
            return Columns(empty, empty, empty, empty, np.empty(0, np.int64))
        cut = starts - first
        return Columns(
            self.begin + (np.minimum(starts + width, last) + starts) / 2 * self.bin_s,
            np.minimum.reduceat(self.least[first:last], cut),
            np.maximum.reduceat(self.largest[first:last], cut),
            np.add.reduceat(self.total[first:last], cut),
            np.add.reduceat(self.count[first:last], cut),
        )

    def _fold(self) -> None:
        """Make one bin of every two."""
        half = len(self.count) // 2
        for values, join, empty in (
            (self.least, np.minimum, np.inf),
            (self.largest, np.maximum, -np.inf),
            (self.total, np.add, 0),
            (self.count, np.add, 0),
        ):
            joined = join(values[::2], values[1::2])
            values[:half], values[half:] = joined, empty
        self.bin_s *= 2


class Columns:
    """Joined bins: the middle of each, s, and what is in it; those of no values have a count of 0."""

    def __init__(
        self, t: Times, least: Numbers, largest: Numbers, total: Numbers, count: NDArray[np.int64]
    ) -> None:
        self.t, self.least, self.largest, self.total, self.count = t, least, largest, total, count

    @property
    def mean(self) -> Numbers:
        """Mean of each column; NaN of an empty one."""
        mean: Numbers = np.divide(
            self.total, self.count, out=np.full(len(self.t), np.nan), where=self.count > 0
        )
        return mean
