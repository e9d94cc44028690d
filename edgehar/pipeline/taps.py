"""Double taps on a worn sensor: two short shocks, with quiet before, between and behind them.

A tap is a change of the specific force from one sample to the next, as in the tap engines of accelerometers (ST's AN5192 on
the LSM6DSO, the ADXL345's data sheet), whose time limits are used here. They look at 400 samples a second and more; here come as many as
the sensor sends. `python -m benchmarks.taps ../shared/data` measures what of that is lost, and how often daily life is taken for taps.
"""

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from edgehar.types import ACCELERATION, STANDARD_GRAVITY, FloatArray, Samples, Times
from edgehar.warn_once import WarnOnce

if TYPE_CHECKING:
    from edgehar.pipeline.loop import Pipeline

_LOGGER = logging.getLogger(__name__)

THRESHOLD = 0.75 * STANDARD_GRAVITY
"""Least change from one sample to the next in a tap, m/s²: AN5192's."""

LOUD = 0.25 * STANDARD_GRAVITY
"""A smaller change is quiet, m/s²: a third of a tap, more than a hand at rest does."""

SHOCK_S = 0.0575
"""Longest shock of a tap, s: 3 * 8 samples at 417 Hz, AN5192's SHOCK."""

JOIN_S = 0.0288
"""Changes that follow within so long belong to the same shock, s: 3 * 4 samples at 417 Hz, AN5192's QUIET."""

CLOSEST_S, FURTHEST_S = 0.08, 0.5
"""From the beginning of the first tap to that of the second, s: nobody taps faster; 7 * 32 samples at 417 Hz are 0.54 s, AN5192's DUR."""

QUIET_S = 0.5
"""Quiet before the first tap and behind the second, s: as long as between two, so that steps and clapping are none."""

LONGEST_PERIOD_S = 0.026
"""Samples that stand further apart say nothing of a tap, which may lie between them, s: a sensor has to send 40 a second."""


class _Shock(Struct):
    """A stretch of changes that are not quiet."""

    begin: float
    end: float
    peak: float
    """Largest change, m/s²."""
    is_whole: bool
    """Nothing is missing in it."""

    def is_tap(self, threshold: float) -> bool:
        return self.is_whole and self.peak >= threshold and self.end - self.begin <= SHOCK_S


class DoubleTaps:
    """The detector of one sensor; how its samples come in packets changes nothing of what it tells."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self._threshold = threshold
        self._t = np.empty(0)
        self._x = np.empty((0, 3), np.float32)
        self._shocks: deque[_Shock] = deque(maxlen=3)

    def push(self, samples: Samples) -> list[float]:
        """Return when double taps began, stream time, s: each half a second after its end, once it stayed quiet."""
        if not {*ACCELERATION} <= {*samples.channels} or not len(samples.t):
            return []
        x = samples.x[:, [samples.channels.index(name) for name in ACCELERATION]]
        if not len(self._t):
            self._shocks.append(_Shock(samples.t.item(0), samples.t.item(0), 0.0, is_whole=False))
        t, x = np.concatenate((self._t, samples.t)), np.concatenate((self._x, x))
        self._t, self._x = t[-1:], x[-1:]
        return self._judge(t, x)

    def _judge(self, t: Times, x: FloatArray) -> list[float]:
        changes, apart = np.linalg.norm(np.diff(x, axis=0), axis=1), np.diff(t)
        taps = list[float]()
        for i in np.flatnonzero((changes > LOUD) | (apart > LONGEST_PERIOD_S)).tolist():
            taps += self._be_quiet(t.item(i))
            is_whole = apart.item(i) <= LONGEST_PERIOD_S
            self._shake(_Shock(t.item(i + 1), t.item(i + 1), changes.item(i), is_whole))
        return taps + self._be_quiet(t.item(-1))

    def _shake(self, shock: _Shock) -> None:
        """Take a change: more of the newest shock, or a new one."""
        newest = self._shocks[-1]
        if shock.begin - newest.end > JOIN_S:
            self._shocks.append(shock)
            return
        newest.end, newest.peak = shock.end, max(newest.peak, shock.peak)
        newest.is_whole = newest.is_whole and shock.is_whole

    def _be_quiet(self, t: float) -> list[float]:
        """Let it be quiet until `t`, s; return when a double tap began that is now known to be none of a row."""
        if len(self._shocks) < 3 or t - self._shocks[-1].end < QUIET_S:
            return []
        before, first, second = self._shocks
        is_double = first.is_tap(self._threshold) and second.is_tap(self._threshold)
        if not is_double or first.begin - before.end < QUIET_S:
            return []
        if not CLOSEST_S <= second.begin - first.begin <= FURTHEST_S:
            return []
        self._shocks.popleft()  # told once
        return [first.begin]


class _Watch:
    """The double taps of one wearer, whichever sensor feels them."""

    def __init__(self, sensors: int, tell: Callable[[float], None]) -> None:
        self._sensors = [DoubleTaps() for _ in range(sensors)]
        self._tell, self._told_at = tell, -inf
        self._warn = WarnOnce(_LOGGER)

    def take(self, stream: int, samples: Samples) -> None:
        """Look at samples; a fault costs the taps in them, and the sensor nothing."""
        try:
            for t in self._sensors[stream].push(samples):
                # Another sensor may feel the same taps.
                if abs(t - self._told_at) > QUIET_S:
                    self._told_at = t
                    self._tell(t)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sensors go on
            self._warn.log_fault("taps", error, "taps are not heard")


def watch(pipeline: "Pipeline", tell: Callable[[float], None]) -> None:
    """Have `tell` called with the stream time of each double tap on any of a pipeline's sensors, s."""
    pipeline.watchers.append(_Watch(len(pipeline.intakes), tell).take)
