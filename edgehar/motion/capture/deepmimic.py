"""Clips for DeepMimic's humanoid3d: rotations of one fixed body, 44 numbers a frame.

A frame is its duration in s, the root's place in m (x forward, y up, z right), then rotations from the inside
out: a quaternion (w, x, y, z) for a ball joint, an angle in rad about z for knee and elbow.
The body's joints are those of humanoid3d (Peng et al., "DeepMimic", ACM Trans. Graph. 37, 2018): 1.62 m tall,
upright with arms hanging where nothing is turned.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgehar.errors import RecordingError
from edgehar.motion.capture.array_files import read_npz
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.rig import LARGEST, Rig, RigMotion, forward_kinematics
from edgehar.motion.skeleton import Array, rotation_about

COLUMNS = 44
_LONGEST_FRAME = 3600.0
"""s; whoever takes an hour for one does not record movement."""

# Name, parent, place against the parent (m), numbers in a frame. Toes stand at the front of the foot's box.
_BODY: tuple[tuple[str, int, tuple[float, float, float], int], ...] = (
    ("root", -1, (0.0, 0.0, 0.0), 4),
    ("chest", 0, (0.0, 0.236151, 0.0), 4),
    ("neck", 1, (0.0, 0.223894, 0.0), 4),
    ("right_hip", 0, (0.0, 0.0, 0.084887), 4),
    ("right_knee", 3, (0.0, -0.421546, 0.0), 1),
    ("right_ankle", 4, (0.0, -0.40987, 0.0), 4),
    ("right_shoulder", 1, (-0.02405, 0.2435, 0.18311), 4),
    ("right_elbow", 6, (0.0, -0.274788, 0.0), 1),
    ("left_hip", 0, (0.0, 0.0, -0.084887), 4),
    ("left_knee", 8, (0.0, -0.421546, 0.0), 1),
    ("left_ankle", 9, (0.0, -0.40987, 0.0), 4),
    ("left_shoulder", 1, (-0.02405, 0.2435, -0.18311), 4),
    ("left_elbow", 11, (0.0, -0.274788, 0.0), 1),
    ("right_wrist", 7, (0.0, -0.258947, 0.0), 0),
    ("left_wrist", 12, (0.0, -0.258947, 0.0), 0),
    ("right_toe_base", 5, (0.1335, -0.05, 0.0), 0),
    ("left_toe_base", 10, (0.1335, -0.05, 0.0), 0),
    ("head", 2, (0.0, 0.175, 0.0), 0),
)
_RIG = Rig(
    names=tuple(name for name, *_ in _BODY),
    parents=tuple(parent for _, parent, *_ in _BODY),
    offsets=np.array([offset for _, _, offset, _ in _BODY]),
)


def rotations_from_quaternions(q: Array) -> Array:
    """Convert quaternions (rows, 4), w first, of any length but zero, to (rows, 3, 3)."""
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = (
        (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
        (2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
        (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def read_deepmimic(frames: Array, source: str = "") -> Motion:
    """Read one clip.

    Args:
        frames: (rows, 44).
        source: the clip's name, for messages.

    Raises:
        RecordingError: if these are no such frames.
    """
    if frames.ndim != 2 or frames.shape[1] != COLUMNS or len(frames) < 2 or frames.dtype.kind not in "fiu":
        raise RecordingError(
            f"{source}: expected two or more frames of {COLUMNS} numbers, got {frames.shape} of {frames.dtype}"
        )
    x = frames.astype(np.float64)
    for row, column in np.argwhere(~(np.abs(x[:, 1:]) < LARGEST)):
        raise RecordingError(
            f"{source}: expected a number in frame {row + 1}, column {column + 1}, got {x[row, column + 1]}; cut that "
            "frame out, or fill it in"
        )
    for row in np.flatnonzero(~((x[:-1, 0] > 0.0) & (x[:-1, 0] < _LONGEST_FRAME))):
        raise RecordingError(
            f"{source}: expected the s that frame {row + 1} lasts in column 0, got {x[row, 0]}: it lasts no time, or "
            "too long"
        )
    t = np.concatenate([[0.0], np.cumsum(x[:-1, 0])])
    root = {0: x[:, 1:4]}
    return forward_kinematics(_RIG, RigMotion(t, root.get, _turns(x, source).__getitem__, 1.0, "y", source))


def _turns(x: Array, source: str) -> list[Array]:
    column, turns = 4, []
    for name, _, _, count in _BODY:
        numbers = x[:, column : column + count]
        column += count
        if count == 4:
            # Published clips stray from length 1 by up to 0.42.
            if (np.abs(np.linalg.norm(numbers, axis=1) - 1.0) > 0.5).any():
                raise RecordingError(f"{source}: columns of {name} hold no quaternions of about length 1")
            turns.append(rotations_from_quaternions(numbers))
        else:
            turns.append(rotation_about(2, numbers[:, 0] if count else 0.0, len(x)))
    return turns


def read_archive(path: Path) -> Iterator[Motion]:
    """Read all clips of an `.npz`: `frames` (rows, 44) end to end, `n` rows of each and `path`, their names.

    Raises:
        RecordingError: if the file is no such archive.
    """
    frames, counts, names = read_npz(path, "frames", "n", "path").values()
    if (
        counts.ndim != 1
        or not counts.size
        or counts.dtype.kind not in "iu"
        or frames.ndim != 2
        or names.ndim != 1
    ):
        raise RecordingError(
            f"{path}: expected frames (rows, {COLUMNS}) and lists n, of whole numbers, and path; got shapes "
            f"{frames.shape}, {counts.shape} of {counts.dtype}, {names.shape}; is it another archive?"
        )
    if not ((counts >= 0) & (counts <= len(frames))).all() or counts.sum() != len(frames):
        raise RecordingError(
            f"{path}: n adds up to {counts.sum()} of {len(frames)} rows; is the file cut off?"
        )
    if len(counts) != len(names):
        raise RecordingError(f"{path}: {len(counts)} numbers of rows in n, but {len(names)} names in path")
    for name, rows in zip(names, np.split(frames, np.cumsum(counts)[:-1]), strict=True):
        yield read_deepmimic(rows, str(name))
