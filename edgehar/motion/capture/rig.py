"""Rigs: the tree of bones that motion-capture files describe, and forward kinematics from it to a `Motion`.

A file says how each bone lies in its rest pose (often arms spread, legs astride) and how it turns away from it.
Here the rest pose is divided out, so that somebody who stands upright has all segments near identity up to yaw.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.skeleton import SIDES, Array

Up = Literal["y", "z"]

_TO_WORLD: Mapping[str, Array] = {
    "y": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "z": np.eye(3),
}
"""Rotations from axes with that one up to ours; somebody who faces z, y being up, faces x here."""

_MIDDLE: Mapping[str, tuple[str, ...]] = {
    "pelvis": ("root", "hips", "hip", "pelvis"),
    "thorax": ("thorax", "chest", "spine2", "spine001", "spine1"),
    "neck": ("lowerneck", "neck"),
    "head": ("head", "face"),
}
_PAIRED: Mapping[str, tuple[str, ...]] = {
    "hip": ("{s}femur", "{s}thigh", "thigh{s}", "{side}upleg", "{side}hip", "{s}hip"),
    "knee": ("{s}tibia", "{s}shin", "shin{s}", "{side}leg", "{side}knee", "{s}knee"),
    "ankle": ("{s}foot", "foot{s}", "{side}foot", "{side}ankle", "{s}ankle"),
    "toe": ("{s}toes", "toe{s}", "{side}toebase"),
    "shoulder": ("{s}humerus", "{s}shldr", "upperarm{s}", "{side}arm", "{side}shoulder", "{s}shoulder"),
    "elbow": ("{s}radius", "{s}forearm", "forearm{s}", "{side}forearm", "{side}elbow", "{s}elbow"),
    # CMU's `wrist` is the last third of the forearm, which turns about its axis; the joint that bends is the hand's.
    "pronation": ("{s}wrist",),
    "wrist": ("{s}hand", "hand{s}", "{side}hand", "{side}wrist"),
    "hand": ("{s}fingers",),
}
_NEEDED = ("pelvis", "thorax", "neck", *(f"{j}_{s}" for j in ("hip", "knee", "ankle", "shoulder", "elbow") for s in SIDES))  # fmt: skip


def _joint_names() -> dict[str, tuple[str, ...]]:
    paired = {
        f"{joint}_{side}": tuple(name.format(s=side[0], side=side) for name in names)
        for joint, names in _PAIRED.items()
        for side in SIDES
    }
    return {**_MIDDLE, **paired}


class Rig(Struct, frozen=True, eq=False):
    """Joints of a skeleton and the bones between them; a parent stands before its children."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent; -1 for the root."""
    offsets: Array
    """(joints, 3), from the parent in the rest pose, in the file's axes and unit."""


class _JointMap(Struct, frozen=True):
    """Joints of a rig by the body part that each stands for."""

    parts: Mapping[str, int]
    source: str

    def find(self, *names: str) -> int | None:
        """Return the joint of the first part that the rig has."""
        return next((self.parts[name] for name in names if name in self.parts), None)


def _match_joints(rig: Rig, source: str) -> _JointMap:
    plain = {re.sub("[^a-z0-9]", "", name.lower()): i for i, name in reversed(list(enumerate(rig.names)))}
    parts = {}
    for part, names in _joint_names().items():
        joint = next((plain[name] for name in names if name in plain), None)
        if joint is not None:
            parts[part] = joint
        elif part in _NEEDED:
            raise RecordingError(
                f"{source}: no joint for {part}; looked for {', '.join(names)} among "
                f"{', '.join(rig.names[:40])}. Rename the joint in the file"
            )
    return _JointMap(parts, source)


def _joints_in_use(rig: Rig, joint_map: _JointMap) -> set[int]:
    """Return the joints that stand for parts, and all they hang on; fingers and faces would cost time."""
    needed = set()
    for part in joint_map.parts.values():
        joint = part
        while joint >= 0 and joint not in needed:
            needed.add(joint)
            joint = rig.parents[joint]
    return needed


_LOST_BONES = {"thorax": 1.0, "lwrist": 0.5, "rwrist": 0.5}
"""Length of a bone that has several children against the bone before it; holds in CMU's skeletons to 2 %."""


def _restore_lost_bones(rig: Rig) -> Rig:
    """Restore what some converters of CMU's skeletons lose: the bone of a joint with several children."""
    offsets = rig.offsets.copy()
    for i, parent in enumerate(rig.parents):
        share = _LOST_BONES.get(rig.names[parent].lower()) if parent >= 0 else None
        if share is not None and not rig.offsets[i].any():
            offsets[i] = share * rig.offsets[parent]
    return Rig(rig.names, rig.parents, offsets)


