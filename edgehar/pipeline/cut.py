"""The windows of whole recorded sensors, as the run time would cut them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.windows import Windows
from edgehar.types import Samples, Window

_PACKET_S = 0.5
"""Length of the portions that the grid takes, s; it makes the same rows of any portions."""


def cut(spec: ModelSpec, tracks: Mapping[str, Samples], hop_s: float) -> Iterator[Window]:
    """Cut windows of the model by the run-time grid, the first one at the first whole window, then each `hop_s`.

    A window is valid until the next is made. None reaches beyond the last sample of the sensor that
    ends first.

    Args:
        spec: the model; its grid, its window and the coverage below which it leaves a sensor out.
        tracks: what was worn, times in s from 0; ModelError if the model cannot take all of it.
        hop_s: from one window to the next, s; a whole number of grid rows.
    """
    worn = [*tracks.values()]
    slots = spec.slots([track.placement for track in worn])
    filled = [i for i, placement in enumerate(slots) if placement is not None]
    grid = Grid(slots, spec.rate_hz, round(hop_s * spec.rate_hz), channels=spec.channels)
    window = Windows(spec.window, filled, spec.decision.min_coverage, spec.channels)
    end = min(float(track.t[-1]) for track in worn)
    grid.advance(0.0)
    for now, packet in _packets(worn, end):
        for block in grid.push(now, packet) if packet else grid.advance(now):
            if block.t_end <= end:
                yield from window.push(block)


def _packets(tracks: Sequence[Samples], end: float) -> Iterator[tuple[float, Samples | None]]:
    """Yield all samples in portions, with the time of their arrival; behind the end, time that goes on."""
    first = [0] * len(tracks)
    for packet in range(int(end / _PACKET_S) + 1):
        now = (packet + 1) * _PACKET_S
        for i, track in enumerate(tracks):
            rows = slice(first[i], int(np.searchsorted(track.t, now)))
            first[i] = rows.stop
            yield now, replace(track, t=track.t[rows], values=track.values[rows])
    yield end + 3.0, None
