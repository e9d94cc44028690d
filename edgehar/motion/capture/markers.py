"""Movement from the markers of the Plug-in-Gait set on the skin.

Wands are not used: which way a thigh or shank faces is seen better from the foot and the bent knee.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.array_files import Arrays, read_npz
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.gaps import split_at_gaps
from edgehar.motion.capture.orient import (
    frame_from_axes,
    hinge_frames,
    orient,
    perpendicular_unit_vectors,
    unit_vectors,
)
from edgehar.motion.skeleton import SIDES, Array, rotation_about

_PELVIS_TILT, _HEAD_TILT = np.deg2rad(10.0), np.deg2rad(15.0)
"""Slope of the plane of the iliac spines down in front, and of that of the head band up, while standing:
medians over the ten people of UI-PRMD."""

_SHOULDER_DROP = 0.17
"""Drop from acromion to the shoulder's centre, in distances between the acromions (Rab et al. 2002)."""

_HALF_KNEE, _HALF_ANKLE, _HALF_ELBOW = 0.055, 0.042, 0.042
"""m, from a marker's middle on the outside to the joint's; round numbers of adults."""

_ELBOW_PASSES = 4

_KEYS = ("x", "scale", "marker_names", "n", "subject", "activity", "episode", "rate_hz")
_PER_REPETITION = ("n", "activity", "subject", "episode")
"""Arrays with one value for each repetition."""
_INTEGER = {"n", "subject"}

Markers = Mapping[str, Array]
"""(rows, 3) of each marker that was recorded."""


class Repetition(Struct, frozen=True, eq=False):
    """Part of an exercise in which all markers were in sight."""

    activity: str
    subject: int
    motion: Motion


def read_markers(path: Path) -> Iterator[Repetition]:
    """Read all repetitions of a set: `x` (rows, 3 markers) times `scale` is m, z up; `n` rows of each.

    RecordingError if the file has another form.
    """
    arrays = read_npz(path, *_KEYS)
    _check(path, arrays)
    yield from _repetitions(path, [str(name) for name in arrays["marker_names"]], arrays)


def _check(path: Path, arrays: Arrays) -> None:
    x, n, names = arrays["x"], arrays["n"], arrays["marker_names"]
    for name in _PER_REPETITION:
        array = arrays[name]
        if array.shape != (n.size,) or (name in _INTEGER and array.dtype.kind not in "iu"):
            raise RecordingError(
                f"{path}: {name} has shape {array.shape} and type {array.dtype}; ({n.size},) expected, one "
                f"{'whole number ' if name in _INTEGER else ''}for each repetition that `n` names"
            )
    if names.ndim != 1 or not 0 < names.size == len(set(names.tolist())):
        raise RecordingError(
            f"{path}: marker_names: expected a list of names, each once, got {names.tolist()}"
        )
    if not ((n >= 0) & (n <= len(x))).all():
        raise RecordingError(
            f"{path}: n: expected rows of each repetition, together {len(x)}, got {n.tolist()}"
        )
    if x.ndim != 2 or x.shape[1] != 3 * names.size or len(x) != n.sum() or x.dtype.kind not in "fiu":
        raise RecordingError(
            f"{path}: x has shape {x.shape} and type {x.dtype}; numbers ({n.sum()}, {3 * names.size}) expected for "
            f"{names.size} markers"
        )
    for key in ("rate_hz", "scale"):
        number = arrays[key]
        if number.size != 1 or number.dtype.kind not in "fiu" or not 0.0 < number.item() < np.inf:
            raise RecordingError(f"{path}: {key}: expected one number above 0, got {number.tolist()}")


