"""Labelled recordings of people in npz form, sent as their sensors would have sent them."""

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_records import Unread
from edgehar.recordings.scoring import Segment
from edgehar.recordings.trials import Array, Spans, TrialFile, in_order, label_runs, opened
from edgehar.types import IMU_CHANNELS, Item, Stream, Times
from edgehar.wire.protocol import MAX_SAMPLES, Counts, Description, encode_data, encode_description

_ACC_RANGE_G = 16
_GYR_RANGE_DPS = 2000
# Rows that a radio link delivered at once stand within 10 ms; their times are whole milliseconds.
_BATCH_S = 0.0105


class _Chosen(Struct, frozen=True, eq=False):
    """Trials of one person, in the order in which they are joined."""

    subject: str
    spans: Spans
    activities: Array
    """(rows,), the trial's for each row."""


class _Sensor(Struct, frozen=True, eq=False):
    """One placement's rows as its sensor would count them."""

    placement: str
    description: Description
    counts: Counts


class NpzTrack:
    """One person's trials, joined end to end; iterating gives (stream time, stream, body).

    Stream time 0 is the first row. A packet arrives with its last row. Rows with arrival times of
    their own are cut into packets where those pause, and their sensors have no clock.
    """

    def __init__(
        self,
        header: Header,
        truth: list[Segment],
        sensors: list[_Sensor],
        times: Times,
        samples_per_packet: int,
    ) -> None:
        self.header = header
        self.truth = truth
        """Start and end in stream time, s, and label of all that was done, in order, without gaps."""
        self.unread = Unread()
        """Nothing: a set is read whole or refused."""
        self._sensors = sensors
        self._times = times
        self._samples = samples_per_packet

    def __iter__(self) -> Iterator[Item]:
        described = [encode_description(sensor.description) for sensor in self._sensors]
        due = 0
        for sequence, (start, end) in enumerate(self._packets()):
            t = float(self._times[end - 1])
            if t >= due:
                for stream, body in enumerate(described):
                    yield float(math.floor(t)), stream, body
                due = math.floor(t) + 1
            for stream, sensor in enumerate(self._sensors):
                ticks_us = round(float(self._times[start]) * 1e6) if sensor.description.has_clock else 0
                yield t, stream, encode_data(sequence, ticks_us, sensor.counts[start:end])

    def _packets(self) -> Iterator[tuple[int, int]]:
        """Yield first row and row behind the last of each packet."""
        start, rows = 0, len(self._times)
        batched = not self._sensors[0].description.has_clock
        while start < rows:
            count = self._samples
            if batched:
                near = self._times[start : start + MAX_SAMPLES]
                count = int(np.searchsorted(near, near[0] + _BATCH_S, "right"))
            yield start, min(start + count, rows)
            start += count


def read_npz(
    path: Path,
    *,
    subject: str | int | None = None,
    placements: Sequence[str] | None = None,
    activities: Sequence[str] | None = None,
    trials: Sequence[int] | None = None,
    samples_per_packet: int = 10,
) -> NpzTrack:
    """Read one person's trials in the order of their numbers; without a choice, all of them.

    RecordingError if the file has another form or lacks what was chosen; it names what there is.
    """
    if not 0 < samples_per_packet <= MAX_SAMPLES:
        raise ValueError(f"{samples_per_packet} samples per packet; 1..{MAX_SAMPLES} expected")
    with opened(path) as file:
        subjects = None if subject is None else [subject]
        chosen = _choose(file, {"subject": subjects, "activity": activities, "trial": trials})
        rate_hz = file.rate_hz()
        t_ms = file.rows("t_ms", chosen.spans)
        labels = file.rows("row_label", chosen.spans)
        times = _times(chosen.spans, rate_hz, t_ms)
        plain = Description(
            "0" * 12, round(1e6 / rate_hz), _ACC_RANGE_G, _GYR_RANGE_DPS, has_clock=t_ms is None
        )
        sensors = _sensors(file, chosen.spans, placements, plain)
    if labels is None:
        labels = chosen.activities
    streams = tuple(Stream(sensor.placement) for sensor in sensors)
    header = Header(f"{path.stem}-{chosen.subject}", streams, epoch=0.0, created=f"from {path.name}")
    return NpzTrack(header, label_runs(times, labels, 1 / rate_hz), sensors, times, samples_per_packet)


def _choose(file: TrialFile, wishes: dict[str, Sequence[object] | None]) -> _Chosen:
    """Choose the trials of these subjects, activities and numbers, in the order of their numbers."""
    trials = file.trials()
    subjects = in_order(trials.subject)
    if not wishes["subject"] and "," in subjects:
        raise RecordingError(
            f"{file.path}: one subject has to be chosen, with --subject or `subject`, of {subjects}"
        )
    chosen = np.argsort(trials.trial, kind="stable")
    for key, wanted in wishes.items():
        names = getattr(trials, key)[chosen].astype(str)
        if wanted:
            chosen = chosen[np.isin(names, file.require(key, wanted, names))]
    rows = trials.n[chosen].tolist()
    if not rows or min(rows) < 1:
        raise RecordingError(f"{file.path}: {'a trial' if rows else 'a set'} with nothing in it")
    spans = trials.spans
    return _Chosen(
        subject=str(trials.subject[chosen[0]]),
        spans=[spans[i] for i in chosen],
        activities=np.repeat(trials.activity[chosen], rows),
    )


def _times(spans: Spans, rate_hz: float, t_ms: Array | None) -> Times:
    """Time each row in the stream, s: a trial begins one period after the last row of the one before."""
    if t_ms is None:
        return np.arange(sum(end - first for first, end in spans)) / rate_hz
    parts: list[Times] = []
    start, row = 0.0, 0
    for first, end in spans:
        ms = t_ms[row : row + end - first].astype(np.int64)
        # Nothing arrives before what arrived before it.
        parts.append(start + np.maximum.accumulate(ms - ms[0]) / 1000)
        start, row = float(parts[-1][-1]) + 1 / rate_hz, row + end - first
    return np.concatenate(parts)


def _sensors(
    file: TrialFile, spans: Spans, placements: Sequence[str] | None, plain: Description
) -> list[_Sensor]:
    """Read these placements, in this order, or all in the file's."""
    signal = file.signal(spans)
    recorded = signal.sensors
    sensors = []
    for placement in file.require("placement", placements or list(recorded), list(recorded)):
        channels = tuple(name for name in IMU_CHANNELS if name in recorded[placement])
        columns = [recorded[placement][name] for name in channels]
        device = f"{zlib.crc32(f'{file.path.stem}/{placement}'.encode()):012x}"
        description = structs.replace(plain, device=device, channels=channels)
        sensors.append(_Sensor(placement, description, _counts(signal.of(columns), description)))
    return sensors


def _counts(x: Array, description: Description) -> Counts:
    """Return counts as on the wire, (rows, 6), of SI values (rows, channels of the description)."""
    counts = np.zeros((len(x), len(IMU_CHANNELS)), np.int16)
    limits = np.iinfo(np.int16)
    columns = [IMU_CHANNELS.index(channel) for channel in description.channels]
    counts[:, columns] = np.rint(x / description.scale()).clip(limits.min, limits.max)
    return counts
