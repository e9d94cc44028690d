"""Sensor Logger, an app for iOS and Android: a zip or folder of CSV files, one for each sensor.

From tszheichoi/awesome-sensor-logger: `time` in ns since 1970 and which file holds what with which unit: UNITS.md; signs, and
"Standardise Units & Frames", which gives iOS those of Android: CROSSPLATFORM.md, COORDINATES.md; `platform` in
Metadata.csv: README.md ("Accessing Recording Metadata"). Columns stand as `time,seconds_elapsed,z,y,x`. Of acceleration with gravity:

- TotalAcceleration.csv: m/s², +9.81 upwards; Android alone;
- AccelerometerUncalibrated.csv: on iOS in g and -1 upwards, elsewhere and where standardised in m/s² and +9.81 upwards; its unit
  tells its sign, as in `devices.sensor_logger`;
- Accelerometer.csv is without gravity: with Gravity.csv added it is what was felt, on iOS with the opposite sign.
"""

import numpy as np
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Table, in_order
from edgehar.recordings.imports.form import (
    TURNED,
    UP,
    Format,
    Imported,
    Wish,
    checked,
    checked_rate,
    of_two_tables,
    without_gravity,
)
from edgehar.recordings.imports.source import Member, Source
from edgehar.recordings.imports.tables import cells, line_with, read_raw
from edgehar.recordings.plausible import ForceUnit
from edgehar.recordings.scoring import Segment
from edgehar.types import STANDARD_GRAVITY

_AXES = ("x", "y", "z")
_FORCE = Columns("time", _AXES, time_unit="ns")
_EDGE = STANDARD_GRAVITY**0.5
"""Length of specific force between one g in g and one g in m/s²."""
_REMEDY = (
    "record TotalAcceleration (Android) or switch on Settings > Sensor Configuration > Uncalibrated Values in the app, "
    "or export Gravity.csv and Metadata.csv beside Accelerometer.csv"
)


def _detect(source: Source) -> bool:
    return any(line_with(member, "time", "seconds_elapsed", "z", "y", "x") == 1 for member in source.members)


def _read(source: Source, wish: Wish) -> Imported:
    force, unit, gravity = _force(source)
    rate_file = source.named("Gyroscope")
    rate = None if rate_file is None else checked_rate(rate_file.name, _FORCE, read_raw(rate_file, 1, _FORCE))
    unit += "" if rate is None else ", rad/s"
    imported = of_two_tables(force, rate, wish, unit, gravity=gravity)
    return replace(imported, labels=_labels(source, imported))


def _force(source: Source) -> tuple[Table, str, str]:
    """Return specific force, its unit and its sign in the file."""
    android = _is_android(source)
    if total := source.named("TotalAcceleration"):
        turned = android is False
        return _checked(total, "-m/s^2" if turned else "m/s^2"), "m/s^2", TURNED if turned else UP
    if uncalibrated := source.named("AccelerometerUncalibrated"):
        raw = read_raw(uncalibrated, 1, _FORCE)
        in_g = len(raw.t) and float(np.median(np.linalg.norm(raw.values, axis=1))) < _EDGE
        if in_g:
            return _checked(uncalibrated, "-g"), "g", f"{TURNED}: iOS"
        return _checked(uncalibrated, "m/s^2"), "m/s^2", UP
    linear, gravity = source.named("Accelerometer"), source.named("Gravity")
    if linear is None:
        names = ", ".join(member.file_name for member in source.members[:8])
        raise RecordingError(
            f"{source.path}: expected TotalAcceleration.csv or another of acceleration, got {names}; {_REMEDY}"
        )
    if gravity is None:
        raise without_gravity(linear.name, "that of Sensor Logger's Accelerometer, which has none", _REMEDY)
    if android is None:
        raise RecordingError(
            f"{source.path}: expected a Metadata.csv that names the platform, got none: on iOS Accelerometer and Gravity have the "
            f"opposite sign; {_REMEDY}"
        )
    sum_of_both = _added(linear, gravity, 1.0 if android else -1.0)
    return sum_of_both, "m/s^2, Accelerometer and Gravity added", UP if android else f"{TURNED}: iOS"


def _checked(member: Member, unit: ForceUnit) -> Table:
    columns = replace(_FORCE, acceleration_unit=unit)
    return checked(member.name, columns, read_raw(member, 1, columns))


def _added(linear: Member, gravity: Member, sign: float) -> Table:
    """Return acceleration with gravity, at the times of that without, turned by the sign."""
    moved, down = (in_order(file.name, _FORCE, read_raw(file, 1, _FORCE)) for file in (linear, gravity))
    at = [np.interp(moved.t, down.t, column) for column in down.values.T]
    values = np.float32(sign) * (moved.values + np.column_stack(at)).astype(np.float32)
    return checked(linear.name, _FORCE, Table(moved.t, values, [], moved.passed_over))


def _is_android(source: Source) -> bool | None:
    """Tell whether accelerations have Android's signs, also of an iPhone that was told to; None: nothing says it."""
    member = source.named("Metadata")
    if member is None or len(member.head) < 2:
        return None
    said_of = dict(zip(cells(member.head[0]), cells(member.head[1]), strict=False))
    platform = said_of.get("platform", "").lower()
    if not platform:
        return None
    return platform != "ios" or said_of.get("standardisation", "").lower() == "true"


def _labels(source: Source, imported: Imported) -> tuple[Segment, ...]:
    """Return what the annotations say: each names what is done from there to the next, an empty one nothing."""
    member = source.named("Annotation")
    if member is None or imported.epoch is None:
        return ()
    rows = member.rows()
    _, head = next(rows, (1, []))
    if not {"time", "text"} <= set(head):
        return ()
    at, text = head.index("time"), head.index("text")
    end = max(float(track.t[-1]) for track in imported.tracks)
    begun = [
        (min(max(float(row[at]) * 1e-9 - imported.epoch, 0.0), end), row[text])
        for _, row in rows
        if len(row) > max(at, text) and row[at].isdecimal()
    ]
    begun.sort(key=lambda annotation: annotation[0])
    ends = [*(start for start, _ in begun), end][1:]
    return tuple(
        (start, stop, label)
        for (start, label), stop in zip(begun, ends, strict=True)
        if label and start < stop
    )


SENSOR_LOGGER = Format("sensor_logger", "Sensor Logger (iOS, Android)", _detect, _read)
