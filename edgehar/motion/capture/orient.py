"""Rotations of segments where a source has only positions of joints.

A limb's long axis is the bone; its lateral axis is that of its hinge (knee, elbow), which a straight
limb does not show: there it is carried along without twist from where the limb was last bent to
where it is bent next. How far a forearm is turned about itself no joint shows at all.
"""

from collections.abc import Mapping

import numpy as np
from msgspec import structs
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded

from edgehar.motion.capture.clip import Motion
from edgehar.motion.skeleton import SIDES, Array, rotation_about

_STRAIGHT_SINE, _BENT_SINE = 0.15, 0.3
"""Sines of the hinge's angle: below the first its normal is noise, above the second it is believed."""

_SOLE_SLOPE = np.deg2rad(19.0)
"""Slope of the line from ankle to toe while standing: an ankle's height of 0.039 body heights over three
quarters of a foot's 0.152 (Drillis and Contini 1966, as in Winter, "Biomechanics")."""

_NO_LENGTH, _BARELY_ACROSS = 1e-9, 1e-3
"""Lengths: up to the first a vector has no direction, up to the second what is left of a unit vector has none."""

_LIVELY_RATE = 1.0
"""rad/s, round number: an arm that swings slower also twists slower, and a still one not at all."""

_KNOTS = 4
"""Knots of the twist per time constant: between them a forearm turns smoothly."""


