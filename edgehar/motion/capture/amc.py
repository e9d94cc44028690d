"""ASF and AMC files (Acclaim): a skeleton in one file, its angles over time in another.

A bone is a direction and a length in the rest pose, and an `axis`: the orientation of the frame in which its
angles turn it. So a bone's turn against its parent is C M C^-1 with C from `axis` and M from the angles, the
first one named turning first.
"""

from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.rig import LARGEST, Rig, RigMotion, forward_kinematics
from edgehar.motion.capture.text_files import read_text
from edgehar.motion.skeleton import Array, rotation_about

INCH = 0.0254
"""m; lengths in the files are inches times `units length`, for CMU 0.45 (mocap.cs.cmu.edu, questions and answers)."""
CMU_RATE = 120.0
"""Hz; the files do not say it. CMU's takes have this one, a few 60 (the same page)."""

_AXES = {"x": 0, "y": 1, "z": 2}
_PLACE = ("tx", "ty", "tz")
_DOF = {*_PLACE, "rx", "ry", "rz", "l"}


class _Bone(Struct):
    """Bone as it is read; the root is one without length."""

    name: str
    direction: tuple[float, ...] = (0.0, 0.0, 0.0)
    length: float = 0.0
    axis: tuple[float, ...] = (0.0, 0.0, 0.0)
    order: str = "xyz"
    dof: tuple[str, ...] = ()
    parent: str = ""


class _Skeleton(Struct):
    """Content of an ASF file; the root is the first bone and parents stand before their children."""

    bones: list[_Bone]
    metres: float
    radians: float
    """rad in the file's unit of angle."""


def read_amc(asf: Path, amc: Path, rate: float = CMU_RATE) -> Motion:
    """Read one take and the skeleton it belongs to, each plain or `.gz`; y is up, as in all known files.

    Raises:
        RecordingError: if a file is broken, they do not belong together, or joints of a body are missing.
    """
    skeleton = _skeleton(read_text(asf), asf)
    frames = _frames(read_text(amc), skeleton, amc)
    root = skeleton.bones[0]
    rows = len(frames[root.name])
    rig, owners = _rig(skeleton)

    def place(joint: int) -> Array | None:
        if joint:
            return None
        columns = [root.dof.index(name) for name in _PLACE]
        return _finite(frames[root.name], root, amc)[:, columns]

    def turn(joint: int) -> Array:
        bone = owners[joint]
        if bone is None or bone.name not in frames:
            return np.broadcast_to(np.eye(3), (rows, 3, 3))
        return _bone_rotation(bone, _finite(frames[bone.name], bone, amc), skeleton)

    return forward_kinematics(
        rig, RigMotion(np.arange(rows) / rate, place, turn, skeleton.metres, "y", amc.name)
    )


def _finite(values: Array, bone: _Bone, path: Path) -> Array:
    """Return the values (rows, numbers) of a bone; RecordingError if one of them is no number."""
    if len(wrong := np.argwhere(~(np.abs(values) < LARGEST))):
        row, column = wrong[0]
        raise RecordingError(
            f"{path}: {bone.name}: expected numbers, got {values[row, column]} in frame {row + 1}; "
            "cut that frame out, or fill it in"
        )
    return values


def _rig(skeleton: _Skeleton) -> tuple[Rig, list[_Bone | None]]:
    """Place joints where bones begin and the last ones end; with each goes the bone that begins there."""
    names, parents, offsets = [], [], []
    owners: list[_Bone | None] = []
    at = {bone.name: i for i, bone in enumerate(skeleton.bones)}
    for bone in skeleton.bones:
        parent = skeleton.bones[at[bone.parent]] if bone.parent else None
        names.append(bone.name)
        parents.append(at[bone.parent] if parent else -1)
        offsets.append(np.zeros(3) if parent is None else _tip(parent))
        owners.append(bone)
    childless = set(at) - {bone.parent for bone in skeleton.bones}
    for bone in (b for b in skeleton.bones if b.name in childless):
        names.append(f"{bone.name}_end")
        parents.append(at[bone.name])
        offsets.append(_tip(bone))
        owners.append(None)
    return Rig(tuple(names), tuple(parents), np.stack(offsets)), owners


