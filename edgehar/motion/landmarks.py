"""The points of a body that a pose network marks in a picture: where they are in the room.

A network's hips and shoulders are not the joints: they lie some cm beside them, and not alike in all people. Offsets
in parts of the body's height are round numbers about where annotators of pictures put the points.
"""

import numpy as np
from msgspec import Struct

from edgehar.motion.skeleton import SIDES, Array, Body, Frame, SegmentLengths
from edgehar.types import KEYPOINTS

_TRUNK = 0.288
"""Length of the trunk in body heights, as in `skeleton.segment_lengths`."""

_FACE = {
    "nose": (0.075, 0.0, 0.098),
    "eye_left": (0.058, 0.018, 0.116),
    "ear_left": (0.012, 0.043, 0.108),
}
"""From the base of the neck, in body heights, in the head's frame; the right ones mirror them."""


class Offsets(Struct, frozen=True, eq=False):
    """One person's points beside the joints, m."""

    shoulder: tuple[float, float]
    """Outward and upward, in the frame of the thorax."""
    hip: tuple[float, float]
    """Outward and upward, in the frame of the pelvis."""
    limb: Array
    """(4, 3), of elbow, wrist, knee and ankle, the same on both sides but for the sign of y."""
    forward: float
    """Head before the trunk."""


def draw_offsets(rng: np.random.Generator) -> Offsets:
    """Draw where the points of one person lie."""
    return Offsets(
        shoulder=(rng.normal(0.0, 0.015), rng.normal(0.01, 0.015)),
        hip=(rng.normal(0.025, 0.02), rng.normal(0.03, 0.025)),
        limb=rng.normal(0.0, 0.01, (4, 3)),
        forward=float(rng.uniform(0.0, 0.05)),
    )


def landmarks(body: Body, lengths: SegmentLengths, offsets: Offsets) -> Array:
    """Return (rows, 17, 3), in the room, m, in the order of KEYPOINTS."""
    places = _face(body.frame("head"), lengths.trunk / _TRUNK, offsets.forward)
    for side, left in zip(SIDES, (1.0, -1.0), strict=True):
        thorax, pelvis = body.frame("thorax").rotation, body.frame("pelvis").rotation
        arm, forearm = body.frame(f"upper_arm_{side}"), body.frame(f"forearm_{side}")
        thigh, shank = body.frame(f"thigh_{side}"), body.frame(f"shank_{side}")
        elbow, wrist, knee, ankle = offsets.limb * (1.0, left, 1.0)
        out, up = offsets.shoulder
        places[f"shoulder_{side}"] = arm.origin + thorax @ np.array([0.0, left * out, up])
        places[f"elbow_{side}"] = _on(forearm, elbow)
        places[f"wrist_{side}"] = _on(forearm, wrist - (0.0, 0.0, lengths.forearm))
        out, up = offsets.hip
        places[f"hip_{side}"] = thigh.origin + pelvis @ np.array([0.0, left * out, up])
        places[f"knee_{side}"] = _on(shank, knee)
        places[f"ankle_{side}"] = _on(shank, ankle - (0.0, 0.0, lengths.shank))
    return np.stack([places[name] for name in KEYPOINTS], axis=1)


def _face(head: Frame, height: float, forward: float) -> dict[str, Array]:
    places = {}
    for name, offset in _FACE.items():
        at = height * np.array(offset) + (forward, 0.0, 0.0)
        places[name] = _on(head, at)
        if name.endswith("_left"):
            places[name.replace("_left", "_right")] = _on(head, at * (1.0, -1.0, 1.0))
    return places


def _on(frame: Frame, offset: Array) -> Array:
    return np.asarray(frame.origin + frame.rotation @ offset)
