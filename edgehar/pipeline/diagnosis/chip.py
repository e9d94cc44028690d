"""The chip and its scale: one g at rest, the range's ends, axes that never move, the gyroscope's bias."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn
from edgehar.pipeline.diagnosis.measurement import Array, Measurement, Signals
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, STANDARD_GRAVITY

TOLERANCE = 0.15
"""Share of one g; as in `gravity_check`: offset and scale of cheap chips stay below."""

STILL = 0.05
"""A second is still if no axis of the force varies by more, as a share of the force."""

_STILL_SECONDS = 3
"""Still seconds that are needed to trust them: one may be the top of a leap."""

_WHILE_MOVING = 3.0
"""Factor by which the middle of |f| may differ from one g while somebody runs or jumps."""

_LIKELY = {
    1 / STANDARD_GRAVITY: "it sends g where m/s² is expected",
    STANDARD_GRAVITY: "it multiplies by 9.81 what is m/s² already",
    1000 / STANDARD_GRAVITY: "it sends mg where m/s² is expected",
    0.5: "its range is twice what it says",
    2.0: "its range is half of what it says",
    0.25: "its range is four times what it says",
    4.0: "its range is a quarter of what it says",
    0.125: "its range is eight times what it says",
    8.0: "its range is an eighth of what it says",
}
"""Factors of the force at rest, and where they come from."""

_NEAR = 0.06
"""Share by which a factor may be off and still be that of `_LIKELY`."""

SATURATED = 0.001
"""Share of samples at an end of the range from which peaks are cut off."""

_END_OF_COUNTS = 32_700
_CUT_RUN = 3
_CUT_TIMES = 5
"""An extreme value that comes so often in runs of `_CUT_RUN` samples is an end, though none of the counts."""

_STUCK_S = 2.0
"""Time for which an axis has to stay the same, to the last digit, while the others move."""

_MOVES = {"acc": 2.0, "gyr": 0.5}
"""Peak-to-peak of another axis that shows movement, m/s² and rad/s."""

BIAS = 0.06
"""Angular rate at rest, rad/s: five times the spread of the devices that the models were trained on (`motion/imu.py`)."""

_QUIET, _STEADY = 0.15, 0.02
"""Peak-to-peak of a second and spread of the seconds' means, rad/s, beyond which somebody holds or wears it and moves."""


def still_seconds(signals: Signals) -> NDArray[np.int64]:
    """Return the first rows of seconds in which the sensor lay still, none overlapping."""
    n = max(2, round(signals.rate_hz))
    whole = len(signals.force) // n
    force = signals.force[: whole * n].reshape(whole, n, 3)
    sound = signals.is_sound[: whole * n].reshape(whole, n).all(axis=1)
    level = np.linalg.norm(force.mean(axis=1), axis=1)
    varies = np.ptp(force, axis=1).max(axis=1)
    # Zeros vary by nothing at all: they are no rest but no signal.
    return np.flatnonzero(sound & (varies <= STILL * level) & (level > 0)) * n


def gravity(signals: Signals) -> tuple[float, bool]:
    """Return the force that stands for one g, m/s², and whether it was felt at rest; else it is the middle of all."""
    rows = still_seconds(signals)
    n = max(2, round(signals.rate_hz))
    if len(rows) >= _STILL_SECONDS:
        return float(np.median([np.linalg.norm(signals.force[i : i + n].mean(axis=0)) for i in rows])), True
    return float(np.median(np.linalg.norm(signals.force[signals.is_sound], axis=1))), False


def unit_of_force(signals: Signals) -> float | None:
    """Return what reads as one g where that is another number than it should be, m/s²; None where nothing shows it."""
    felt, at_rest = gravity(signals)
    factor = felt / STANDARD_GRAVITY
    is_sure = at_rest or not 1 / _WHILE_MOVING < factor < _WHILE_MOVING
    return felt if felt > 0 and is_sure and abs(factor - 1) > TOLERANCE else None


def check_gravity(signals: Signals) -> Finding:
    """Return what the force at rest says of unit and range."""
    felt, at_rest = gravity(signals)
    factor = felt / STANDARD_GRAVITY
    if felt == 0:
        return fail(
            "units", "feels nothing at all", "look at its firmware or profile: acceleration is never written"
        )
    if unit_of_force(signals) is None:
        more = "" if at_rest else ": lay it still to know it exactly"
        return ok(
            "gravity",
            f"feels {felt:.2f} m/s² {'at rest' if at_rest else 'in the middle of its movement'}{more}",
        )
    likely = next((why for f, why in _LIKELY.items() if abs(factor / f - 1) <= _NEAR), None)
    other = (
        "acceleration without gravity, or another unit"
        if factor < 0.1
        else f"another by a factor of {factor:.2g}"
    )
    return fail(
        "units",
        f"feels {felt:.2f} m/s² where gravity is {STANDARD_GRAVITY:.2f}: {likely or other}",
        "correct unit and range in its firmware or app, or choose another profile",
    )


