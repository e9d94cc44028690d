"""Propagation of impacts: how a shock on one segment of the body reaches the others."""

from functools import cache

from edgehar.motion.skeleton import Array, Pose

# Shares of a strike on its way up from the shank: same leg, other leg. That shocks fade towards the
# head is in Lafortune, Lake and Hennig, J. Biomechanics 29 (1996); the shares are round numbers.
_STRIKE_SHARE = {
    "foot": (1.1, 0.15),
    "shank": (1.0, 0.15),
    "thigh": (0.6, 0.2),
    "pelvis": (0.25, 0.25),
    "thorax": (0.12, 0.12),
    "head": (0.09, 0.09),
    "upper_arm": (0.1, 0.1),
    "forearm": (0.08, 0.08),
}

_SHARE_PER_JOINT = 0.4
"""Share of a hit that passes one joint; a round number, as above."""

_INWARD = {
    "foot": "shank",
    "shank": "thigh",
    "thigh": "pelvis",
    "pelvis": "thorax",
    "head": "thorax",
    "upper_arm": "thorax",
    "forearm": "upper_arm",
}


def impact_acceleration(segment: str, gain: Array, pose: Pose) -> list[Array | float]:
    """Return a segment's acceleration by a pose's strikes and hits, m/s²: x, y, z of the heading's frame.

    Args:
        segment: where it is felt.
        gain: (3,), direction and size of what reaches a sensor there of a strike; of a hit only its size.
        pose: whose `strike_*` and `hit_*` count.
    """
    name, side = _split_side(segment)
    same, other = _STRIKE_SHARE[name]
    left, right = (pose.get(f"strike_{foot}", 0.0) for foot in ("left", "right"))
    strike = same * right + other * left if side == "right" else same * left + other * right
    acceleration: list[Array | float] = [strike * part for part in gain]
    for key, value in pose.items():
        if key.startswith("hit_"):
            _, axis, where = key.split("_", 2)
            share = gain[2] * _SHARE_PER_JOINT ** _joints_between(where, segment)
            acceleration["xyz".index(axis)] = acceleration["xyz".index(axis)] + share * value
    return acceleration


def _split_side(segment: str) -> tuple[str, str]:
    """Split a segment's name into its kind and side."""
    for side in ("left", "right"):
        if segment.endswith(f"_{side}"):
            return segment.removesuffix(f"_{side}"), side
    return segment, ""


@cache
def _joints_between(segment: str, other: str) -> int:
    """Count the joints that lie between two segments."""
    paths = [_path_to_thorax(segment), _path_to_thorax(other)]
    return len(set(paths[0]) ^ set(paths[1]))


def _path_to_thorax(segment: str) -> list[str]:
    """Return the segments from this one to the thorax."""
    name, side = _split_side(segment)
    path = [segment]
    while name in _INWARD:
        name = _INWARD[name]
        path.append(name if name in {"pelvis", "thorax"} else f"{name}_{side}")
    return path
