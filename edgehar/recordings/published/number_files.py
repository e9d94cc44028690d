"""Tables of numbers as text, read by NumPy in memory near that of the array; every misfit is named by its line."""

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import RecordingError, one_line
from edgehar.types import Times

_LONGEST_LINE = 100_000
"""Characters; the widest table here has 250 columns."""
_LONGEST_TIME = 32
"""Characters of a date and time."""

LARGEST = 1e13
"""No value is larger, of sensors or of times in ms since 1970, and its square is a float32 still."""
_LONGEST_S = 86_400.0
"""Nobody was recorded for longer than a day."""

Array = NDArray[Any]


def read_numbers(
    path: Path,
    columns: int,
    *,
    head: int = 0,
    delimiter: str | None = None,
    dtype: Literal["f4", "f8"] = "f4",
    dated: bool = False,
) -> Array:
    """Read all numbers of a table, (rows, columns); NaN stands where a value was lost.

    Args:
        path: of the file; RecordingError if it is missing, empty, or has another form.
        columns: that each line has.
        head: lines before the first row.
        delimiter: between cells; any blank, if None.
        dtype: of the numbers returned.
        dated: the first column is a date and time, which is passed over; what is returned has one column less.
    """
    _require(path)
    numbers = columns - 1 if dated else columns
    form: Any = [("time", f"S{_LONGEST_TIME}"), ("x", dtype, (numbers,))] if dated else dtype
    try:
        with warnings.catch_warnings():
            # An empty table is told below, a number beyond the type's as infinite.
            warnings.simplefilter("ignore")
            table = np.loadtxt(
                str(path),
                form,
                comments=None,
                delimiter=delimiter,
                skiprows=head,
                ndmin=1 if dated else 2,
                encoding="utf-8",
            )
    except (ValueError, OverflowError) as error:
        raise _misfit(path, columns, head, delimiter, dated=dated) from error
    x: Array = table["x"] if dated else table
    if not len(x):
        raise RecordingError(
            f"{path}: expected lines of {columns} columns, got an empty table; unpack the archive again"
        )
    if x.shape[1] != numbers or are_too_large(x):
        raise _misfit(path, columns, head, delimiter, dated=dated)
    return x


def are_too_large(x: Array) -> bool:
    """Tell whether a number of an array is larger than any that was recorded; NaN is none."""
    # Without an array of the absolute values beside it.
    return bool(max(np.fmax.reduce(x, axis=None), -np.fmin.reduce(x, axis=None)) > LARGEST)


def seconds(path: Path, t_ms: Array, head: int = 0) -> Times:
    """Return times as s from the first; RecordingError at the first that is none, or a day away."""
    t: Times = 1e-3 * (t_ms - t_ms[0])
    bad = ~(np.abs(t) < _LONGEST_S)
    if bad.any():
        row = int(bad.argmax())
        raise RecordingError(
            f"{path}: line {row + head + 1}: expected a time in ms within a day of the first, got {t_ms[row]:.16g}; "
            "unpack the archive again"
        )
    return t


def _require(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: no such file; unpack the whole archive there") from error
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error


def _misfit(path: Path, columns: int, head: int, delimiter: str | None, *, dated: bool) -> RecordingError:
    """Find the first line that is not of the form, and say what is wrong with it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
            if number > head and line.strip():
                cells = line.split(delimiter)
                if len(cells) != columns:
                    problem = f"line {number}: expected {columns} columns, got {len(cells)}"
                    return RecordingError(f"{path}: {problem}; unpack the archive again")
                bad = next((i for i in range(int(dated), columns) if not _is_number(cells[i])), None)
                if bad is not None:
                    got = one_line(cells[bad].strip()[:60])
                    problem = f"line {number}, column {bad + 1}: expected a number or NaN, got {got!r}"
                    return RecordingError(f"{path}: {problem}; unpack the archive again")
    return RecordingError(
        f"{path}: expected a table of {columns} columns of numbers; unpack the archive again"
    )


def _is_number(cell: str) -> bool:
    try:
        return not abs(float(cell)) > LARGEST
    except ValueError:
        return False
