"""One sensor over a recording: strips of what it measured, what did not come, and how it did."""

import numpy as np
from numpy.typing import NDArray

from edgehar.apps.report.envelope import Envelope, Numbers
from edgehar.devices.keypoints import LEAST_SCORE
from edgehar.types import ACCELERATION, ANGULAR_RATE, KEYPOINT_CHANNELS, FloatArray, Samples, Times

GAP_S = 0.25
"""Samples further apart leave a gap, s, as on the grid."""

_GAP_PERIODS = 2.5
"""Periods of a slower sensor further apart than that leave a gap too."""

_FLUSHED = 1024
"""Samples after which they are drawn: numpy wants many at a time."""

_MOST_GAPS = 500
"""The longest are kept."""

_STILL = 0.49
"""A second that varies by less is still, m/s², as for `pipeline.gravity_check`."""

_REST_BINS = 4000
_REST_BIN = 0.01
"""m/s²."""

STRIPS = {
    "acceleration": "m/s²",
    "turning": "rad/s",
    "keypoints seen": "share",
}
"""Names of strips and their units."""


class SensorStrips:
    """A summary of one sensor; takes its samples in their order."""

    def __init__(self, placement: str, begin: float) -> None:
        self.placement = placement
        self.strips: dict[str, Envelope] = {}
        """By their names: length of specific force and of angular rate, or share of keypoints that a camera saw."""
        self.lost = Envelope(begin)
        """Packets lost before each that came: their sum, and the count of those that came."""
        self.gaps: list[tuple[float, float]] = []
        """The longest, s."""
        self.gap_count, self.gap_s = 0, 0.0
        """All of them."""
        self.samples = 0
        self.first = self.last = np.nan
        """Stream time of the first sample and of the last, s."""
        self._begin = begin
        self._held: dict[tuple[str, ...], list[Samples]] = {}
        self._count = 0
        self._lost_before = 0
        self._packets: list[tuple[float, float]] = []
        self._main: tuple[str, ...] | None = None
        self._newest: float | None = None
        self._steps_s, self._steps = 0.0, 0
        self._at_rest = np.zeros(_REST_BINS, np.int64)

    def push(self, samples: Samples, lost: int) -> None:
        """Take samples, and how many packets were lost until they came."""
        if not len(samples.t):
            return
        # A sensor that restarts may count anew.
        self._packets.append((samples.t[0].item(), float(max(lost - self._lost_before, 0))))
        self._lost_before = lost
        self._held.setdefault(samples.channels, []).append(samples)
        self._count += len(samples.t)
        if self._count >= _FLUSHED:
            self.flush()

    @property
    def rate_hz(self) -> float | None:
        """Samples per second where no gap was; None if too few came."""
        return self._steps / self._steps_s if self._steps_s else None

    @property
    def at_rest(self) -> float | None:
        """Median length of the specific force over all still seconds, m/s²; None if there was none."""
        seconds = np.cumsum(self._at_rest)
        if not seconds[-1]:
            return None
        return float(np.searchsorted(seconds, seconds[-1] / 2) + 0.5) * _REST_BIN

    def holes(self) -> list[tuple[float, float]]:
        """Return the longest gaps, in their order, s."""
        return sorted(self.gaps)

    def flush(self) -> None:
        """Draw what is held."""
        held, self._held, self._count = self._held, {}, 0
        if self._packets:
            # Kinds of channels that come apart overlap a little.
            self.lost.push(*np.array(sorted(self._packets)).T)
        self._packets = []
        for channels, parts in held.items():
            t = np.concatenate([part.t for part in parts])
            self._draw(channels, t, np.concatenate([part.x for part in parts]))

    def _draw(self, channels: tuple[str, ...], t: Times, x: FloatArray) -> None:
        # What came apart was not sampled together: gaps are those of the first kind.
        self._main = self._main or channels
        if channels == self._main:
            self._time(t)
        if channels == KEYPOINT_CHANNELS:
            self._strip("keypoints seen", t, (x[:, 2::3] >= LEAST_SCORE).mean(axis=1))
            return
        for name, axes in (("acceleration", ACCELERATION), ("turning", ANGULAR_RATE)):
            if {*axes} <= {*channels}:
                vector = x[:, [channels.index(axis) for axis in axes]].astype(np.float64)
                self._strip(name, t, np.sqrt((vector * vector).sum(axis=1)))
                if axes is ACCELERATION:
                    self._rest(vector)

    def _strip(self, name: str, t: Times, x: Numbers) -> None:
        if name not in self.strips:
            self.strips[name] = Envelope(self._begin)
        self.strips[name].push(t, x)

    def _time(self, t: Times) -> None:
        """Count samples and the time between them, and note where that was a gap."""
        self.samples += len(t)
        if self._newest is None:
            self.first = float(t[0])
        else:
            t = np.concatenate(([self._newest], t))
        steps = np.diff(t)
        longest = max(GAP_S, _GAP_PERIODS * float(np.median(steps)) if len(steps) else 0.0)
        is_gap = steps > longest
        self._steps += int((~is_gap).sum())
        self._steps_s += float(steps[~is_gap].sum())
        for i in np.flatnonzero(is_gap).tolist():
            self.gaps.append((t[i].item(), t[i + 1].item()))
        self.gap_count += int(is_gap.sum())
        self.gap_s += float(steps[is_gap].sum())
        if len(self.gaps) > 2 * _MOST_GAPS:
            self.gaps = sorted(self.gaps, key=lambda gap: gap[0] - gap[1])[:_MOST_GAPS]
        self._newest = self.last = t[-1].item()

    def _rest(self, force: NDArray[np.float64]) -> None:
        """Count the still seconds by the mean force in them."""
        n = round(self.rate_hz or 0)
        seconds = len(force) // n if n else 0
        if not seconds:
            return
        by_second = force[: seconds * n].reshape(seconds, n, 3)
        is_still = np.ptp(by_second, axis=1).max(axis=1) < _STILL
        length = np.sqrt((by_second.mean(axis=1) ** 2).sum(axis=1))[is_still]
        np.add.at(self._at_rest, np.clip(length / _REST_BIN, 0, _REST_BINS - 1).astype(np.int64), 1)
