"""Movement from poses in single pictures: JHMDB and Penn Action.

The picture is the plane of x (to its right) and z (up); y is zero. Lengths come from the person's own
stature in the picture, taken to be 1.70 m.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.array_files import read_npz
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.gaps import fill_short_gaps
from edgehar.motion.capture.matlab_files import read_matlab
from edgehar.motion.capture.orient import unit_vectors
from edgehar.motion.skeleton import SIDES, Array, segment_lengths

STATURE = 1.70
"""m."""

_FARTHEST = 1e9
"""In the unit of the positions: no picture is as large, and nobody is smaller than one part of it."""

JHMDB_RATE, PENN_RATE = 30.0, 30.0
"""Hz. Penn Action states none; its clips come from video sites, where 30 is usual."""

_PAIRED_JOINTS = ("shoulder", "hip", "elbow", "knee", "wrist", "ankle")

JHMDB_JOINTS = (
    "neck",
    "belly",
    "head",
    *(f"{joint}_{side}" for joint in _PAIRED_JOINTS for side in reversed(SIDES)),
)
"""The 15 joints of JHMDB (Jhuang et al. 2013), of each pair the right one first."""

PENN_JOINTS = ("head", *(f"{joint}_{side}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES))  # fmt: skip
"""The 13 joints of Penn Action (Zhang et al. 2013)."""

_BONES = (
    ("thigh", "hip", "knee"),
    ("shank", "knee", "ankle"),
    ("upper_arm", "shoulder", "elbow"),
    ("forearm", "elbow", "wrist"),
)


class LabelledClip(Struct, frozen=True, eq=False):
    """Clip with its label."""

    label: str
    motion: Motion


class PennClip(Struct, frozen=True, eq=False):
    """Clip of Penn Action."""

    label: str
    motion: Motion
    box: Array
    """(rows, 4), left, top, right, bottom of the person, pixels."""
    dimensions: tuple[int, ...]
    """Height and width of the picture in pixels, and its frames."""
    learned: bool
    """True if the set's own split learns from it, false if it tests it."""


def from_picture(
    joints: Sequence[str], positions: Array, t: Array, source: str = "", *, stature: float = STATURE
) -> Motion:
    """Turn positions (rows, joints, 2) into a clip: x to the right, y down in any one unit, NaN where hidden.

    A joint that is hidden for longer than `clip.LONGEST_GAP` is left out. RecordingError if no limb is
    seen, of which the person's size could be told.
    """
    if not len(t) or positions.dtype.kind not in "fiu":
        raise RecordingError(f"{source}: expected frames of numbers, got {len(t)} of {positions.dtype}")
    seen = {}
    for k, name in enumerate(joints):
        x = positions[:, k].astype(np.float64)
        x = fill_short_gaps(np.where(np.abs(x) < _FARTHEST, x, np.nan), t)
        if np.isfinite(x).all():
            seen[name] = x
    for middle, pair in (("pelvis", "hip"), ("neck", "shoulder")):
        sides = [f"{pair}_{side}" for side in SIDES]
        if middle not in seen and all(side in seen for side in sides):
            seen[middle] = 0.5 * (seen[sides[0]] + seen[sides[1]])
    scale = stature / _picture_stature(seen, source)
    placed = {name: _picture_to_world(x) * scale for name, x in seen.items() if name != "belly"}
    return Motion(t, placed, _planar_rotations(placed), planar=True, source=source)


def _picture_to_world(x: Array) -> Array:
    return np.stack([x[:, 0], np.zeros(len(x)), -x[:, 1]], axis=1)


def _picture_stature(seen: Mapping[str, Array], source: str) -> float:
    """Measure the person in its unit: bones look shorter than they are, the longest look counts."""
    usual = segment_lengths(1.0)
    shares = {
        "thigh": usual.thigh,
        "shank": usual.shank,
        "upper_arm": usual.upper_arm,
        "forearm": usual.forearm,
    }
    looks, whole = 0.0, 0.0
    for bone, top, bottom in _BONES:
        lengths = [
            float(np.quantile(np.linalg.norm(seen[f"{top}_{side}"] - seen[f"{bottom}_{side}"], axis=1), 0.95))
            for side in SIDES
            if f"{top}_{side}" in seen and f"{bottom}_{side}" in seen
        ]
        looks += max(lengths, default=0.0)
        whole += shares[bone] if lengths else 0.0
    if looks * _FARTHEST <= 1.0:
        raise RecordingError(f"{source}: no limb is seen throughout, so the person's size is unknown")
    return looks / whole


