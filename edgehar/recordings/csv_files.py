"""Recordings of one sensor as CSV, of any program: a map says which column is what, and in which unit."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from edgehar.errors import RecordingError
from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY, FloatArray, Samples, Times
from edgehar.validation import did_you_mean

Axes = Annotated[tuple[str, ...], Meta(min_length=3, max_length=3)]
TimeUnit = Literal["s", "ms", "us", "ns"]
ForceUnit = Literal["m/s^2", "g", "-m/s^2", "-g"]
TurnUnit = Literal["rad/s", "deg/s"]

_SECONDS: Mapping[TimeUnit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_FORCES: Mapping[ForceUnit, float] = {
    "m/s^2": 1.0,
    "g": STANDARD_GRAVITY,
    "-m/s^2": -1.0,
    "-g": -STANDARD_GRAVITY,
}
_TURNS: Mapping[TurnUnit, float] = {"rad/s": 1.0, "deg/s": math.pi / 180.0}
_BACKWARDS_S = 1.0
"""Rows that came in another order than they were taken are sorted; more than this is another recording, s."""


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
    """Of a count from any moment."""
    acceleration_unit: ForceUnit = "m/s^2"
    """A sensor at rest reads +1 g on the axis that points up; units with a minus are turned round."""
    angular_rate_unit: TurnUnit = "rad/s"


def read_csv(path: Path, columns: Columns, placement: str) -> tuple[Samples, list[str]]:
    """Read one sensor's samples, m/s² and rad/s, times in s from the first, and the label of each ("" for none).

    RecordingError says which column or row does not fit, and what was expected.
    """
    numeric = [columns.time, *columns.acceleration, *(columns.angular_rate or ())]
    rows: list[list[float]] = []
    labels: list[str] = []
    for numbers, label in _rows(path, numeric, columns.label):
        rows.append(numbers)
        labels.append(label)
    if len(rows) < 2:
        raise RecordingError(f"{path}: expected two rows of numbers or more, got {len(rows)}")
    table = np.array(rows, np.float64)
    t: Times = table[:, 0] * _SECONDS[columns.time_unit]
    order = np.argsort(t, kind="stable")
    late = float((np.maximum.accumulate(t) - t).max())
    if late > _BACKWARDS_S:
        raise RecordingError(
            f"{path}: column {columns.time!r} goes back by {late:g} s; expected one recording with times that grow "
            f"(its unit is taken as {columns.time_unit!r})"
        )
    units = [_FORCES[columns.acceleration_unit]] * 3 + [_TURNS[columns.angular_rate_unit]] * 3
    values: FloatArray = (table[order, 1:] * units[: table.shape[1] - 1]).astype(np.float32)
    channels = IMU_CHANNELS if columns.angular_rate else ACCELERATION
    times: Times = t[order] - t[order[0]]
    return Samples(placement, times, values, channels), [labels[i] for i in order]


def _rows(path: Path, numeric: Sequence[str], label: str | None) -> Iterator[tuple[list[float], str]]:
    """Yield the numbers and the label of each row; rows in which a number is missing are passed over."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, _dialect(file.readline()))
            file.seek(0)
            head = [name.strip() for name in next(reader, [])]
            indices = [_index(path, head, name) for name in numeric]
            label_index = None if label is None else _index(path, head, label)
            for row in reader:
                cells = [row[i].strip() if i < len(row) else "" for i in indices]
                if all(cells):
                    named = "" if label_index is None or label_index >= len(row) else row[label_index].strip()
                    yield _numbers(path, reader.line_num, numeric, cells), named
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path}: expected CSV in UTF-8, got something else ({error})") from error


def _dialect(first_line: str) -> type[csv.Dialect]:
    """Return the dialect whose delimiter the first line holds most of: a comma, a semicolon or a tab."""

    class Found(csv.excel):
        delimiter = max(",;\t", key=first_line.count)

    return Found


def _index(path: Path, head: Sequence[str], name: str) -> int:
    if name not in head:
        hint = did_you_mean(name, head, "", most=2)
        raise RecordingError(
            f"{path}: no column is called {name!r}; {hint}{' ' if hint else ''}its first line names {', '.join(head)}"
        )
    return head.index(name)


def _numbers(path: Path, line: int, names: Sequence[str], cells: Sequence[str]) -> list[float]:
    numbers = []
    for name, cell in zip(names, cells, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise RecordingError(f"{path}: line {line}, column {name!r}: expected a number, got {cell!r}")
        numbers.append(number)
    return numbers
