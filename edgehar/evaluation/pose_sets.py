"""Clips of annotated poses, as keypoints: JHMDB (Jhuang et al. 2013) and Penn Action (Zhang et al. 2013).

What they annotate stands at a score of 1, what they do not at 0: no eyes and ears; their head stands for the nose.
They only ever evaluate.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.array_files import read_npz
from edgehar.motion.capture.planar import JHMDB_JOINTS, JHMDB_RATE, PENN_JOINTS, PENN_RATE
from edgehar.types import KEYPOINTS, OTHER, FloatArray

JHMDB, PENN = "jhmdb_gt_pose", "penn_action_2d"
"""Names of the files below DATA/pose."""

_JHMDB_LABELS: Mapping[str, str | None] = {
    "clap": "clapping",
    "jump": "jumping",
    "pick": "bending",
    "run": "running",
    "walk": "walking",
    "wave": "waving",
}
_PENN_LABELS: Mapping[str, str | None] = {
    "jump_rope": "jumping",
    "jumping_jacks": "jumping_jacks",
    "squat": "squatting",
}


class PoseClip(Struct, frozen=True, eq=False):
    """One clip of one person."""

    content: str
    """The set's own word for what is done."""
    label: str
    """The model's: `other` if it has none."""
    keypoints: FloatArray
    """(rows, 17, 3), x, y and score, in heights of the picture."""
    rate_hz: float


def read_clips(folder: Path, name: str) -> list[PoseClip]:
    """Read one of the two sets in `folder`; RecordingError if it has another form."""
    reader = {JHMDB: _jhmdb, PENN: _penn}[name]
    return list(reader(folder / f"{name}.npz"))


def _jhmdb(path: Path) -> Iterator[PoseClip]:
    pose, rows, labels = read_npz(path, "pose", "n", "label").values()
    _check(path, "pose", pose.shape, (int(rows.sum()), len(JHMDB_JOINTS), 2))
    for end, count, label in zip(np.cumsum(rows), rows, labels, strict=True):
        xy = pose[end - count : end].astype(np.float32)
        keypoints = _keypoints(JHMDB_JOINTS, xy, np.ones(xy.shape[:2], np.bool_))
        yield PoseClip(str(label), _JHMDB_LABELS.get(str(label)) or OTHER, keypoints, JHMDB_RATE)


def _penn(path: Path) -> Iterator[PoseClip]:
    keys = ("xy", "scale", "visible", "n", "activity", "height_width")
    xy, scale, visible, rows, labels, sizes = read_npz(path, *keys).values()
    _check(path, "xy", xy.shape, (int(rows.sum()), len(PENN_JOINTS), 2))
    for end, count, label, size in zip(np.cumsum(rows), rows, labels, sizes, strict=True):
        part = slice(end - count, end)
        places = xy[part].astype(np.float32) * float(scale) / float(size[0])
        keypoints = _keypoints(PENN_JOINTS, places, visible[part] > 0)
        yield PoseClip(str(label), _PENN_LABELS.get(str(label)) or OTHER, keypoints, PENN_RATE)


def _check(path: Path, name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if got != expected:
        raise RecordingError(f"{path}: {name} has shape {got}; {expected} expected")


def _keypoints(joints: tuple[str, ...], places: FloatArray, seen: np.ndarray) -> FloatArray:
    """Put the joints of a set, (rows, joints, 2), where keypoints have them."""
    keypoints = np.zeros((len(places), len(KEYPOINTS), 3), np.float32)
    for i, joint in enumerate(joints):
        name = "nose" if joint == "head" else joint
        if name in KEYPOINTS:
            keypoints[:, KEYPOINTS.index(name), :2] = places[:, i]
            keypoints[:, KEYPOINTS.index(name), 2] = seen[:, i]
    return keypoints


def windows(clip: PoseClip, rate_hz: float, window: int, hop: int) -> FloatArray:
    """Cut a clip into windows (n, window, 51) of the grid; a shorter one is held at both ends to the length of one."""
    t = np.arange(len(clip.keypoints)) / clip.rate_hz
    rows = np.arange(int(t[-1] * rate_hz) + 1) / rate_hz
    flat = clip.keypoints.reshape(len(t), -1)
    x = np.stack([np.interp(rows, t, column) for column in flat.T], axis=1).astype(np.float32)
    missing = max(window - len(x), 0)
    x = np.pad(x, ((missing // 2, missing - missing // 2), (0, 0)), "edge")
    return np.stack([x[start : start + window] for start in range(0, len(x) - window + 1, hop)])
