"""What movements are made of: smooth chance, curves over a cycle, ground reaction and impacts.

Everything is a pure function of time, so a stretch of movement is the same however it is cut.
"""

from collections.abc import Sequence

import numpy as np

from edgehar.motion.skeleton import Array

_KNOTS = 512


class Drift:
    """Smooth noise: a cubic B-spline over random knots; repeats only after 512 of them."""

    def __init__(self, rng: np.random.Generator, seconds: float, deviation: float) -> None:
        # A cubic B-spline of white knots has 0.4794 of their variance.
        self._knots = rng.standard_normal(_KNOTS) * (deviation / np.sqrt(0.4794))
        self._seconds = seconds

    def __call__(self, t: Array) -> Array:
        """Value at times t, s."""
        whole = np.floor(t / self._seconds)
        u = t / self._seconds - whole
        first = whole.astype(np.int64)
        k = [self._knots[(first + i) % _KNOTS] for i in range(4)]
        value = (1 - u) ** 3 * k[0] + (3 * u**3 - 6 * u**2 + 4) * k[1]
        value += (-3 * u**3 + 3 * u**2 + 3 * u + 1) * k[2] + u**3 * k[3]
        return np.asarray(value / 6.0)


class Bumps:
    """Now and then a smooth move away and back: one chance in every slot of time."""

    def __init__(
        self, rng: np.random.Generator, every: float, length: tuple[float, float], size: float
    ) -> None:
        self._slot = every
        self._at = rng.uniform(0.0, 1.0, _KNOTS)
        self._length = np.minimum(rng.uniform(*length, _KNOTS), every)
        self._size = rng.normal(0.0, size, _KNOTS) * (rng.random(_KNOTS) < 0.6)

    def __call__(self, t: Array) -> Array:
        """Value at times t, s."""
        slot = np.floor(t / self._slot).astype(np.int64) % _KNOTS
        start = self._at[slot] * (self._slot - self._length[slot])
        u = np.clip((t % self._slot - start) / self._length[slot], 0.0, 1.0)
        # (u(1-u))³ has a continuous second derivative at both ends.
        return np.asarray(self._size[slot] * 64.0 * (u * (1.0 - u)) ** 3)


class Cycle:
    """A curve over one cycle, given at points and kept as its first harmonics."""

    def __init__(self, points: Sequence[tuple[float, float]], harmonics: int = 6) -> None:
        at, value = np.asarray(points, dtype=np.float64).T
        dense = np.interp(np.arange(200) / 200.0, at / 100.0, np.deg2rad(value), period=1.0)
        spectrum = np.fft.rfft(dense)[: harmonics + 1] / 200.0
        self.mean = float(spectrum[0].real)
        self.weights: tuple[complex, ...] = tuple(2.0 * spectrum[1:])

    def personal(self, rng: np.random.Generator, size: float, shape: float) -> "Cycle":
        """The curve of one person: deviation from its mean times `size`, harmonics bent by `shape`."""
        own = Cycle(((0.0, 0.0), (50.0, 0.0)), 1)
        own.mean = self.mean
        largest = abs(self.weights[0])
        noise = rng.normal(0.0, shape, (len(self.weights), 2)) / (1.0 + np.arange(len(self.weights)))[:, None]
        own.weights = tuple(
            size * (w + largest * complex(*n)) for w, n in zip(self.weights, noise, strict=True)
        )
        return own

    def __call__(self, phase: Array) -> Array:
        """Value at phases in cycles, rad."""
        turn = np.exp(2j * np.pi * phase)
        total = np.zeros(phase.shape, dtype=np.complex128)
        for weight in reversed(self.weights):
            total = (total + weight) * turn
        return np.asarray(self.mean + total.real)


def ground_force(phase: Array, duty: float, dip: float, early: float) -> Array:
    """Vertical force of one foot in body weights, averaging 1/2; on the ground for `duty` of its cycle.

    Alexander and Jayes 1980: F ~ cos(pi tau) - q cos(3 pi tau), q = `dip`; `early` moves load from push-off
    to landing.
    """
    u = phase - np.floor(phase)
    tau = np.where(u < duty, u / duty - 0.5, 0.5)
    peak = 0.5 * np.pi / (2.0 * duty * (1.0 + dip / 3.0))
    wave = np.cos(np.pi * tau) - dip * np.cos(3.0 * np.pi * tau) - early * np.sin(2.0 * np.pi * tau)
    return np.asarray(np.where(u < duty, peak * wave, 0.0))


class Strikes:
    """What the skeleton feels of each foot strike: damped oscillations that start at whole phases."""

    def __init__(
        self, rng: np.random.Generator, peak: float, hertz: float, decay: float, spread: float
    ) -> None:
        self._peaks = peak * np.exp(rng.normal(0.0, spread, _KNOTS))
        self._hertz, self._decay = hertz, decay

    def __call__(self, phase: Array, rate: float) -> Array:
        """Acceleration, m/s², at phases in cycles of about `rate` cycles per second."""
        count = np.floor(phase)
        total = np.zeros(phase.shape)
        for back in (0, 1):
            since = (phase - count + back) / rate
            ring = np.exp(-since / self._decay) * np.sin(2.0 * np.pi * self._hertz * since)
            total += self._peaks[(count.astype(np.int64) - back) % _KNOTS] * ring
        return total
