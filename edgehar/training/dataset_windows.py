"""The windows that the run time would cut from recorded sensors, as they are or as others would have it.

Other conditions stand in for what was not recorded: another mounting, a slower sensor, one without a
gyroscope, a link that loses packets.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ModelError
from edgehar.pipeline.cut import cut
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.sources.simulated.packet_loss import BURST, BurstLoss
from edgehar.types import ACCELERATION, Samples, Window

Turn = NDArray[np.float64]
"""(3, 3), a rotation; rows of readings are multiplied by it from the right."""
Channels = Literal["all", "acc"]

HOP_S = 1.28
"""From one scored window to the next, s."""
_LOST_AT_ONCE = 10
"""Samples of a packet that gets lost: what the simulated sensors of edgehar.sources send at once."""


def taken(spec: ModelSpec, placements: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return those that the model can take together, first come first served, and why not the others."""
    kept: list[str] = []
    why: dict[str, str] = {}
    for placement in placements:
        try:
            spec.slots([*kept, placement])
        except ModelError as error:
            why[placement] = str(error).partition(";")[0]
        else:
            kept.append(placement)
    return tuple(kept), why


def windows(
    spec: ModelSpec,
    tracks: Mapping[str, Samples],
    *,
    hop_s: float = HOP_S,
    loss: float = 0.0,
    rate_hz: float | None = None,
    turn: Turn | Mapping[str, Turn] | None = None,
    channels: Channels = "all",
    rng: np.random.Generator | None = None,
) -> Iterator[Window]:
    """Cut windows of the model by the run-time grid, the first one at the first whole window, then each `hop_s`.

    A window is valid until the next is made. None reaches beyond the last sample of the sensor that
    ends first.

    Args:
        spec: the model; its grid, its window and the coverage below which it leaves a sensor out.
        tracks: what was worn; ModelError if the model cannot take all of it.
        hop_s: from one window to the next, s; a whole number of grid rows.
        loss: share of packets that get lost, in bursts, each sensor for itself.
        rate_hz: at which the sensors sample instead, if they are faster, each over its period.
        turn: how the sensors are mounted instead, all or each.
        channels: `acc` leaves out the angular rate.
        rng: for the losses.
    """
    changed = [
        _changed(track, loss, rate_hz, turn, channels, rng or np.random.default_rng(0))
        for track in tracks.values()
    ]
    yield from cut(spec, {track.placement: track for track in changed}, hop_s)


def _changed(
    track: Samples,
    loss: float,
    rate_hz: float | None,
    turn: Turn | Mapping[str, Turn] | None,
    channels: Channels,
    rng: np.random.Generator,
) -> Samples:
    if isinstance(turn, Mapping):
        turn = turn.get(track.placement)
    if turn is not None:
        values = (track.x.reshape(-1, 3) @ turn.astype(np.float32)).reshape(track.x.shape)
        track = replace(track, values=values)
    if channels == "acc":
        columns = [i for i, name in enumerate(track.channels) if name in ACCELERATION]
        channels_left = tuple(track.channels[i] for i in columns)
        track = replace(track, values=track.x[:, columns], channels=channels_left)
    if rate_hz is not None:
        track = _slower(track, rate_hz)
    if loss:
        arrives = arriving(-(-len(track.t) // _LOST_AT_ONCE), loss, rng)
        rows = np.repeat(arrives, _LOST_AT_ONCE)[: len(track.t)]
        track = replace(track, t=track.t[rows], values=track.values[rows])
    return track


def _slower(track: Samples, rate_hz: float) -> Samples:
    """Take the mean over each period of a slower sensor, by the integral of the straight lines."""
    count = int((track.t[-1] - track.t[0]) * rate_hz)
    if count < 1 or len(track.t) - 1 <= count:
        return track
    edges = track.t[0] + np.arange(count + 1) / rate_hz
    x = track.x.astype(np.float64)
    areas = 0.5 * (x[1:] + x[:-1]) * np.diff(track.t)[:, None]
    area = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(areas, axis=0)])
    at = np.stack([np.interp(edges, track.t, column) for column in area.T], axis=1)
    means = (np.diff(at, axis=0) * rate_hz).astype(np.float32)
    return replace(track, t=edges[:-1] + 0.5 / rate_hz, values=means)


def arriving(packets: int, loss: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw which packets arrive over a link that loses them in bursts; at least the first."""
    link = BurstLoss(loss, BURST)
    return np.array([True, *(not link.loses(draw) for draw in rng.random(packets)[1:].tolist())])
