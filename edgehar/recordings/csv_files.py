"""Recordings of one sensor as CSV, of any program: a map says which column is what, and in which unit."""

import csv
import math
import re
import sys
from array import array
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
_PERIODS_S = (0.002, 0.2)
"""From one sample to the next in the median, s: 500 to 5 Hz, about ten times round every usual rate."""
_GRAVITIES = (0.5, 2.0)
"""Median of the length of specific force, g: people are at rest, or move about a mean of 1 g."""
_LARGEST = 1e30
"""A number beyond this is none of a sensor's."""
_MOST_SENSED = (200.0 * STANDARD_GRAVITY,) * 3 + (2000.0,) * 3
"""What no sensor on people reads, m/s² and rad/s: an impact on the hardest floor stays below it."""
_LONGEST_SILENCE_S = 86_400.0
"""Between two rows of one recording, s."""


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
    """Unit of times, counted from any moment."""
    acceleration_unit: ForceUnit = "m/s^2"
    """A sensor at rest reads +1 g on the axis that points up; units with a minus are turned round."""
    angular_rate_unit: TurnUnit = "rad/s"


def read_csv(path: Path, columns: Columns, placement: str) -> tuple[Samples, list[str]]:
    """Read one sensor's samples, m/s² and rad/s, times in s from the first, and the label of each ("" for none).

    RecordingError says which column or row does not fit, or which unit cannot be what it is taken as.
    """
    t, values, labels = _table(path, columns)
    if len(t) < 2:
        raise RecordingError(f"{path}: expected two rows of numbers or more, got {len(t)}")
    late = float((np.maximum.accumulate(t) - t).max())
    if late > _BACKWARDS_S:
        raise RecordingError(
            f"{path}: column {columns.time!r} goes back by {late:g} s; expected one recording with times that grow "
            f"(its unit is taken as {columns.time_unit!r})"
        )
    if late > 0.0:
        order = np.argsort(t, kind="stable")
        t, values, labels = t[order], values[order], [labels[i] for i in order]
    _check_period(path, columns, t)
    _check_silence(path, columns, t)
    _check_gravity(path, columns, values)
    _check_sensed(path, columns, t, values)
    channels = IMU_CHANNELS if columns.angular_rate else ACCELERATION
    return Samples(placement, t - t[0], values, channels), labels


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
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


def _table(path: Path, columns: Columns) -> tuple[Times, FloatArray, list[str]]:
    """Return times, s, what was measured, (rows, 3 or 6), m/s² and rad/s, and labels; in bytes of few per number.

    Rows in which a number is missing are passed over.
    """
    numeric = [columns.time, *columns.acceleration, *(columns.angular_rate or ())]
    rows = read_rows(path)
    _, head = next(rows, (1, []))
    if not head:
        raise RecordingError(f"{path}: expected a first line that names columns, got an empty file or line")
    indices = [_index(path, head, name) for name in numeric]
    label_index = len(head) if columns.label is None else _index(path, head, columns.label)
    times, measured, labels = array("d"), array("f"), list[str]()
    for line, row in rows:
        cells = [row[i] if i < len(row) else "" for i in indices]
        if all(cells):
            t, *numbers = _numbers(path, line, numeric, cells)
            times.append(t)
            measured.extend(numbers)
            labels.append(sys.intern(row[label_index]) if label_index < len(row) else "")
    units = [_FORCES[columns.acceleration_unit]] * 3 + [_TURNS[columns.angular_rate_unit]] * 3
    width = len(numeric) - 1
    values: FloatArray = np.array(measured, np.float32).reshape(-1, width)
    values *= np.array(units[:width], np.float32)
    return np.array(times) * _SECONDS[columns.time_unit], values, labels


def _check_period(path: Path, columns: Columns, t: Times) -> None:
    """Refuse times that no sensor of movement has, as those in another unit are; RecordingError names it."""
    low, high = _PERIODS_S
    # To the µs: differences of 0.2 s are not all 0.2 in binary.
    period = round(float(np.median(np.diff(t))), 6)
    if low <= period <= high:
        return
    taken = columns.time_unit
    fitting = [
        unit for unit, seconds in _SECONDS.items() if low <= period / _SECONDS[taken] * seconds <= high
    ]
    if fitting:
        remedy = f"is it {fitting[0]!r}?"
    elif period == 0.0:
        remedy = "most rows have the time of the row before: stamps of whole seconds, say, are too coarse"
    else:
        remedy = "times are a count of s, ms, us or ns from any moment"
    raise RecordingError(
        f"{path}: column {columns.time!r}: expected a sample every {low:g} to {high:g} s, got one every {period:g} s "
        f"in the median; `time_unit` is taken as {taken!r}, {remedy}"
    )


def _check_silence(path: Path, columns: Columns, t: Times) -> None:
    """Refuse a leap in time that no recording makes, as from 0 to Unix time; RecordingError says where."""
    steps = np.diff(t)
    i = int(steps.argmax())
    if steps[i] > _LONGEST_SILENCE_S:
        before, after = (f"{at / _SECONDS[columns.time_unit]:.15g}" for at in t[i : i + 2])
        raise RecordingError(
            f"{path}: column {columns.time!r}: expected one recording, got {steps[i] / 86_400.0:.1f} days without a "
            f"row, from {before} to {after}; make a file of each recording"
        )


def _check_sensed(path: Path, columns: Columns, t: Times, values: FloatArray) -> None:
    """Refuse what no sensor reads, as a 9999 for what is missing; RecordingError names the first."""
    most = np.array(_MOST_SENSED[: values.shape[1]], np.float32)
    beyond = (values > most) | (values < -most)
    rows = np.flatnonzero(beyond.any(axis=1))
    if not len(rows):
        return
    first = int(rows[0])
    column = int(beyond[first].argmax())
    names = (*columns.acceleration, *(columns.angular_rate or ()))
    expected = "200 g" if column < 3 else "2000 rad/s"
    raise RecordingError(
        f"{path}: column {names[column]!r}: expected at most {expected}, got more in {len(rows)} of {len(t)} "
        f"rows, the first at {columns.time} = {t[first] / _SECONDS[columns.time_unit]:.15g}; leave the cell empty "
        "where a number is missing"
    )


def _check_gravity(path: Path, columns: Columns, values: FloatArray) -> None:
    """Refuse acceleration without gravity or in another unit; RecordingError names the one it may be in."""
    low, high = _GRAVITIES[0] * STANDARD_GRAVITY, _GRAVITIES[1] * STANDARD_GRAVITY
    median = float(np.median(np.linalg.norm(values[:, :3], axis=1)))
    if low <= median <= high:
        return
    taken = columns.acceleration_unit
    per_unit = median / abs(_FORCES[taken])
    other: ForceUnit = "m/s^2" if taken.endswith("g") else "g"
    if low <= per_unit * _FORCES[other] <= high:
        remedy = f"is it {other!r}?"
    else:
        remedy = "and counts, or mg, must be made one of the units"
    raise RecordingError(
        f"{path}: acceleration: expected a median of {low:.1f} to {high:.1f} m/s^2, got {median:.3g} m/s^2; gravity "
        f"must be in it; `acceleration_unit` is taken as {taken!r}, {remedy}"
    )


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
        if not abs(number) < _LARGEST:
            problem = f"{path}: line {line}, column {name!r}: expected a number, got {cell!r}"
            if re.fullmatch(r"[-+]?\d*,\d+", cell):
                problem += "; write decimal points: between semicolons or tabs `sed -i s/,/./g` does it"
            raise RecordingError(problem)
        numbers.append(number)
    return numbers
