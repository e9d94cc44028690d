"""How an impact on one segment of the body reaches the others."""

from functools import cache

from edgehar.motion.skeleton import Array, Pose

# What is left of a strike on its way up from the shank: own leg, other leg. That shocks fade towards the
# head is in Lafortune, Lake and Hennig, J. Biomechanics 29 (1996); the shares are round numbers.
_SHARE = {
    "foot": (1.1, 0.15),
    "shank": (1.0, 0.15),
    "thigh": (0.6, 0.2),
    "pelvis": (0.25, 0.25),
    "thorax": (0.12, 0.12),
    "head": (0.09, 0.09),
    "upper_arm": (0.1, 0.1),
    "forearm": (0.08, 0.08),
}

_PASSED_ON = 0.4
"""What of a hit goes over one joint; a round number, as above."""

_INWARD = {
    "foot": "shank",
    "shank": "thigh",
    "thigh": "pelvis",
    "pelvis": "thorax",
    "head": "thorax",
    "upper_arm": "thorax",
    "forearm": "upper_arm",
}


def impact(segment: str, jolt: Array, pose: Pose) -> list[Array | float]:
    """Acceleration along x, y and z of the heading's frame, m/s², that a pose's strikes and hits make on a segment.

    Args:
        segment: where it is felt.
        jolt: (3,), direction and size of what reaches a sensor there of a strike; of a hit only its size.
        pose: whose `strike_*` and `hit_*` count.
    """
    name, side = _named(segment)
    own, other = _SHARE[name]
    left, right = (pose.get(f"strike_{foot}", 0.0) for foot in ("left", "right"))
    strike = own * right + other * left if side == "right" else own * left + other * right
    total: list[Array | float] = [strike * part for part in jolt]
    for key, value in pose.items():
        if key.startswith("hit_"):
            _, axis, where = key.split("_", 2)
            share = jolt[2] * _PASSED_ON ** _joints(where, segment)
            total["xyz".index(axis)] = total["xyz".index(axis)] + share * value
    return total


def _named(segment: str) -> tuple[str, str]:
    """A segment's kind and side."""
    for side in ("left", "right"):
        if segment.endswith(f"_{side}"):
            return segment.removesuffix(f"_{side}"), side
    return segment, ""


@cache
def _joints(one: str, other: str) -> int:
    """How many joints lie between two segments."""
    ways = [_inward(one), _inward(other)]
    return len(set(ways[0]) ^ set(ways[1]))


def _inward(segment: str) -> list[str]:
    """The segments from this one to the thorax."""
    name, side = _named(segment)
    way = [segment]
    while name in _INWARD:
        name = _INWARD[name]
        way.append(name if name in {"pelvis", "thorax"} else f"{name}_{side}")
    return way
