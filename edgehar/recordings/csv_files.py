"""Recordings of one sensor as CSV, of any program: a map says which column is what, and in which unit."""

import csv
import math
import re
import sys
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from edgehar.errors import RecordingError
from edgehar.recordings.plausible import (
    FORCES,
    SECONDS,
    ForceUnit,
    TimeUnit,
    check_gravity,
    check_period,
    check_sensed,
    check_silence,
    time_order,
)
from edgehar.types import ACCELERATION, IMU_CHANNELS, FloatArray, Samples, Times
from edgehar.validation import did_you_mean

Axes = Annotated[tuple[str, ...], Meta(min_length=3, max_length=3)]
TurnUnit = Literal["rad/s", "deg/s"]
Row = tuple[int, list[str]]
"""Number of a line, and its cells."""

_TURNS: Mapping[TurnUnit, float] = {"rad/s": 1.0, "deg/s": math.pi / 180.0}
_LARGEST = 1e30
"""A number beyond this is none of a sensor's."""
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")


class Columns(Struct, frozen=True, forbid_unknown_fields=True):
    """Columns of a CSV file, by the names in its first line, and their units."""

    time: str
    acceleration: Axes
    """x, y, z."""
    angular_rate: Annotated[tuple[str, ...], Meta(min_length=3, max_length=3)] | None = None
    """x, y, z, if the sensor has a gyroscope."""
    label: str | None = None
    """Column of labels, if there is one."""
    time_unit: TimeUnit = "s"
    """Unit of times, counted from any moment; `date`: each is a date and time as ISO 8601 has them."""
    acceleration_unit: ForceUnit = "m/s^2"
    """A sensor at rest reads +1 g on the axis that points up; units with a minus are turned round."""
    angular_rate_unit: TurnUnit = "rad/s"


class Table(Struct, frozen=True, eq=False):
    """One sensor's rows."""

    t: Times
    """(rows,), s, from the zero of the file; of dates Unix time, taken as UTC where no zone is named."""
    values: FloatArray
    """(rows, 3 or 6), m/s² and rad/s."""
    labels: list[str]
    """Label of each row, "" for none; empty if there is no such column."""
    passed_over: int = 0
    """Rows in which a number is missing."""


def read_csv(path: Path, columns: Columns, placement: str) -> tuple[Samples, list[str]]:
    """Read one sensor's samples, m/s² and rad/s, times in s from the first, and the label of each ("" for none).

    RecordingError says which column or row does not fit, or which unit cannot be what it is taken as.
    """
    table = in_order(f"{path}", columns, read_table(f"{path}", read_rows(path), columns))
    check(f"{path}", columns, table)
    channels = IMU_CHANNELS if columns.angular_rate else ACCELERATION
    labels = table.labels or [""] * len(table.t)
    return Samples(placement, table.t - table.t[0], table.values, channels), labels


def in_order(name: str, columns: Columns, table: Table) -> Table:
    """Return a table with its rows in the order in which they were taken; RecordingError if they are not of one recording."""
    t, labels = table.t, table.labels
    if len(t) < 2:
        raise RecordingError(f"{name}: expected two rows of numbers or more, got {len(t)}")
    order = time_order(name, columns.time, columns.time_unit, t)
    if isinstance(order, slice):
        return table
    sorted_labels = [labels[i] for i in order] if labels else []
    return Table(t[order], table.values[order], sorted_labels, table.passed_over)


def check(name: str, columns: Columns, table: Table) -> None:
    """Refuse what no sensor on people can have measured; RecordingError as in `plausible`."""
    check_period(name, columns.time, columns.time_unit, table.t)
    check_silence(name, columns.time, columns.time_unit, table.t)
    check_gravity(name, columns.acceleration_unit, table.values)
    axes = (*columns.acceleration, *(columns.angular_rate or ()))
    check_sensed(name, columns.time, axes, table.t / SECONDS[columns.time_unit], table.values)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield line number and cells of each row of CSV; its delimiter is what its first line holds most of.

    RecordingError says that there is no such file, or no CSV in UTF-8.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            delimiter = max(",;\t", key=file.readline().count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            for row in reader:
                yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path}: expected CSV in UTF-8, got something else ({error})") from error


