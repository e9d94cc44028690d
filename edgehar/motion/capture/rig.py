"""Rigs: the tree of bones that motion-capture files describe, and forward kinematics from it to a `Motion`.

A file says how each bone lies in its rest pose (often arms spread, legs astride) and how it turns away from it.
Here the rest pose is divided out, so that somebody who stands upright has all segments near identity up to yaw.
What a rest pose does not show, because it lies or points its arms ahead, the movement does: there each segment is
on average as the joints' places say it is.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from msgspec import Struct
from scipy.spatial.transform import Rotation

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.joint_names import ancestors, match_joints, plain_names
from edgehar.motion.capture.orient import orient
from edgehar.motion.capture.rest_pose import rest_axes, segment_joints
from edgehar.motion.skeleton import SIDES, Array

Up = Literal["y", "z"]

_TO_WORLD: Mapping[str, Array] = {
    "y": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "z": np.eye(3),
}
"""Rotations from axes with that one up to ours; somebody who faces z, y being up, faces x here."""

_FARTHEST = 1e5
"""m; nobody is recorded over 100 km."""
LARGEST = 1e9
"""Every length and angle that means something is smaller, in whatever unit."""


class Rig(Struct, frozen=True, eq=False):
    """Joints of a skeleton and the bones between them; a parent stands before its children."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent; -1 for the root."""
    offsets: Array
    """(joints, 3), from the parent in the rest pose, in the file's axes and unit."""


class RigMotion(Struct, frozen=True, eq=False):
    """Motion of a rig over time, in the file's own axes and unit."""

    t: Array
    """(rows,), s."""
    place: Callable[[int], Array | None]
    """Function of a joint's index: (rows, 3), place against the parent; None where the rig's offset says it."""
    turn: Callable[[int], Array]
    """Function of a joint's index: (rows, 3, 3), rotation against the parent, at rest identity."""
    metres: float
    """m in one unit of length."""
    up: Up
    source: str


_LOST_BONES = {"thorax": 1.0, "lpronation": 0.5, "rpronation": 0.5}
"""Length of a bone that has several children against the bone before it; holds in CMU's skeletons to 2 %."""


def _restore_lost_bones(rig: Rig) -> Rig:
    """Restore what some converters of CMU's skeletons lose: the bone of a joint with several children."""
    offsets, names = rig.offsets.copy(), plain_names(rig.names)
    for i, parent in enumerate(rig.parents):
        share = _LOST_BONES.get(names[parent]) if parent >= 0 else None
        if share is not None and not rig.offsets[i].any():
            offsets[i] = share * rig.offsets[parent]
    return Rig(rig.names, rig.parents, offsets)


def _place_joints(rig: Rig, motion: RigMotion, joints: list[int]) -> tuple[Rig, dict[int, Array]]:
    """Return the rig with the usual place of each of these joints as its offset, and the places that change.

    The root's is no bone: in the rest pose it lies at zero.
    """
    offsets, places = rig.offsets.copy(), {}
    for i in joints:
        place = motion.place(i)
        if place is not None:
            places[i] = place
            offsets[i] = np.median(place, axis=0) if rig.parents[i] >= 0 else 0.0
        if not (np.abs(offsets[i]) < LARGEST).all():
            raise RecordingError(
                f"{motion.source}: {rig.names[i]}: expected lengths as its offset, got "
                f"{', '.join(map(str, offsets[i]))}; mend the file"
            )
    return Rig(rig.names, rig.parents, offsets), places


def _joint_poses(
    rig: Rig, motion: RigMotion, places: Mapping[int, Array], joints: list[int], turning: set[int]
) -> tuple[dict[int, Array], dict[int, Array]]:
    """Return the position of each of these joints over time, and the rotation of those `turning`, in the file's axes.

    `places` has those against the parent that change.
    """
    positions: dict[int, Array] = {}
    rotations: dict[int, Array] = {}
    for i in joints:
        parent = rig.parents[i]
        if parent < 0:
            positions[i] = places.get(i, np.broadcast_to(rig.offsets[i], (len(motion.t), 3)))
        elif i in places:
            positions[i] = positions[parent] + (rotations[parent] @ places[i][:, :, None])[:, :, 0]
        else:
            positions[i] = positions[parent] + rotations[parent] @ rig.offsets[i]
        if i in turning:
            turn = motion.turn(i)
            rotations[i] = turn if parent < 0 else rotations[parent] @ turn
    return positions, rotations


def _rest_positions(rig: Rig, joints: list[int]) -> Array:
    rest = np.zeros((len(rig.names), 3))
    for i in joints:
        parent = rig.parents[i]
        rest[i] = rig.offsets[i] + (rest[parent] if parent >= 0 else 0.0)
    return rest


def forward_kinematics(rig: Rig, motion: RigMotion) -> Motion:
    """Compute joints and segments of a recorded rig.

    Raises:
        RecordingError: if a joint that the body needs has no name that is known, or no place.
    """
    rig = _restore_lost_bones(rig)
    parts = match_joints(rig.names, rig.parents, motion.source)
    # Other fingers and faces would cost time, and what is wrong with them harms nobody.
    in_use = sorted(set(parts.values()).union(*(ancestors(rig.parents, i) for i in parts.values())))
    turned_by = segment_joints(parts)
    turning = {rig.parents[i] for i in in_use}.union(turned_by.values())
    rig, places = _place_joints(rig, motion, in_use)
    world = _TO_WORLD[motion.up]
    axes = rest_axes(parts, _rest_positions(rig, in_use), world[2], motion.source)
    positions, rotations = _joint_poses(rig, motion, places, in_use, turning)
    joints = {
        part: positions[i] @ world.T * motion.metres
        for part, i in parts.items()
        if part != "thorax" and not part.startswith("pronation")
    }
    joints["pelvis"] = 0.5 * (joints["hip_left"] + joints["hip_right"])
    _refuse_far_joints(joints, motion.source)
    turned = {name: world @ rotations[i] for name, i in turned_by.items()}
    segments = {name: turned[name] @ axes[name] for name in turned if name in axes}
    if len(segments) < len(turned):
        segments |= _axes_from_movement(turned, joints, segments)
    return Motion(t=motion.t, joints=joints, rotations=segments, source=motion.source)


def _refuse_far_joints(joints: Mapping[str, Array], source: str) -> None:
    for name, x in joints.items():
        far = np.flatnonzero(~(np.abs(x) < _FARTHEST).all(axis=1))
        if len(far):
            raise RecordingError(
                f"{source}: {name} lies {float(np.abs(x[far[0]]).max()):.3g} m away in frame {far[0] + 1}; expected a "
                "person within reach of a camera: is the unit of length the right one, or a number broken?"
            )


def _axes_from_movement(
    turned: Mapping[str, Array], joints: Mapping[str, Array], segments: Mapping[str, Array]
) -> dict[str, Array]:
    """Return (rows, 3, 3) of the segments that are not in `segments`, of the joints that turn them.

    A segment is fixed to its joint; on average it lies as `orient` says, feet and hands without a tip straight on.
    """
    seen = orient(joints, segments)
    for side in SIDES:
        seen.setdefault(f"foot_{side}", seen[f"shank_{side}"])
        if f"forearm_{side}" in seen:
            seen.setdefault(f"hand_{side}", seen[f"forearm_{side}"])
    return {
        name: rotation @ Rotation.from_matrix(np.swapaxes(rotation, 1, 2) @ seen[name]).mean().as_matrix()
        for name, rotation in turned.items()
        if name in seen and name not in segments
    }
