"""Axivity AX3 and AX6: CSV of OmGui, omconvert and cwa-convert.

openmovementproject/openmovement, Software/AX3/omconvert/calc-csv.c: `Time,Accel-X (g), Accel-Y (g), Accel-Z (g)`, of an AX6 also
`Gyro-X (d/s)`, ...; without `-header-csv` no first line. Software/AX3/cwa-convert/c/main.c: no first line unless asked for one, acceleration
before angular rate, g and degree/s with six decimals. Dates as 2000-01-01 12:00:00.000 by the device's own clock, which knows no zone.
That it reads +1 g upwards at rest, as its chips do, is said by none of these and could not be verified.
"""

import re

from msgspec.structs import replace

from edgehar.recordings.csv_files import Columns
from edgehar.recordings.imports.dates import moved_to_zone, reader_of_dates
from edgehar.recordings.imports.form import Format, Imported, Wish, of_one_table
from edgehar.recordings.imports.source import Source
from edgehar.recordings.imports.tables import cells, line_with, read_checked

_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?")
_FLOAT = re.compile(r"[-+]?\d+\.\d+")
_NAMES = ("Time", "Accel-X (g)", "Accel-Y (g)", "Accel-Z (g)")
_NAMES_OF_RATE = ("Gyro-X (d/s)", "Gyro-Y (d/s)", "Gyro-Z (d/s)")


def _detect(source: Source) -> bool:
    member = source.only
    if member is None or not member.head:
        return False
    return line_with(member, "Time", "Accel-X (g)") == 1 or _is_without_names(member.head[0])


def _is_without_names(line: str) -> bool:
    first, *rest = cells(line) or [""]
    return _DATE.fullmatch(first) is not None and len(rest) >= 3 and all(map(_FLOAT.fullmatch, rest[:3]))


def _read(source: Source, wish: Wish) -> Imported:
    member = source.members[0]
    line = member.head[0]
    head, names = None, cells(line)
    if _is_without_names(line):
        # What follows acceleration is angular rate if all three have decimals: light, temperature and battery are counts.
        has_rate = len(names) >= 7 and all(map(_FLOAT.fullmatch, names[4:7]))
        names = [*_NAMES, *(_NAMES_OF_RATE if has_rate else ())]
        head = ",".join(names)
    rate = _NAMES_OF_RATE if set(_NAMES_OF_RATE) <= set(names) else None
    columns = Columns(
        _NAMES[0], _NAMES[1:], rate, time_unit="date", acceleration_unit="g", angular_rate_unit="deg/s"
    )
    table = read_checked(member, 1, columns, moment=reader_of_dates(), head=head)
    shifted = replace(table, t=moved_to_zone(table.t, wish.zone))
    return of_one_table(shifted, wish, "g, degree/s" if rate else "g")


AXIVITY = Format("axivity", "Axivity AX3, AX6 (OmGui, omconvert, cwa-convert)", _detect, _read)
