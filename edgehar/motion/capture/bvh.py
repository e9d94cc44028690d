"""BVH files: a tree of joints in text, then a line of channels per frame. Names of joints are read by `joint_names`."""

import re
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.rig import LARGEST, Rig, RigMotion, Up, forward_kinematics
from edgehar.motion.capture.text_files import read_text
from edgehar.motion.skeleton import Array, rotation_about
from edgehar.validation import printable

_AXES = {"x": 0, "y": 1, "z": 2}
_CHANNELS = {axis + kind for axis in _AXES for kind in ("position", "rotation")}

_TIMING = re.compile(r"\s*Frames:\s*([0-9]{1,9})\s+Frame\s+Time:\s*(\S+)", re.IGNORECASE)
_LEAST_FRAME_TIME = 1e-6
"""s; no camera is faster."""
_NO_NUMBER = re.compile(r"[-+]?(1\.#\w+|nan\(\w+\))", re.IGNORECASE)
"""NaN and infinity as C libraries write them and Python does not read them."""


class _Joint(Struct):
    """Joint as it is read."""

    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()
    """Names in lower case."""
    column: int = 0
    """Column of the first channel."""


class _Clip(Struct, frozen=True, eq=False):
    """Content of a file."""

    joints: list[_Joint]
    values: Array
    """(rows, channels of all joints), in the file's unit and degrees."""
    path: Path

    def channels(self, index: int, kind: str) -> tuple[list[int], Array]:
        """Return the axes of a joint's channels of one kind, in their order, and their values (rows, axes).

        Raises:
            RecordingError: if one of these is NaN or beyond measure.
        """
        joint = self.joints[index]
        of_kind = [i for i, channel in enumerate(joint.channels) if channel.endswith(kind)]
        values = self.values[:, [joint.column + i for i in of_kind]]
        if len(wrong := np.argwhere(~(np.abs(values) < LARGEST))):
            row, column = wrong[0]
            raise RecordingError(
                f"{self.path}: frame {row + 1}, {joint.name} {joint.channels[of_kind[column]].capitalize()}: expected a number, "
                f"got {values[row, column]}; cut that frame out, or fill it in"
            )
        return [_AXES[joint.channels[i][0]] for i in of_kind], values


def read_bvh(path: Path, metres: float = 0.01, up: Up = "y") -> Motion:
    """Read one clip.

    Args:
        path: of a `.bvh` or `.bvh.gz` file.
        metres: m in the file's unit of length; BVH does not say it, most files are in cm.
        up: the file's vertical axis; BVH does not say it either.

    Raises:
        RecordingError: if it is no BVH file, is cut off, or lacks joints of a body.
    """
    head, *tail = re.split(r"\sMOTION\s", read_text(path), maxsplit=1)
    if not tail or not head.lstrip().startswith("HIERARCHY"):
        raise RecordingError(f"{path}: expected HIERARCHY ... MOTION as a BVH file has them; is it one?")
    joints = _hierarchy(re.sub(r"([{}])", r" \1 ", head).split(), path)
    frame, values = _frames(tail[0], joints, path)
    clip = _Clip(joints, values, path)
    offsets: Array = np.array([joint.offset for joint in joints], dtype=np.float64)
    rig = Rig(tuple(j.name for j in joints), tuple(j.parent for j in joints), offsets)
    t: Array = frame * np.arange(len(values), dtype=np.float64)
    place, turn = partial(_joint_place, clip), partial(_joint_rotation, clip)
    return forward_kinematics(rig, RigMotion(t, place, turn, metres, up, path.name))


def _hierarchy(words: list[str], path: Path) -> list[_Joint]:
    try:
        joints = _tree(words)
    except (ValueError, IndexError) as error:
        raise RecordingError(f"{path}: the HIERARCHY part is broken: {error}") from error
    return joints


