"""BVH files: a tree of joints in text, then a line of channels per frame. Names of joints are read by `rig`."""

import gzip
import warnings
import zlib
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.rig import Rig, RigMotion, Up, forward_kinematics
from edgehar.motion.skeleton import Array, rotation_about

_AXES = {"x": 0, "y": 1, "z": 2}
_CHANNELS = {axis + kind for axis in _AXES for kind in ("position", "rotation")}


class _Joint(Struct):
    """Joint as it is read."""

    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()
    """Names in lower case."""


def read_text(path: Path) -> str:
    """Read a text file, unpacked if it ends in `.gz`.

    Raises:
        RecordingError: if it is missing, broken or no text.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return raw.decode("utf-8")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RecordingError(f"{path}: cannot be read as (gzipped) text: {error}") from error


def read_bvh(path: Path, metres: float = 0.01, up: Up = "y") -> Motion:
    """Read one clip.

    Args:
        path: of a `.bvh` or `.bvh.gz` file.
        metres: m in the file's unit of length; BVH does not say it, most files are in cm.
        up: the file's vertical axis; BVH does not say it either.

    Raises:
        RecordingError: if it is no BVH file, is cut off, or lacks joints of a body.
    """
    head, marker, tail = read_text(path).partition("MOTION")
    if not marker or not head.lstrip().startswith("HIERARCHY"):
        raise RecordingError(f"{path}: expected HIERARCHY ... MOTION as a BVH file has them; is it one?")
    joints = _hierarchy(head.split(), path)
    frame, values = _frames(tail, sum(len(joint.channels) for joint in joints), path)
    turns = partial(_joint_rotation, joints, values)
    offsets: Array = np.array([joint.offset for joint in joints], dtype=np.float64)
    rig = Rig(tuple(j.name for j in joints), tuple(j.parent for j in joints), offsets)
    t: Array = frame * np.arange(len(values), dtype=np.float64)
    return forward_kinematics(
        rig, RigMotion(t, _root_positions(joints, values) + offsets[0], turns, metres, up, path.name)
    )


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
    at = 1
    while at < len(words):
        word = words[at]
        if word in {"ROOT", "JOINT", "End"}:
            name = f"{joints[unclosed[-1]].name}_site" if word == "End" else words[at + 1]
            joints.append(_Joint(name, unclosed[-1] if unclosed else -1))
            unclosed.append(len(joints) - 1)
            at += 3
        elif word == "OFFSET":
            x, y, z = (float(w) for w in words[at + 1 : at + 4])
            joints[unclosed[-1]].offset = (x, y, z)
            at += 4
        elif word == "CHANNELS":
            joint = joints[unclosed[-1]]
            joint.channels = _channels(joint.name, int(words[at + 1]), words[at + 2 :])
            at += 2 + len(joint.channels)
        elif word == "}":
            unclosed.pop()
            at += 1
        else:
            raise ValueError(f"unexpected {word!r}")
    if unclosed or not joints:
        raise ValueError("a bracket is not closed")
    return joints


def _channels(joint: str, count: int, words: list[str]) -> tuple[str, ...]:
    channels = tuple(word.lower() for word in words[: max(count, 0)])
    strange = [word for word in channels if word not in _CHANNELS]
    if strange or len(channels) != count:
        raise ValueError(
            f"{joint}: expected {count} channels out of X, Y, Z with position or rotation, "
            f"got {', '.join(strange or channels) or 'none'}; write the file with such channels"
        )
    return channels


def _frames(text: str, columns: int, path: Path) -> tuple[float, Array]:
    """Read the seconds per frame and (rows, columns)."""
    try:
        _, row_count, _, _, frame_time, numbers = text.split(maxsplit=5)
        rows, frame = int(row_count), float(frame_time)
        with warnings.catch_warnings():
            # What is no number is only warned of.
            warnings.simplefilter("error")
            values = np.fromstring(numbers, dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise RecordingError(f"{path}: the MOTION part is broken: {error}") from error
    if not frame > 0.0 or rows < 1 or values.size != rows * columns or not np.isfinite(values).all():
        raise RecordingError(
            f"{path}: expected {rows} frames of {columns} numbers, {frame} s apart; "
            f"there are {values.size} numbers. Is the file cut off?"
        )
    return frame, values.reshape(rows, columns)


def _root_positions(joints: list[_Joint], values: Array) -> Array:
    """Return (rows, 3), the position of the root."""
    root = np.zeros((len(values), 3))
    for column, channel in enumerate(joints[0].channels):
        if channel.endswith("position"):
            root[:, _AXES[channel[0]]] = values[:, column]
    return root


def _joint_rotation(joints: list[_Joint], values: Array, index: int) -> Array:
    """Return (rows, 3, 3) of one joint: its channels' turns, in their order, each in the turned axes."""
    column = sum(len(joint.channels) for joint in joints[:index])
    total = np.broadcast_to(np.eye(3), (len(values), 3, 3))
    for channel, degrees in zip(joints[index].channels, values[:, column:].T, strict=False):
        if channel.endswith("rotation"):
            total = total @ rotation_about(_AXES[channel[0]], np.deg2rad(degrees), len(values))
    return np.asarray(total)
