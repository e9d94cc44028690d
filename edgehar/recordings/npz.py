"""Labelled recordings of people in npz form, sent as their sensors would have sent them.

The form: `x` int16 (rows, columns) times `scale` (columns,) is SI, `columns` such as
`wrist_left.acc_x`, `n` (trials,) rows of each trial, `subject`, `activity`, `trial` (trials,),
`rate_hz`, and where there are such, `t_ms` (rows,) arrival times and `row_label` (rows,).
"""

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from msgspec import Struct, structs
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header
from edgehar.types import IMU_CHANNELS, Item, Stream, Times
from edgehar.wire.protocol import MAX_SAMPLES, Counts, Description, encode_data, encode_description

_TRIAL_KEYS = ("n", "subject", "activity", "trial")
_KEYS = ("x", "scale", "columns", "rate_hz", *_TRIAL_KEYS)
_ACC_RANGE_G = 16
_GYR_RANGE_DPS = 2000
# Rows that a radio link delivered at once stand within 10 ms; their times are whole milliseconds.
_BATCH_S = 0.0105
_SKIP = 1 << 16

Array = NDArray[Any]
Truth = list[tuple[float, float, str]]
Spans = list[tuple[int, int]]
"""First row and row behind the last of each trial."""


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
        self, header: Header, truth: Truth, sensors: list[_Sensor], times: Times, samples_per_packet: int
    ) -> None:
        self.header = header
        self.truth = truth
        """Start and end in stream time, s, and label of all that was done, in order, without gaps."""
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
        """First row and row behind the last of each packet."""
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
    """One person's trials in the order of their numbers; without a choice, all there are.

    RecordingError if the file has another form or lacks what was asked for; it names what there is.
    """
    if not 0 < samples_per_packet <= MAX_SAMPLES:
        raise ValueError(f"{samples_per_packet} samples per packet; 1..{MAX_SAMPLES} expected")
    with _opened(path) as file:
        subjects = None if subject is None else [subject]
        chosen = _choose(file, {"subject": subjects, "activity": activities, "trial": trials})
        rate_hz = float(file.whole("rate_hz"))
        if not 0.1 <= rate_hz <= 1e5:
            raise RecordingError(f"{path}: rate_hz {rate_hz}; 0.1..100000 expected")
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
    return NpzTrack(header, _truth(times, labels, 1 / rate_hz), sensors, times, samples_per_packet)


@contextmanager
def _opened(path: Path) -> Iterator["_File"]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield _File(path, archive)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise RecordingError(f"{path}: no npz file, or a damaged one: {error}") from error


class _File:
    """The arrays of one open npz file; RecordingError where they are not of the form above."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._keys = {name.removesuffix(".npy") for name in archive.namelist()}
        missing = [key for key in _KEYS if key not in self._keys]
        if missing:
            raise RecordingError(f"{path}: lacks {', '.join(missing)}; a set has {', '.join(_KEYS)}")

    def whole(self, key: str) -> Array:
        """An array, all of it."""
        with self._array(key) as file:
            return np.asarray(npy.read_array(file, allow_pickle=False))

    def rows(self, key: str, spans: Spans) -> Array | None:
        """These rows, one span after the other; the others never come into memory. None without the array."""
        if key not in self._keys:
            return None
        parts: dict[tuple[int, int], Array] = {}
        with self._array(key) as file:
            shape, dtype = _shape(file)
            begin, row_bytes = file.tell(), dtype.itemsize * math.prod(shape[1:])
            for first, end in sorted(spans):  # in the file's order: seeking back would unpack it anew
                _skip_to(file, begin + first * row_bytes)
                part = np.frombuffer(file.read((end - first) * row_bytes), dtype)
                parts[first, end] = part.reshape(end - first, *shape[1:])
        return np.concatenate([parts[span] for span in spans])

    def require(self, what: str, wanted: Sequence[object], there: Sequence[str] | Array) -> list[str]:
        """What is wanted, as text; RecordingError that lists what is there if something is not."""
        names = [str(one) for one in wanted]
        unknown = [name for name in names if name not in there]
        if unknown:
            raise RecordingError(f"{self.path}: no {what} {', '.join(unknown)}; there are {_listed(there)}")
        return names

    @contextmanager
    def _array(self, key: str) -> Iterator[IO[bytes]]:
        try:
            with self._archive.open(f"{key}.npy") as file:
                yield file
        except (ValueError, EOFError) as error:
            raise RecordingError(f"{self.path}: array {key}: {error}") from error


def _shape(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array of which this file is the .npy; leaves it at the first row."""
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = header(file)
    if by_columns and len(shape) > 1:
        raise ValueError("stored by columns, expected by rows")
    return shape, dtype


