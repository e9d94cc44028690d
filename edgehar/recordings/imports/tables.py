"""One text file's table, whatever its delimiter and decimal sign."""

import csv
import re
from collections.abc import Callable, Sequence

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Table, read_table
from edgehar.recordings.imports.form import checked
from edgehar.recordings.imports.source import Member, delimiter_of

MISSING = ("NaN", "nan", "null", "NULL", "N/A")
"""Cells in the place of a number that was not measured."""
_WITH_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")


def cells(line: str) -> list[str]:
    """Return the cells of a line."""
    row = next(csv.reader([line], delimiter=delimiter_of(line), skipinitialspace=True), [])
    return [cell.strip() for cell in row]


def line_with(member: Member, *names: str) -> int | None:
    """Return the number of the first line, of the first sixty, whose cells are or begin with these names."""
    for number, line in enumerate(member.head, 1):
        if all(name in line for name in names) and all(
            any(cell.startswith(name) for cell in cells(line)) for name in names
        ):
            return number
    return None


def column(head: Sequence[str], *prefixes: str) -> str | None:
    """Return the first column whose name begins with one of these, which are tried in their order."""
    return next((name for prefix in prefixes for name in head if name.startswith(prefix)), None)


def read_raw(
    member: Member,
    first: int,
    columns: Columns,
    *,
    moment: Callable[[str], float] | None = None,
    head: str | None = None,
) -> Table:
    """Read a table from this line on, as it stands there; `head` names its columns where the file does not."""
    comma = _has_decimal_comma(member, first, head)
    rows = member.rows(first, head=head)
    return read_table(member.name, rows, columns, moment=moment, missing=MISSING, decimal_comma=comma)


def read_checked(
    member: Member,
    first: int,
    columns: Columns,
    *,
    moment: Callable[[str], float] | None = None,
    head: str | None = None,
) -> Table:
    """Read a table as `read_raw`, in order; RecordingError if no sensor on people measured it."""
    return checked(member.name, columns, read_raw(member, first, columns, moment=moment, head=head))


def _has_decimal_comma(member: Member, first: int, head: str | None) -> bool:
    """Tell whether numbers are written with one; RecordingError if it cannot be told from what is between cells."""
    names = cells(head if head is not None else member.head[first - 1])
    samples = member.head[first - (head is not None) : first + 10]
    for line in samples:
        row = cells(line)
        if any(_WITH_COMMA.fullmatch(cell) for cell in row):
            return True
        if line.count(",") >= 2 * len(names) - 1 and ";" not in line and "\t" not in line and "." not in line:
            raise RecordingError(
                f"{member.name}: expected {len(names)} numbers in a row, got {line[:60]!r}: decimal commas cannot be told "
                "from those between numbers; export it anew with decimal points, or with semicolons or tabs between numbers"
            )
    return False
