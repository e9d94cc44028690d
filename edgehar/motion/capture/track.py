"""Recorded clips as bodies to put sensors on: smoothed as their own noise asks for, at the simulation's rate.

Every joint and every rotation is fitted by a quintic smoothing spline whose residual equals the noise found
in it. Such a spline minimizes squared residual + lambda * squared third derivative (Woltring, Adv. Eng. Softw. 8,
1986). On the recorded rows that is one banded linear system (third differences for the derivative), so that
20,000 rows take 0.1 s where choosing knots took over ten minutes; between the rows a quintic spline
runs through the solution. As a filter it passes 1 / (1 + (f / f0)^6), without a lag.
"""

from math import comb

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.linalg import LinAlgError, solveh_banded
from scipy.spatial.transform import Rotation

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.gaps import LONGEST_GAP
from edgehar.motion.imu import RATE
from edgehar.motion.skeleton import SIDES, Array, Frame, SegmentLengths, segment_lengths

LEAST_ROWS = 12
"""Rows that a quintic spline and an estimate of its noise need."""

_ORDERS = (3, 4, 5, 6)
_MEDIAN_CHI2 = 2.366
"""Median of the squared length of three standard normal numbers."""
_SLOWEST = 0.5
"""Hz: no f0 is below; more smoothing than that no movement asks for (round number)."""

_PROXIMAL = {
    "pelvis": "pelvis",
    "head": "neck",
    **{f"{segment}_{side}": f"{joint}_{side}" for side in SIDES for segment, joint in (
        ("thigh", "hip"), ("shank", "knee"), ("foot", "ankle"),
        ("upper_arm", "shoulder"), ("forearm", "elbow"), ("hand", "wrist"),
    )},
}  # fmt: skip


def noise_level(x: Array) -> float:
    """Estimate the standard deviation per axis of the white noise in evenly sampled (rows, 3 or 4).

    From differences of order k, in which white noise has the variance C(2k, k) sigma²; a smooth movement
    leaves ever less in higher orders, so the smallest of the estimates is the nearest. Of the median, to
    disregard impacts; of the length, so that it does not matter how the axes lie. Unit quaternions
    have three directions to err in, as points have.
    """
    return min(
        float(
            np.sqrt(np.median(np.sum(np.diff(x, k, axis=0) ** 2, axis=1)) / (_MEDIAN_CHI2 * comb(2 * k, k)))
        )
        for k in _ORDERS
    )


def _roughness_bands(t: Array) -> Array:
    """Return (4, rows), upper bands of DᵀD; D takes third differences, divided ones where rows are uneven."""
    rows, usual = len(t), float(np.median(np.diff(t)))
    window = np.lib.stride_tricks.sliding_window_view(t / usual, 4)
    apart = window[:, :, None] - window[:, None, :] + np.eye(4)
    d = 6.0 / np.prod(apart, axis=2)
    bands = np.zeros((4, rows))
    for i in range(4):
        for j in range(i, 4):
            bands[3 - (j - i), j : rows - 3 + j] += d[:, i] * d[:, j]
    return bands


def smooth_by_noise(t: Array, x: Array, sigma: float) -> Array:
    """Take so much out of x (rows, columns) that the residual per degree of freedom is sigma."""
    if sigma <= 1e-9 * float(np.abs(x - x.mean(axis=0)).max() + 1e-9):
        return x
    bands = _roughness_bands(t)
    target = 3.0 * sigma**2 * len(t)

    def solve(exponent: float) -> Array:
        system = np.exp(exponent) * bands
        system[3] += 1.0
        return np.asarray(solveh_banded(system, x, check_finite=False))

    highest = 6.0 * float(np.log(1.0 / (2.0 * np.pi * _SLOWEST * np.median(np.diff(t)))))
    low, high = -12.0, max(highest, -11.0)
    best = solve(high)
    if np.sum((best - x) ** 2) > target:
        # The residual grows with lambda; 12 halvings leave 1 % of f0.
        for _ in range(14):
            middle = 0.5 * (low + high)
            best = solve(middle)
            low, high = (middle, high) if np.sum((best - x) ** 2) < target else (low, middle)
    return best