def _tree(words: list[str]) -> list[_Joint]:
    """Read the joints in the file's order, in which parents come first."""
    joints: list[_Joint] = []
    unclosed: list[int] = []
    at, column = 1, 0
    while at < len(words):
        word = words[at]
        if word in {"ROOT", "JOINT", "End"}:
            bracket = words.index("{", at)
            name = f"{joints[unclosed[-1]].name}_site" if word == "End" else " ".join(words[at + 1 : bracket])
            joints.append(_Joint(name, unclosed[-1] if unclosed else -1))
            unclosed.append(len(joints) - 1)
            at = bracket + 1
        elif word == "OFFSET":
            x, y, z = (float(w) for w in words[at + 1 : at + 4])
            joints[unclosed[-1]].offset = (x, y, z)
            at += 4
        elif word == "CHANNELS":
            joint = joints[unclosed[-1]]
            if joint.channels:
                raise ValueError(f"{printable(joint.name)} has CHANNELS twice")
            joint.channels, joint.column = _channels(joint.name, int(words[at + 1]), words[at + 2 :]), column
            at, column = at + 2 + len(joint.channels), column + len(joint.channels)
        elif word == "}":
            unclosed.pop()
            at += 1
        else:
            raise ValueError(f"unexpected {printable(word)!r}")
    if unclosed or not joints:
        raise ValueError("a bracket is not closed")
    return joints


def _channels(joint: str, count: int, words: list[str]) -> tuple[str, ...]:
    channels = tuple(word.lower() for word in words[: max(count, 0)])
    strange = [word for word in channels if word not in _CHANNELS]
    if strange or len(channels) != count:
        raise ValueError(
            f"{printable(joint)}: expected {count} channels out of X, Y, Z with position or rotation, "
            f"got {printable(', '.join(strange or channels)) or 'none'}; write the file with such channels"
        )
    return channels


def _frames(text: str, joints: Sequence[_Joint], path: Path) -> tuple[float, Array]:
    """Read the seconds per frame and (rows, columns): all rows, should the file have more than it says."""
    timing = _TIMING.match(text)
    try:
        promised, frame = (int(timing[1]), float(timing[2])) if timing else (0, 0.0)
    except ValueError:
        timing = None
    if timing is None:
        raise RecordingError(
            f"{path}: the MOTION part is broken: expected Frames: and Frame Time: with numbers"
        )
    channels = [f"{joint.name} {channel.capitalize()}" for joint in joints for channel in joint.channels]
    values = _numbers(text[timing.end() :], channels, path)
    rows, rest = divmod(values.size, max(len(channels), 1))
    if not _LEAST_FRAME_TIME <= frame < np.inf or rows < max(promised, 1) or rest or not channels:
        raise RecordingError(
            f"{path}: expected {promised} frames of {len(channels)} numbers, {frame} s apart; "
            f"there are {values.size} numbers. Is the file cut off?"
        )
    return frame, values.reshape(rows, len(channels))


def _numbers(text: str, channels: Sequence[str], path: Path) -> Array:
    with warnings.catch_warnings():
        # What is no number is only warned of.
        warnings.simplefilter("error")
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            words = [_NO_NUMBER.sub("nan", word) for word in text.split()]
    for i, word in enumerate(words):
        try:
            float(word)
        except ValueError as error:
            row, column = divmod(i, max(len(channels), 1))
            where = f"frame {row + 1}, {channels[column] if channels else 'no channel'}"
            raise RecordingError(
                f"{path}: {where}: expected a number, got {word[:40]!r}; mend the file"
            ) from error
    return np.array(words, dtype=np.float64)


def _joint_place(clip: _Clip, index: int) -> Array | None:
    """Return (rows, 3), the joint against its parent; None if no channel tells it, and its OFFSET does.

    Such channels hold the place itself. Some files have the way from OFFSET instead: of a bone, which has a length,
    one sees it.
    """
    axes, values = clip.channels(index, "position")
    joint = clip.joints[index]
    if not axes:
        return None
    offset = np.array(joint.offset)
    usual = np.median(values, axis=0)
    if joint.parent >= 0 and np.linalg.norm(usual) < np.linalg.norm(usual - offset[axes]):
        values = values + offset[axes]
    place = np.tile(offset, (len(values), 1))
    place[:, axes] = values
    return place


def _joint_rotation(clip: _Clip, index: int) -> Array:
    """Return (rows, 3, 3) of one joint: its channels' turns, in their order, each in the turned axes."""
    total = np.broadcast_to(np.eye(3), (len(clip.values), 3, 3))
    axes, turns = clip.channels(index, "rotation")
    for axis, degrees in zip(axes, turns.T, strict=True):
        total = total @ rotation_about(axis, np.deg2rad(degrees), len(clip.values))
    return np.asarray(total)
