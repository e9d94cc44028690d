"""`edgehar export`: a recording's calibrated samples as a table, for whoever analyses them elsewhere."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar import __version__
from edgehar.errors import ConfigError
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.tracks import read_tracks
from edgehar.publishers.payloads import iso_utc
from edgehar.recordings.ehr import Header
from edgehar.recordings.new_file import new_file, require_new
from edgehar.recordings.scoring import Segment
from edgehar.sources.replay import Packets, Track, open_recording
from edgehar.types import IMU_CHANNELS, FloatArray, Item, Samples, Times

_YEAR_2000 = 946_684_800.0
"""Unix time, s: an older epoch is none, for a clock that was never set begins in 1970."""
_ROWS = 16_384
"""Rows that are made at once."""
_RATES_HZ = (1.0, 1000.0)
_UNITS = {
    "time_s": "s",
    **dict.fromkeys(IMU_CHANNELS[:3], "m/s^2"),
    **dict.fromkeys(IMU_CHANNELS[3:], "rad/s"),
}
COLUMNS = ("time_s", "utc", "placement", *IMU_CHANNELS, "label")


class Rows(Struct, frozen=True, eq=False):
    """Some consecutive rows of one sensor."""

    placement: str
    t: Times
    """(rows,), s from the recording's first sample."""
    x: FloatArray
    """(rows, 6), m/s² and rad/s; NaN in channels that the sensor lacks."""
    labels: NDArray[np.str_]
    """(rows,), "" where nothing is said."""


class _Whole:
    """A recording with the name of its file."""

    def __init__(self, track: Track, path: Path) -> None:
        self.header: Header = track.header
        self.path = path
        self._packets: Packets = track.packets

    def __iter__(self) -> Iterator[Item]:
        return iter(self._packets)


def export_recording(
    path: Path, out: Path, *, rate_hz: float | None = None, subject: str | None = None
) -> dict[str, Any]:
    """Write a table with a row for each sample of each sensor, or for each of so many a second, and return its figures.

    RecordingError if the recording cannot be read or the table not be written, ModuleNotFoundError without pyarrow.
    """
    write = _writer_for(out)
    if rate_hz is not None and not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        low, high = _RATES_HZ
        raise ConfigError(f"--rate: expected {low:g} to {high:g} Hz, got {rate_hz:g}")
    require_new(out)
    recording = open_recording(path, subject=subject)
    tracks, begin = read_tracks(_Whole(recording, path))
    truth = [(start - begin, end - begin, label) for start, end, label in recording.truth]
    epoch = recording.header.epoch + begin if recording.header.epoch > _YEAR_2000 else None
    if rate_hz is not None:
        tracks = {place: _resampled(track, rate_hz) for place, track in tracks.items()}
    with new_file(out) as file:
        write(file, _rows(tracks.values(), truth), epoch, recording.header)
    counts = {place: len(track.t) for place, track in tracks.items()}
    begins = None if epoch is None else iso_utc(epoch)
    return {"table": str(out), "wearer": recording.header.wearer, "begins": begins, "rows": counts}


def _rows(tracks: Sequence[Samples] | Any, truth: Sequence[Segment]) -> Iterator[Rows]:
    """Yield all rows, sensor after sensor."""
    for track in tracks:
        columns = [IMU_CHANNELS.index(name) for name in track.channels]
        for first in range(0, len(track.t), _ROWS):
            t = track.t[first : first + _ROWS]
            x: FloatArray = np.full((len(t), len(IMU_CHANNELS)), np.nan, np.float32)
            x[:, columns] = track.x[first : first + _ROWS]
            yield Rows(track.placement, t, x, _labels(t, truth))


def _labels(t: Times, truth: Sequence[Segment]) -> NDArray[np.str_]:
    """Return what is done at each time, (rows,); "" where nobody says it."""
    names = np.array(["", *(label for _, _, label in truth)])
    which = np.zeros(len(t), np.intp)
    for i, (start, end, _) in enumerate(truth, 1):
        which[np.searchsorted(t, start) : np.searchsorted(t, end)] = i
    chosen: NDArray[np.str_] = names[which]
    return chosen


