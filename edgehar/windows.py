"""Blocks of the grid to windows as long as the model wants them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.types import ACCELERATION, IMU_CHANNELS, Block, FloatArray, Window

_BLOCKS_TO_SHIFT = 16
"""Blocks written before the newest rows move to the front: a move costs as much as a block then."""
_WIDTH = len(IMU_CHANNELS)


class Windows:
    """Slides over the newest `length` rows: one window per block, once so many rows were seen.

    Args:
        length: rows of a window.
        worn: sensors (columns of `Block.present`) whose coverage counts.
    """

    def __init__(self, length: int, worn: Sequence[int]) -> None:
        self._length = length
        self._worn = tuple(worn)
        first = min(worn, default=0)
        self._between = slice(first * _WIDTH, max(worn, default=0) * _WIDTH + len(ACCELERATION))
        self._accelerations = [(i - first) * _WIDTH + k for i in worn for k in range(len(ACCELERATION))]
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self._rows: FloatArray = np.empty((0, 0), np.float32)
        # One sensor after the other, so that its rows are neighbours.
        self._present: NDArray[np.bool_] = np.empty((0, 0), np.bool_)
        self._end = 0

    def push(self, block: Block) -> list[Window]:
        """Add a block's rows; returns the window that they complete, or nothing yet."""
        self._add(block)
        length, end = self._length, self._end
        first = end - length
        if first < 0:
            return []
        # As bytes: Python counts so few of them faster than numpy.
        present = self._present
        coverage = tuple([present[i, first:end].tobytes().count(1) / length for i in self._worn])
        return [Window(block.t_end, self._rows[first:end], coverage, self._swing(block.x))]

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

    def _swing(self, x: FloatArray) -> float:
        # From the first worn sensor to the last: the fewer columns, the faster.
        x = x[:, self._between]
        spread = (np.maximum.reduce(x) - np.minimum.reduce(x)).tolist()
        return max([spread[i] for i in self._accelerations], default=0.0)
