"""Poses of films as a source to learn from: JHMDB, Penn Action, CAD-60, NTU RGB+D, from clips to windows.

Positions are those of `motion.capture`: metres, by the stature of whoever is seen in a plane. A joint that a clip does not
have stays at zero. A clip that is shorter than a window is held at both ends, as targets are.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.motion.capture import kinect, planar
from edgehar.motion.capture.array_files import read_npz
from edgehar.motion.capture.clip import JOINTS, Motion
from edgehar.motion.skeleton import Array
from edgehar.training.studies import local_spline
from edgehar.types import FloatArray

KINDS = ("pose", "synth", "synth_cubic")
"""Normalised coordinates; second derivatives of local splines; those of the published code, across clips."""
_HELD_OUT = 5
"""Every so many clips of a label is held out, where a set has no split of its own."""
_SOME = 53
"""Seed of which clips are read of a set that has more."""
_HOP_S = 0.25
_LEAST = 0.5
"""Share of a window that a clip fills, at least."""


class Clip(Struct, frozen=True, eq=False):
    """One person's clip."""

    label: str
    motion: Motion
    held_out: bool | None
    """True if the set's own split tests it; None if it has none."""


class Source(Struct, frozen=True, eq=False):
    """Clips of one set, of even rate."""

    name: str
    rate_hz: float
    labels: tuple[str, ...]
    dimensions: int
    """2, or 3 where depth was seen."""
    x: tuple[Array, ...]
    """(frames, joints * dimensions) of each clip, m, from the middle of all joints over the clip."""
    label: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    """(clips,): never learned from."""


class SourceWindows(Struct, frozen=True, eq=False):
    """Windows of a source, of one scale for all: their deviation is 1 where one learns from them."""

    x: FloatArray
    """(n, rows, joints * dimensions)"""
    label: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    labels: tuple[str, ...]
    dimensions: int


def _jhmdb(data: Path) -> Iterator[Clip]:
    file = data / "pose" / "jhmdb_gt_pose.npz"
    if file.is_file():
        learned = read_npz(file, "split1_train")["split1_train"]
        for clip, is_learned in zip(planar.read_jhmdb(file), learned, strict=True):
            yield Clip(clip.label, clip.motion, not is_learned)
        return
    for path in sorted((data / "joint_positions").glob("*/*/joint_positions.mat")):
        clip = planar.read_joint_positions(path)
        yield Clip(clip.label, clip.motion, None)


def _penn(data: Path) -> Iterator[Clip]:
    file = data / "pose" / "penn_action_2d.npz"
    if file.is_file():
        yield from _penn_npz(file)
        return
    for path in sorted((data / "Penn_Action" / "labels").glob("*.mat")):
        clip = planar.read_penn(path)
        yield Clip(clip.label, clip.motion, not clip.learned)


def _penn_npz(path: Path) -> Iterator[Clip]:
    arrays = read_npz(path, "xy", "scale", "visible", "n", "activity")
    xy, scale, visible, rows, labels = arrays.values()
    shape = (int(rows.sum()), len(planar.PENN_JOINTS), 2)
    if xy.shape != shape or visible.shape != shape[:2] or len(labels) != len(rows):
        raise RecordingError(f"{path}: xy has shape {xy.shape}, visible {visible.shape}; {shape} expected")
    for i, (end, count) in enumerate(zip(np.cumsum(rows), rows, strict=True)):
        part = slice(end - count, end)
        pose = xy[part] * float(scale)
        pose[visible[part] == 0] = np.nan
        t = np.arange(count) / planar.PENN_RATE
        try:
            motion = planar.from_picture(planar.PENN_JOINTS, pose, t, f"{path.stem} clip {i}")
        except RecordingError:  # nobody is seen throughout
            continue
        yield Clip(str(labels[i]), motion, None)


def _cad60(data: Path) -> Iterator[Clip]:
    """Read data1 to data4 of CAD-60, a person each: ID.txt, and what was done in activityLabel.txt; the last is held out."""
    people = sorted((data / "cad60").glob("data*/activityLabel.txt"))
    for path in people:
        for row in csv.reader(path.read_text(encoding="utf-8", errors="replace").splitlines()):
            if len(row) < 2 or not row[0].isdecimal():
                continue
            for motion in kinect.read_cad60(path.with_name(f"{row[0]}.txt")):
                yield Clip(row[1].strip(), motion, path == people[-1] if len(people) > 1 else None)


def _ntu(data: Path) -> Iterator[Clip]:
    """Read SsssCcccPpppRrrrAaaa.skeleton of NTU RGB+D: the action is in the name, as are the cameras; the first is tested."""
    for path in sorted((data / "nturgb+d_skeletons").glob("S*A*.skeleton")):
        try:
            motions = kinect.read_ntu(path)
        except RecordingError:  # 302 of the published files hold nobody
            continue
        for motion in motions:
            yield Clip(path.stem[-4:], motion, "C001" in path.stem)


class _Set(Struct, frozen=True):
    read: Callable[[Path], Iterator[Clip]]
    rate_hz: float
    at: tuple[str, ...]
    """Patterns below the data folder of which one has to be there."""


