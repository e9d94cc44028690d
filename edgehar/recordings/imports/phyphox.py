"""phyphox, an app for iOS and Android: one CSV file, or a zip of them.

phyphox/phyphox-android, DataExport.java: names in quotes and in the first line, numbers as 1.234000000E0, `NaN` where a column
is shorter, delimiter and decimal sign as chosen, `meta/time.csv` with the system's time of each start and pause. Times are s of the
experiment, which stand still in a pause. m/s², rad/s, and +9.81 upwards also on iOS, where the app multiplies by -9.81:
phyphox/phyphox-ios, ExperimentSensorInput.swift (kG). That the columns are called `Acceleration x (m/s^2)`,
`Linear Acceleration x (m/s^2)` (without gravity) and `Gyroscope x (rad/s)` is from files that people published; the experiment
decides it, and one of one's own may call them otherwise.
"""

import numpy as np
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Table
from edgehar.recordings.imports.form import (
    Format,
    Imported,
    Wish,
    checked,
    checked_rate,
    of_one_table,
    of_two_tables,
    require_gravity,
    without_gravity,
)
from edgehar.recordings.imports.source import Member, Source
from edgehar.recordings.imports.tables import cells, line_with, read_raw

_TIME = "Time (s)"
_FORCE, _LINEAR, _RATE = "Acceleration", "Linear Acceleration", "Gyroscope"
_REMEDY = "record the experiment `Acceleration with g`, or one of your own with the sensor `accelerometer`"


def _axes(name: str, unit: str) -> tuple[str, str, str]:
    x, y, z = (f"{name} {axis} ({unit})" for axis in "xyz")
    return x, y, z


_AXES_OF_FORCE, _AXES_OF_RATE = _axes(_FORCE, "m/s^2"), _axes(_RATE, "rad/s")


def _with(source: Source, name: str) -> Member | None:
    return next((m for m in source.members if line_with(m, _TIME, f"{name} x") == 1), None)


def _detect(source: Source) -> bool:
    return any(_with(source, name) for name in (_FORCE, _LINEAR, _RATE))


def _read(source: Source, wish: Wish) -> Imported:
    force = _with(source, _FORCE)
    if force is None:
        if linear := _with(source, _LINEAR):
            raise without_gravity(linear.name, f"columns called {_LINEAR!r}", _REMEDY)
        raise RecordingError(
            f"{source.path}: expected columns called {', '.join(_AXES_OF_FORCE)}, got {cells(source.members[0].head[0])}; {_REMEDY}"
        )
    rate = _with(source, _RATE)
    is_same = rate is force
    columns = Columns(_TIME, _AXES_OF_FORCE, _AXES_OF_RATE if is_same else None)
    raw = read_raw(force, 1, columns)
    require_gravity(force.name, raw, _REMEDY)
    table = _dated(source, checked(force.name, columns, raw))
    unit = "m/s^2" if rate is None else "m/s^2, rad/s"
    if is_same:
        return of_one_table(table, wish, unit)
    return of_two_tables(table, None if rate is None else _dated(source, _rate(rate)), wish, unit)


def _rate(member: Member) -> Table:
    columns = Columns(_TIME, _AXES_OF_RATE)
    return checked_rate(member.name, columns, read_raw(member, 1, columns))


def _dated(source: Source, table: Table) -> Table:
    """Return a table with Unix times, and with the pauses, as far as the zip says when the experiment went on."""
    starts = _starts(source)
    if not starts:
        return table
    begins, shifts = np.array(starts).T
    part = np.maximum(np.searchsorted(begins, table.t, "right") - 1, 0)
    return replace(table, t=table.t + shifts[part])


def _starts(source: Source) -> list[tuple[float, float]]:
    """Return the experiment's time of each start, s, and what is to be added to it for Unix time."""
    member = source.named("time")
    starts = []
    for row in map(cells, member.head[1:] if member else []):
        try:
            event, at, unix = row[0], *(float(cell.replace(",", ".")) for cell in row[1:3])
        except (ValueError, IndexError):
            continue
        if event == "START":
            starts.append((at, unix - at))
    return sorted(starts)


PHYPHOX = Format("phyphox", "phyphox (iOS, Android)", _detect, _read)
