"""Confirmation of a suspected fall by what came before it, with it and after it.

A window of some seconds shows the losing of balance and the impact, and so do running, sitting down hard and hitting a
table. So a fall is told as soon as all evidence of one hit together is enough, at the earliest a hop after it and at
the latest `within_s` later: `fall_evidence` collects it, `fall_settings` weighs it by where the sensor is.
"""

from collections.abc import Iterator, Sequence
from math import inf

from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.pipeline.fall_evidence import STILL_SWING, Evidence, Hit, Hits, angle_deg, evidence
from edgehar.pipeline.fall_settings import FallSettings, FallWeights
from edgehar.types import Prediction

_ONCE_S = 10.0
"""After a fall is told none is for so long: who falls rolls, bounces, and gets up; a round number."""
_UP_HOPS = 3
"""Hops in a row with movement after which who is as before is up again; a round number, two seconds."""
_NEW = -1
"""Hops moved after a fall that the last window told: until the next, `recovered` is of the fall before."""
_UP_DEG = 45.0
"""A sensor that points no further from where it pointed before the fall is as before; a round number."""


class Fall(Struct, frozen=True):
    """A fall that was seen to be one."""

    t: float
    """Middle of the impact's hop, stream time, s."""
    sensor: int
    """Index of the one that proves it."""
    probability: float
    """Largest that the model gave a window that holds the impact."""
    peak: float
    """Largest specific force of the impact, m/s²."""
    turn_deg: float
    """Between the sensor's direction before it and now, degrees."""
    swing: float
    """Smallest peak-to-peak of a hop after it, m/s²."""


def log_odds(e: Evidence, weights: FallWeights) -> float:
    """Return what all evidence says together: a fall is told from 0."""
    w = weights
    for_it = (
        w.network * e.network + w.fell * e.fell + w.impact * e.impact + w.turned * e.turned + w.rest * e.rest
    )
    return for_it - w.unrest * e.unrest - w.repeats * e.repeats - w.needed


class FallConfirmation:
    """Watches the sensors of one wearer; one without accelerometer proves nothing.

    Args:
        label: index of the label that is suspected.
        window_s, hop_s: the model's, s.
        settings: when a fall is told.
        placements: names of the model's sensors as worn.

    Raises:
        ConfigError: if there is no time for anything to follow.
    """

    def __init__(
        self,
        label: int,
        window_s: float,
        hop_s: float,
        settings: FallSettings,
        placements: Sequence[str | None] = (),
    ) -> None:
        self._label, self._window_s, self._hop_s, self._settings = label, window_s, hop_s, settings
        self._placements = placements
        if settings.within_s < 2 * hop_s:
            raise ConfigError(
                f"decision: falls.within_s = {settings.within_s:g} must be 0 or at least {2 * hop_s:g}, the "
                "time to be hit and to lie or move; change it"
            )
        self.recovered = False
        """True if who fell last was up again since."""
        self._moved_hops = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but whether who fell last has recovered."""
        if self._moved_hops == _NEW:
            self.recovered = False
        self._hits: dict[int, Hits] = {}
        self._told_at = -inf
        self._told: tuple[int, Hit] | None = None
        self._moved_hops = 0

    @property
    def suspected(self) -> tuple[int, float] | None:
        """The sensor that was hit hardest by what may have been a fall, and its peak, m/s²."""
        least = self._settings.suspicion
        peaks = [
            (hit.peak, sensor)
            for sensor, hits in self._hits.items()
            for hit in hits.waiting()
            if hit.probability >= least
        ]
        return max(peaks)[::-1] if peaks else None

    def push(self, prediction: Prediction) -> list[Fall]:
        """Return the fall that this window confirms, if it does; never two of one impact."""
        p = prediction
        for t, hops in (*p.earlier_hops, (p.t, p.hop_accelerations)):
            for sensor in {*self._hits, *hops}:
                if sensor not in self._hits:
                    self._hits[sensor] = Hits(self._window_s, self._hop_s, self._settings.within_s)
                self._hits[sensor].push(t, hops.get(sensor))
        self._watch_recovery(p)
        if p.probabilities is not None:
            for hits in self._hits.values():
                hits.judge(p.t, float(p.probabilities[self._label]))
        if p.t - self._told_at <= _ONCE_S:
            self._drop()
        value, sensor, hit = max(self._likely(), default=(-inf, 0, None), key=lambda likely: likely[0])
        if hit is None or value < 0.0:
            return []
        self._drop()
        self._told_at, self._told, self._moved_hops = p.t, (sensor, hit), _NEW
        return [
            Fall(hit.t - 0.5 * self._hop_s, sensor, hit.probability, hit.peak, hit.turn_deg, hit.least_swing)
        ]

    def _likely(self) -> Iterator[tuple[float, int, Hit]]:
        """Yield log-odds, sensor and hit of what is suspected."""
        for sensor, hits in self._hits.items():
            placement = self._placements[sensor] if sensor < len(self._placements) else None
            weights = self._settings.at(placement)
            for hit in hits.followed():
                if hit.probability >= self._settings.suspicion:
                    yield log_odds(evidence(hit), weights), sensor, hit

    def _watch_recovery(self, p: Prediction) -> None:
        """Note when who fell moves on, the sensor that proved it pointing as before."""
        if self._told is None:
            return
        if self._moved_hops == _NEW:
            self._moved_hops, self.recovered = 0, False
        sensor, hit = self._told
        hop = p.hop_accelerations.get(sensor)
        moves = hop is not None and hop.peak_to_peak > STILL_SWING
        self._moved_hops = self._moved_hops + 1 if moves else 0
        if hop and self._moved_hops >= _UP_HOPS and angle_deg(hit.before, hop.mean) <= _UP_DEG:
            self.recovered = True

    def _drop(self) -> None:
        for hits in self._hits.values():
            hits.drop()