def _repetitions(path: Path, names: list[str], arrays: Arrays) -> Iterator[Repetition]:
    ends = np.cumsum(arrays["n"])
    rate, scale = arrays["rate_hz"].item(), arrays["scale"].item()
    columns = zip(
        ends - arrays["n"], ends, arrays["activity"], arrays["subject"], arrays["episode"], strict=True
    )
    for start, end, activity, subject, episode in columns:
        x = np.asarray(arrays["x"][start:end], np.float64).reshape(-1, len(names), 3) * scale
        source = f"{path.stem} subject {subject} {activity} {episode}"
        for motion in from_markers(dict(zip(names, np.moveaxis(x, 1, 0), strict=True)), rate, source):
            yield Repetition(str(activity), int(subject), motion)


def from_markers(markers: Markers, rate: float, source: str = "") -> list[Motion]:
    """Make clips of positions (rows, 3), m, z up, at `rate` Hz; zero or not finite where a marker was hidden.

    Short gaps are drawn straight; elsewhere the clip is cut. A marker that is hidden for more than
    half of the clip is given up, and the joints and segments it tells of.
    """
    t = np.arange(len(next(iter(markers.values())))) / rate
    visible = {name: _nan_where_hidden(x) for name, x in markers.items() if name in _USED_MARKERS}
    return [_solve_clip(points, times, source) for times, points in split_at_gaps(visible, t)]


def _nan_where_hidden(x: Array) -> Array:
    return np.where(np.all(x == 0.0, axis=1, keepdims=True) | ~np.isfinite(x), np.nan, x)


_HEAD = ("LFHD", "RFHD", "LBHD", "RBHD")
_PELVIS = ("LASI", "RASI", "LPSI", "RPSI")
_THORAX = ("CLAV", "STRN", "C7", "T10")
_SHANK = ("KNE", "ANK", "HEE", "TOE")
_ARM = ("SHO", "ELB", "WRA", "WRB")
_USED_MARKERS = {
    *_HEAD,
    *_PELVIS,
    *_THORAX,
    *(side + name for side in "LR" for name in (*_SHANK, *_ARM, "FIN")),
}


def _solve_clip(markers: Markers, t: Array, source: str) -> Motion:
    joints: dict[str, Array] = {}
    rotations: dict[str, Array] = {}
    for add_part in (_add_head, _add_pelvis, _add_thorax, _add_legs, _add_shoulders, _add_arms, _add_hands):
        add_part(markers, joints, rotations)
    return Motion(t, joints, orient(joints, rotations), source=source)


def _frame_nearest_forward(forward: Array, left: Array) -> Array:
    """Return (rows, 3, 3) whose y is `left` and whose x is nearest to `forward`."""
    y = unit_vectors(left)
    z = perpendicular_unit_vectors(np.cross(forward, y), y)
    return np.stack([np.cross(y, z), y, z], axis=2)


