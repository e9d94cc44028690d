"""ActiGraph: raw CSV of ActiLife and CentrePoint, with ten lines that describe the device before it.

The lines as ActiLife writes them stand, for one, in openmovementproject/openmovement, Software/AX3/omconvert/calc-csv.c (its export in
ActiGraph's form): the first names the form of dates and the rate, `... date format M/d/yyyy at 30 Hz ...`, `Start Time`, `Start Date`, `Epoch Period`
(00:00:00 where the data are raw); a line of dashes is the last. Then, if asked for, names: `Accelerometer X,Accelerometer Y,Accelerometer Z`,
with `Timestamp` before them if asked for, and of a GT9X's IMU `Gyroscope X`, ... degree/s behind them. g. Rows of three zeros are what the
device did not measure while it slept (idle sleep mode). Decimal commas, between semicolons or in quotes, are read; that ActiLife writes
them so in European settings could not be verified.
"""

import re
from functools import partial

import numpy as np
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Table
from edgehar.recordings.imports.dates import Order, moved_to_zone, reader_of_dates
from edgehar.recordings.imports.form import Format, Imported, Wish, checked, chosen, of_one_table
from edgehar.recordings.imports.source import Member, Source, delimiter_of
from edgehar.recordings.imports.tables import cells, column, read_raw

_BEGIN = "Data File Created By ActiGraph"
_HEADER = 10
_FORCE = ("Accelerometer X", "Accelerometer Y", "Accelerometer Z")
_RATE = ("Gyroscope X", "Gyroscope Y", "Gyroscope Z")


def _detect(source: Source) -> bool:
    return source.only is not None and any(_BEGIN in line for line in source.only.head[:1])


def _read(source: Source, wish: Wish) -> Imported:
    member = source.members[0]
    about = "\n".join(member.head[:_HEADER])
    order: Order = "day first" if re.search(r"date format d", about) else "month first"
    first = _first_row(member)
    names = cells(member.head[first - 1])
    head = None
    if column(names, "Accelerometer", "Timestamp") is None:
        names = [*(["Timestamp"] if len(names) > 3 else []), *_FORCE]
        head = delimiter_of(member.head[first - 1]).join(names)
    rate = _RATE if set(_RATE) <= set(names) else None
    has_times = "Timestamp" in names
    columns = Columns(
        "Timestamp" if has_times else _FORCE[0],
        _FORCE,
        rate,
        time_unit="date" if has_times else "s",
        acceleration_unit="g",
        angular_rate_unit="deg/s",
    )
    moment = reader_of_dates(order) if has_times else partial(_any, 0.0)
    table = read_raw(member, first, columns, moment=moment, head=head)
    if not has_times:
        table = replace(
            table, t=_start(member, about, order) + np.arange(len(table.t)) / _rate_hz(member, about)
        )
    table = checked(member.name, columns, _awake(table))
    shifted = replace(table, t=moved_to_zone(table.t, wish.zone))
    return of_one_table(shifted, wish, "g, degree/s" if rate else "g")


def _any(t: float, _cell: str) -> float:
    return t


def _first_row(member: Member) -> int:
    """Return the line behind the description; RecordingError if it describes counts, or there are no rows."""
    about = member.head[:_HEADER]
    epoch = re.search(r"Epoch Period \(hh:mm:ss\)\s*(\d+)\D(\d+)\D(\d+)", "\n".join(about))
    if epoch and any(map(int, epoch.groups())):
        raise RecordingError(
            f"{member.name}: expected raw acceleration, got counts of epochs of {':'.join(epoch.groups())}; export the raw data in ActiLife"
        )
    if len(member.head) <= _HEADER or not about[-1].startswith("-----"):
        raise RecordingError(
            f"{member.name}: expected {_HEADER} lines that describe the device, and then rows, got {len(member.head)} lines"
        )
    return _HEADER + 1


def _rate_hz(member: Member, about: str) -> float:
    rate = re.search(r"at\s*(\d+(?:[.,]\d+)?)\s*Hz", about)
    if rate is None:
        raise RecordingError(
            f"{member.name}: expected the rate in the first line, as in `at 30 Hz`, and rows have no times; export it with timestamps"
        )
    return float(rate[1].replace(",", "."))


def _start(member: Member, about: str, order: Order) -> float:
    """Return the first row's time on the wall, s, as if it were UTC's."""
    time, day = re.search(r"Start Time\s+(\S+)", about), re.search(r"Start Date\s+(\S+)", about)
    try:
        return reader_of_dates(order)(f"{day[1]} {time[1]}")  # type: ignore[index]
    except (TypeError, ValueError) as error:
        raise RecordingError(
            f"{member.name}: expected `Start Time` and `Start Date` among its first lines, got {about.splitlines()[2:4]}"
        ) from error


def _awake(table: Table) -> Table:
    """Return a table without the rows that were written while the device slept."""
    return chosen(table, (table.values[:, :3] != 0.0).max(axis=1))


ACTIGRAPH = Format("actigraph", "ActiGraph (ActiLife's raw CSV)", _detect, _read)