def _planar_rotations(joints: Mapping[str, Array]) -> dict[str, Array]:
    """Return rotations about y alone: z along each bone, within the picture."""
    bones = {"thorax": ("neck", "pelvis"), "pelvis": ("neck", "pelvis"), "head": ("head", "neck")}
    bones |= {
        f"{bone}_{side}": (f"{top}_{side}", f"{low}_{side}") for bone, top, low in _BONES for side in SIDES
    }
    rotations = {}
    for segment, (top, bottom) in bones.items():
        if top in joints and bottom in joints:
            z = unit_vectors(joints[top] - joints[bottom])
            y = np.tile([0.0, 1.0, 0.0], (len(z), 1))
            rotations[segment] = np.stack([np.cross(y, z), y, z], axis=2)
    return rotations


def read_jhmdb(path: Path) -> Iterator[LabelledClip]:
    """Read all clips of an npz file: `pose` (rows, 15, 2), `n` rows and `label` of each clip.

    RecordingError if the file has another form.
    """
    pose, rows, labels = read_npz(path, "pose", "n", "label").values()
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or labels.shape != rows.shape:
        raise RecordingError(
            f"{path}: n has shape {rows.shape} and type {rows.dtype}, label {labels.shape}; a whole number and a label "
            "of each clip expected"
        )
    is_count = (rows > 0) & (rows <= len(pose)) if pose.ndim else np.zeros(1, np.bool_)
    if not is_count.all() or pose.shape != (rows.sum(), len(JHMDB_JOINTS), 2):
        raise RecordingError(
            f"{path}: pose has shape {pose.shape}; ({rows.sum()}, {len(JHMDB_JOINTS)}, 2) expected"
        )
    for clip, (end, count) in enumerate(zip(np.cumsum(rows), rows, strict=True)):
        source = f"{path.stem} clip {clip}"
        t = np.arange(count) / JHMDB_RATE
        yield LabelledClip(str(labels[clip]), from_picture(JHMDB_JOINTS, pose[end - count : end], t, source))


def read_joint_positions(path: Path) -> LabelledClip:
    """Read a `joint_positions.mat` of JHMDB: `pos_img` (2, 15, frames), pixels.

    The label is the folder's above the clip's, as published. RecordingError if the file has another form.
    """
    x = read_matlab(path, "pos_img")["pos_img"]
    if x.ndim != 3 or x.shape[:2] != (2, len(JHMDB_JOINTS)):
        raise RecordingError(
            f"{path}: pos_img has shape {x.shape}; (2, {len(JHMDB_JOINTS)}, frames) expected"
        )
    pose = np.transpose(x, (2, 1, 0))
    t = np.arange(len(pose)) / JHMDB_RATE
    return LabelledClip(path.absolute().parent.parent.name, from_picture(JHMDB_JOINTS, pose, t, str(path)))


def read_penn(path: Path) -> PennClip:
    """Read a label file of Penn Action: x, y and visibility (frames, 13), action, bbox, dimensions, train.

    RecordingError if the file has another form.
    """
    arrays = read_matlab(path, "x", "y", "visibility", "action", "bbox", "dimensions", "train")
    shape = (len(arrays["x"]), len(PENN_JOINTS))
    for name in ("x", "y", "visibility"):
        if arrays[name].shape != shape or arrays[name].dtype.kind not in "fiub":
            raise RecordingError(
                f"{path}: {name} has shape {arrays[name].shape} and type {arrays[name].dtype}; numbers {shape} expected"
            )
    for name, kind in (("action", "U"), ("bbox", "fiu"), ("dimensions", "fiu")):
        if not arrays[name].size or arrays[name].dtype.kind not in kind:
            raise RecordingError(
                f"{path}: {name}: expected {'a name' if kind == 'U' else 'numbers'}, got {arrays[name].dtype}"
            )
    if not (np.abs(arrays["dimensions"]) < _FARTHEST).all():
        raise RecordingError(
            f"{path}: dimensions: expected whole numbers, got {arrays['dimensions'].tolist()}"
        )
    learned = _is_learned(path, arrays["train"])
    pose = np.stack([arrays["x"], arrays["y"]], axis=2).astype(np.float64)
    pose[~(arrays["visibility"] > 0)] = np.nan
    motion = from_picture(PENN_JOINTS, pose, np.arange(len(pose)) / PENN_RATE, str(path))
    dimensions = tuple(int(size) for size in arrays["dimensions"].ravel())
    box = arrays["bbox"].astype(np.float64)
    return PennClip(str(arrays["action"].ravel()[0]), motion, box, dimensions, learned)


def read_penn_split(path: Path) -> bool:
    """Tell whether a label file of Penn Action is learned from by the set's own split, whatever is seen of its person.

    RecordingError if it does not say so.
    """
    return _is_learned(path, read_matlab(path, "train")["train"])


def _is_learned(path: Path, train: np.ndarray) -> bool:
    given = train.ravel().tolist()
    if given not in ([1], [-1]):
        raise RecordingError(f"{path}: train: expected 1 or -1, got {given}")
    return given == [1]
