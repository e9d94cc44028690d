"""A check of every accelerometer: while it lies still it must read one g.

A profile may be wrong about a sensor's unit, range or axes, and makers' own libraries have been. What
comes out then looks like motion and is none. A second of stillness tells it, wherever it is worn.
"""

import numpy as np

from edgehar.types import ACCELERATION, STANDARD_GRAVITY, FloatArray, Packet

_SPAN_S = 1.0
_PAUSE_S = 5.0
"""Silence after which it may be another sensor, or set otherwise, s."""

_LONGEST_S = 30.0
"""Longest that a second of samples may take, s: with a wrong rate it would be held for ever."""

_STILL_SHARE = 0.05
_STILL = 0.49
"""Still is what varies by less, as a share of what it reads or in m/s²: a wrong unit shrinks or swells noise as well."""

_TOLERANCE = 0.15
"""Offset and scale error of cheap chips stay below (LSM6DS3: 40 mg, MPU6050: 80 mg and 3 %, data sheets)."""

_NOTHING = 0.1 * STANDARD_GRAVITY


class GravityCheck:
    """Looks for a still second after each start of one sensor."""

    def __init__(self) -> None:
        self._held: list[FloatArray] = []
        self._seconds = 0.0
        self._heard = self._began = -np.inf
        self._done = False
        self.at_rest: float | None = None
        """Length of the specific force in the newest still second that was judged, m/s²; None: there was none."""
        self.misfit: str | None = None
        """The fault that this second showed, in words."""

    def push(self, t: float, packet: Packet) -> str | None:
        """Take a packet that arrived at `t`, s; return what is wrong, in words, once it has shown after a start."""
        if t - self._heard > _PAUSE_S:
            self._done = False
            self._begin()
        self._heard = t
        if self._done or packet.channels[:3] != ACCELERATION:
            return None
        if not self._held or t - self._began > _LONGEST_S:
            self._begin()
            self._began = t
        self._held.append(packet.values[:, :3] * packet.scale[:3])
        self._seconds += len(packet.values) * packet.period_us * 1e-6
        if self._seconds < _SPAN_S:
            return None
        force = np.concatenate(self._held)
        self._begin()
        at_rest = float(np.linalg.norm(force.mean(0)))
        if np.ptp(force, 0).max() > max(_STILL_SHARE * at_rest, _STILL):
            return None
        self._done, self.at_rest, self.misfit = True, at_rest, _misfit(at_rest)
        return self.misfit

    def _begin(self) -> None:
        self._held, self._seconds = [], 0.0


def _misfit(at_rest: float) -> str | None:
    """Say what is wrong with a sensor that reads so many m/s² at rest; None if nothing is."""
    if abs(at_rest - STANDARD_GRAVITY) <= _TOLERANCE * STANDARD_GRAVITY:
        return None
    if at_rest < _NOTHING:
        what = "it sends acceleration without gravity, or in another unit"
    else:
        what = f"its unit or range is another by a factor of {at_rest / STANDARD_GRAVITY:.2g}"
    return f"lies still and feels {at_rest:.2f} m/s² where gravity is {STANDARD_GRAVITY:.2f}: {what}"