SETS: Mapping[str, _Set] = {
    "jhmdb": _Set(_jhmdb, planar.JHMDB_RATE, ("pose/jhmdb_gt_pose.npz", "joint_positions/*/*/joint_positions.mat")),
    "penn": _Set(_penn, planar.PENN_RATE, ("pose/penn_action_2d.npz", "Penn_Action/labels/*.mat")),
    "cad60": _Set(_cad60, kinect.CAD60_RATE, ("cad60/data*/activityLabel.txt",)),
    "ntu": _Set(_ntu, kinect.NTU_RATE, ("nturgb+d_skeletons/S*A*.skeleton",)),
}  # fmt: skip


def is_at_hand(data: Path, name: str) -> bool:
    """Tell whether files of a set lie below a folder."""
    return any(next(data.glob(pattern), None) is not None for pattern in SETS[name].at)


def files(data: Path, name: str) -> list[Path]:
    """List the files of a set below a folder, in order."""
    return sorted(path for pattern in SETS[name].at for path in data.glob(pattern))


def read_source(data: Path, name: str, most: int) -> Source:
    """Read so many clips at most of one of `SETS`; RecordingError if a file has another form, or none is usable."""
    usable = (clip for clip in SETS[name].read(data) if len(clip.motion.t) >= local_spline.SPAN)
    clips = _some(usable, most)
    if not clips:
        raise RecordingError(f"{data}: no clip of {name} has {local_spline.SPAN} frames")
    axes = [0, 2] if clips[0].motion.planar else [0, 1, 2]
    joints = [name for name in JOINTS if any(name in clip.motion.joints for clip in clips)]
    labels = tuple(sorted({clip.label for clip in clips}))
    order = Counter[str]()
    held_out = []
    for clip in clips:
        order[clip.label] += 1
        held_out.append(clip.held_out if clip.held_out is not None else order[clip.label] % _HELD_OUT == 0)
    return Source(
        name,
        SETS[name].rate_hz,
        labels,
        len(axes),
        tuple(_centred(clip.motion, joints, axes) for clip in clips),
        np.array([labels.index(clip.label) for clip in clips]),
        np.array(held_out),
    )


def _some(clips: Iterable[Clip], most: int) -> list[Clip]:
    """Return so many clips at most in their order, each with the same chance, holding no more at once.

    Not every so manieth: in NTU's order of names that would be a few of its actions alone.
    """
    rng = np.random.default_rng(_SOME)
    kept: dict[int, tuple[int, Clip]] = {}
    for i, clip in enumerate(clips):
        place = i if i < most else int(rng.integers(i + 1))
        if place < most:
            kept[place] = i, clip
    return [clip for _, clip in sorted(kept.values(), key=lambda each: each[0])]


def _centred(motion: Motion, joints: Sequence[str], axes: list[int]) -> Array:
    seen = {name: motion.joints[name][:, axes] for name in joints if name in motion.joints}
    middle = np.mean([x.mean(axis=0) for x in seen.values()], axis=0)
    absent = np.zeros((len(motion.t), len(axes)))
    return np.concatenate([seen[name] - middle if name in seen else absent for name in joints], axis=1)


def windows(source: Source, kind: str, rate_hz: float, rows: int) -> SourceWindows:
    """Cut a source into windows of so many rows per second, of one of `KINDS`; RecordingError if none is whole."""
    cut = _across_clips if kind == "synth_cubic" else _within_clips
    parts = list(cut(source, kind, rate_hz, rows))
    if not parts:
        raise RecordingError(f"{source.name}: no clip fills half a window of {rows / rate_hz:g} s")
    x = np.stack([part for part, _ in parts])
    clip = np.array([of for _, of in parts])
    held_out = source.held_out[clip]
    learned = x[~held_out] if not held_out.all() else x
    deviation = float(learned[learned != 0.0].std()) or 1.0
    return SourceWindows(
        (x / deviation).astype(np.float32), source.label[clip], held_out, source.labels, source.dimensions
    )


def _within_clips(source: Source, kind: str, rate_hz: float, rows: int) -> Iterator[tuple[Array, int]]:
    for clip, x in enumerate(source.x):
        t = local_spline.times(len(x), source.rate_hz, rate_hz)
        if len(t) < _LEAST * rows:
            continue
        made = local_spline.local(x, source.rate_hz, t, 2 if kind == "synth" else 0)
        missing = max(rows - len(made), 0)
        made = np.pad(made, ((missing // 2, missing - missing // 2), (0, 0)), "edge")
        for first in range(0, len(made) - rows + 1, round(_HOP_S * rate_hz)):
            yield made[first : first + rows], clip


def _across_clips(source: Source, kind: str, rate_hz: float, rows: int) -> Iterator[tuple[Array, int]]:  # noqa: ARG001
    """Cut windows as the published code does: each half of the split is one signal; a window is of the clip of most of it."""
    for held_out in (False, True):
        of = np.flatnonzero(source.held_out == held_out)
        if not len(of):
            continue
        x = np.concatenate([source.x[clip] for clip in of])
        low, high = x.min(axis=0), x.max(axis=0)
        scaled = (x - low) / np.where(high > low, high - low, 1.0)
        clip_of = np.repeat(of, [len(source.x[clip]) for clip in of])
        made, frame = local_spline.cubic(scaled, source.rate_hz, rate_hz)
        for first in range(0, len(made) - rows + 1, round(_HOP_S * rate_hz)):
            some = clip_of[frame[first : first + rows]]
            yield made[first : first + rows], int(np.bincount(some).argmax())
