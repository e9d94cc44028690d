"""Accelerometer against gyroscope: while a sensor is turned slowly, gravity moves in its axes as it is turned.

A vector that stands still in the world, seen from axes that turn at ω, changes by df/dt = -ω × f. What is felt beside
gravity spoils that, so it is looked at only where |f| is one g and nothing shakes. If it holds as df/dt = -s Mω × f for
a signed permutation M of the axes other than the identity, then axes of one of the two are swapped or mirrored; and if
s is not 1, the unit of one of the two is another. An error of both alike that is a rotation is a mounting, and no error.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.pipeline.diagnosis.findings import Finding, fail, ok
from edgehar.pipeline.diagnosis.measurement import Array, Signals
from edgehar.types import STANDARD_GRAVITY

SMOOTH_S = 1.0
"""Length of the window that leaves slow turning, s."""

_NEAR_G = 0.05
"""Share by which the smooth |f| may differ from one g."""

_SHAKES = 1.0
"""Rms of the force about its smooth course within a second, m/s²: more is no slow turning."""

_TURNS = 0.5
"""Change of the smooth force from which the sensor is turned, m/s² per s: 3 degree/s."""

LEAST_S = 5.0
"""Time of such turning, s, from which it is judged."""

FITS = 0.8
"""Correlation of df/dt with -ω × f from which axes fit."""

BETTER = 0.3
"""Correlation by which other axes have to fit better than the sensor's own: with turns about a single axis several fit alike."""

_UNIT = 2.5
"""Factor by which the slope may be off 1: slow turning is slurred by what is felt beside gravity."""

_DEGREES = float(np.rad2deg(1.0))


def _signed_permutations() -> Array:
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            matrices.append(matrix)
    return np.array(matrices)


PERMUTATIONS = _signed_permutations()
"""(48, 3, 3); the first is the identity."""


class Fit(Struct, frozen=True, eq=False):
    """The fit of every signed permutation."""

    seconds: float
    """Time of slow turning."""
    correlation: Array
    """(48,), of df/dt with -Mω × f."""
    slope: Array
    """(48,), the s of df/dt = -s Mω × f."""

    @property
    def best(self) -> int:
        """Index of the permutation that fits best; the identity, if none is better."""
        return int(np.argmax(self.correlation))