def _skip_to(file: IO[bytes], position: int) -> None:
    # A packed file's own seek unpacks up to 16 MiB at once.
    while file.tell() < position and file.read(min(position - file.tell(), _SKIP)):
        pass


def _choose(file: _File, wishes: dict[str, Sequence[object] | None]) -> _Chosen:
    """The trials that were asked for, in the order of their numbers."""
    trials = {key: file.whole(key) for key in _TRIAL_KEYS}
    if len({len(column) for column in trials.values()}) > 1:
        raise RecordingError(f"{file.path}: {', '.join(_TRIAL_KEYS)} differ in length")
    subjects = _listed(trials["subject"])
    if not wishes["subject"] and "," in subjects:
        raise RecordingError(f"{file.path}: one subject has to be chosen of {subjects}")
    chosen = np.argsort(trials["trial"], kind="stable")
    for key, wanted in wishes.items():
        there = trials[key][chosen].astype(str)
        if wanted:
            chosen = chosen[np.isin(there, file.require(key, wanted, there))]
    rows, ends = trials["n"][chosen].tolist(), np.cumsum(trials["n"])[chosen].tolist()
    if not rows or min(rows) < 1:
        raise RecordingError(f"{file.path}: {'a trial' if rows else 'a set'} with nothing in it")
    return _Chosen(
        subject=str(trials["subject"][chosen[0]]),
        spans=[(end - count, end) for count, end in zip(rows, ends, strict=True)],
        activities=np.repeat(trials["activity"][chosen], rows),
    )


def _listed(names: Sequence[str] | Array) -> str:
    """Each once, numbers by their value."""
    return ", ".join(
        sorted({str(name) for name in names}, key=lambda name: (name.isdecimal() and len(name), name))
    )


def _times(spans: Spans, rate_hz: float, t_ms: Array | None) -> Times:
    """Stream time of each row, s: a trial begins one period after the last row of the one before."""
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
    file: _File, spans: Spans, placements: Sequence[str] | None, plain: Description
) -> list[_Sensor]:
    """The placements asked for, in this order, or all in the file's."""
    columns, scale, x = file.whole("columns").tolist(), file.whole("scale"), file.rows("x", spans)
    if x is None or not len(columns) == len(scale) == x.shape[-1]:
        raise RecordingError(f"{file.path}: x, scale and columns differ in width")
    there = list(dict.fromkeys(column.rpartition(".")[0] for column in columns))
    file.require("channel", [column.rpartition(".")[2] for column in columns], IMU_CHANNELS)
    sensors = []
    for placement in file.require("placement", placements or there, there):
        channels = tuple(name for name in IMU_CHANNELS if f"{placement}.{name}" in columns)
        own = [columns.index(f"{placement}.{name}") for name in channels]
        device = f"{zlib.crc32(f'{file.path.stem}/{placement}'.encode()):012x}"
        description = structs.replace(plain, device=device, channels=channels)
        sensors.append(_Sensor(placement, description, _counts(x[:, own] * scale[own], description)))
    return sensors


def _counts(x: Array, description: Description) -> Counts:
    """Counts as on the wire, (rows, 6), of SI values (rows, channels of the description)."""
    counts = np.zeros((len(x), len(IMU_CHANNELS)), np.int16)
    limits = np.iinfo(np.int16)
    columns = [IMU_CHANNELS.index(channel) for channel in description.channels]
    counts[:, columns] = np.rint(x / description.scale()).clip(limits.min, limits.max)
    return counts


def _truth(times: Times, labels: Array, period: float) -> Truth:
    first = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    starts = [float(t) for t in times[first]]
    ends = [*starts[1:], float(times[-1]) + period]
    return [(start, end, str(label)) for start, end, label in zip(starts, ends, labels[first], strict=True)]
