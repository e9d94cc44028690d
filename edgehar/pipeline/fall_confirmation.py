"""Whether what looked like a fall was one: what came after it tells.

A window of some seconds shows the losing of balance and the impact, and so do running, sitting down
hard and hitting a table. Who fell lies there: the sensor was hit, then lies still, and points
elsewhere than before. All three are looked for in the same sensor, hop by hop.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from math import acos, ceil, degrees, hypot, inf

from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.types import HopAcceleration, Prediction

_FALLS_S = 0.6
"""Before the impact, s: from standing it takes 0.7 s (Hsiao and Robinovitch 1998), part of it in the impact's hop."""
_BEFORE_S = 2.0
"""For so long before the fall the direction is averaged, s; a round number, about two strides."""
_STILL_S = 1.2
"""How long a sensor has to lie still, s; a round number."""

Force = tuple[float, float, float]


class Fall(Struct, frozen=True):
    """A fall that was seen to be one."""

    t: float
    """Middle of the impact's hop, stream time, s."""
    sensor: int
    """Index of the one that proves it."""
    probability: float
    """Largest that the model gave while it was suspected."""
    peak: float
    """Largest specific force of the impact, m/s²."""
    turn_deg: float
    """Between the sensor's direction before and after it, degrees."""


class _Hit(Struct, frozen=True):
    """The impact of a suspected fall."""

    t: float
    """End of its hop, s."""
    peak: float
    before: Force
    probability: float


class Aftermath:
    """Of one wearer; a sensor without accelerometer proves nothing.

    Args:
        label: index of the label that is suspected.
        window_s, hop_s: the model's, s.
        settings: all keys that begin with `fall_`.

    Raises:
        ConfigError: if there is no time to lie still in.
    """

    def __init__(self, label: int, window_s: float, hop_s: float, settings: Settings) -> None:
        self._label, self._hop_s, self._settings = label, hop_s, settings
        self._window_s = min(window_s, settings.fall_within_s)
        self._still_hops = max(1, round(_STILL_S / hop_s))
        least_s = (self._still_hops + 1) * hop_s
        if settings.fall_within_s < least_s:
            raise ConfigError(
                f"decision: fall_within_s = {settings.fall_within_s:g} must be 0 or at least {least_s:g}, the "
                "time to be hit and lie still; change it"
            )
        self._kept = ceil((window_s + _FALLS_S + _BEFORE_S) / hop_s) + self._still_hops
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._hops: deque[tuple[float, Mapping[int, HopAcceleration]]] = deque(maxlen=self._kept)
        self._hits: dict[int, _Hit] = {}
        self._told_at = -inf

    @property
    def suspected(self) -> tuple[int, float] | None:
        """The sensor that was hit hardest by what may have been a fall, and its peak, m/s²."""
        peak, sensor = max(((hit.peak, sensor) for sensor, hit in self._hits.items()), default=(0.0, 0))
        return (sensor, peak) if self._hits else None

    def push(self, prediction: Prediction) -> list[Fall]:
        """The fall that this window shows to have been one; never two of one impact."""
        p = prediction
        self._hops.append((p.t, p.hop_accelerations))
        last = p.t - self._settings.fall_within_s - 0.5 * self._hop_s
        self._hits = {i: hit for i, hit in self._hits.items() if hit.t > last}
        if p.probabilities is not None:
            probability = float(p.probabilities[self._label])
            if probability >= self._settings.fall_suspicion:
                for sensor in {sensor for _, felt in self._hops for sensor in felt}:
                    self._suspect(sensor, probability, p.t)
        for sensor, hit in self._hits.items():
            turn_deg = self._turned(sensor, hit)
            if turn_deg is not None and turn_deg >= self._settings.fall_turn_deg:
                self._hits, self._told_at = {}, p.t
                return [Fall(hit.t - 0.5 * self._hop_s, sensor, hit.probability, hit.peak, turn_deg)]
        return []

    def _suspect(self, sensor: int, probability: float, t: float) -> None:
        """Take the hardest hit of the window, unless a harder one is waited for or nothing is known before it."""
        hops = self._of(sensor)
        since = max(t - self._window_s, self._told_at) + 0.5 * self._hop_s
        hits = [(felt.peak, u) for u, felt in hops if u > since and felt.peak >= self._settings.fall_peak]
        known = self._hits.get(sensor)
        if known:
            probability = max(probability, known.probability)
            hits.append((known.peak, known.t))
        if not hits:
            return
        peak, at = max(hits)
        end = at - self._hop_s - _FALLS_S
        before = [felt.mean for u, felt in hops if end - _BEFORE_S < u <= end]
        if known and known.t == at:
            self._hits[sensor] = replace(known, probability=probability)
        elif before or hops[0][0] < at:
            self._hits[sensor] = _Hit(at, peak, _mean(before or [hops[0][1].mean]), probability)

    def _turned(self, sensor: int, hit: _Hit) -> float | None:
        """By how much the sensor points elsewhere, degrees; None as long as it does not lie still."""
        hops = self._of(sensor)[-self._still_hops :]
        if len(hops) < self._still_hops or hops[0][0] <= hit.t:
            return None
        forces, most = [felt.mean for _, felt in hops], self._settings.fall_still_swing
        has_gap = hops[-1][0] - hops[0][0] > (self._still_hops - 0.5) * self._hop_s
        moves = max(felt.peak_to_peak for _, felt in hops) > most
        drifts = any(max(axis) - min(axis) > most for axis in zip(*forces, strict=True))
        return None if has_gap or moves or drifts else _between(hit.before, _mean(forces))

    def _of(self, sensor: int) -> list[tuple[float, HopAcceleration]]:
        return [(t, felt[sensor]) for t, felt in self._hops if sensor in felt]


def _mean(forces: Sequence[Force]) -> Force:
    x, y, z = (sum(axis) / len(forces) for axis in zip(*forces, strict=True))
    return x, y, z


def _between(a: Force, b: Force) -> float:
    """Degrees; 0 if one of them is zero."""
    size = hypot(*a) * hypot(*b)
    along = sum(p * q for p, q in zip(a, b, strict=True))
    return degrees(acos(min(1.0, max(-1.0, along / size)))) if size else 0.0
