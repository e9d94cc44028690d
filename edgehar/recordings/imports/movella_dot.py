"""Movella DOT's app, earlier Xsens DOT: CSV of one sensor.

From com.xsens.dot.android.sdk (XsensDotLogger, as decompiled in a public repository): `sep=,`, then lines `DeviceTag:,`, `FirmwareVersion:,`,
`AppVersion:,`, `OutputRate:,60Hz`, `Measurement Mode:,`, `StartTime:,yyyy-MM-dd HH:mm:ss.SSS Z`, an empty line, and names by the payload:
`PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z` of Rate quantities, with others between them of Custom modes 5 and 27 and of
exported recordings. FreeAcc_X, ... is acceleration without gravity, dv and dq are increments. SampleTimeFine counts µs and begins anew at 2**32;
m/s² and degree/s: Movella DOT BLE Service Specification XD0506P, as in `devices.movella_dot`.
"""

import re

import numpy as np
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns
from edgehar.recordings.imports.dates import has_zone, in_zone, reader_of_dates
from edgehar.recordings.imports.form import Format, Imported, Wish, checked, of_one_table, without_gravity
from edgehar.recordings.imports.source import Member, Source
from edgehar.recordings.imports.tables import cells, line_with, read_raw
from edgehar.types import Times

_FORCE, _RATE = ("Acc_X", "Acc_Y", "Acc_Z"), ("Gyr_X", "Gyr_Y", "Gyr_Z")
_COUNTER, _TIME = "PacketCounter", "SampleTimeFine"
_WRAP_US = 2.0**32
_REMEDY = "measure in the app with the payload `Rate quantities` or a custom mode with Acceleration and Angular velocity"


def _detect(source: Source) -> bool:
    return source.only is not None and line_with(source.only, _COUNTER, _TIME) is not None


def _read(source: Source, wish: Wish) -> Imported:
    member = source.members[0]
    first = line_with(member, _COUNTER, _TIME) or 1
    names = cells(member.head[first - 1])
    if not set(_FORCE) <= set(names):
        came = "FreeAcc" if "FreeAcc_X" in names else ", ".join(names)
        raise without_gravity(member.name, came, _REMEDY)
    columns = Columns(
        _TIME, _FORCE, _RATE if set(_RATE) <= set(names) else None, time_unit="us", angular_rate_unit="deg/s"
    )
    rate_hz = _rate_hz(member)
    has_times = any(cells(line)[names.index(_TIME)] for line in member.head[first : first + 2] if line)
    if not has_times and rate_hz is None:
        raise RecordingError(
            f"{member.name}: expected times in column {_TIME!r} or a line `OutputRate:,60Hz`, got neither"
        )
    table = read_raw(member, first, columns if has_times else replace(columns, time=_COUNTER))
    t = _unwrapped(table.t) if has_times else table.t * 1e6 / (rate_hz or 1.0)
    table = checked(member.name, columns, replace(table, t=t))
    start = _start(member, first, wish)
    if start is not None:
        table = replace(table, t=table.t + (start - table.t[0]))
    unit = "m/s^2, degree/s" if columns.angular_rate else "m/s^2"
    return of_one_table(table, wish, unit)


def _unwrapped(t: Times) -> Times:
    """Return times, s, of a count of µs that begins anew at 2**32."""
    turns = np.cumsum(np.append(0.0, np.diff(t) < -_WRAP_US / 2 * 1e-6))
    return t + turns * _WRAP_US * 1e-6


def _rate_hz(member: Member) -> float | None:
    rate = re.search(r"OutputRate:\s*,\s*(\d+)\s*Hz", "\n".join(member.head))
    return float(rate[1]) if rate else None


def _start(member: Member, first: int, wish: Wish) -> float | None:
    """Return Unix time of the start, s, if the lines before the table name it."""
    line = re.search(r"StartTime:\s*,\s*([^,\n]+)", "\n".join(member.head[: first - 1]))
    try:
        t = reader_of_dates()(line[1]) if line else None
    except ValueError:
        return None
    return t if t is None or line is None or has_zone(line[1]) else in_zone(t, wish.zone)


MOVELLA_DOT = Format("movella_dot", "Movella DOT's app (Xsens DOT)", _detect, _read)
