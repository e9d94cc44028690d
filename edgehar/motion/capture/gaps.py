"""Gaps and jumps in recorded takes: filled if short, else cut; nothing may be differentiated across one."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgehar.motion.capture.clip import Motion, Span
from edgehar.motion.skeleton import Array

_MOST_ACCELERATION = 300.0
"""m/s², about 30 g: more than any joint near the trunk feels in sport; a marker that jumps exceeds it."""
_MOST_TURNING = 50.0
"""rad/s, about 2900 deg/s; only a pitcher's arm is faster."""
_STEADY = ("pelvis", "neck", "knee_left", "knee_right", "elbow_left", "elbow_right")

LONGEST_GAP = 0.3
"""s: what is missing for longer is not drawn straight but cut out."""


def fill_short_gaps(x: Array, t: Array, longest: float = LONGEST_GAP) -> Array:
    """Draw straight lines over gaps (NaN, up to `longest` s) of (rows, width); others and both ends stay."""
    seen = np.flatnonzero(np.isfinite(x).all(axis=1))
    if len(seen) < 2:
        return x
    filled = np.stack([np.interp(t, t[seen], column[seen]) for column in x.T], axis=1)
    after = np.clip(np.searchsorted(seen, np.arange(len(t))), 1, len(seen) - 1)
    before, after = seen[after - 1], seen[after]
    inside = (t >= t[seen[0]]) & (t <= t[seen[-1]]) & (t[after] - t[before] <= longest)
    inside[seen] = True
    return np.where(inside[:, None], filled, np.nan)


def split_at_gaps(
    seen: Mapping[str, Array], t: Array, shortest: float = 0.5
) -> list[tuple[Array, dict[str, Array]]]:
    """Cut points (rows, 3), NaN where hidden, into clips of at least `shortest` s: times from 0 and points.

    Short gaps are drawn straight. A point that is hidden for half of the rows or more is left out; where
    one of the others is hidden, there is no clip.
    """
    drawn = {name: fill_short_gaps(x, t) for name, x in seen.items()}
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


def split_at_jumps(motion: Motion, shortest: float = 1.0) -> list[Motion]:
    """Return the pieces between jumps and gaps, each a clip; those under `shortest` s are left out.

    Takes are glued together in some collections, begin with the rest pose or hold rows that no body can move
    through; differentiated, each would be a blow of hundreds of g.
    """
    bad = _rows_at_jumps(motion)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], bad, [True]]).astype(np.int8)))
    pieces = zip(edges[::2], edges[1::2], strict=True)
    kept = [(a, b) for a, b in pieces if motion.t[b - 1] - motion.t[a] >= shortest]
    return [motion if b - a == len(motion.t) else slice_rows(motion, a, b) for a, b in kept]


def _rows_at_jumps(motion: Motion) -> NDArray[np.bool_]:
    """Mark the rows (rows,) that a jump touches."""
    bad = np.zeros(len(motion.t), dtype=np.bool_)
    if len(motion.t) < 2:
        return bad
    step = np.diff(motion.t)
    gaps = np.flatnonzero(step > LONGEST_GAP)
    bad[gaps], bad[gaps + 1] = True, True
    usual = float(np.median(step))
    for joint in _STEADY:
        if joint in motion.joints:
            bend = np.linalg.norm(np.diff(motion.joints[joint], 2, axis=0), axis=1) / usual**2
            for shift in range(3):
                bad[np.flatnonzero(bend > _MOST_ACCELERATION) + shift] = True
    for name, rotation in motion.rotations.items():
        if not name.startswith(("head", "hand", "foot")):
            cosine = 0.5 * (np.einsum("nij,nij->n", rotation[1:], rotation[:-1]) - 1.0)
            fast = np.flatnonzero(np.arccos(np.clip(cosine, -1.0, 1.0)) > _MOST_TURNING * usual)
            bad[fast], bad[fast + 1] = True, True
    return bad


def slice_rows(motion: Motion, first: int, last: int) -> Motion:
    """Return the rows from `first` up to, not including, `last`, as a clip that begins at 0 s."""
    t = motion.t[first:last]
    start, end = float(t[0]), float(t[-1])
    spans = tuple(
        Span(span.label, max(span.start - start, 0.0), min(span.end, end) - start)
        for span in motion.spans
        if span.end > start and span.start < end
    )
    return Motion(
        t=t - start,
        joints={name: x[first:last] for name, x in motion.joints.items()},
        rotations={name: x[first:last] for name, x in motion.rotations.items()},
        spans=spans,
        planar=motion.planar,
        source=motion.source,
    )
