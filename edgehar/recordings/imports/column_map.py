"""Any other program's table, by a map that says which column is what, and in which unit."""

from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.imports.dates import has_zone, moved_to_zone
from edgehar.recordings.imports.form import TURNED, UP, Format, Imported, Wish, of_one_table
from edgehar.recordings.imports.source import Source
from edgehar.recordings.imports.tables import cells, line_with, read_checked


def _read(source: Source, wish: Wish) -> Imported:
    columns, member = wish.columns, source.only
    if columns is None:
        raise RecordingError(f"{source.path}: expected a map of its columns, got none; see docs/import.md")
    if member is None:
        names = ", ".join(member.file_name for member in source.members[:8])
        raise RecordingError(
            f"{source.path}: expected one table for a map of columns, got {names}; import one of these"
        )
    first = line_with(member, columns.time, columns.acceleration[0]) or 1
    table = read_checked(member, first, columns)
    stamp = cells(member.head[first])[cells(member.head[first - 1]).index(columns.time)]
    if columns.time_unit == "date" and not has_zone(stamp):
        table = replace(table, t=moved_to_zone(table.t, wish.zone))
    unit = columns.acceleration_unit.removeprefix("-")
    if columns.angular_rate:
        unit += f", {columns.angular_rate_unit}"
    gravity = TURNED if columns.acceleration_unit.startswith("-") else UP
    return of_one_table(table, wish, unit, gravity=gravity)


COLUMN_MAP = Format("columns", "any table, by a map of its columns", lambda _: False, _read)
