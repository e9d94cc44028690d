"""The hits of a sensor that may have been falls, and what speaks for each, hop by hop.

    hop      | before: 2 s       | the fall | hit    | after it: until `within_s` ...
    evidence | unrest, direction | fell     | impact | turned, rest
             | repeats: hits about as hard around it
             | network: the windows that hold it

A hit is a hop whose peak no other within a window's time before it reaches; a harder one after it takes its place. So a
train of hits, as of clapping, is one of them at most.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from math import acos, ceil, degrees, hypot, log, log2

from msgspec import Struct

from edgehar.types import STANDARD_GRAVITY, HopAcceleration

_LEAST_PEAK = 1.5 * STANDARD_GRAVITY
"""Softest hit, m/s²: going down stairs reaches it; of 143 acted falls 5 % are softer at the hip."""
_HARD = 3.0 * STANDARD_GRAVITY
"""From here on a hit speaks for a fall, m/s² (Abbate et al. 2012, Pervasive Mob. Comput. 8:883)."""
_MOST_PEAK = 6.0 * STANDARD_GRAVITY
"""Hit from which on a harder one proves no more, m/s²: in SmartFallMM and WEDA-FALL three of four falls are softer."""
_FALL_S = 0.6
"""Before the impact, s: from standing it takes 0.7 s (Hsiao and Robinovitch 1998), part of it in the impact's hop."""
_BEFORE_S = 2.0
"""For so long before the fall direction and swing are averaged, s; a round number, about two strides."""
_CALM_SWING = 4.0
"""Up to here who moves before it does nothing unusual, m/s²: slow walking. Who acts a fall stands still before it."""
_TURNED_DEG = 60.0
"""From here on a turn does: between upright and lying (Karantonis et al. 2006, IEEE Trans. Inf. Technol. Biomed. 10:156)."""
STILL_SWING = 2.0
"""Swing in a hop below which somebody lies still, m/s²; a round number."""
_LEAST_SWING = 0.7
"""Swing below which nothing more is proven, m/s²: who is hurt and who lies still by intention both swing less."""
_FREE = 0.6 * STANDARD_GRAVITY
"""Specific force below which a body falls, m/s² (Kangas et al. 2008, Gait Posture 28:285): lying down keeps more."""
_FREE_BOUNDS = 0.15 * STANDARD_GRAVITY, 1.2 * STANDARD_GRAVITY
"""Bounds of the specific force beyond which nothing more is proven, m/s²; round numbers."""
_REPEATS_SHARE = 0.5
"""Least share of a hit that repeats it; a round number."""
_MOST_REPEATS = 3
"""As many as a window has room for; more is no more of a train."""
_SUREST = 1e-4
"""No network is surer than this."""

Vector = tuple[float, float, float]
"""Specific force along a sensor's axes, m/s²."""


class Hit(Struct):
    """An impact that may have been a fall's, and what was seen of it so far."""

    t: float
    """End of its hop, stream time, s."""
    peak: float
    """Largest specific force, m/s²."""
    before: Vector
    """Mean specific force before the fall."""
    swing_before: float
    """Mean peak-to-peak of a hop before the fall, m/s²."""
    least: float
    """Smallest specific force in its hop and in that before, m/s²."""
    probability: float = 0.0
    """Largest that the model gave a window that holds it."""
    least_swing: float = 0.0
    """Smallest peak-to-peak of a hop after it, m/s²."""
    repeats: int = 0
    """Hops within a window's time before or after it, but next to it, that were hit at least half as hard."""
    turn_deg: float = 0.0
    """From the direction before to that of the newest two hops, degrees."""


class Evidence(Struct, frozen=True):
    """Evidence of a fall, each part in the unit of its weight in `fall_settings`; zero where it says nothing."""

    network: float
    fell: float
    impact: float
    turned: float
    rest: float
    unrest: float
    repeats: float