def fit_axes(force: Array, turn: Array, rate_hz: float, is_sound: NDArray[np.bool_] | None = None) -> Fit:
    """Fit all 48 signed permutations to (n, 3) m/s² and (n, 3) of any unit."""
    n = max(3, round(SMOOTH_S * rate_hz)) | 1
    nothing = Fit(0.0, np.zeros(48), np.zeros(48))
    if len(force) < 3 * n:
        return nothing
    f, w = _smooth(force, n), _smooth(turn, n)
    middle = force[n // 2 : n // 2 + len(f)]
    second = max(1, round(rate_hz))
    shakes = np.sqrt(np.convolve(((middle - f) ** 2).sum(axis=1), np.full(second, 1 / second), "same"))
    counts = (np.abs(np.linalg.norm(f, axis=1) / STANDARD_GRAVITY - 1) < _NEAR_G) & (shakes < _SHAKES)
    if is_sound is not None:
        counts &= np.convolve(~is_sound, np.ones(n), "valid")[: len(f)] == 0
    change = (f[2:] - f[:-2]) * (0.5 * rate_hz)
    rows = counts[1:-1] & (np.linalg.norm(change, axis=1) > _TURNS)
    if not rows.any():
        return nothing
    f, w, change = f[1:-1][rows], w[1:-1][rows], change[rows]
    # (Mω × f) . c = Mω . (f × c), and |Mω × f|² = |ω|²|f|² - (Mω . f)²: sums over the rows, made once, serve all M.
    moment = np.cross(f, change).T @ w
    products = (f[:, :, None] * w[:, None, :]).reshape(len(f), 9)
    squares, flat = products.T @ products, PERMUTATIONS.reshape(48, 9)
    along = -np.einsum("kij,ij->k", PERMUTATIONS, moment)
    size = float(((f**2).sum(axis=1) * (w**2).sum(axis=1)).sum()) - np.einsum(
        "ki,ij,kj->k", flat, squares, flat
    )
    total = float((change**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.nan_to_num(along / np.sqrt(size * total))
        slope = np.nan_to_num(along / size)
    return Fit(len(f) / rate_hz, correlation, slope)


def _smooth(x: Array, n: int) -> Array:
    kernel = np.hanning(n + 2)[1:-1]
    return np.stack([np.convolve(column, kernel / kernel.sum(), "valid") for column in x.T], axis=1)


def check_axes(signals: Signals) -> Iterator[Finding]:
    """Yield whether accelerometer and gyroscope fit, and whether the gyroscope's unit does; nothing without a gyroscope."""
    if signals.turn is None:
        return
    fit = fit_axes(signals.force, signals.turn, signals.rate_hz, signals.is_sound)
    chosen = chosen_axes(fit)
    plain, best = fit.correlation[0], fit.correlation[fit.best]
    if chosen is None:
        yield ok("axes", "cannot be told: turn it slowly about all of its axes for ten seconds")
        return
    if chosen:
        yield fail(
            "axes",
            f"accelerometer and gyroscope do not fit ({plain:.2f}), but would if {explain(PERMUTATIONS[chosen])} ({best:.2f})",
            "mend the order and signs of the axes in its firmware or profile",
        )
    else:
        alike = int((fit.correlation > plain - BETTER).sum()) - 1
        more = f"; so would {alike} other orders, as it was turned about few axes" if alike else ""
        yield ok("axes", f"accelerometer and gyroscope fit ({plain:.2f}){more}")
    yield _check_unit(float(fit.slope[chosen]))


def chosen_axes(fit: Fit) -> int | None:
    """Return the index of the permutation that holds: the identity, unless another fits much better; None: it cannot be told."""
    if fit.seconds < LEAST_S or fit.correlation[fit.best] < FITS:
        return None
    return fit.best if fit.correlation[fit.best] - fit.correlation[0] > BETTER else 0


def turn_factor(signals: Signals) -> float:
    """Return by what the angular rate has to be multiplied to be rad/s; 1 where nothing shows that it is not."""
    if signals.turn is None:
        return 1.0
    fit = fit_axes(signals.force, signals.turn, signals.rate_hz, signals.is_sound)
    chosen = chosen_axes(fit)
    slope = 1.0 if chosen is None else float(fit.slope[chosen])
    return 1.0 if 1 / _UNIT < slope < _UNIT else slope


def _check_unit(slope: float) -> Finding:
    factor = 1 / slope
    says = f"turns {factor:{'.2f' if 0.1 < factor < 10 else '.3g'}} times as fast as gravity does"
    if 1 / _UNIT < slope < _UNIT:
        return ok("gyroscope", says)
    fix = "correct unit and range of the gyroscope in its firmware or app"
    if abs(np.log(slope * _DEGREES)) < np.log(_UNIT):
        return fail("units", f"{says}: it sends degree/s where rad/s are expected", fix)
    if abs(np.log(slope / _DEGREES)) < np.log(_UNIT):
        return fail("units", f"{says}: it sends rad/s where degree/s are expected", fix)
    return fail("units", f"{says}: its unit or range is another", fix)


def explain(m: Array) -> str:
    """Say with the fewest words which error of the axes M stands for."""
    if np.array_equal(m, -np.eye(3)):
        return "one axis of both were mirrored (a left-handed sensor), or all three of the gyroscope"
    # M = det(D) D for an accelerometer that reads Df, and M = G' for a gyroscope that reads Gω.
    ways = [("gyr", m.T)]
    if np.linalg.det(m) > 0:
        ways += [("acc", m), ("acc", -m)]
    sensor, wrong = min(ways, key=lambda way: int((way[1] != np.eye(3)).any(axis=1).sum()))
    return _in_words(sensor, wrong)


def _in_words(sensor: str, wrong: Array) -> str:
    names = "xyz"
    moved = [i for i in range(3) if wrong[i, i] == 0]
    unsigned = bool((wrong >= 0).all())
    if unsigned and len(moved) == 2:
        return f"{sensor}_{names[moved[0]]} and {sensor}_{names[moved[1]]} were swapped"
    if not moved:
        flipped = [f"{sensor}_{names[i]}" for i in range(3) if wrong[i, i] < 0]
        return f"{' and '.join(flipped)} were mirrored"
    reads = [
        f"{sensor}_{names[i]} read {'-' if wrong[i, j] < 0 else ''}{names[j]}"
        for i in range(3)
        for j in [int(np.argmax(np.abs(wrong[i])))]
        if i != j or wrong[i, j] < 0
    ]
    return " and ".join(reads)
