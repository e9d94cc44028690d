"""Arithmetic on poses: from one to another, and a limb toward a target."""

from collections.abc import Mapping

import numpy as np

from edgehar.motion.skeleton import Array, Pose


def interpolate(old: Pose, new: Pose, share: Array) -> dict[str, Array]:
    """Return the pose between two: the old one at share 0, the new one at 1."""
    names = dict.fromkeys((*old, *new))
    return {name: (1.0 - share) * old.get(name, 0.0) + share * new.get(name, 0.0) for name in names}


def move_toward(
    pose: dict[str, Array], target: Mapping[str, Array | float], share: Array | float, side: str = ""
) -> None:
    """Bring the pose by `share` (0 to 1) to the target's angles, of one side if their names lack it."""
    for name, value in target.items():
        full = f"{name}_{side}" if side else name
        old = pose.get(full, 0.0)
        pose[full] = np.asarray(old + share * (value - old))
