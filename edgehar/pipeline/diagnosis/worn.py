"""Worn or not: a sensor on a table reads its own noise and nothing else; who wears it breathes and sways."""

import numpy as np

from edgehar.pipeline.diagnosis.findings import Finding, ok, warn
from edgehar.pipeline.diagnosis.measurement import Signals

LEAST_S = 20.0
"""Stillness from which it is asked whether the sensor is worn, s."""

_STILL = 0.49
"""Peak-to-peak acceleration of a still second, m/s², as `still_swing` of the decision."""

ON_A_TABLE = 2.0
"""Wander of the seconds' mean force, in units of what the noise within them explains: 0.8 to 1.9 of simulated devices at rest."""

_LEAST_NOISE = 1e-3
"""Noise of a sensor that sends the same number all the time, m/s²: below all resolutions."""


def still_tail_s(signals: Signals) -> float:
    """Return for how long the sensor has lain still at the end, s."""
    return float(len(_still_tail(signals)))


def wander(seconds: np.ndarray) -> float:
    """Return how far the means of (seconds, rows, 3) m/s² wander, in units of what their noise explains."""
    mean = seconds.mean(axis=1)
    drift = float(np.sqrt(((mean - mean.mean(axis=0)) ** 2).sum(axis=1).mean()))
    noise = float(np.median(seconds.std(axis=1).max(axis=1)))
    return drift / max(noise, _LEAST_NOISE) * float(np.sqrt(seconds.shape[1]))


def _still_tail(signals: Signals) -> np.ndarray:
    n = max(2, round(signals.rate_hz))
    whole = len(signals.force) // n
    seconds = signals.force[len(signals.force) - whole * n :].reshape(whole, n, 3)
    mean = seconds.mean(axis=1)
    moves = np.ptp(seconds, axis=1).max(axis=1) >= _STILL
    # It may be turned just between two of them.
    moves[1:] |= np.abs(np.diff(mean, axis=0)).max(axis=1) >= _STILL
    moved = np.flatnonzero(moves)
    return seconds[moved[-1] + 1 :] if len(moved) else seconds


def check_worn(signals: Signals) -> Finding:
    """Return whether the sensor seems to lie on a table."""
    tail = _still_tail(signals)
    if len(tail) < LEAST_S:
        return ok("worn", "it moves" if not len(tail) else f"it moved {len(tail)} s before the end")
    says = f"has lain still for the last {len(tail)} s"
    if wander(tail) < ON_A_TABLE:
        return warn(
            "worn",
            f"{says}, as on a table",
            "put it on; whoever sits or lies very still looks the same: walk a few steps",
        )
    return ok("worn", f"{says}, and sways as on a body")
