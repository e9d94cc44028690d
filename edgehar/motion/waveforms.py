"""Building blocks of movement: smooth noise, cyclic curves, ground reaction force, impacts, repetitions.

Everything is a pure function of time, so a stretch of movement is the same however it is cut.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.motion.skeleton import SIDES, Array

_KNOTS = 512


class Drift:
    """Smooth noise of zero mean: a cubic B-spline over random knots; repeats only after 512 of them."""

    def __init__(self, rng: np.random.Generator, seconds: float, deviation: float) -> None:
        # A cubic B-spline of white knots has 0.4794 of their variance.
        self._knots = rng.standard_normal(_KNOTS) * (deviation / np.sqrt(0.4794))
        self._seconds = seconds

    def __call__(self, t: Array) -> Array:
        """Return the value at times t, s."""
        whole = np.floor(t / self._seconds)
        u = t / self._seconds - whole
        first = whole.astype(np.int64)
        k = [self._knots[(first + i) % _KNOTS] for i in range(4)]
        value = (1 - u) ** 3 * k[0] + (3 * u**3 - 6 * u**2 + 4) * k[1]
        value += (-3 * u**3 + 3 * u**2 + 3 * u + 1) * k[2] + u**3 * k[3]
        return np.asarray(value / 6.0)


class OccasionalShifts:
    """Smooth moves away and back now and then: one chance in every slot of time."""

    def __init__(
        self, rng: np.random.Generator, every: float, length: tuple[float, float], size: float
    ) -> None:
        self._slot = every
        self._at = rng.uniform(0.0, 1.0, _KNOTS)
        self._length = np.minimum(rng.uniform(*length, _KNOTS), every)
        self._size = rng.normal(0.0, size, _KNOTS) * (rng.random(_KNOTS) < 0.6)

    def __call__(self, t: Array) -> Array:
        """Return the value at times t, s."""
        slot = np.floor(t / self._slot).astype(np.int64) % _KNOTS
        start = self._at[slot] * (self._slot - self._length[slot])
        u = (t % self._slot - start) / self._length[slot]
        return np.asarray(self._size[slot] * bump(u))


class Cycle:
    """Curve over one cycle, given at points (percent, degrees) and kept as its first harmonics."""

    def __init__(self, points: Sequence[tuple[float, float]], harmonics: int = 6) -> None:
        at, value = np.asarray(points, dtype=np.float64).T
        dense = np.interp(np.arange(200) / 200.0, at / 100.0, np.deg2rad(value), period=1.0)
        spectrum = np.fft.rfft(dense)[: harmonics + 1] / 200.0
        self.mean = float(spectrum[0].real)
        self.weights: tuple[complex, ...] = tuple(2.0 * spectrum[1:])

    def personal(self, rng: np.random.Generator, size: float, shape: float) -> "Cycle":
        """Draw the curve of one person: deviation from its mean times `size`, harmonics bent by `shape`."""
        curve = Cycle(((0.0, 0.0), (50.0, 0.0)), 1)
        curve.mean = self.mean
        largest = abs(self.weights[0])
        noise = rng.normal(0.0, shape, (len(self.weights), 2)) / (1.0 + np.arange(len(self.weights)))[:, None]
        curve.weights = tuple(
            size * (w + largest * complex(*n)) for w, n in zip(self.weights, noise, strict=True)
        )
        return curve

    def __call__(self, phase: Array) -> Array:
        """Return the value at phases in cycles, rad."""
        turn = np.exp(2j * np.pi * phase)
        total = np.zeros(phase.shape, dtype=np.complex128)
        for weight in reversed(self.weights):
            total = (total + weight) * turn
        return np.asarray(self.mean + total.real)


class Harmonics:
    """Rhythm of random shape: per harmonic of the cycle, an amplitude up to that of `most` at any phase."""

    def __init__(self, rng: np.random.Generator, *most: float) -> None:
        self._weights = [rng.uniform(0.0, size) * np.exp(2j * np.pi * rng.random()) for size in most]

    def __call__(self, phase: Array) -> Array:
        """Return the value at phases in cycles."""
        waves = (w * np.exp(2j * np.pi * k * phase) for k, w in enumerate(self._weights, start=1))
        return np.asarray(sum(wave.real for wave in waves))


class OutOfPlane:
    """Small random turns of trunk and limbs out of the plane of a movement; nobody keeps them still.

    `degrees` is the range of the thorax's twist among people; hips, arms and palms have their share of it.
    """

    def __init__(self, rng: np.random.Generator, degrees: tuple[float, float]) -> None:
        twist = np.deg2rad(rng.uniform(*degrees))
        shares = {"roll": 0.4, "bend": 0.7, "twist": 1.0}
        for side in SIDES:
            shares |= {f"hip_out_{side}": 0.7, f"hip_turn_{side}": 1.0}
            shares |= {f"arm_out_{side}": 1.0, f"arm_turn_{side}": 1.2, f"palm_{side}": 2.0}
        self._turns = {
            name: Drift(rng, rng.uniform(0.2, 0.5), share * twist) for name, share in shares.items()
        }

    def __call__(self, t: Array, pose: dict[str, Array]) -> dict[str, Array]:
        """Return the pose with these turns added."""
        return pose | {name: np.asarray(pose.get(name, 0.0) + turn(t)) for name, turn in self._turns.items()}


def ground_force(phase: Array, duty: float, dip: float, early: float) -> Array:
    """Return one foot's vertical force in body weights, averaging 1/2; on the ground for `duty` of its cycle.

    Alexander and Jayes 1980: F ~ cos(pi tau) - q cos(3 pi tau), q = `dip`; `early` moves load from push-off
    to landing.
    """
    u = phase - np.floor(phase)
    tau = np.where(u < duty, u / duty - 0.5, 0.5)
    peak = 0.5 * np.pi / (2.0 * duty * (1.0 + dip / 3.0))
    wave = np.cos(np.pi * tau) - dip * np.cos(3.0 * np.pi * tau) - early * np.sin(2.0 * np.pi * tau)
    return np.asarray(np.where(u < duty, peak * wave, 0.0))


class FootStrikes:
    """Shocks of foot strikes on the skeleton: damped oscillations that start at whole phases.

    `peak` is the height of the first swing, m/s², `spread` how far strikes differ from it.
    """

    def __init__(
        self, rng: np.random.Generator, peak: float, hertz: float, decay: float, spread: float
    ) -> None:
        turn = 2.0 * np.pi * hertz * decay
        highest = np.exp(-np.arctan(turn) / turn) * turn / np.hypot(1.0, turn)
        self._peaks = peak / highest * np.exp(rng.normal(0.0, spread, _KNOTS))
        self._hertz, self._decay = hertz, decay

    def __call__(self, phase: Array, rate: float) -> Array:
        """Return the acceleration, m/s², at phases in cycles of about `rate` cycles per second."""
        count = np.floor(phase)
        total = np.zeros(phase.shape)
        for back in (0, 1):
            since = (phase - count + back) / rate
            ring = np.exp(-since / self._decay) * np.sin(2.0 * np.pi * self._hertz * since)
            total += self._peaks[(count.astype(np.int64) - back) % _KNOTS] * ring
        return total


def minimum_jerk(t: Array, start: float, seconds: float) -> Array:
    """Go from 0 to 1 within `seconds` of start with least jerk (Flash and Hogan, J. Neuroscience 5, 1985)."""
    u = np.clip((t - start) / seconds, 0.0, 1.0)
    return np.asarray(u**3 * (10.0 - 15.0 * u + 6.0 * u**2))


def rise_and_fall(t: Array, rise: tuple[float, float], fall: tuple[float, float]) -> Array:
    """Go from 0 to 1 with least jerk, and back; `rise` and `fall`: start and duration, in the unit of t."""
    return minimum_jerk(t, *rise) - minimum_jerk(t, *fall)


def bump(u: Array) -> Array:
    """Go from 0 to 1 and back as u goes from 0 to 1; the second derivative is continuous at both ends."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(64.0 * (u * (1.0 - u)) ** 3)


