"""A sensor simulated from a depth camera's skeleton, against the one that was worn."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from edgehar.motion.capture.kinect import UTD_RATE, V1_JOINTS, from_camera
from edgehar.motion.capture.track import Track
from edgehar.motion.imu import RATE, inertial_signals
from edgehar.motion.skeleton import Array

IMU_RATE = 50.0
LAG_ROWS = 8
# Where a watch and a phone in a pocket sit: share of the segment below its proximal joint, then m forward and outward.
SURFACE = {"wrist_right": ("forearm", 0.92, 0.0, 0.03), "thigh_right": ("thigh", 0.4, 0.04, 0.07)}
TRUNK = ("neck", "shoulder_left", "shoulder_right", "hip_left", "hip_right")
LIMB = {"wrist_right": ("elbow_right", "wrist_right"), "thigh_right": ("knee_right", "ankle_right")}


def slow(x: NDArray[np.floating], rate: float) -> Array:
    return np.asarray(sosfiltfilt(butter(2, 4.0, fs=rate, output="sos"), x.astype(np.float64)))


def simulated(skeleton: Array, placement: str) -> Array:
    """Return the norm of the specific force at the skin, m/s², at the simulation's rate."""
    points = {name: skeleton[:, V1_JOINTS.index(name)] for name in (*TRUNK, *LIMB[placement])}
    track = Track(from_camera(points, np.arange(len(skeleton)) / UTD_RATE))
    segment, below, forward, outward = SURFACE[placement]
    frame = track.frame(f"{segment}_right")
    at = np.array([forward, -outward, -below * getattr(track.lengths, segment)])
    force, _ = inertial_signals(frame.origin + frame.rotation @ at, frame.rotation, RATE)
    return np.asarray(np.linalg.norm(force, axis=1))


def likeness(a: Array, b: Array) -> float:
    """Return the best correlation over the lags of at most LAG_ROWS."""
    rows = len(a) - LAG_ROWS
    return max(
        float(np.corrcoef(a[max(lag, 0) : rows + min(lag, 0)], b[max(-lag, 0) : rows - max(lag, 0)])[0, 1])
        for lag in range(-LAG_ROWS, LAG_ROWS + 1)
    )


def test_the_simulated_acceleration_follows_the_one_that_was_measured(data: Path) -> None:
    with np.load(data / "imu" / "utd_mhad_paired.npz") as pairs:
        skeletons = np.split(pairs["skeleton"], np.cumsum(pairs["n_skeleton"])[:-1])
        measured = np.split(pairs["inertial"][:, :3], np.cumsum(pairs["n_inertial"])[:-1])
        placements = pairs["placement"].astype(str)
    correlations = []
    for skeleton, force, placement in zip(skeletons, measured, placements, strict=True):
        norm = slow(simulated(skeleton, placement), RATE)
        share = np.linspace(0.0, 1.0, len(force))
        resampled = np.interp(share, np.linspace(0.0, 1.0, len(norm)), norm)
        correlations.append(likeness(resampled, slow(np.linalg.norm(force, axis=1), IMU_RATE)))
    likenesses = np.array(correlations)
    assert np.median(likenesses) >= 0.70
    assert np.median(likenesses[placements == "wrist_right"]) >= 0.75
    assert np.median(likenesses[placements == "thigh_right"]) >= 0.5