def evidence(hit: Hit) -> Evidence:
    """Return what speaks for a hit to have been a fall's."""
    p = min(max(hit.probability, _SUREST), 1.0 - _SUREST)
    return Evidence(
        network=log(p / (1.0 - p)),
        fell=log2(_FREE / min(max(hit.least, _FREE_BOUNDS[0]), _FREE_BOUNDS[1])),
        impact=log2(min(hit.peak, _MOST_PEAK) / _HARD),
        turned=(min(hit.turn_deg, 90.0) - _TURNED_DEG) / 90.0,
        rest=log2(STILL_SWING / max(hit.least_swing, _LEAST_SWING)),
        unrest=log2(max(hit.swing_before, _CALM_SWING) / _CALM_SWING),
        repeats=float(min(hit.repeats, _MOST_REPEATS)),
    )


class Hits:
    """The hits of one sensor; `window_s` and `hop_s` are the model's, s."""

    def __init__(self, window_s: float, hop_s: float, within_s: float) -> None:
        self._window_s, self._hop_s, self._within_s = window_s, hop_s, within_s
        kept_s = max(window_s, hop_s + _FALL_S + _BEFORE_S)
        self._hops: deque[tuple[float, HopAcceleration]] = deque(maxlen=ceil(kept_s / hop_s) + 1)
        self._hits: list[Hit] = []

    def push(self, t: float, hop: HopAcceleration | None) -> None:
        """Take the hop that ended at `t`, s; None if its sensor sent too little."""
        self._hits = [hit for hit in self._hits if hit.t > t - self._within_s - 0.5 * self._hop_s]
        if hop is None:
            return
        recent = [earlier for u, earlier in self._hops if u > t - self._window_s - 0.5 * self._hop_s]
        self._hits = [hit for hit in self._hits if hit.peak >= hop.peak]
        for hit in self._hits:
            self._follow(hit, t, hop)
        is_hit = hop.peak >= _LEAST_PEAK and all(earlier.peak < hop.peak for earlier in recent)
        if is_hit and self._hops:
            repeats = sum(earlier.peak >= _REPEATS_SHARE * hop.peak for earlier in recent[:-1])
            self._hits.append(self._hit(t, hop, repeats))
        self._hops.append((t, hop))

    def _follow(self, hit: Hit, t: float, hop: HopAcceleration) -> None:
        """Take in a hop after a hit."""
        before, last = self._hops[-1]
        newest = [hop.mean, last.mean] if hit.t < before > t - 1.5 * self._hop_s else [hop.mean]
        hit.turn_deg = angle_deg(hit.before, mean(newest))
        hit.least_swing = min(hit.least_swing, hop.peak_to_peak)
        is_near = 1.5 * self._hop_s < t - hit.t < self._window_s + 0.5 * self._hop_s
        hit.repeats += is_near and hop.peak >= _REPEATS_SHARE * hit.peak

    def _hit(self, t: float, hop: HopAcceleration, repeats: int) -> Hit:
        end = t - self._hop_s - _FALL_S
        before = [earlier for u, earlier in self._hops if end - _BEFORE_S < u <= end] or [self._hops[0][1]]
        swing = sum(earlier.peak_to_peak for earlier in before) / len(before)
        direction = mean([earlier.mean for earlier in before])
        least = min(hop.least, self._hops[-1][1].least)
        return Hit(t, hop.peak, direction, swing, least, least_swing=hop.peak_to_peak, repeats=repeats)

    def judge(self, t: float, probability: float) -> None:
        """Take what the model gives the window that ended at `t`, s, for all hits that it holds."""
        for hit in self._hits:
            if hit.t - self._hop_s > t - self._window_s - 0.5 * self._hop_s:
                hit.probability = max(hit.probability, probability)

    def waiting(self) -> Iterator[Hit]:
        """Yield all hits that are not too old."""
        yield from self._hits

    def followed(self) -> Iterator[Hit]:
        """Yield those after which something has come."""
        yield from (hit for hit in self._hits if hit.t < self._hops[-1][0])

    def drop(self) -> None:
        """Forget the hits, not what was before them."""
        self._hits = []


def mean(vectors: Sequence[Vector]) -> Vector:
    """Return the mean of some vectors."""
    x, y, z = (sum(axis) / len(vectors) for axis in zip(*vectors, strict=True))
    return x, y, z


def angle_deg(a: Vector, b: Vector) -> float:
    """Return the angle between two vectors, degrees; 0 if one of them is zero."""
    size = hypot(*a) * hypot(*b)
    along = sum(p * q for p, q in zip(a, b, strict=True))
    return degrees(acos(min(1.0, max(-1.0, along / size)))) if size else 0.0