def check_range(m: Measurement) -> Iterator[Finding]:
    """Yield axes whose peaks are cut off, and those that never vary."""
    cut, stuck = dict[str, str](), list[Finding]()
    for kind in m.kinds():
        t, values, scale = m.raw(kind)
        if not set(kind) <= set(IMU_CHANNELS) or len(t) < 10:
            continue
        x = values if scale is None else values * scale
        for i, name in enumerate(kind):
            share = _cut_share(values[:, i], x[:, i], name, is_counts=scale is not None)
            if share > SATURATED:
                cut[name] = f"{100 * share:.1f} % of {name} at ±{np.abs(x[:, i]).max():.4g} {_unit(name)}"
        stuck += _stuck(kind, t, x, {*cut})
    if cut:
        yield warn(
            "saturation",
            "; ".join(cut.values()),
            "set a wider range (±8 g or more for legs, ±16 g for running and falls)",
        )
    else:
        yield ok("saturation", "no peaks are cut off")
    yield from stuck or [ok("stuck", "every axis moves by itself")]


def _unit(name: str) -> str:
    return "m/s²" if name in ACCELERATION else "rad/s"


def _cut_share(values: Array, x: Array, name: str, *, is_counts: bool) -> float:
    """Return the share of samples at an end of the range, 0..1."""
    if is_counts and (share := float(np.mean(np.abs(values) >= _END_OF_COUNTS))):
        return share
    share = 0.0
    for end in (values.max(), values.min()):
        at_end = values == end
        padded = np.concatenate(([0], at_end.astype(np.int8), [0]))
        edges = np.flatnonzero(np.diff(padded))
        runs = edges[1::2] - edges[::2]
        # A sensor that lies still has no extremes to speak of.
        is_far = abs(float(x[int(np.argmax(at_end))])) > (
            1.5 * STANDARD_GRAVITY if name in ACCELERATION else 3.0
        )
        if is_far and (runs >= _CUT_RUN).sum() >= _CUT_TIMES:
            share += float(at_end.mean())
    return share if share < 0.5 else 0.0


def _stuck(kind: tuple[str, ...], t: Array, x: Array, cut: set[str]) -> Iterator[Finding]:
    for i, name in enumerate(kind):
        same = np.concatenate(([True], np.diff(x[:, i]) != 0, [True]))
        edges = np.flatnonzero(same)
        longest = int(np.argmax(np.diff(edges)))
        first, end = int(edges[longest]), int(edges[longest + 1])
        seconds = float(t[end - 1] - t[first])
        if seconds < _STUCK_S or name in cut:
            continue
        others = [j for j in range(len(kind)) if j != i]
        swing = np.ptp(x[first:end], axis=0)
        if any(swing[j] > _MOVES[kind[j][:3]] for j in others):
            yield fail(
                "stuck",
                f"{name} stays at {x[first, i]:.4g} {_unit(name)} for {seconds:.0f} s while the sensor moves",
                "look at its firmware or profile (a channel that is never written), or replace the sensor",
            )
    for i, j in combinations(range(len(kind)), 2):
        if np.ptp(x[:, i]) > 0 and np.array_equal(x[:, i], x[:, j]):
            yield fail(
                "stuck",
                f"{kind[j]} repeats {kind[i]}, sample by sample",
                "look at its firmware or profile: one axis is sent twice",
            )


def check_bias(signals: Signals) -> Finding | None:
    """Return what the gyroscope reads at rest; None if there is none."""
    if signals.turn is None:
        return None
    n = max(2, round(signals.rate_hz))
    turn = [signals.turn[i : i + n] for i in still_seconds(signals)]
    quiet = [second.mean(axis=0) for second in turn if np.ptp(second, axis=0).max() < _QUIET]
    if len(quiet) < _STILL_SECONDS or np.std(quiet, axis=0).max() > _STEADY:
        return ok("bias", "cannot be told: it never lay still for three seconds")
    bias = np.median(quiet, axis=0)
    size = float(np.linalg.norm(bias))
    says = f"reads {size:.3f} rad/s at rest ({', '.join(f'{b:+.3f}' for b in bias)})"
    if size > BIAS:
        fix = f"{', '.join(ANGULAR_RATE)}: let it lie still while it switches on, or calibrate its gyroscope"
        return warn("bias", says, fix)
    return ok("bias", says)
