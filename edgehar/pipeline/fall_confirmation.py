"""Confirmation of a suspected fall by what came after it.

A window of some seconds shows the losing of balance and the impact, and so do running, sitting down
hard and hitting a table. Who fell lies there: the sensor was hit, then lies still, and points
elsewhere than before. All three are looked for in the same sensor, hop by hop. The thresholds are the keys
`fall_*` of `decision_settings`.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from math import acos, ceil, degrees, hypot, inf

from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.types import HopAcceleration, Prediction

_FALL_S = 0.6
"""Before the impact, s: from standing it takes 0.7 s (Hsiao and Robinovitch 1998), part of it in the impact's hop."""
_BEFORE_S = 2.0
"""For so long before the fall the direction is averaged, s; a round number, about two strides."""
_STILL_S = 1.2
"""Time that a sensor has to lie still, s; a round number."""

Vector = tuple[float, float, float]
"""Specific force along a sensor's axes, m/s²."""


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
    before: Vector
    probability: float


class FallConfirmation:
    """Watches the sensors of one wearer; one without accelerometer proves nothing.

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
        self._hops_kept = ceil((window_s + _FALL_S + _BEFORE_S) / hop_s) + self._still_hops
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._hops: deque[tuple[float, Mapping[int, HopAcceleration]]] = deque(maxlen=self._hops_kept)
        self._hits: dict[int, _Hit] = {}
        self._confirmed_at = -inf

    @property
    def suspected(self) -> tuple[int, float] | None:
        """The sensor that was hit hardest by what may have been a fall, and its peak, m/s²."""
        peak, sensor = max(((hit.peak, sensor) for sensor, hit in self._hits.items()), default=(0.0, 0))
        return (sensor, peak) if self._hits else None

    def push(self, prediction: Prediction) -> list[Fall]:
        """Return the fall that this window confirms, if it does; never two of one impact."""
        p = prediction
        self._hops.append((p.t, p.hop_accelerations))
        last = p.t - self._settings.fall_within_s - 0.5 * self._hop_s
        self._hits = {i: hit for i, hit in self._hits.items() if hit.t > last}
        if p.probabilities is not None:
            probability = float(p.probabilities[self._label])
            if probability >= self._settings.fall_suspicion:
                for sensor in {sensor for _, accelerations in self._hops for sensor in accelerations}:
                    self._suspect(sensor, probability, p.t)
        for sensor, hit in self._hits.items():
            turn_deg = self._turn_deg(sensor, hit)
            if turn_deg is not None and turn_deg >= self._settings.fall_turn_deg:
                self._hits, self._confirmed_at = {}, p.t
                return [Fall(hit.t - 0.5 * self._hop_s, sensor, hit.probability, hit.peak, turn_deg)]
        return []

    def _suspect(self, sensor: int, probability: float, t: float) -> None:
        """Take the hardest hit of the window, unless a harder one is waited for or nothing is known before it."""
        hops = self._hops_of(sensor)
        since = max(t - self._window_s, self._confirmed_at) + 0.5 * self._hop_s
        hits = [(hop.peak, u) for u, hop in hops if u > since and hop.peak >= self._settings.fall_peak]
        awaited = self._hits.get(sensor)
        if awaited:
            probability = max(probability, awaited.probability)
            hits.append((awaited.peak, awaited.t))
        if not hits:
            return
        peak, at = max(hits)
        end = at - self._hop_s - _FALL_S
        before = [hop.mean for u, hop in hops if end - _BEFORE_S < u <= end]
        if awaited and awaited.t == at:
            self._hits[sensor] = replace(awaited, probability=probability)
        elif before or hops[0][0] < at:
            self._hits[sensor] = _Hit(at, peak, _mean(before or [hops[0][1].mean]), probability)

    def _turn_deg(self, sensor: int, hit: _Hit) -> float | None:
        """Return by how much the sensor points elsewhere, degrees; None as long as it does not lie still."""
        hops = self._hops_of(sensor)[-self._still_hops :]
        if len(hops) < self._still_hops or hops[0][0] <= hit.t:
            return None
        means, most = [hop.mean for _, hop in hops], self._settings.fall_still_swing
        has_gap = hops[-1][0] - hops[0][0] > (self._still_hops - 0.5) * self._hop_s
        moves = max(hop.peak_to_peak for _, hop in hops) > most
        drifts = any(max(axis) - min(axis) > most for axis in zip(*means, strict=True))
        return None if has_gap or moves or drifts else _angle_deg(hit.before, _mean(means))

    def _hops_of(self, sensor: int) -> list[tuple[float, HopAcceleration]]:
        return [(t, accelerations[sensor]) for t, accelerations in self._hops if sensor in accelerations]


def _mean(vectors: Sequence[Vector]) -> Vector:
    x, y, z = (sum(axis) / len(vectors) for axis in zip(*vectors, strict=True))
    return x, y, z


def _angle_deg(a: Vector, b: Vector) -> float:
    """Return the angle between two vectors, degrees; 0 if one of them is zero."""
    size = hypot(*a) * hypot(*b)
    along = sum(p * q for p, q in zip(a, b, strict=True))
    return degrees(acos(min(1.0, max(-1.0, along / size)))) if size else 0.0