def read_table(
    name: str,
    rows: Iterable[Row],
    columns: Columns,
    *,
    moment: Callable[[str], float] | None = None,
    missing: Collection[str] = (),
    decimal_comma: bool = False,
) -> Table:
    """Read a table whose first row names the columns, in bytes of few per number.

    Args:
        name: of the file, for messages.
        rows: all of it.
        columns: which are read, and their units.
        moment: reads a time, s, in the place of `columns.time_unit`; ValueError if it is none.
        missing: cells that stand for a number that is missing, beside empty ones.
        decimal_comma: numbers are written so.
    """
    numeric = [columns.time, *columns.acceleration, *(columns.angular_rate or ())]
    rows = iter(rows)
    _, head = next(rows, (1, []))
    if not head:
        raise RecordingError(f"{name}: expected a first line that names columns, got an empty file or line")
    indices = [_index(name, head, column) for column in numeric]
    label_index = None if columns.label is None else _index(name, head, columns.label)
    read_time = moment or (_moment_of_date if columns.time_unit == "date" else float)
    times, measured, labels, passed_over = array("d"), array("f"), list[str](), 0
    absent = {"", *missing}
    for line, row in rows:
        cells = [row[i] if i < len(row) else "" for i in indices]
        if not absent.isdisjoint(cells):
            passed_over += 1
            continue
        if decimal_comma:
            cells = [cells[0].replace(",", ".") if read_time is float else cells[0]] + [
                cell.replace(",", ".") for cell in cells[1:]
            ]
        try:
            numbers = [read_time(cells[0]), *map(float, cells[1:])]
        except ValueError:
            numbers = [math.nan]
        if not -_LARGEST < sum(numbers) < _LARGEST:
            raise _no_number(name, line, numeric, cells, read_time)
        times.append(numbers[0])
        measured.extend(numbers[1:])
        if label_index is not None:
            labels.append(sys.intern(row[label_index]) if label_index < len(row) else "")
    units = [FORCES[columns.acceleration_unit]] * 3 + [_TURNS[columns.angular_rate_unit]] * 3
    width = len(numeric) - 1
    values: FloatArray = np.array(measured, np.float32).reshape(-1, width)
    values *= np.array(units[:width], np.float32)
    t = np.array(times)
    return Table(t if moment else t * SECONDS[columns.time_unit], values, labels, passed_over)


def _moment_of_date(cell: str) -> float:
    """Return Unix time, s, of a date and time, which is UTC where it names no zone; ValueError if it is none."""
    moment = datetime.fromisoformat(cell)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _index(name: str, head: Sequence[str], column: str) -> int:
    if column not in head:
        hint = did_you_mean(column, head, "", most=2)
        raise RecordingError(
            f"{name}: no column is called {column!r}; {hint}{' ' if hint else ''}its first line names {', '.join(head)}"
        )
    return head.index(column)


def _no_number(
    name: str, line: int, columns: Sequence[str], cells: Sequence[str], read_time: Callable[[str], float]
) -> RecordingError:
    """Say which of a row's cells cannot be read, and what to do."""
    for column, cell in zip(columns, cells, strict=True):
        is_date = column == columns[0] and read_time is not float
        try:
            number = (read_time if is_date else float)(cell)
        except ValueError:
            number = math.nan
        if not abs(number) < _LARGEST:
            break
    expected = "a date and time" if is_date else "a number"
    problem = f"{name}: line {line}, column {column!r}: expected {expected}, got {cell[:60]!r}"
    if not is_date and _DECIMAL_COMMA.fullmatch(cell):
        problem += "; write decimal points: between semicolons or tabs `sed -i s/,/./g` does it"
    return RecordingError(problem)
