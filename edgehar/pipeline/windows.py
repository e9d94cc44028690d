"""Blocks of the grid to windows as long as the model wants them, with the coverage of each sensor.

What is present is said by `interpolation`; the least coverage is `min_coverage` of `decision_settings`.
"""

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from edgehar.types import ACCELERATION, IMU_CHANNELS, Block, FloatArray, HopAcceleration, Window

_BLOCKS_TO_SHIFT = 16
"""Blocks written before the newest rows move to the front: a move costs as much as a block then."""
_NONE: Mapping[int, float] = {}


class Windows:
    """Slides over the newest `length` rows: one window per block, once so many rows were seen.

    Args:
        length: rows of a window.
        worn: sensors (columns of `Block.present`) whose coverage counts.
        min_coverage: share of a window's rows below which a sensor is left out of it, 0..1. A sensor is
            back as soon as it has that share again: were more asked of it, one on a lossy link would
            stay out for good, and an odd window on its return does not move the decision's belief far.
        channels: of each of the model's sensors; hops are told of those with acceleration alone.
    """

    def __init__(
        self,
        length: int,
        worn: Sequence[int],
        min_coverage: float = 0.0,
        channels: tuple[str, ...] = IMU_CHANNELS,
    ) -> None:
        self._length, self._min_coverage = length, min_coverage
        self._worn = tuple(worn)
        first, width = min(worn, default=0), len(channels)
        self._between = slice(first * width, max(worn, default=0) * width + len(ACCELERATION))
        felt = self._worn if channels[: len(ACCELERATION)] == ACCELERATION else ()
        starts = {i: (i - first) * width for i in felt}
        self._accelerations = {i: slice(start, start + len(ACCELERATION)) for i, start in starts.items()}
        self._of_sensor = np.zeros((self._between.stop - self._between.start, len(starts)), np.float32)
        for k, at in enumerate(self._accelerations.values()):
            self._of_sensor[at, k] = 1.0
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._rows: FloatArray = np.empty((0, 0), np.float32)
        # One sensor after the other, so that its rows are neighbours.
        self._present: NDArray[np.bool_] = np.empty((0, 0), np.bool_)
        self._end = 0
        self._earlier: list[tuple[float, Mapping[int, HopAcceleration]]] = []

    def push(self, block: Block) -> list[Window]:
        """Add a block's rows; return the window that they complete, or nothing yet."""
        self._add(block)
        length, end = self._length, self._end
        first = end - length
        if first < 0:
            self._earlier.append((block.t_end, self._newest_hop(block.x, _NONE)[1]))
            return []
        earlier, self._earlier = tuple(self._earlier), []
        # As bytes: Python counts so few of them faster than numpy.
        present = self._present
        coverage = tuple([present[i, first:end].tobytes().count(1) / length for i in self._worn])
        excluded: Mapping[int, float] = _NONE
        if coverage and min(coverage) < self._min_coverage:
            shares = zip(self._worn, coverage, strict=True)
            excluded = {i: share for i, share in shares if share < self._min_coverage}
        n = len(block.x)
        # With more present rows than there are older ones there is no need to look.
        is_fresh = (max(coverage) if coverage else 0.0) * length > length - n or self._is_fresh(n)
        # A copy: its rows are written over as soon as the newest move to the front.
        x = self._rows[first:end].copy()
        peak_to_peak, hops = self._newest_hop(block.x, excluded)
        return [Window(block.t_end, x, coverage, peak_to_peak, excluded, is_fresh, self._worn, hops, earlier)]

    def _is_fresh(self, n: int) -> bool:
        """Tell whether any of the newest `n` rows rests on samples of a worn sensor."""
        newest = self._present[:, self._end - n : self._end]
        return any(newest[i].any() for i in self._worn)

    def _add(self, block: Block) -> None:
        n = len(block.x)
        if self._end + n > len(self._rows):
            self._make_room(block)
        end = self._end + n
        self._rows[self._end : end] = block.x
        self._present[:, self._end : end] = block.present.T
        self._end = end

    def _make_room(self, block: Block) -> None:
        """Move the rows that the next window needs to the front."""
        n = len(block.x)
        kept = min(self._end, max(self._length - n, 0))
        if len(self._rows) < kept + n:
            size = self._length + _BLOCKS_TO_SHIFT * n
            rows = np.zeros((size, block.x.shape[1]), np.float32)
            present = np.zeros((block.present.shape[1], size), np.bool_)
        else:
            rows, present = self._rows, self._present
        if kept:
            rows[:kept] = self._rows[self._end - kept : self._end]
            present[:, :kept] = self._present[:, self._end - kept : self._end]
        self._rows, self._present, self._end = rows, present, kept

    def _newest_hop(
        self, x: FloatArray, excluded: Mapping[int, float]
    ) -> tuple[float, dict[int, HopAcceleration]]:
        """Return the largest peak-to-peak of the sensors in use over a block's rows, and each one's without a gap."""
        if not self._accelerations:
            return inf, {}
        n, begin = len(x), self._end - len(x)
        # From the first worn sensor to the last: the fewer columns, the faster.
        x = x[:, self._between]
        top = np.maximum.reduce(x)
        tops, spread = top.tolist(), (top - np.minimum.reduce(x)).tolist()
        squares = x * x @ self._of_sensor
        sums = np.add.reduce(x).tolist()
        most, least = np.maximum.reduce(squares).tolist(), np.minimum.reduce(squares).tolist()
        largest, hops = -1.0, {}
        for k, (i, at) in enumerate(self._accelerations.items()):
            peak_to_peak = max(spread[at])
            # Gravity is never zero: who reads nothing but zeros has no accelerometer.
            if not (peak_to_peak or any(tops[at])):
                continue
            if i not in excluded:
                largest = max(largest, peak_to_peak)
            if self._present[i, begin : self._end].tobytes().count(1) == n:
                x_sum, y_sum, z_sum = sums[at]
                mean = (x_sum / n, y_sum / n, z_sum / n)
                hops[i] = HopAcceleration(sqrt(most[k]), peak_to_peak, mean, sqrt(least[k]))
        return largest if largest >= 0.0 else inf, hops