def _tip(bone: _Bone) -> Array:
    """Return (3,), where a bone ends from where it begins; not finite if the file says so."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bone.length * np.array(bone.direction)


def _rotation_sequence(order: str, angles: Array) -> Array:
    """Return (rows, 3, 3): turns about fixed axes one after the other."""
    total = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for axis, angle in zip(order, angles.T, strict=True):
        total = rotation_about(_AXES[axis], angle, len(angles)) @ total
    return np.asarray(total)


def _bone_rotation(bone: _Bone, values: Array, skeleton: _Skeleton) -> Array:
    frame = _rotation_sequence(bone.order, np.array([bone.axis]) * skeleton.radians)[0]
    columns = [i for i, name in enumerate(bone.dof) if name[0] == "r"]
    order = "".join(bone.dof[i][1] for i in columns)
    return np.asarray(frame @ _rotation_sequence(order, values[:, columns] * skeleton.radians) @ frame.T)


def _skeleton(text: str, path: Path) -> _Skeleton:
    sections = _sections(text)
    try:
        units = dict(line[:2] for line in sections.get("units", []) if len(line) > 1)
        skeleton = _Skeleton(
            bones=_hierarchy([_root(sections["root"]), *_bones(sections["bonedata"])], sections["hierarchy"]),
            metres=INCH / float(units.get("length", "1")),
            radians=1.0 if units.get("angle", "deg").startswith("rad") else float(np.pi / 180.0),
        )
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise RecordingError(
            f"{path}: expected :root, :bonedata and :hierarchy as an ASF file has them: {error!r}"
        ) from error
    if not 1.0 / LARGEST < skeleton.metres < LARGEST:
        raise RecordingError(f"{path}: expected a length above 0 under :units; mend the file")
    for bone in skeleton.bones:
        _check_bone(bone, path)
    missing = set(_PLACE) - set(skeleton.bones[0].dof)
    if missing:
        raise RecordingError(
            f"{path}: root: expected TX, TY and TZ in `order`, {', '.join(sorted(missing)).upper()} missing; "
            "where the body goes is not told without them: add them, and their numbers to the AMC file"
        )
    return skeleton


def _check_bone(bone: _Bone, path: Path) -> None:
    if not all(abs(angle) < LARGEST for angle in bone.axis):
        raise RecordingError(
            f"{path}: {bone.name}: expected three angles as `axis`, got {bone.axis}; mend the file"
        )
    if sorted(bone.order) != sorted(_AXES):
        raise RecordingError(
            f"{path}: {bone.name}: expected X, Y and Z, each once, as the order of `axis`, got "
            f"{bone.order.upper()!r}; mend the file"
        )
    if strange := set(bone.dof) - _DOF:
        raise RecordingError(
            f"{path}: {bone.name}: expected TX, TY, TZ, RX, RY, RZ or L as degrees of freedom, got "
            f"{', '.join(sorted(strange)).upper()}; mend the file"
        )


def _sections(text: str) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    now: list[list[str]] = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            now = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            now.append(words)
    return sections


def _numbers(words: list[str]) -> tuple[float, ...]:
    x, y, z = (float(word) for word in words[:3])
    return x, y, z


def _root(lines: list[list[str]]) -> _Bone:
    entries = {words[0].lower(): words[1:] for words in lines}
    return _Bone(
        name="root",
        axis=_numbers(entries.get("orientation", ["0", "0", "0"])),
        order=entries.get("axis", ["xyz"])[0].lower(),
        dof=tuple(word.lower() for word in entries["order"]),
    )


def _bones(lines: list[list[str]]) -> list[_Bone]:
    bones: list[_Bone] = []
    for words in lines:
        key, rest = words[0].lower(), words[1:]
        if key == "begin":
            bones.append(_Bone(""))
        elif key == "name":
            bones[-1].name = rest[0]
        elif key == "direction":
            bones[-1].direction = _numbers(rest)
        elif key == "length":
            bones[-1].length = float(rest[0])
        elif key == "axis":
            bones[-1].axis, bones[-1].order = _numbers(rest), rest[3].lower()
        elif key == "dof":
            bones[-1].dof = tuple(word.lower() for word in rest)
    return bones


def _hierarchy(bones: list[_Bone], lines: list[list[str]]) -> list[_Bone]:
    """Set each bone's parent, and order the bones so that parents come first."""
    by_name = {bone.name: bone for bone in bones}
    ordered = [bones[0]]
    for words in lines:
        if words[0] not in {"begin", "end"}:
            for name in words[1:]:
                by_name[name].parent = words[0]
                ordered.append(by_name[name])
    places = {bone.name: i for i, bone in enumerate(ordered)}
    if len(places) < len(ordered):
        raise ValueError("a bone stands twice in :hierarchy")
    if any(places[bone.parent] >= places[bone.name] for bone in ordered[1:]):
        raise ValueError("a bone stands before its parent in :hierarchy")
    return ordered


def _frames(text: str, skeleton: _Skeleton, path: Path) -> dict[str, Array]:
    """Read (rows, numbers) of each bone that moves."""
    widths = {bone.name: len(bone.dof) for bone in skeleton.bones}
    angles: dict[str, list[list[str]]] = {}
    rows = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            rows += 1
        elif widths.get(words[0]) != len(words) - 1:
            raise RecordingError(
                f"{path}, line {number}: {words[0]!r} has {len(words) - 1} numbers, the skeleton wants "
                f"{widths.get(words[0], 'no such bone')}; does this AMC belong to that ASF?"
            )
        else:
            angles.setdefault(words[0], []).append(words[1:])
    short = [name for name, lines in angles.items() if len(lines) != rows]
    if not rows or "root" not in angles or short:
        raise RecordingError(
            f"{path}: {rows} frames, but not all of them hold {short or 'root'}; is the file cut off?"
        )
    try:
        return {name: np.array(lines, dtype=np.float64) for name, lines in angles.items()}
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from error
