"""Axes of segments in a rig's rest pose, the one without any turn, as far as it shows them.

Most rest poses stand upright, arms spread or hanging: then all segments face where the hips do. Others lie, fold the
legs up or lay every bone along x; of those nothing but the length of the bones is to be had.
"""

from collections.abc import Mapping

import numpy as np

from edgehar.errors import RecordingError
from edgehar.motion.skeleton import SIDES, Array

_BONES = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"))

_UPRIGHT = float(np.cos(np.deg2rad(45.0)))
"""Least cosine between a standing trunk and the vertical, and most between its hips' line and that; round number."""
_AHEAD = float(np.cos(np.deg2rad(30.0)))
"""Most cosine between a limb and straight ahead, of which its own forward can still be told; round number."""


def segment_joints(parts: Mapping[str, int]) -> dict[str, int]:
    """Return the joint that turns each segment."""
    joints = {name: parts[name] for name in ("pelvis", "thorax", "head") if name in parts}
    for side in SIDES:
        names = {"thigh": "hip", "shank": "knee", "foot": "ankle", "upper_arm": "shoulder", "hand": "wrist"}
        joints |= {f"{s}_{side}": parts[f"{j}_{side}"] for s, j in names.items() if f"{j}_{side}" in parts}
        joints[f"forearm_{side}"] = parts.get(f"pronation_{side}", parts[f"elbow_{side}"])
    return joints


def rest_axes(parts: Mapping[str, int], rest: Array, above: Array, source: str) -> dict[str, Array]:
    """Return (3, 3) of the segments whose axes the rest pose shows: columns are x, y and z in the file's axes.

    Args:
        parts: the joint of each part of the body.
        rest: (joints, 3), places in the rest pose.
        above: (3,), where the file says that up is.
        source: the clip's name, for messages.

    Raises:
        RecordingError: if a bone of the body has no length.
    """
    at = {part: rest[joint] for part, joint in parts.items()}
    _refuse_lost_bones(at, source)
    left = at["hip_left"] - at["hip_right"]
    trunk = at["neck"] - 0.5 * (at["hip_left"] + at["hip_right"])
    shoulders = at["shoulder_left"] - at["shoulder_right"]
    stands = _cosine(trunk, above) > _UPRIGHT and abs(_cosine(left, above)) < _UPRIGHT
    if not stands or _cosine(left, shoulders) < _UPRIGHT:
        return {}
    left = _unit_vector(left - above * (left @ above))
    facing = np.stack([np.cross(left, above), left, above], axis=1)
    axes = {name: facing for name in ("pelvis", "thorax", "head") if name in parts}
    for side in SIDES:
        axes |= _leg_axes(at, side, facing) | _arm_axes(at, side, facing)
    return axes


def _refuse_lost_bones(at: Mapping[str, Array], source: str) -> None:
    if not np.any(at["hip_left"] - at["hip_right"]):
        raise RecordingError(f"{source}: both hips lie in one place in the rest pose; the file is broken")
    for side in SIDES:
        for top, bottom in ((f"{a}_{side}", f"{b}_{side}") for a, b in _BONES):
            if not np.any(at[top] - at[bottom]):
                raise RecordingError(
                    f"{source}: {top} and {bottom} lie in one place in the rest pose; mend the lower one's OFFSET"
                )


def _leg_axes(at: Mapping[str, Array], side: str, facing: Array) -> dict[str, Array]:
    thigh = at[f"knee_{side}"] - at[f"hip_{side}"]
    shank = at[f"ankle_{side}"] - at[f"knee_{side}"]
    if not (_shows_forward(thigh, facing) and _shows_forward(shank, facing)):
        return {}
    axes = _limb_axes(facing[:, 0], shank)
    return {
        f"thigh_{side}": _limb_axes(facing[:, 0], thigh),
        f"shank_{side}": axes,
        f"foot_{side}": _foot_axes(facing[:, 0], axes),
    }


def _arm_axes(at: Mapping[str, Array], side: str, facing: Array) -> dict[str, Array]:
    upper = at[f"elbow_{side}"] - at[f"shoulder_{side}"]
    tip = at.get(f"wrist_{side}", at.get(f"pronation_{side}"))
    lower = upper if tip is None or np.allclose(tip, at[f"elbow_{side}"]) else tip - at[f"elbow_{side}"]
    if not (_shows_forward(upper, facing) and _shows_forward(lower, facing)):
        return {}
    forearm = _limb_axes(facing[:, 0], lower)
    axes = {f"upper_arm_{side}": _limb_axes(facing[:, 0], upper), f"forearm_{side}": forearm}
    return axes | ({f"hand_{side}": forearm} if f"wrist_{side}" in at else {})


def _shows_forward(bone: Array, facing: Array) -> bool:
    """Return whether one can tell where a limb along `bone` has its front: not if it points ahead, back or up."""
    return abs(_cosine(bone, facing[:, 0])) < _AHEAD and _cosine(bone, facing[:, 2]) < _UPRIGHT


def _cosine(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0.0 else 0.0


def _unit_vector(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _limb_axes(forward: Array, distal: Array) -> Array:
    """Return (3, 3): columns are a limb's x, y, z in the rest pose, where it points along `distal`."""
    z = -_unit_vector(distal)
    x = _unit_vector(forward - z * (forward @ z))
    return np.stack([x, np.cross(z, x), z], axis=1)


def _foot_axes(forward: Array, shank: Array) -> Array:
    """Return (3, 3): flat on the ground if the rest pose's shank were upright."""
    z = _unit_vector(shank[:, 2] - forward * (forward @ shank[:, 2]))
    return np.stack([forward, np.cross(z, forward), z], axis=1)