def _add_head(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    if not all(name in markers for name in _HEAD):
        return
    left_front, right_front, left_back, right_back = (markers[name] for name in _HEAD)
    band = _frame_nearest_forward(
        left_front + right_front - left_back - right_back, left_front + left_back - right_front - right_back
    )
    joints["head"] = 0.25 * (left_front + right_front + left_back + right_back)
    rotations["head"] = band @ rotation_about(1, _HEAD_TILT, len(band))


def _add_pelvis(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    """Add hip centres by Harrington et al. 2007, from the pelvis's width and depth."""
    if not all(name in markers for name in _PELVIS):
        return
    left, right, left_back, right_back = (markers[name] for name in _PELVIS)
    front = 0.5 * (left + right)
    forward = front - 0.5 * (left_back + right_back)
    width, depth = (float(np.median(np.linalg.norm(x, axis=1))) for x in (left - right, forward))
    plane = _frame_nearest_forward(forward, left - right)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        offset = (-0.24 * depth - 0.0099, sign * (0.33 * width + 0.0073), -0.30 * width - 0.0109)
        joints[f"hip_{side}"] = front + plane @ np.array(offset)
    joints["pelvis"] = 0.5 * (joints["hip_left"] + joints["hip_right"])
    rotations["pelvis"] = plane @ rotation_about(1, -_PELVIS_TILT, len(plane))


def _add_thorax(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    """Add the thorax as Plug-in-Gait has it: up from breastbone and T10 to collarbone and C7."""
    if "CLAV" in markers and "C7" in markers:
        joints["neck"] = 0.5 * (markers["CLAV"] + markers["C7"])
    if not all(name in markers for name in _THORAX):
        return
    clav, strn, c7, t10 = (markers[name] for name in _THORAX)
    up = unit_vectors(clav + c7 - strn - t10)
    rotations["thorax"] = frame_from_axes(up, np.cross(up, clav + strn - c7 - t10))


def _add_legs(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    """Add knee and ankle, which lie inward of their markers, across the plane of shank and foot."""
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        names = [side[0].upper() + name for name in _SHANK]
        if not all(name in markers for name in names):
            continue
        knee, ankle, heel, toe = (markers[name] for name in names)
        left = unit_vectors(np.cross(knee - ankle, toe - heel))
        joints[f"knee_{side}"] = knee - sign * _HALF_KNEE * left
        joints[f"ankle_{side}"] = ankle - sign * _HALF_ANKLE * left
        joints[f"toe_{side}"] = toe
        rotations[f"shank_{side}"] = frame_from_axes(
            unit_vectors(joints[f"knee_{side}"] - joints[f"ankle_{side}"]), left
        )
        rotations[f"foot_{side}"] = _frame_nearest_forward(toe - heel, left)
        if f"hip_{side}" in joints:
            # A knee is one hinge for both of its bones, and a straight one shows none.
            rotations[f"thigh_{side}"] = frame_from_axes(
                unit_vectors(joints[f"hip_{side}"] - joints[f"knee_{side}"]), left
            )


def _add_shoulders(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    if "LSHO" not in markers or "RSHO" not in markers:
        return
    left, right = markers["LSHO"], markers["RSHO"]
    apart = float(np.median(np.linalg.norm(left - right, axis=1)))
    if "thorax" in rotations:
        up = rotations["thorax"][:, :, 2]
    elif "pelvis" in joints:
        up = unit_vectors(0.5 * (left + right) - joints["pelvis"])
    else:
        return
    joints["shoulder_left"], joints["shoulder_right"] = (
        x - _SHOULDER_DROP * apart * up for x in (left, right)
    )


def _add_arms(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    """Add the elbow, inward of its marker, along its hinge; of which the elbow's own place tells."""
    if "shoulder_left" not in joints:
        return
    lateral = unit_vectors(joints["shoulder_left"] - joints["shoulder_right"])
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        letter = side[0].upper()
        if not all(letter + name in markers for name in _ARM):
            continue
        marker, thumb, little = (markers[letter + name] for name in _ARM[1:])
        shoulder, wrist = joints[f"shoulder_{side}"], 0.5 * (thumb + little)
        elbow = marker
        for _ in range(_ELBOW_PASSES):
            upper, lower = unit_vectors(shoulder - elbow), unit_vectors(elbow - wrist)
            hinge = hinge_frames(upper, np.cross(lower, upper), lateral)[:, :, 1]
            elbow = marker - sign * _HALF_ELBOW * hinge
        joints[f"elbow_{side}"], joints[f"wrist_{side}"] = elbow, wrist
        rotations[f"upper_arm_{side}"] = frame_from_axes(unit_vectors(shoulder - elbow), hinge)
        z = unit_vectors(elbow - wrist)
        # Palms towards the thighs, the thumb is in front: the wrist shows how the forearm is turned.
        rotations[f"forearm_{side}"] = frame_from_axes(z, np.cross(z, thumb - little))


def _add_hands(markers: Markers, joints: dict[str, Array], rotations: dict[str, Array]) -> None:
    for side in SIDES:
        finger, forearm = markers.get(side[0].upper() + "FIN"), rotations.get(f"forearm_{side}")
        if finger is not None and forearm is not None:
            joints[f"hand_{side}"] = finger
            rotations[f"hand_{side}"] = frame_from_axes(
                unit_vectors(joints[f"wrist_{side}"] - finger), forearm[:, :, 1]
            )
