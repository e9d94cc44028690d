"""All that one sensor sent while it was listened to, kept for the checks: bounded, and read by no clock."""

from collections import defaultdict

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.devices import PROFILES
from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.pipeline.intake import Intake
from edgehar.types import ACCELERATION, ANGULAR_RATE, Samples, Stream, Times

Array = NDArray[np.float64]

LONGEST = 500_000
"""Samples of a kind that are kept: almost three hours at 50 per second. Of what comes later the link alone is measured."""

GAP_S = 0.25
"""Time between two samples from which nothing is told of the time between, as on the grid of the recognizer."""

_RATE_HZ = 50.0
"""Rows per second of `Signals` at most: people move slower."""


class Signals(Struct, frozen=True, eq=False):
    """A sensor's signals on an even grid."""

    rate_hz: float
    force: Array
    """(n, 3), specific force, m/s²."""
    turn: Array | None
    """(n, 3), angular rate, rad/s; None if there is no gyroscope."""
    is_sound: NDArray[np.bool_]
    """(n,): False in a gap."""


class Measurement:
    """Measurements of one sensor; `push` everything, then ask."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.intake = Intake(stream)
        self.longest_pause_s = 0.0
        self.first_s: float | None = None
        self.last_s = 0.0
        self.arrivals: dict[tuple[str, ...], list[tuple[float, int, float]]] = defaultdict(list)
        """By kind of channel: of each packet its arrival, s, number of samples, and delay behind its last sample, s."""
        self._samples: dict[tuple[str, ...], list[Samples]] = defaultdict(list)
        self._counts: dict[tuple[str, ...], int] = defaultdict(int)

    def push(self, t: float, body: bytes) -> None:
        """Take one body that arrived at stream time `t`, s."""
        if not body:
            return
        if self.first_s is None:
            self.first_s = self.last_s = t
        self.longest_pause_s = max(self.longest_pause_s, t - self.last_s)
        self.last_s = t
        for samples in self.intake.push(t, body):
            kind, n = samples.channels, len(samples.t)
            if n and self._counts[kind] < LONGEST:
                self._counts[kind] += n
                self.arrivals[kind].append((t, n, t - float(samples.t[-1])))
                self._samples[kind].append(samples)

    @property
    def seconds(self) -> float:
        """Time from the first body to the last, s."""
        return 0.0 if self.first_s is None else self.last_s - self.first_s

    @property
    def declared_hz(self) -> float | None:
        """Samples per second that the sensor says it sends, or else its profile; None if neither says it."""
        reader, profile = self.intake.reader, PROFILES.get(self.stream.profile)
        described = reader.description if isinstance(reader, EdgeharReader) else None
        return 1e6 / described.period_us if described else profile.rate_hz if profile else None

    def kinds(self) -> list[tuple[str, ...]]:
        """Return the kinds of channels that came."""
        return [*self._samples]

    def raw(self, kind: tuple[str, ...]) -> tuple[Times, NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the samples of a kind: times, s, (n, channels) values as sent, and scale, of what was read with the last scale."""
        scale = self._samples[kind][-1].scale
        same = [
            s for s in self._samples[kind] if (s.scale is None) == (scale is None) and _equal(s.scale, scale)
        ]
        t = np.concatenate([s.t for s in same])
        values = np.concatenate([s.values for s in same]).astype(np.float64)
        return t, values, None if scale is None else np.asarray(scale, np.float64)

    def signals(self) -> Signals | None:
        """Return the signals on an even grid; None if there is no acceleration, or under two seconds of it."""
        force = self._track(ACCELERATION)
        if force is None:
            return None
        t, f = force
        step = float(np.median(np.diff(t))) if len(t) > 1 else 0.0
        if not step > 0.0 or t[-1] - t[0] < 2.0:
            return None
        rate = min(1.0 / step, _RATE_HZ)
        grid = np.arange(t[0], t[-1], 1.0 / rate)
        is_sound = _near(grid, t, max(GAP_S, 2.5 * step))
        turn = self._track(ANGULAR_RATE)
        w = None
        if turn is not None and len(turn[0]) > 1:
            w = _on(grid, *turn)
            is_sound &= _near(grid, turn[0], max(GAP_S, 2.5 * float(np.median(np.diff(turn[0])))))
        return Signals(rate, _on(grid, t, f), w, is_sound)

    def _track(self, channels: tuple[str, ...]) -> tuple[Times, Array] | None:
        """Return times and SI values of the kind that has all these channels; None if none has."""
        kind = next((kind for kind in self._samples if set(channels) <= set(kind)), None)
        if kind is None:
            return None
        columns = [kind.index(name) for name in channels]
        parts = self._samples[kind]
        return np.concatenate([s.t for s in parts]), np.concatenate([s.x[:, columns] for s in parts]).astype(
            np.float64
        )


def _equal(a: object, b: object) -> bool:
    return a is b or bool(np.array_equal(np.asarray(a), np.asarray(b)))


def _on(grid: Times, t: Times, x: Array) -> Array:
    return np.stack([np.interp(grid, t, column) for column in x.T], axis=1)


def _near(grid: Times, t: Times, gap_s: float) -> NDArray[np.bool_]:
    """Tell which rows of the grid lie between two samples that are no gap apart."""
    after = np.clip(np.searchsorted(t, grid, "right"), 1, len(t) - 1)
    sound: NDArray[np.bool_] = t[after] - t[after - 1] <= gap_s
    return sound