def _unit_vector(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _rest_facing(joint_map: _JointMap, rest: Array, up: Up) -> Array:
    """Return (3, 3): columns are forward, left and up of the rest pose."""
    above = np.array([0.0, 1.0, 0.0]) if up == "y" else np.array([0.0, 0.0, 1.0])
    across = rest[joint_map.parts["hip_left"]] - rest[joint_map.parts["hip_right"]]
    across = across - above * (across @ above)
    if np.linalg.norm(across) == 0.0:
        raise RecordingError(
            f"{joint_map.source}: both hips lie in one place in the rest pose; the file is broken"
        )
    left = _unit_vector(across)
    return np.stack([np.cross(left, above), left, above], axis=1)


def _limb_axes(forward: Array, distal: Array) -> Array:
    """Return (3, 3): columns are a limb's x, y, z in the rest pose, where it points along `distal`."""
    z = -_unit_vector(distal)
    x = _unit_vector(forward - z * (forward @ z))
    return np.stack([x, np.cross(z, x), z], axis=1)


def _foot_axes(forward: Array, shank: Array) -> Array:
    """Return (3, 3): flat on the ground if the rest pose's shank were upright."""
    z = _unit_vector(shank[:, 2] - forward * (forward @ shank[:, 2]))
    return np.stack([forward, np.cross(z, forward), z], axis=1)


def _segment_axes(joint_map: _JointMap, rest: Array, facing: Array) -> dict[str, tuple[int, Array]]:
    """Return of each segment the joint that turns it, and its axes in the rest pose (columns)."""
    parts, forward = joint_map.parts, facing[:, 0]
    axes = {name: (parts[name], facing) for name in ("pelvis", "thorax", "head") if name in parts}
    for side in SIDES:
        hip, knee, ankle = (parts[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle"))
        shoulder, elbow = parts[f"shoulder_{side}"], parts[f"elbow_{side}"]
        upper = rest[elbow] - rest[shoulder]
        tip = joint_map.find(f"wrist_{side}", f"pronation_{side}")
        lower = upper if tip is None or np.allclose(rest[tip], rest[elbow]) else rest[tip] - rest[elbow]
        shank = _limb_axes(forward, rest[ankle] - rest[knee])
        axes[f"thigh_{side}"] = hip, _limb_axes(forward, rest[knee] - rest[hip])
        axes[f"shank_{side}"] = knee, shank
        axes[f"foot_{side}"] = ankle, _foot_axes(forward, shank)
        axes[f"upper_arm_{side}"] = shoulder, _limb_axes(forward, upper)
        axes[f"forearm_{side}"] = parts.get(f"pronation_{side}", elbow), _limb_axes(forward, lower)
        if f"wrist_{side}" in parts:
            axes[f"hand_{side}"] = parts[f"wrist_{side}"], _limb_axes(forward, lower)
    return axes


def _joint_poses(rig: Rig, root: Array, turn: Callable[[int], Array], joints: set[int]) -> tuple[dict[int, Array], dict[int, Array]]:  # fmt: skip
    """Return the position and rotation of each joint over time, in the file's axes."""
    places: dict[int, Array] = {}
    rotations: dict[int, Array] = {}
    for i in sorted(joints):
        parent = rig.parents[i]
        if parent < 0:
            places[i], rotations[i] = root, turn(i)
        else:
            places[i] = places[parent] + rotations[parent] @ rig.offsets[i]
            rotations[i] = rotations[parent] @ turn(i)
    return places, rotations


def _rest_positions(rig: Rig) -> Array:
    rest = np.zeros((len(rig.names), 3))
    for i, parent in enumerate(rig.parents):
        rest[i] = rig.offsets[i] + (rest[parent] if parent >= 0 else 0.0)
    return rest


class RigMotion(Struct, frozen=True, eq=False):
    """Motion of a rig over time, in the file's own axes and unit."""

    t: Array
    """(rows,), s."""
    root: Array
    """(rows, 3), place of the root joint."""
    turn: Callable[[int], Array]
    """Function of a joint's index: (rows, 3, 3), rotation against the parent, at rest identity."""
    metres: float
    """m in one unit of length."""
    up: Up
    source: str


def forward_kinematics(rig: Rig, rig_motion: RigMotion) -> Motion:
    """Compute joints and segments of a recorded rig.

    Raises:
        RecordingError: if a joint that the body needs has no name this module knows.
    """
    rig = _restore_lost_bones(rig)
    joint_map = _match_joints(rig, rig_motion.source)
    rest = _rest_positions(rig)
    segments = _segment_axes(joint_map, rest, _rest_facing(joint_map, rest, rig_motion.up))
    places, rotations = _joint_poses(rig, rig_motion.root, rig_motion.turn, _joints_in_use(rig, joint_map))
    world = _TO_WORLD[rig_motion.up]
    joints = {
        part: places[i] @ world.T * rig_motion.metres
        for part, i in joint_map.parts.items()
        if part != "thorax" and not part.startswith("pronation")
    }
    joints["pelvis"] = 0.5 * (joints["hip_left"] + joints["hip_right"])
    return Motion(
        t=rig_motion.t,
        joints=joints,
        rotations={name: world @ rotations[i] @ axes for name, (i, axes) in segments.items()},
        source=rig_motion.source,
    )
