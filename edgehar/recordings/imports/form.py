"""The terms of every format: what is asked of one, and what it gives."""

from collections.abc import Callable
from datetime import UTC, tzinfo

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, Table, TurnUnit, check, in_order
from edgehar.recordings.imports.source import Source
from edgehar.recordings.plausible import check_period
from edgehar.recordings.scoring import Segment
from edgehar.recordings.trials import label_runs
from edgehar.types import (
    ACCELERATION,
    ANGULAR_RATE,
    IMU_CHANNELS,
    STANDARD_GRAVITY,
    FloatArray,
    Samples,
    Times,
)

UP = "+1 g on the axis that points up"
_DATES = (946_684_800.0, 4_102_444_800.0)
"""Unix times of the years 2000 and 2100, s."""
_FASTEST = 100.0
"""rad/s; gyroscopes of 4000 degree/s, the widest that are sold, end at 70."""
TURNED = "-1 g on the axis that points up, turned round"


class Wish(Struct, frozen=True):
    """Statements of whoever imports on a source."""

    placement: str
    zone: tzinfo = UTC
    """Zone of dates that name none."""
    device: str | None = None
    """Name of the sensor that is read, of several in one file."""
    columns: Columns | None = None
    """Columns of a file of no known form."""


class Imported(Struct, frozen=True, eq=False):
    """One sensor's recording."""

    tracks: tuple[Samples, ...]
    """All channels together, or acceleration and angular rate that were sampled apart; s from the first sample of all."""
    epoch: float | None
    """Unix time of that sample, s; None if the file has no date."""
    unit: str
    """Units as they stand in the file, in words."""
    gravity: str
    """Sign of gravity in the file, in words."""
    labels: tuple[Segment, ...] = ()
    """Runs of what was done, as the file names it, s from the first sample."""
    passed_over: int = 0
    """Rows without a number, or with the time of the row before."""


class Format(Struct, frozen=True):
    """A form of recording."""

    name: str
    """As `--format` takes it."""
    title: str
    """For people."""
    detect: Callable[[Source], bool]
    """Tells from names and first lines whether a source is of this form."""
    read: Callable[[Source, Wish], Imported]
    """Reads a source of this form; RecordingError says what does not fit."""


def checked(name: str, columns: Columns, table: Table) -> Table:
    """Return a table with its rows in order and one at a time; RecordingError if no sensor on people measured it."""
    table = in_order(name, columns, table)
    check(name, columns, table)
    if columns.angular_rate:
        check_rate(name, columns.angular_rate_unit, table.values[:, 3:])
    return without_repeats(table)


def checked_rate(name: str, columns: Columns, table: Table) -> Table:
    """Return a table of angular rate alone, whose columns stand where those of acceleration do elsewhere, as `checked` does."""
    if len(table.t) < 2:
        return table
    table = without_repeats(in_order(name, columns, table))
    check_period(name, columns.time, columns.time_unit, table.t)
    check_rate(name, "rad/s", table.values)
    return table


def check_rate(name: str, unit: TurnUnit, values: FloatArray) -> None:
    """Refuse angular rate, rad/s, beyond that of every gyroscope; RecordingError names the unit that it may be in."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest > _FASTEST:
        remedy = "is it 'deg/s'?" if unit == "rad/s" else "leave the cell empty where a number is missing"
        raise RecordingError(
            f"{name}: angular rate: expected at most {_FASTEST:g} rad/s, got {largest:.4g}; its unit is taken as {unit!r}, {remedy}"
        )


def without_repeats(table: Table) -> Table:
    """Return a table without rows that have the time of the row before."""
    return chosen(table, np.append(True, np.diff(table.t) > 0.0))


def chosen(table: Table, keep: NDArray[np.bool_]) -> Table:
    """Return these rows, (rows,), of a table; the others count as passed over."""
    if keep.all():
        return table
    labels = (
        [label for label, kept in zip(table.labels, keep.tolist(), strict=True) if kept]
        if table.labels
        else []
    )
    return Table(table.t[keep], table.values[keep], labels, table.passed_over + int((~keep).sum()))


def of_one_table(table: Table, wish: Wish, unit: str, *, gravity: str = UP) -> Imported:
    """Return what one table holds; its times are s since 1970, or from any moment."""
    begin = float(table.t[0])
    t = table.t - begin
    channels = IMU_CHANNELS if table.values.shape[1] == len(IMU_CHANNELS) else ACCELERATION
    track = Samples(wish.placement, t, table.values, channels)
    return Imported((track,), _epoch(begin), unit, gravity, labels_of(t, table.labels), table.passed_over)


def of_two_tables(force: Table, rate: Table | None, wish: Wish, unit: str, *, gravity: str = UP) -> Imported:
    """Return what two tables hold, of acceleration and of angular rate, by the same clock."""
    if rate is None or len(rate.t) < 2:
        return of_one_table(force, wish, unit, gravity=gravity)
    if np.array_equal(force.t, rate.t):
        both = Table(force.t, np.column_stack((force.values, rate.values)), [], force.passed_over)
        return of_one_table(both, wish, unit, gravity=gravity)
    begin = float(min(force.t[0], rate.t[0]))
    tracks = (
        Samples(wish.placement, force.t - begin, force.values, ACCELERATION),
        Samples(wish.placement, rate.t - begin, rate.values, ANGULAR_RATE),
    )
    passed_over = force.passed_over + rate.passed_over
    return Imported(tracks, _epoch(begin), unit, gravity, passed_over=passed_over)


def _epoch(begin: float) -> float | None:
    """Return Unix time, s, if a count of s can be one; None where it counts from another moment, or of a clock that nobody set."""
    low, high = _DATES
    return begin if low < begin < high else None


def labels_of(t: Times, labels: list[str]) -> tuple[Segment, ...]:
    """Join rows of one label to runs; those without a label are of none."""
    if not labels:
        return ()
    period = float(np.median(np.diff(t)))
    return tuple(run for run in label_runs(t, np.array(labels), period) if run[2])


def require_gravity(name: str, table: Table, remedy: str) -> None:
    """Refuse acceleration that is that of movement alone; RecordingError says what to record instead."""
    if len(table.t):
        median = float(np.median(np.linalg.norm(table.values[:, :3], axis=1)))
        if median < STANDARD_GRAVITY / 2:
            raise without_gravity(name, f"a median of {median:.2f} m/s^2", remedy)


def without_gravity(name: str, came: str, remedy: str) -> RecordingError:
    """Say that acceleration without gravity is of no use."""
    return RecordingError(
        f"{name}: expected acceleration with gravity, got {came}: without it neither posture nor fall can be told; {remedy}"
    )
