"""One type for every recorded movement, whatever it was recorded with."""

from collections.abc import Mapping

import numpy as np
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
    """What is done in a part of a clip."""

    label: str
    start: float
    """s"""
    end: float
    """s"""


class Motion(Struct, frozen=True, eq=False):
    """One clip: the world's z is up, lengths are metres. What a source does not have is left out."""

    t: Array
    """(rows,), s from the clip's start, strictly increasing."""
    joints: Mapping[str, Array]
    """(rows, 3) of each known joint of `JOINTS`, m."""
    rotations: Mapping[str, Array]
    """(rows, 3, 3) of each known segment of `SEGMENTS`, segment to world. A segment's axes are those of
    `skeleton`: for somebody who stands upright, arms hanging, they are x forward, y left, z up; z of a limb
    points to its proximal joint."""
    spans: tuple[Span, ...] = ()
    """Labelled parts; empty if the clip as a whole is what its name says."""
    planar: bool = False
    """Only x and z were seen; y is zero throughout and must not be differentiated."""
    source: str = ""
    """Which clip of which collection."""


LONGEST_GAP = 0.3
"""s: what is missing for longer is not drawn straight but cut out."""


def bridged(x: Array, t: Array, longest: float = LONGEST_GAP) -> Array:
    """(rows, width) with straight lines over gaps (NaN) of at most `longest` s; others and both ends stay."""
    seen = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(seen) < 2:
        return x
    filled = np.stack([np.interp(t, t[seen], column[seen]) for column in x.T], axis=1)
    after = np.clip(np.searchsorted(seen, np.arange(len(t))), 1, len(seen) - 1)
    before, after = seen[after - 1], seen[after]
    inside = (t >= t[seen[0]]) & (t <= t[seen[-1]]) & (t[after] - t[before] <= longest)
    inside[seen] = True
    return np.where(inside[:, None], filled, np.nan)


def sighted(
    seen: Mapping[str, Array], t: Array, shortest: float = 0.5
) -> list[tuple[Array, dict[str, Array]]]:
    """Cut points (rows, 3), NaN where hidden, into clips of at least `shortest` s: times from 0 and points.

    Short gaps are drawn straight. A point that is hidden for half of the rows or more is left out; where
    one of the others is hidden, there is no clip.
    """
    drawn = {name: bridged(x, t) for name, x in seen.items()}
    whole = {name: np.isfinite(x).all(axis=1) for name, x in drawn.items()}
    kept = [name for name in drawn if 2 * np.count_nonzero(whole[name]) > len(t)]
    if not kept:
        return []
    together = np.stack([whole[name] for name in kept]).all(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], together, [False]])))
    runs = [slice(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
    return [
        (t[run] - t[run.start], {name: drawn[name][run] for name in kept})
        for run in runs
        if t[run.stop - 1] - t[run.start] >= shortest
    ]
