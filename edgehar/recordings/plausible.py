"""Checks of a table of one sensor's samples: times, units and gravity that can be those of a sensor on people."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from edgehar.errors import RecordingError
from edgehar.types import STANDARD_GRAVITY, FloatArray, Times

TimeUnit = Literal["s", "ms", "us", "ns", "date"]
ForceUnit = Literal["m/s^2", "g", "-m/s^2", "-g"]

SECONDS: Mapping[TimeUnit, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "date": 1.0}
FORCES: Mapping[ForceUnit, float] = {
    "m/s^2": 1.0,
    "g": STANDARD_GRAVITY,
    "-m/s^2": -1.0,
    "-g": -STANDARD_GRAVITY,
}
_COUNTS: tuple[TimeUnit, ...] = ("s", "ms", "us", "ns")
_BACKWARDS_S = 1.0
"""Rows that came in another order than they were taken are sorted; more than this is another recording, s."""
_PERIODS_S = (0.002, 0.2)
"""From one sample to the next in the median, s: 500 to 5 Hz, about ten times round every usual rate."""
_GRAVITIES = (0.5, 2.0)
"""Median of the length of specific force, g: people are at rest, or move about a mean of 1 g."""
_MOST_SENSED = (200.0 * STANDARD_GRAVITY,) * 3 + (2000.0,) * 3
"""A reading that no sensor on people has, m/s² and rad/s: an impact on the hardest floor stays below it."""
_LONGEST_SILENCE_S = 86_400.0
"""Between two rows of one recording, s."""


def time_order(
    name: str, column: str, unit: TimeUnit, t: Times
) -> slice | np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the order in which rows of times, s, were taken; RecordingError if they are not of one recording."""
    late = float((np.maximum.accumulate(t) - t).max())
    if late > _BACKWARDS_S:
        raise RecordingError(
            f"{name}: column {column!r} goes back by {late:g} s; expected one recording with times that grow "
            f"(its unit is taken as {unit!r})"
        )
    return np.argsort(t, kind="stable") if late > 0.0 else slice(None)


def check_period(name: str, column: str, unit: TimeUnit, t: Times) -> None:
    """Refuse times that no sensor of movement has, as those in another unit are; RecordingError names it."""
    low, high = _PERIODS_S
    # To the µs: differences of 0.2 s are not all 0.2 in binary.
    period = round(float(np.median(np.diff(t))), 6)
    if low <= period <= high:
        return
    per_unit = period / SECONDS[unit]
    fitting = [other for other in _COUNTS if low <= per_unit * SECONDS[other] <= high]
    if fitting and unit != "date":
        remedy = f"is it {fitting[0]!r}?"
    elif period == 0.0:
        remedy = "most rows have the time of the row before: stamps of whole seconds, say, are too coarse"
    else:
        remedy = "times are a count of s, ms, us or ns from any moment"
    raise RecordingError(
        f"{name}: column {column!r}: expected a sample every {low:g} to {high:g} s, got one every {period:g} s "
        f"in the median; `time_unit` is taken as {unit!r}, {remedy}"
    )


def check_silence(name: str, column: str, unit: TimeUnit, t: Times) -> None:
    """Refuse a leap in time that no recording makes, as from 0 to Unix time; RecordingError says where."""
    steps = np.diff(t)
    i = int(steps.argmax())
    if steps[i] > _LONGEST_SILENCE_S:
        before, after = (f"{at / SECONDS[unit]:.15g}" for at in t[i : i + 2])
        raise RecordingError(
            f"{name}: column {column!r}: expected one recording, got {steps[i] / 86_400.0:.1f} days without a "
            f"row, from {before} to {after}; make a file of each recording"
        )


def check_sensed(name: str, time: str, columns: tuple[str, ...], stamps: Times, values: FloatArray) -> None:
    """Refuse what no sensor reads, as a 9999 for what is missing; RecordingError names the first, by its stamp."""
    most = np.array(_MOST_SENSED[: values.shape[1]], np.float32)
    beyond = (values > most) | (values < -most)
    rows = np.flatnonzero(beyond.any(axis=1))
    if not len(rows):
        return
    first = int(rows[0])
    column = int(beyond[first].argmax())
    expected = "200 g" if column < 3 else "2000 rad/s"
    raise RecordingError(
        f"{name}: column {columns[column]!r}: expected at most {expected}, got more in {len(rows)} of {len(stamps)} "
        f"rows, the first at {time} = {stamps[first]:.15g}; leave the cell empty where a number is missing"
    )


def check_gravity(name: str, unit: ForceUnit, values: FloatArray) -> None:
    """Refuse acceleration without gravity or in another unit; RecordingError names the one it may be in."""
    low, high = _GRAVITIES[0] * STANDARD_GRAVITY, _GRAVITIES[1] * STANDARD_GRAVITY
    median = float(np.median(np.linalg.norm(values[:, :3], axis=1)))
    if low <= median <= high:
        return
    per_unit = median / abs(FORCES[unit])
    other: ForceUnit = "m/s^2" if unit.endswith("g") else "g"
    if low <= per_unit * FORCES[other] <= high:
        remedy = f"is it {other!r}?"
    else:
        remedy = "and counts, or mg, must be made one of the units"
    raise RecordingError(
        f"{name}: acceleration: expected a median of {low:.1f} to {high:.1f} m/s^2, got {median:.3g} m/s^2; gravity "
        f"must be in it; `acceleration_unit` is taken as {unit!r}, {remedy}"
    )