def orient(joints: Mapping[str, Array], measured: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """Return (rows, 3, 3) of each segment whose joints (rows, 3) are given, axes as in `clip.Motion`.

    Positions are finite and those of one clip: what is straight is filled in from its neighbours in
    time. What is `measured` is believed and comes back as it is.
    """
    rotations = dict(measured or {})
    if not joints:
        return rotations
    _orient_trunk(joints, rotations)
    for side in SIDES:
        for upper, lower, names in (
            ("thigh", "shank", ("hip", "knee", "ankle")),
            ("upper_arm", "forearm", ("shoulder", "elbow", "wrist")),
        ):
            bones = [joints.get(f"{name}_{side}") for name in names]
            # A knee turns its shank about +y when it bends, an elbow its forearm about -y.
            sign = 1.0 if upper == "thigh" else -1.0
            lateral = _lateral_axis(rotations, "pelvis" if upper == "thigh" else "thorax", joints)
            _orient_limb(rotations, (f"{upper}_{side}", f"{lower}_{side}"), bones, sign, lateral)
        _orient_foot(joints, rotations, side)
        _orient_end(joints, rotations, f"forearm_{side}", f"hand_{side}", (f"wrist_{side}", f"hand_{side}"))
    return rotations


def frame_from_axes(z: Array, y: Array) -> Array:
    """Return (rows, 3, 3) with that unit z axis and the y axis that is nearest to `y`."""
    lateral = perpendicular_unit_vectors(y, z)
    return np.stack([np.cross(lateral, z), lateral, z], axis=2)


def hinge_frames(z: Array, normal: Array, lateral: Array) -> Array:
    """Return frames along `z` whose y is the hinge's normal where it shows, and twists least elsewhere.

    The length of `normal` is the sine of the hinge's angle. A limb that is never bent takes `lateral`.
    """
    carried = _parallel_transport(z)
    sine = np.linalg.norm(normal, axis=1)
    share = np.clip((sine - _STRAIGHT_SINE) / (_BENT_SINE - _STRAIGHT_SINE), 0.0, 1.0)
    if not np.any(share > 0.0):
        # A lateral axis along the limb says nothing of its twist.
        normal, share = lateral, np.clip(np.linalg.norm(np.cross(z, lateral), axis=1) - 0.5, 0.0, 1.0)
        share = share if np.any(share > 0.0) else np.ones(len(z))
    angle = _fill_angles(_twist_angle(carried, normal), share)
    return carried @ rotation_about(2, angle, len(z))


def unit_vectors(x: Array) -> Array:
    """Return (rows, 3) of length 1; a row of no length takes the last row's, or upward before the first."""
    size = np.linalg.norm(x, axis=1)
    valid = size > _NO_LENGTH
    last = np.maximum.accumulate(np.where(valid, np.arange(len(x)), -1))
    unit = x / np.where(valid, size, 1.0)[:, None]
    return np.where((last >= 0)[:, None], unit[last], np.array([0.0, 0.0, 1.0]))


def perpendicular_unit_vectors(x: Array, axis: Array) -> Array:
    """Return (rows, 3) of length 1, perpendicular to the unit `axis` and nearest to `x`.

    Where x has no such part, the last row's is nearest, or any before the first.
    """
    across = x - axis * np.sum(axis * x, axis=1, keepdims=True)
    nearest = unit_vectors(across)
    lost = np.linalg.norm(across, axis=1) <= _NO_LENGTH
    if lost.any():
        along = axis[lost]
        last, other = (
            y - along * np.sum(along * y, axis=1, keepdims=True)
            for y in (nearest[lost], np.eye(3)[np.argmin(np.abs(along), axis=1)])
        )
        is_across = np.linalg.norm(last, axis=1, keepdims=True) > _BARELY_ACROSS
        nearest[lost] = unit_vectors(np.where(is_across, last, other))
    return nearest


def twist_forearms(
    motion: Motion, rng: np.random.Generator, degrees: float = 20.0, seconds: float = 1.0
) -> Motion:
    """Turn each forearm, with its hand, about its own axis by a smooth Ornstein-Uhlenbeck process.

    `degrees` is its standard deviation, `seconds` its time constant while the forearm swings; it halts
    while the forearm is still.
    """
    rotations = dict(motion.rotations)
    for side in SIDES:
        forearm = rotations.get(f"forearm_{side}")
        if forearm is None:
            continue
        twist = np.deg2rad(degrees) * _ornstein_uhlenbeck(
            _swing_clock(motion.t, forearm[:, :, 2]) / seconds, rng
        )
        turn = rotation_about(2, twist, len(twist))
        rotations[f"forearm_{side}"] = forearm @ turn
        hand = rotations.get(f"hand_{side}")
        if hand is not None:
            rotations[f"hand_{side}"] = forearm @ turn @ np.swapaxes(forearm, 1, 2) @ hand
    return structs.replace(motion, rotations=rotations)


def _swing_clock(t: Array, z: Array) -> Array:
    """Return a clock in s that halts while the direction `z` does."""
    step = np.diff(t)
    rate = np.linalg.norm(np.diff(z, axis=0), axis=1) / step
    return np.concatenate([[0.0], np.cumsum(np.tanh(rate / _LIVELY_RATE) * step)])


def _ornstein_uhlenbeck(clock: Array, rng: np.random.Generator) -> Array:
    """Draw an Ornstein-Uhlenbeck process of variance 1 and time constant 1 at knots, smooth between."""
    knots = np.arange(int(np.ceil(clock[-1] * _KNOTS)) + 3) / _KNOTS
    kept = np.exp(-1.0 / _KNOTS)
    values = rng.standard_normal(len(knots))
    for row in range(1, len(knots)):
        values[row] = kept * values[row - 1] + np.sqrt(1.0 - kept**2) * values[row]
    return np.asarray(CubicSpline(knots, values)(clock))


def _orient_trunk(joints: Mapping[str, Array], rotations: dict[str, Array]) -> None:
    """Lean pelvis and thorax as the line from mid-hip to neck: nothing shows how a back is curved."""
    pelvis, neck = joints.get("pelvis"), joints.get("neck")
    if pelvis is not None and neck is not None:
        up = unit_vectors(neck - pelvis)
        hips, shoulders = (_left_minus_right(joints, name) for name in ("hip", "shoulder"))
        for segment, line in (("thorax", shoulders), ("pelvis", hips)):
            lateral = line if line is not None else hips if hips is not None else shoulders
            if segment in rotations or lateral is None:
                continue
            y = unit_vectors(lateral)
            # The trunk's axis is the bone of the thorax; the pelvis has none, only the line of its hips.
            rotations[segment] = frame_from_axes(up, y) if segment == "thorax" else _frame_nearest_up(y, up)
    _orient_end(joints, rotations, "thorax", "head", ("head", "neck"))


def _frame_nearest_up(y: Array, up: Array) -> Array:
    z = perpendicular_unit_vectors(up, y)
    return np.stack([np.cross(y, z), y, z], axis=2)


def _left_minus_right(joints: Mapping[str, Array], name: str) -> Array | None:
    left, right = (joints.get(f"{name}_{side}") for side in SIDES)
    return None if left is None or right is None else left - right


def _lateral_axis(rotations: Mapping[str, Array], segment: str, joints: Mapping[str, Array]) -> Array:
    """Return (rows, 3), where a limb's y points if its own hinge never shows it."""
    if segment in rotations:
        return rotations[segment][:, :, 1]
    line = _left_minus_right(joints, "hip" if segment == "pelvis" else "shoulder")
    if line is not None:
        return unit_vectors(line)
    return np.tile([0.0, 1.0, 0.0], (len(next(iter(joints.values()))), 1))


def _orient_end(
    joints: Mapping[str, Array], rotations: dict[str, Array], inner: str, outer: str, bone: tuple[str, str]
) -> None:
    """Give a segment at the end of a chain the lateral axis of the one it hangs on."""
    top, bottom = (joints.get(name) for name in bone)
    if outer not in rotations and inner in rotations and top is not None and bottom is not None:
        rotations[outer] = frame_from_axes(unit_vectors(top - bottom), rotations[inner][:, :, 1])


def _orient_foot(joints: Mapping[str, Array], rotations: dict[str, Array], side: str) -> None:
    """Give a foot the lateral axis of its shank; x is level while standing, the line to the toe slopes."""
    ankle, toe = joints.get(f"ankle_{side}"), joints.get(f"toe_{side}")
    shank = rotations.get(f"shank_{side}")
    if ankle is None or toe is None or shank is None or f"foot_{side}" in rotations:
        return
    sloping = unit_vectors(toe - ankle)
    y = perpendicular_unit_vectors(shank[:, :, 1], sloping)
    along = np.stack([sloping, y, np.cross(sloping, y)], axis=2)
    rotations[f"foot_{side}"] = along @ rotation_about(1, -_SOLE_SLOPE, len(toe))


def _orient_limb(
    rotations: dict[str, Array],
    names: tuple[str, str],
    bones: list[Array | None],
    sign: float,
    lateral: Array,
) -> None:
    """Orient both segments of a limb with one hinge; the upper alone if the lower one's end is missing."""
    top, hinge, end = bones
    if top is None or hinge is None:
        return
    z = unit_vectors(top - hinge)
    normal = np.zeros_like(z)
    if end is not None:
        lower = unit_vectors(hinge - end)
        normal = sign * np.cross(z, lower)
        if names[1] not in rotations:
            rotations[names[1]] = hinge_frames(lower, normal, lateral)
    if names[0] not in rotations:
        rotations[names[0]] = hinge_frames(z, normal, lateral)


def _twist_angle(frames: Array, y: Array) -> Array:
    """Return the angle in rad about the frames' z from their y to the given one."""
    return np.asarray(
        np.arctan2(-np.einsum("ni,ni->n", frames[:, :, 0], y), np.einsum("ni,ni->n", frames[:, :, 1], y))
    )


def _fill_angles(angle: Array, share: Array) -> Array:
    """Return the least-moving angles that keep those of share 1, draw to those below, ignore those of 0."""
    seen = np.flatnonzero(share)
    unwrapped = np.zeros_like(angle)
    unwrapped[seen] = np.unwrap(angle[seen])
    weight = np.minimum((share / (1.0 - np.minimum(share, 1.0 - 1e-9))) ** 2, 1e9)
    band = np.zeros((2, len(angle)))
    band[0, 1:] = -1.0
    band[1] = weight + 2.0
    band[1, [0, -1]] -= 1.0
    return np.asarray(solveh_banded(band, weight * unwrapped)) if len(angle) > 1 else unwrapped


def _parallel_transport(z: Array) -> Array:
    """Return frames along `z` that never turn about it (parallel transport from row to row)."""
    v = np.cross(z[:-1], z[1:])
    cosine = np.sum(z[:-1] * z[1:], axis=1)
    cross = np.zeros((len(v), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]], cross[:, [1, 2, 0], [2, 0, 1]] = v, -v
    # Opposite directions in neighbouring rows are a fault of the source; any turn will do.
    bent = cross @ cross / np.maximum(1.0 + cosine, 1e-6)[:, None, None]
    start = frame_from_axes(z[:1], np.eye(3)[[int(np.argmin(np.abs(z[0])))]])
    turns = np.concatenate([start, np.eye(3) + cross + bent])
    step = 1
    while step < len(turns):
        turns[step:] = turns[step:] @ turns[:-step]
        step *= 2
    # Thousands of products drift; the long axis is given.
    return frame_from_axes(z, turns[:, :, 1])
