"""WitMotion's program for PCs and phones: text with tabs, or CSV, of one or several sensors.

First lines of files that people published, as `time`, `DeviceName`, `ChipTime()`, `AccX(g)`, ..., `AsX(°/s)`, ..., `AngleX(°)`; a row
`2026-10-02T07:48:45.830`, `HC-06(00:0C:BF:19:3F:0D)`, `null`, `0.004`, ...: what programs that read them expect (in find_string's index
of public repositories; no document of WitMotion names the columns). g and degree/s stand in the names. The first line may come again where a
recording was continued. `time` is the PC's when a row arrived, in bursts; ChipTime, where a sensor tells it, is the sensor's.
"""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Row, in_order, read_table
from edgehar.recordings.datasets import sampling_times
from edgehar.recordings.imports.dates import has_zone, moved_to_zone, reader_of_dates
from edgehar.recordings.imports.form import Format, Imported, Wish, checked, of_one_table
from edgehar.recordings.imports.source import Member, Source
from edgehar.recordings.imports.tables import MISSING, cells, column, line_with
from edgehar.types import Times

_TIMES = ("time", "Time", "时间")
_DEVICES = ("DeviceName", "设备名称")
_CHIP = "ChipTime"
_BURSTS = 0.1
"""Share of rows with the time of the row before, from which rows are taken to be stamped as they arrived."""


def _detect(source: Source) -> bool:
    return source.only is not None and line_with(source.only, "AccX", "AsX") is not None


def _read(source: Source, wish: Wish) -> Imported:
    member = source.members[0]
    first = line_with(member, "AccX", "AsX") or 1
    names = cells(member.head[first - 1])
    force, rate = (
        tuple(column(names, f"{kind}{axis}") or f"{kind}{axis}" for axis in "XYZ") for kind in ("Acc", "As")
    )
    arrival = column(names, *_TIMES)
    if arrival is None:
        raise RecordingError(f"{member.name}: expected a column `time`, got {', '.join(names)}")
    time = _time_column(member, first, names, arrival)
    in_si = "m/s" in force[0]
    columns = Columns(
        time,
        force,
        rate,
        time_unit="date",
        acceleration_unit="m/s^2" if in_si else "g",
        angular_rate_unit="deg/s",
    )
    rows = _of_device(member, first, names, wish.device)
    table = read_table(member.name, rows, columns, moment=reader_of_dates(), missing=MISSING)
    table = in_order(member.name, columns, table)
    if time == arrival:
        table = replace(table, t=_spread(table.t))
    table = checked(member.name, columns, table)
    if not has_zone(cells(member.head[first])[names.index(time)]):
        table = replace(table, t=moved_to_zone(table.t, wish.zone))
    return of_one_table(table, wish, f"{'m/s^2' if in_si else 'g'}, degree/s")


def _time_column(member: Member, first: int, names: list[str], arrival: str) -> str:
    """Name the sensor's own time if the first rows have it, else that of arrival."""
    chip = column(names, _CHIP)
    if chip is None:
        return arrival
    read = reader_of_dates()
    stamps = []
    for line in member.head[first : first + 20]:
        row = cells(line)
        try:
            stamps.append(read(row[names.index(chip)]))
        except (ValueError, IndexError):
            return arrival
    return chip if len(stamps) > 1 and stamps[-1] > stamps[0] else arrival


def _of_device(member: Member, first: int, names: list[str], device: str | None) -> Iterator[Row]:
    """Yield the first line and the rows of one sensor; RecordingError if there are several, and which is not said."""
    named = column(names, *_DEVICES)
    index = names.index(named) if named else None
    chosen = device
    for i, (line, row) in enumerate(member.rows(first)):
        if i == 0:
            yield line, row
            continue
        if row == names or (row and row[0] == names[0]):
            continue
        name = row[index] if index is not None and index < len(row) else ""
        if device is None and chosen is not None and name != chosen:
            raise RecordingError(
                f"{member.name}: line {line}: holds several sensors, {chosen} and {name}; import each to a file, with --device"
            )
        chosen = name if chosen is None else chosen
        if name == chosen:
            yield line, row


def _spread(t: Times) -> Times:
    """Return when rows that arrived in bursts were sampled, as far as the arrivals tell it."""
    steps = np.diff(t)
    if np.count_nonzero(steps == 0.0) < _BURSTS * len(steps):
        return t
    period = float(steps[steps < 1.0].sum()) / np.count_nonzero(t > t[0])
    times: Times = sampling_times(np.round((t - t[0]) * 1e3), period)
    # Nothing arrives before it was sampled.
    times += (t - times).min()
    return times


WITMOTION = Format("witmotion", "WitMotion's program (text with tabs)", _detect, _read)
