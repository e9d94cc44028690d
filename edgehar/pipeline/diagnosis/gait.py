"""The place of a sensor by what walking shows of it: which of its axes points up, and how much it turns with every step."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from edgehar.pipeline.diagnosis.findings import Finding, ok, warn
from edgehar.pipeline.diagnosis.measurement import Array, Signals

WINDOW_S = 4.0
"""Length of the windows that are taken for walking or not, s."""

LEAST_WINDOWS = 3
"""Windows of walking from which the place is judged; they overlap by half, so that is 8 s."""

_STEPS_HZ = (0.6, 2.6)
"""Rates at which the force may repeat, Hz: strides and steps."""

_REPEATS = 0.5
"""Autocorrelation of |f| from which it repeats."""

_SWINGS = (1.0, 7.0, 12.0)
"""Rms of |f| about its mean, m/s²: below the first nobody walks, above the second, on legs the third, somebody runs or jumps.
95 of 100 windows of walking lie below 2.7 on a chest (dsads), 4.6 on a wrist (selfback_wrist) and 10.4 on a thigh (selfback_thigh)."""

LEGS = ("trouser_pocket", "thigh", "thigh_strap", "knee", "lower_leg", "shank", "ankle", "foot")
TORSO = ("waist", "hip", "pelvis", "lower_back", "chest", "head")
"""Places of which walking tells how much they turn, with or without a side; an arm may hang, swing or be held."""

LEG_LEAST, TORSO_MOST = 0.65, 1.5
"""Rms of the angular rate in walking, rad/s. 5 to 95 of 100 windows lie in 0.84 to 3.5 on legs and 0.32 to 0.85 on a chest (people
of wisdm_phone and dsads), and 1.4 to 4.8 and 0.31 to 0.81 of simulated people."""

FLAT = 0.85
"""Share of the vertical that lies along the axis out of the device's face from which it is not worn along the body."""

_TURNED_DEG = 60.0
"""Angle between where up was and is, degrees, from which a sensor is worn otherwise; postures and habits change it by less."""


class Gait(Struct, frozen=True, eq=False):
    """The windows in which somebody walked."""

    windows: int
    up: Array
    """(3,), the direction in the sensor's axes that points up, of length 1."""
    turning: float | None
    """Rms of the angular rate, rad/s, of the middle window; None without a gyroscope."""


def walking(signals: Signals, placement: str) -> Gait | None:
    """Return what walking shows of a sensor worn there; None if nobody walked for long enough."""
    most = _SWINGS[2] if plain(placement) in LEGS else _SWINGS[1]
    n = round(WINDOW_S * signals.rate_hz)
    ups, turning = list[Array](), list[float]()
    for first in range(0, len(signals.force) - n + 1, max(1, n // 2)):
        rows = slice(first, first + n)
        force = signals.force[rows]
        if not signals.is_sound[rows].all() or not _is_walking(
            np.linalg.norm(force, axis=1), signals.rate_hz, most
        ):
            continue
        mean = force.mean(axis=0)
        ups.append(mean / np.linalg.norm(mean))
        if signals.turn is not None:
            turning.append(float(np.sqrt((signals.turn[rows] ** 2).sum(axis=1).mean())))
    if len(ups) < LEAST_WINDOWS:
        return None
    up = np.median(ups, axis=0)
    return Gait(len(ups), up / np.linalg.norm(up), float(np.median(turning)) if turning else None)


def _is_walking(size: Array, rate_hz: float, most: float) -> bool:
    swing = size - size.mean()
    power = float((swing**2).mean())
    if not _SWINGS[0] < np.sqrt(power) < most:
        return False
    first, end = int(rate_hz / _STEPS_HZ[1]), min(int(rate_hz / _STEPS_HZ[0]) + 1, len(size) // 2)
    lags = range(first, end)
    repeats = [float((swing[lag:] * swing[:-lag]).mean()) / power for lag in lags if lag]
    return max(repeats, default=0.0) > _REPEATS


def plain(placement: str) -> str:
    """Return a placement without its side."""
    return placement.removesuffix("_left").removesuffix("_right")


def axis_of(up: Array) -> str:
    """Name the axis that is nearest to a direction, such as `-y`."""
    i = int(np.argmax(np.abs(up)))
    return f"{'-' if up[i] < 0 else '+'}{'xyz'[i]}"


def check_gait(placement: str, gait: Gait | None, like: Array | None) -> Iterator[Finding]:
    """Yield whether it moves as its placement does, and how it is turned; `like` is up as it was, (3,), if that is known."""
    if gait is None:
        yield ok("placement", "cannot be told: walk for ten seconds")
        return
    yield _check_turning(placement, gait)
    yield _check_up(placement, gait, like)


def _check_turning(placement: str, gait: Gait) -> Finding:
    turning, place = gait.turning, plain(placement)
    if turning is None or place not in (*LEGS, *TORSO):
        return ok("placement", f"walking tells nothing against {placement}")
    says = f"turns by {turning:.2f} rad/s in walking (rms)"
    fix = "is it worn where the configuration says? Correct its `placement`, or put it there"
    if place in LEGS and turning < LEG_LEAST:
        return warn("placement", f"{says}: too little for a leg, and as a torso does", fix)
    if place in TORSO and turning > TORSO_MOST:
        return warn("placement", f"{says}: too much for a torso, and as a limb does", fix)
    return ok("placement", f"{says}, as at {placement}")


def _check_up(placement: str, gait: Gait, like: Array | None) -> Finding:
    axis = axis_of(gait.up)
    says = f"its {axis[1]} axis points {'down' if axis[0] == '-' else 'up'} in walking"
    if like is not None:
        return _compare_up(says, gait.up, like)
    # A hand may be held in any way, and a foot has its face on top.
    if plain(placement) in (*LEGS[:-1], *TORSO) and abs(gait.up[2]) > FLAT:
        return warn(
            "orientation",
            f"{says}: it lies flat where its face should look away from the body",
            "turn it so that its face (z) looks away from the body, or ignore it if its z axis is not the face",
        )
    upside_down = (
        ", so it is upside down if y is its top; the models take it either way" if axis == "-y" else ""
    )
    return ok("orientation", f"{says}{upside_down}")


def _compare_up(says: str, up: Array, like: Array) -> Finding:
    degrees = float(np.rad2deg(np.arccos(np.clip(up @ like, -1.0, 1.0))))
    if degrees <= _TURNED_DEG:
        return ok("orientation", f"{says}, {degrees:.0f}° from where it was")
    before = axis_of(like)
    was = f"its {before[1]} axis pointed {'down' if before[0] == '-' else 'up'}"
    what = "upside down" if degrees > 180 - _TURNED_DEG else f"turned by {degrees:.0f}°"
    return warn(
        "orientation",
        f"{what}: {says} where {was}",
        "put it on as before, or ignore it if nothing was taught with it: the models take it either way",
    )
