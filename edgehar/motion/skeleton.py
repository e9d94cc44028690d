"""Linked skeleton: segment lengths from body height, positions and rotations from joint angles.

World and segment frames: x forward, y left, z up, metres. With every angle zero the body stands
upright, arms hanging, and all segment frames coincide with the world's.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pose = Mapping[str, Array | float]
"""Angles in rad (flexion and abduction positive, forward lean positive), `root_*` in m,
`push_*` (acceleration of the pelvis in its heading's frame), `strike_*` (of a foot) and `hit_x_*`,
`hit_y_*`, `hit_z_*` (of what strikes a segment, in the heading's frame) in m/s², `unworn` from 0 (on the
body) to 1 (every sensor is at the root, no body between them), and of what a camera alone sees `pace` and `climb`, m/s, and `path_*`,
m, along the heading (`travel`);
a name that is missing is zero. Names of paired joints end in `_left` or `_right`."""

Movement = Callable[[Array], dict[str, Array]]
"""Times in s -> a `Pose` over these times."""

SIDES = ("left", "right")


class SegmentLengths(Struct, frozen=True):
    """Segment lengths, m. Fractions of body height: Drillis and Contini 1966, as in Winter, "Biomechanics"."""

    thigh: float
    shank: float
    trunk: float
    upper_arm: float
    forearm: float
    hip_half: float
    shoulder_half: float


def segment_lengths(height: float) -> SegmentLengths:
    """Return the segment lengths of a body of this height in m."""
    return SegmentLengths(
        thigh=0.245 * height,
        shank=0.246 * height,
        trunk=0.288 * height,
        upper_arm=0.186 * height,
        forearm=0.146 * height,
        # Half the distance of the hip joints; the table's 0.191 is the breadth over the skin.
        hip_half=0.052 * height,
        shoulder_half=0.129 * height,
    )


def rotation_about(axis: int, angle: NDArray[np.floating[Any]] | float, rows: int) -> Array:
    """Return rotations (rows, 3, 3) by `angle` rad about coordinate axis 0, 1 or 2."""
    r = np.zeros((rows, 3, 3))
    c, s = np.cos(angle), np.sin(angle)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    r[:, axis, axis] = 1.0
    r[:, j, j], r[:, k, k] = c, c
    r[:, j, k], r[:, k, j] = -s, s
    return r


class Frame(Struct, frozen=True, eq=False):
    """Position and orientation of one segment over time."""

    origin: Array
    """(rows, 3), its proximal joint (the mid-hip for pelvis and thorax, the base of the neck for the head), m."""
    rotation: Array
    """(rows, 3, 3), segment to world."""


class Body(Protocol):
    """Body whose segments can be looked up: a modelled `Figure`, or a recorded one (`track.Track`)."""

    def frame(self, segment: str) -> Frame:
        """Return the frame of a segment of this module, such as `pelvis` or `forearm_left`."""
        ...


def _in_world(rotation: Array, offset: tuple[float, float, float]) -> Array:
    return np.asarray(rotation @ np.asarray(offset), dtype=np.float64)


class Figure:
    """Modelled skeleton in a pose over time; works out only the segments that are wanted."""

    def __init__(self, lengths: SegmentLengths, pose: Pose, rows: int) -> None:
        self._lengths, self._pose, self._rows = lengths, pose, rows
        self._frames: dict[str, Frame] = {}

    def frame(self, segment: str) -> Frame:
        """Return pelvis, thorax, head; or thigh, shank, foot, upper_arm, forearm with `_left`, `_right`."""
        if segment not in self._frames:
            name, _, side = segment.rpartition("_")
            single = {"pelvis": self._pelvis, "thorax": self._thorax, "head": self._head}
            paired = {
                "thigh": self._thigh,
                "shank": self._shank,
                "foot": self._foot,
                "upper_arm": self._arm,
                "forearm": self._forearm,
            }
            if segment in single:
                self._frames[segment] = single[segment]()
            else:
                self._frames[segment] = paired[name](side, 1.0 if side == "left" else -1.0)
        return self._frames[segment]

    def _joint_rotation(self, axis: int, name: str, sign: float = 1.0) -> Array:
        return rotation_about(axis, sign * self._pose.get(name, 0.0), self._rows)

    def _pelvis(self) -> Frame:
        origin = np.empty((self._rows, 3))
        for axis, name in enumerate(("root_x", "root_y", "root_z")):
            origin[:, axis] = self._pose.get(name, 0.0)
        upright = (
            self._joint_rotation(2, "yaw") @ self._joint_rotation(1, "tilt") @ self._joint_rotation(0, "roll")
        )
        return Frame(origin, upright @ self._joint_rotation(2, "turn"))

    def _thorax(self) -> Frame:
        pelvis = self.frame("pelvis")
        bend = (
            self._joint_rotation(1, "lean")
            @ self._joint_rotation(0, "bend")
            @ self._joint_rotation(2, "twist")
        )
        return Frame(pelvis.origin, pelvis.rotation @ bend)

    def _head(self) -> Frame:
        thorax = self.frame("thorax")
        neck = thorax.origin + _in_world(thorax.rotation, (0.0, 0.0, self._lengths.trunk))
        turned = (
            self._joint_rotation(2, "head_turn")
            @ self._joint_rotation(1, "nod")
            @ self._joint_rotation(0, "head_bend")
        )
        return Frame(neck, thorax.rotation @ turned)

    def _thigh(self, side: str, left: float) -> Frame:
        pelvis = self.frame("pelvis")
        joint = pelvis.origin + _in_world(pelvis.rotation, (0.0, left * self._lengths.hip_half, 0.0))
        out = self._joint_rotation(0, f"hip_out_{side}", left) @ self._joint_rotation(
            2, f"hip_turn_{side}", left
        )
        return Frame(joint, pelvis.rotation @ self._joint_rotation(1, f"hip_{side}", -1.0) @ out)

    def _shank(self, side: str, _left: float) -> Frame:
        thigh = self.frame(f"thigh_{side}")
        joint = thigh.origin + _in_world(thigh.rotation, (0.0, 0.0, -self._lengths.thigh))
        return Frame(joint, thigh.rotation @ self._joint_rotation(1, f"knee_{side}"))

    def _foot(self, side: str, _left: float) -> Frame:
        shank = self.frame(f"shank_{side}")
        joint = shank.origin + _in_world(shank.rotation, (0.0, 0.0, -self._lengths.shank))
        return Frame(joint, shank.rotation @ self._joint_rotation(1, f"ankle_{side}", -1.0))

    def _arm(self, side: str, left: float) -> Frame:
        thorax = self.frame("thorax")
        lengths = self._lengths
        joint = thorax.origin + _in_world(thorax.rotation, (0.0, left * lengths.shoulder_half, lengths.trunk))
        out = self._joint_rotation(0, f"arm_out_{side}", left) @ self._joint_rotation(
            2, f"arm_turn_{side}", left
        )
        return Frame(joint, thorax.rotation @ self._joint_rotation(1, f"arm_{side}", -1.0) @ out)

    def _forearm(self, side: str, left: float) -> Frame:
        arm = self.frame(f"upper_arm_{side}")
        joint = arm.origin + _in_world(arm.rotation, (0.0, 0.0, -self._lengths.upper_arm))
        bent = self._joint_rotation(1, f"elbow_{side}", -1.0) @ self._joint_rotation(2, f"palm_{side}", left)
        return Frame(joint, arm.rotation @ bent)
