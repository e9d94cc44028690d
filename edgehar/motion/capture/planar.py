"""Movement from poses in single pictures: JHMDB and Penn Action.

The picture is the plane of x (to its right) and z (up); y is zero. Lengths come from the person's own
stature in the picture, taken to be 1.70 m.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion, bridged
from edgehar.motion.capture.orient import directions
from edgehar.motion.capture.stored import matlab, npz
from edgehar.motion.skeleton import SIDES, Array, segment_lengths

STATURE = 1.70
"""m."""

JHMDB_RATE, PENN_RATE = 30.0, 30.0
"""Hz. Penn Action states none; its clips come from video sites, where 30 is usual."""

_PAIRS = ("shoulder", "hip", "elbow", "knee", "wrist", "ankle")

JHMDB = ("neck", "belly", "head", *(f"{joint}_{side}" for joint in _PAIRS for side in reversed(SIDES)))
"""The 15 joints of JHMDB (Jhuang et al. 2013), of each pair the right one first."""

PENN = ("head", *(f"{joint}_{side}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES))  # fmt: skip
"""The 13 joints of Penn Action (Zhang et al. 2013)."""

_BONES = (
    ("thigh", "hip", "knee"),
    ("shank", "knee", "ankle"),
    ("upper_arm", "shoulder", "elbow"),
    ("forearm", "elbow", "wrist"),
)


class Labelled(Struct, frozen=True, eq=False):
    """One clip and what is done in it."""

    label: str
    motion: Motion


class Annotated(Struct, frozen=True, eq=False):
    """One clip of Penn Action."""

    label: str
    motion: Motion
    box: Array
    """(rows, 4), left, top, right, bottom of the person, pixels."""
    dimensions: tuple[int, ...]
    """Height and width of the picture in pixels, and its frames."""


def from_picture(
    joints: Sequence[str], positions: Array, t: Array, source: str = "", *, stature: float = STATURE
) -> Motion:
    """Positions (rows, joints, 2), x to the right and y down in any one unit, NaN where hidden.

    A joint that is hidden for longer than `clip.LONGEST_GAP` is left out. RecordingError if no limb is
    seen, of which the person's size could be told.
    """
    seen = {}
    for k, name in enumerate(joints):
        x = bridged(positions[:, k].astype(np.float64), t)
        if np.isfinite(x).all():
            seen[name] = x
    for middle, pair in (("pelvis", "hip"), ("neck", "shoulder")):
        sides = [f"{pair}_{side}" for side in SIDES]
        if middle not in seen and all(side in seen for side in sides):
            seen[middle] = 0.5 * (seen[sides[0]] + seen[sides[1]])
    scale = stature / _stature(seen, source)
    known = {name: _upright(x) * scale for name, x in seen.items() if name != "belly"}
    return Motion(t, known, _flat(known), planar=True, source=source)


def _upright(x: Array) -> Array:
    return np.stack([x[:, 0], np.zeros(len(x)), -x[:, 1]], axis=1)


def _stature(seen: Mapping[str, Array], source: str) -> float:
    """Of the person, in the picture's unit: bones look shorter than they are, so their longest look counts."""
    one = segment_lengths(1.0)
    shares = {"thigh": one.thigh, "shank": one.shank, "upper_arm": one.upper_arm, "forearm": one.forearm}
    looks, whole = 0.0, 0.0
    for bone, top, bottom in _BONES:
        lengths = [
            float(np.quantile(np.linalg.norm(seen[f"{top}_{side}"] - seen[f"{bottom}_{side}"], axis=1), 0.95))
            for side in SIDES
            if f"{top}_{side}" in seen and f"{bottom}_{side}" in seen
        ]
        looks += max(lengths, default=0.0)
        whole += shares[bone] if lengths else 0.0
    if looks <= 0.0:
        raise RecordingError(f"{source}: no limb is seen throughout, so the person's size is unknown")
    return looks / whole


def _flat(joints: Mapping[str, Array]) -> dict[str, Array]:
    """Rotations about y alone: z along each bone, within the picture."""
    bones = {"thorax": ("neck", "pelvis"), "pelvis": ("neck", "pelvis"), "head": ("head", "neck")}
    bones |= {
        f"{bone}_{side}": (f"{top}_{side}", f"{low}_{side}") for bone, top, low in _BONES for side in SIDES
    }
    found = {}
    for segment, (top, bottom) in bones.items():
        if top in joints and bottom in joints:
            z = directions(joints[top] - joints[bottom])
            y = np.tile([0.0, 1.0, 0.0], (len(z), 1))
            found[segment] = np.stack([np.cross(y, z), y, z], axis=2)
    return found


def read_jhmdb(path: Path) -> Iterator[Labelled]:
    """All clips of an npz file: `pose` (rows, 15, 2), `n` rows and `label` of each clip.

    RecordingError if the file has another form.
    """
    pose, rows, labels = npz(path, "pose", "n", "label").values()
    if pose.shape != (rows.sum(), len(JHMDB), 2) or len(labels) != len(rows):
        raise RecordingError(f"{path}: pose has shape {pose.shape}; ({rows.sum()}, {len(JHMDB)}, 2) expected")
    for clip, (end, count) in enumerate(zip(np.cumsum(rows), rows, strict=True)):
        source = f"{path.stem} clip {clip}"
        t = np.arange(count) / JHMDB_RATE
        yield Labelled(str(labels[clip]), from_picture(JHMDB, pose[end - count : end], t, source))


def read_joint_positions(path: Path) -> Labelled:
    """A `joint_positions.mat` of JHMDB: `pos_img` (2, 15, frames), pixels.

    The label is the folder's above the clip's, as published. RecordingError if the file has another form.
    """
    x = matlab(path, "pos_img")["pos_img"]
    if x.ndim != 3 or x.shape[:2] != (2, len(JHMDB)):
        raise RecordingError(f"{path}: pos_img has shape {x.shape}; (2, {len(JHMDB)}, frames) expected")
    pose = np.transpose(x, (2, 1, 0))
    t = np.arange(len(pose)) / JHMDB_RATE
    return Labelled(path.absolute().parents[1].name, from_picture(JHMDB, pose, t, str(path)))


def read_penn(path: Path) -> Annotated:
    """A label file of Penn Action: x, y and visibility (frames, 13), action, bbox, dimensions.

    RecordingError if the file has another form.
    """
    found = matlab(path, "x", "y", "visibility", "action", "bbox", "dimensions")
    shape = (len(found["x"]), len(PENN))
    for name in ("x", "y", "visibility"):
        if found[name].shape != shape:
            raise RecordingError(f"{path}: {name} has shape {found[name].shape}; {shape} expected")
    pose = np.stack([found["x"], found["y"]], axis=2).astype(np.float64)
    pose[found["visibility"] == 0] = np.nan
    motion = from_picture(PENN, pose, np.arange(len(pose)) / PENN_RATE, str(path))
    dimensions = tuple(int(size) for size in found["dimensions"].ravel())
    return Annotated(str(found["action"].ravel()[0]), motion, found["bbox"].astype(np.float64), dimensions)