def _resampled(track: Samples, rate_hz: float) -> Samples:
    """Bring samples to a uniform grid as the recognizer sees it; where too few came there are no rows."""
    block = max(1, round(rate_hz / 2))
    grid = Grid([track.placement], rate_hz, block, channels=track.channels)
    blocks = []
    # The first alone: the grid begins where it arrives. Then a second at once, which it waits for.
    edges = np.arange(np.floor(track.t[0]) + 1.0, track.t[-1] + 1.0)
    cuts = np.unique(np.concatenate(([0, 1], np.searchsorted(track.t, edges), [len(track.t)])))
    for first, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        part = Samples(
            track.placement, track.t[first:end], track.values[first:end], track.channels, track.scale
        )
        blocks += grid.push(part.t.item(-1), part)
    blocks += grid.advance(track.t.item(-1) + 5.0)
    ramp = (np.arange(block) - block + 1) / rate_hz
    t = np.concatenate([np.empty(0), *(b.t_end + ramp for b in blocks)])
    x = np.concatenate([np.empty((0, len(track.channels)), np.float32), *(b.x for b in blocks)])
    present = np.concatenate([np.empty(0, np.bool_), *(b.present[:, 0] for b in blocks)])
    keep = present & (t >= track.t[0] - 1e-9) & (t <= track.t[-1] + 1e-9)
    return Samples(track.placement, t[keep], x[keep], track.channels)


Write = Callable[[BinaryIO, Iterator[Rows], float | None, Header], None]


def _writer_for(out: Path) -> Write:
    """Return who writes a table of this ending; ConfigError if nobody does."""
    if out.suffix.lower() == ".csv":
        return _write_csv
    if out.suffix.lower() in {".parquet", ".pq"}:
        import pyarrow.parquet  # noqa: F401, PLC0415 - 150 MB that only this needs; missing, it is named before an hour of reading

        return _write_parquet
    raise ConfigError(f"{out}: expected a name that ends in .csv or .parquet")


def _write_csv(out: BinaryIO, parts: Iterator[Rows], epoch: float | None, _header: Header) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for part in parts:
            numbers = [
                ["" if cell == "nan" else cell for cell in column.astype(str).tolist()] for column in part.x.T
            ]
            times = [f"{t:.6f}" for t in part.t.tolist()]
            dates = [""] * len(times) if epoch is None else [_date(epoch + t) for t in part.t.tolist()]
            places = [part.placement] * len(times)
            writer.writerows(zip(times, dates, places, *numbers, part.labels.tolist(), strict=True))
    finally:
        text.detach()  # it would close the file


def _date(t: float) -> str:
    return str(np.datetime64(round(t * 1e6), "us")) + "Z"


def _write_parquet(out: BinaryIO, parts: Iterator[Rows], epoch: float | None, header: Header) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    text = pa.dictionary(pa.int32(), pa.string())
    types = {"time_s": pa.float64(), "utc": pa.timestamp("us", tz="UTC"), "placement": text, "label": text}
    fields = [
        pa.field(
            name, types.get(name, pa.float32()), metadata={"unit": _UNITS[name]} if name in _UNITS else None
        )
        for name in COLUMNS
    ]
    about = {"wearer": header.wearer, "created": f"edgehar {__version__}", "recorded": header.created}
    schema = pa.schema(fields, metadata=about)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for part in parts:
            micros = None if epoch is None else np.round((epoch + part.t) * 1e6).astype(np.int64)
            dates = pa.nulls(len(part.t), pa.int64()) if micros is None else pa.array(micros)
            columns = [
                pa.array(part.t),
                dates.cast(types["utc"]),
                pa.array([part.placement] * len(part.t)).dictionary_encode().cast(text),
                *(pa.array(column, from_pandas=True) for column in part.x.T),
                pa.array([label or None for label in part.labels.tolist()], pa.string())
                .dictionary_encode()
                .cast(text),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
