"""Types of a recorded clip, whatever recorded it: joint centres, segment rotations and labelled spans."""

from collections.abc import Mapping

from msgspec import Struct

from edgehar.motion.skeleton import Array

JOINTS = (
    "pelvis", "neck", "head",
    *(f"{joint}_{side}" for joint in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist", "hand") for side in ("left", "right")),
)  # fmt: skip
"""Names of joint centres: `pelvis` is the mid-hip, `neck` the base of the neck, `head` the top or middle of the head."""

SEGMENTS = (
    "pelvis", "thorax", "head",
    *(f"{segment}_{side}" for segment in ("upper_arm", "forearm", "hand", "thigh", "shank", "foot") for side in ("left", "right")),
)  # fmt: skip
"""Names of segments, as in `skeleton`."""


class Span(Struct, frozen=True):
    """Labelled part of a clip."""

    label: str
    start: float
    """s"""
    end: float
    """s"""


class Motion(Struct, frozen=True, eq=False):
    """Motion of one clip: the world's z is up, lengths are metres. What a source lacks is left out."""

    t: Array
    """(rows,), s from the clip's start, strictly increasing."""
    joints: Mapping[str, Array]
    """(rows, 3) of each recorded joint of `JOINTS`, m."""
    rotations: Mapping[str, Array]
    """(rows, 3, 3) of each recorded segment of `SEGMENTS`, segment to world. A segment's axes are those of
    `skeleton`: for somebody who stands upright, arms hanging, they are x forward, y left, z up; z of a limb
    points to its proximal joint."""
    spans: tuple[Span, ...] = ()
    """Labelled parts; empty if the clip as a whole is what its name says."""
    planar: bool = False
    """Only x and z were seen; y is zero throughout and must not be differentiated."""
    source: str = ""
    """Name of the clip and its collection."""