def impact_pulse(since: Array, seconds: float) -> Array:
    """Return a pulse of about `seconds` that dies away and peaks at 1; zero before."""
    u = np.maximum(since, 0.0) / seconds
    # 0.6377 is the highest point of exp(-u) sin(pi u).
    return np.asarray(np.exp(-u) * np.sin(np.pi * u) / 0.6377)


def second_derivative(path: Callable[[Array], Array], t: Array) -> Array:
    """Return the second derivative of a smooth path at times t, per s²."""
    step = 0.005
    return np.asarray((path(t + step) - 2.0 * path(t) + path(t - step)) / step**2)


class RepetitionState(Struct, frozen=True, eq=False):
    """Progress through an action that is done again and again."""

    u: Array
    """Share done, from 0 to 1, then 1 until the next."""
    since: Array
    """s since it began."""
    duration: Array
    """s that the repetition takes."""
    index: NDArray[np.int64]
    """Number of the repetition; 0..511, then again."""
    size: Array
    """About 1, drawn for each repetition."""

    @property
    def elapsed(self) -> Array:
        """Seconds since it began; its duration while it rests."""
        return np.where(self.u < 1.0, self.since, self.duration)


class Repetitions:
    """Action done again and again, none quite like the last, with pauses or without.

    Args:
        rng: where chance comes from.
        seconds: duration of one, s.
        pause: range of rests after it, s.
        spread: of their durations, as a share.
        first: s at which the first begins; somewhere in the middle of them if None.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        seconds: float,
        pause: tuple[float, float] = (0.0, 0.0),
        spread: float = 0.05,
        first: float | None = None,
    ) -> None:
        self._durations = (
            seconds * np.exp(rng.normal(0.0, spread, _KNOTS)) if spread else np.full(_KNOTS, seconds)
        )
        self._starts = np.concatenate([[0.0], np.cumsum(self._durations + rng.uniform(*pause, _KNOTS))])
        self._sizes = np.exp(rng.normal(0.0, 0.08, _KNOTS))
        self._first = -rng.uniform(0.0, self._starts[-1]) if first is None else first

    def __call__(self, t: Array) -> RepetitionState:
        """Return the progress at times t, s."""
        t = (t - self._first) % self._starts[-1]
        index = np.clip(np.searchsorted(self._starts, t, side="right") - 1, 0, _KNOTS - 1)
        since, duration = t - self._starts[index], self._durations[index]
        return RepetitionState(np.minimum(since / duration, 1.0), since, duration, index, self._sizes[index])


class RandomTargets:
    """Random values, each reached from the last within one repetition."""

    def __init__(self, rng: np.random.Generator, low: float, high: float) -> None:
        self._values = rng.uniform(low, high, _KNOTS)

    def __call__(self, rep: RepetitionState) -> Array:
        """Return the value at this progress."""
        old, new = self._values[rep.index - 1], self._values[rep.index]
        return np.asarray(old + (new - old) * minimum_jerk(rep.u, 0.0, 1.0))


class FallProfile:
    """Share of a fall that is behind, 0 to 1: ever faster, stopped by a half sine of force, a small bounce.

    Args:
        end: s, the middle of the impact.
        seconds: from the first motion to the impact's begin.
        ramp: share of them over which the pull grows to its full size.
        width: s that the impact lasts.
        rebound: share of the speed that is thrown back.
    """

    def __init__(self, end: float, seconds: float, ramp: float, width: float, rebound: float) -> None:
        self.start = end - 0.5 * width - seconds
        self._ramp, self._free, self._width = ramp * seconds, (1.0 - ramp) * seconds, width
        self._rebound = rebound
        square, straight = _distance_coefficients(ramp, width, rebound)
        self._pull = 1.0 / (square * seconds**2 + straight * seconds)

    @staticmethod
    def fall_time(drop: float, pull: float, ramp: float, width: float, rebound: float) -> float:
        """Return how long it takes, s, to fall `drop` m where the pull grows to `pull` m/s²."""
        square, straight = _distance_coefficients(ramp, width, rebound)
        return float((np.sqrt(straight**2 + 4.0 * square * drop / pull) - straight) / (2.0 * square))

    def __call__(self, t: Array) -> Array:
        """Return the share at times t, s."""
        r, free, w, a, e = self._ramp, self._free, self._width, self._pull, self._rebound
        since = t - self.start
        s = np.clip(since, 0.0, r)
        way = 0.5 * a * (0.5 * s**2 + (r / np.pi) ** 2 * (np.cos(np.pi * s / r) - 1.0))
        s = np.clip(since - r, 0.0, free)
        way = way + 0.5 * a * r * s + 0.5 * a * s**2
        speed = a * (0.5 * r + free)
        s = np.clip(since - r - free, 0.0, w)
        way += speed * s - 0.5 * (1.0 + e) * speed * (s - w / np.pi * np.sin(np.pi * s / w))
        s = np.maximum(since - r - free - w, 0.0)
        # What was thrown back returns with the pull that it fell with.
        return np.asarray(way - e * speed * s * np.exp(-0.5 * a / (max(e, 0.01) * speed) * s))


def _distance_coefficients(ramp: float, width: float, rebound: float) -> tuple[float, float]:
    """Return the distance per unit of pull: factors of the fall's time squared, and of the time."""
    free = 1.0 - ramp
    square = ramp**2 * (0.25 - 1.0 / np.pi**2) + 0.5 * ramp * free + 0.5 * free**2
    return float(square), 0.5 * (0.5 * ramp + free) * width * (1.0 - rebound)