class Track:
    """Segments of one clip over time, as `skeleton.Body` wants them; works out only those that are wanted.

    Args:
        motion: a clip without jumps or gaps, see `gaps.split_at_jumps`.
        rate: rows per second.

    Raises:
        RecordingError: if the clip is planar, too short, or has a gap; on `frame`, if a joint is missing.
    """

    def __init__(self, motion: Motion, rate: float = RATE) -> None:
        _check(motion)
        self._motion = motion
        self.t: Array = np.arange(int((motion.t[-1] - motion.t[0]) * rate + 1e-6) + 1) / rate
        """(rows,), s from the clip's start."""
        self.lengths = measure_lengths(motion)
        self._joints: dict[str, Array] = {}
        self._frames: dict[str, Frame] = {}

    def frame(self, segment: str) -> Frame:
        """Return a segment of `clip.SEGMENTS`; the thorax's origin lies a trunk's length below the neck."""
        if segment not in self._frames:
            rotation = self._rotation(segment)
            if segment == "thorax":
                origin = self._joint("neck", segment) - rotation @ np.array([0.0, 0.0, self.lengths.trunk])
            else:
                origin = self._joint(_PROXIMAL[segment], segment)
            self._frames[segment] = Frame(origin, rotation)
        return self._frames[segment]

    def _joint(self, joint: str, segment: str) -> Array:
        if joint not in self._joints:
            if joint not in self._motion.joints:
                raise _missing_error(self._motion, f"joint {joint}", segment, sorted(self._motion.joints))
            x = self._motion.joints[joint]
            self._joints[joint] = self._fit(x - x[0]) + x[0]
        return self._joints[joint]

    def _rotation(self, segment: str) -> Array:
        if segment not in self._motion.rotations:
            raise _missing_error(self._motion, f"segment {segment}", segment, sorted(self._motion.rotations))
        q = Rotation.from_matrix(self._motion.rotations[segment]).as_quat()
        # q and -q are the same rotation; go on with the nearer one.
        turned = np.cumprod(np.where(np.sum(q[1:] * q[:-1], axis=1) < 0.0, -1.0, 1.0))
        q[1:] *= turned[:, None]
        return np.asarray(Rotation.from_quat(self._fit(q)).as_matrix())

    def _fit(self, x: Array) -> Array:
        t = self._motion.t - self._motion.t[0]
        try:
            spline = make_interp_spline(t, smooth_by_noise(t, x, noise_level(x)), k=5)
        except (LinAlgError, ValueError) as error:
            raise RecordingError(f"{self._motion.source}: cannot be smoothed: {error}") from error
        return np.asarray(spline(self.t))


def _check(motion: Motion) -> None:
    if motion.planar:
        raise RecordingError(
            f"{motion.source}: seen in a plane; without depth no sensor's signal can be made of it"
        )
    if len(motion.t) < LEAST_ROWS:
        raise RecordingError(f"{motion.source}: {len(motion.t)} rows; a clip needs at least {LEAST_ROWS}")
    step = np.diff(motion.t)
    if not (step > 0.0).all() or step.max() > LONGEST_GAP:
        raise RecordingError(
            f"{motion.source}: rows are {step.min():.3f} to {step.max():.3f} s apart; expected more than 0 and "
            f"at most {LONGEST_GAP}. Cut the clip there (edgehar.motion.capture.gaps.split_at_jumps)"
        )


def _missing_error(motion: Motion, what: str, segment: str, recorded: list[str]) -> RecordingError:
    return RecordingError(
        f"{motion.source}: no {what}, which {segment} needs; there are {', '.join(recorded)}"
    )


_BONES = {
    "thigh": (("hip_left", "knee_left"), ("hip_right", "knee_right")),
    "shank": (("knee_left", "ankle_left"), ("knee_right", "ankle_right")),
    "trunk": (("pelvis", "neck"),),
    "upper_arm": (("shoulder_left", "elbow_left"), ("shoulder_right", "elbow_right")),
    "forearm": (("elbow_left", "wrist_left"), ("elbow_right", "wrist_right")),
    "hip_half": (("hip_left", "hip_right"),),
    "shoulder_half": (("shoulder_left", "shoulder_right"),),
}


def measure_lengths(motion: Motion) -> SegmentLengths:
    """Measure medians over the clip, both sides' mean; what was not recorded is filled in in proportion.

    Raises:
        RecordingError: if no bone at all was recorded.
    """
    measured: dict[str, float] = {}
    for name, pairs in _BONES.items():
        bones = [
            (motion.joints[a], motion.joints[b])
            for a, b in pairs
            if a in motion.joints and b in motion.joints
        ]
        if bones:
            size = float(np.mean([np.median(np.linalg.norm(a - b, axis=1)) for a, b in bones]))
            measured[name] = 0.5 * size if name.endswith("half") else size
    if not measured:
        raise RecordingError(
            f"{motion.source}: no two joints that a bone connects; there are {sorted(motion.joints)}"
        )
    usual = segment_lengths(1.0)
    height = float(np.median([size / getattr(usual, name) for name, size in measured.items()]))
    return SegmentLengths(**{name: measured.get(name, height * getattr(usual, name)) for name in _BONES})
