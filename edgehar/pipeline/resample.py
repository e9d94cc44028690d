"""Sensors of one wearer, each with its own times and rate, to one uniform grid.

A row stands at a whole multiple of 1 / rate; `interpolation` says what stands in it. Training fills its
losses by this same code.

A block is a function of the samples around it, never of how they were cut into packets: all sums
begin at the block's own left neighbour, all estimates are made once per block.
"""

import math
from collections.abc import Sequence

import numpy as np

from edgehar.pipeline.interpolation import Track, Tracks
from edgehar.types import IMU_CHANNELS, Block, Samples

_FUTURE_S = 1.0
"""Samples this far ahead of their arrival have a wrong clock."""
_SLACK_S = 0.2
"""Time for the way of what was bundled."""
_LONGEST_BUNDLE_S = 4.0
"""Whoever sends less often cannot be followed live."""


class Grid:
    """One wearer's uniform grid: irregular samples in, blocks of rows out.

    A block is complete when every worn sensor has samples beyond its last row or is waited for no longer:
    `wait_s` of stream time after that row, or a little more than the sensor is expected to bundle. After
    `quiet_s` without samples there are no more blocks; the next samples go on at the block of their
    arrival, so hours of silence cost nothing.

    Args:
        slots: for each sensor of the model the placement worn there, or None.
        rate_hz: rows per second of stream time.
        block: rows of a block; blocks end on multiples of it.
        wait_s: patience with a late sensor, s; enough for one that bundles a second.
        gap_s: time between samples from which the rows between are not present, s; sensors slower
            than 2.5 samples in that time get 2.5 of their periods.
        quiet_s: empty blocks after the last samples, s; enough to see that there is no signal.
        channels: of each of the model's sensors.

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
        channels: tuple[str, ...] = IMU_CHANNELS,
    ) -> None:
        by_placement = {placement: i for i, placement in enumerate(slots) if placement is not None}
        if len(by_placement) != sum(placement is not None for placement in slots):
            raise ValueError(f"a placement stands in two slots: {list(slots)}")
        self._tracks = Tracks(by_placement, channels)
        self._columns = len(slots) * len(channels)
        self._rate, self._block = rate_hz, block
        self._wait_s, self._gap_s, self._quiet_s = wait_s, gap_s, quiet_s
        self._patience_s = dict.fromkeys(by_placement, wait_s)
        self._ramp = np.arange(1, block + 1, dtype=np.float64)
        self._whole = np.array([[placement is not None for placement in slots]] * block)
        self._whole.flags.writeable = False
        self.reset()

    def reset(self) -> None:
        """Forget all samples and where the grid stands; the next call begins it anew. What is expected stays."""
        self.late = 0
        """Samples that came after their row was emitted, or behind a newer one of their sensor."""
        self.early = 0
        """Samples further in the future of their arrival than any clock error can be."""
        self._now = self._heard = -math.inf
        self._tracks.clear()

    def expect(self, placement: str, bundle_s: float) -> None:
        """Wait from now on for the sensor worn there as one that sends `bundle_s` of samples at once, s."""
        if placement in self._patience_s:
            patience_s = min(bundle_s, _LONGEST_BUNDLE_S) + _SLACK_S
            self._patience_s[placement] = max(self._patience_s[placement], patience_s)

    def push(self, t_arrival: float, samples: Samples) -> list[Block]:
        """Take samples that arrived at stream time `t_arrival`, s; return the blocks they complete."""
        blocks = self.advance(t_arrival)
        if not self._tracks.has_place_for(samples.placement) or not len(samples.t):
            return blocks
        if self._is_overdue():
            # Blocks had stopped: the silence is skipped.
            self._tracks.clear()
            self._begin(self._now)
        self._heard = self._now
        track = self._tracks.of(samples)
        self._append(track, samples)
        while track.newest >= self._needed and self._is_complete():
            blocks.append(self._emit())
        return blocks

    @property
    def due(self) -> float:
        """Stream time from which `advance` has a block even if nothing more comes, s; inf if there will be none."""
        if self._now == -math.inf or self._end > self._heard + self._quiet_s:
            return math.inf
        lagging = self._tracks.lagging(self._needed)
        return self._end + max([self._wait_s, *(self._patience_s[placement] for placement in lagging)])

    def advance(self, t: float) -> list[Block]:
        """Let stream time go on to `t`, s; return the blocks that need not be waited for any longer."""
        if t > self._now:
            if self._heard == -math.inf:
                self._heard = t
                self._begin(t)
            self._now = t
        blocks = []
        while self._is_overdue() and self._end <= self._heard + self._quiet_s:
            blocks.append(self._emit())
        return blocks

    def flush(self) -> list[Block]:
        """Return the blocks that have ended by now, whoever is still waited for."""
        blocks = []
        while self._end <= min(self._now, self._heard + self._quiet_s):
            blocks.append(self._emit())
        return blocks

    def _is_overdue(self) -> bool:
        return self._now >= self._end + self._wait_s and self._is_complete()

    def _is_complete(self) -> bool:
        """Tell whether every worn sensor reaches the block's end, or has been waited for as long as it bundles."""
        lagging = self._tracks.lagging(self._needed)
        return all(self._now >= self._end + self._patience_s[placement] for placement in lagging)

    def _begin(self, t: float) -> None:
        """Make the block that `t` falls into the next one."""
        self._stand_at(math.floor(t * self._rate / self._block))

    def _stand_at(self, index: int) -> None:
        self._index = index
        self._end = (index + 1) * self._block / self._rate
        # The last row's cell ends half a row later.
        self._needed = self._end + 0.5 / self._rate

    def _append(self, track: Track, samples: Samples) -> None:
        t, values = samples.t, samples.values
        first, last_row = t.item(0), self._index * self._block / self._rate
        if first <= track.newest or first <= last_row or t.item(-1) > self._now + _FUTURE_S:
            behind = int(t.searchsorted(track.newest, "right"))
            end = int(t.searchsorted(self._now + _FUTURE_S, "right"))
            self.early += len(t) - end
            self.late += min(max(behind, int(t.searchsorted(last_row, "right"))), end)
            # What is late still tells where the line to the next row begins.
            t, values = t[behind:end], values[behind:end]
            if not len(t):
                return
        track.append(t, values, samples.scale)

    def _emit(self) -> Block:
        rows = (self._ramp + self._index * self._block) / self._rate
        x = np.zeros((self._block, self._columns), np.float32)
        present = self._whole
        for slot, rows_present in self._tracks.fill(rows, 0.5 / self._rate, self._gap_s, x):
            # Not written to in place: all blocks without a gap share one.
            present = present.copy()
            present[:, slot] &= rows_present
        end = self._end
        self._tracks.drop_stale(end)
        self._stand_at(self._index + 1)
        return Block(end, x, present)
