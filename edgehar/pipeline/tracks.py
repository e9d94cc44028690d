"""The samples of a whole recording, sensor by sensor, as its packets' intakes give them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from edgehar.errors import RecordingError
from edgehar.pipeline.intake import Intake
from edgehar.recordings.datasets import side_by_side
from edgehar.recordings.ehr import Header
from edgehar.types import ACCELERATION, ANGULAR_RATE, Item, Samples


class Packets(Protocol):
    """A recording, which each iteration reads from the start."""

    @property
    def header(self) -> Header:
        """Header of the recording: whose it is, and where each stream's sensor was worn."""
        ...

    @property
    def path(self) -> Path:
        """Name of the file."""
        ...

    def __iter__(self) -> Iterator[Item]: ...


def read_tracks(recording: Packets) -> tuple[dict[str, Samples], float]:
    """Return each sensor's samples by placement, m/s² and rad/s, times in s from the first of all, and its stream time, s.

    RecordingError if it holds none, or a sensor no acceleration.
    """
    intakes = [Intake(stream) for stream in recording.header.streams]
    parts: dict[str, list[Samples]] = {}
    for t, stream, body in recording:
        for samples in intakes[stream].push(t, body) if body else []:
            parts.setdefault(samples.placement, []).append(samples)
    if not parts:
        raise RecordingError(f"{recording.path}: holds no samples")
    begin = min(float(samples.t[0]) for arrived in parts.values() for samples in arrived)
    return {place: _track(f"{recording.path}", arrived, begin) for place, arrived in parts.items()}, begin


def _track(name: str, arrived: Sequence[Samples], begin: float) -> Samples:
    """Join the samples of one sensor; angular rate that came apart is brought to the times of the acceleration."""
    kinds: dict[tuple[str, ...], list[Samples]] = {}
    for samples in arrived:
        kinds.setdefault(samples.channels, []).append(samples)
    with_acceleration = [channels for channels in kinds if set(ACCELERATION) <= set(channels)]
    if not with_acceleration:
        sent = ", ".join(sorted({name for channels in kinds for name in channels}))
        raise RecordingError(
            f"{name}: {arrived[0].placement}: expected {', '.join(ACCELERATION)}, got {sent} alone; "
            "record the sensor with its acceleration"
        )
    channels = max(with_acceleration, key=lambda channels: (len(channels), len(kinds[channels])))
    track = _joined(kinds[channels], begin)
    if channels == ACCELERATION and ANGULAR_RATE in kinds:
        return side_by_side(track, _joined(kinds[ANGULAR_RATE], begin))
    return track


def _joined(parts: Sequence[Samples], begin: float) -> Samples:
    """Join samples of the same channels, in the order of their times."""
    t, x = np.concatenate([part.t for part in parts]) - begin, np.concatenate([part.x for part in parts])
    order = np.argsort(t, kind="stable")
    return Samples(parts[0].placement, t[order], x[order], parts[0].channels)
