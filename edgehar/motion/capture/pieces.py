"""Where a recorded take must be cut: nothing may be differentiated across a jump."""

import numpy as np
from numpy.typing import NDArray

from edgehar.motion.capture.clip import LONGEST_GAP, Motion, Span

_MOST_ACCELERATION = 300.0
"""m/s², about 30 g: more than any joint near the trunk feels in sport; a marker that jumps exceeds it."""
_MOST_TURNING = 50.0
"""rad/s, about 2900 deg/s; only a pitcher's arm is faster."""
_STEADY = ("pelvis", "neck", "knee_left", "knee_right", "elbow_left", "elbow_right")


def unbroken(motion: Motion, shortest: float = 1.0) -> list[Motion]:
    """The pieces between jumps and gaps, each a clip of its own; those under `shortest` s are left out.

    Takes are glued together in some collections, begin with the rest pose or hold rows that no body can move
    through; differentiated, each would be a blow of hundreds of g.
    """
    bad = _broken(motion)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], bad, [True]]).astype(np.int8)))
    pieces = zip(edges[::2], edges[1::2], strict=True)
    kept = [(a, b) for a, b in pieces if motion.t[b - 1] - motion.t[a] >= shortest]
    return [motion if b - a == len(motion.t) else part(motion, a, b) for a, b in kept]


def _broken(motion: Motion) -> NDArray[np.bool_]:
    """(rows,): True for rows that a jump touches."""
    bad = np.zeros(len(motion.t), dtype=np.bool_)
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


def part(motion: Motion, first: int, last: int) -> Motion:
    """Rows from `first` up to, not including, `last`, as a clip that begins at 0 s."""
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
