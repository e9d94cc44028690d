"""Sets of labelled clips, each with who learns from what: films, HMDB51, JHMDB and Penn Action."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError, RecordingError
from edgehar.evaluation import pose_sets
from edgehar.evaluation.pose_sets import PoseClip
from edgehar.evaluation.studies.clips import hmdb51
from edgehar.evaluation.studies.clips.films import Spans, by_recording, film_clips
from edgehar.evaluation.studies.clips.footage import WHOLE, Footage, Span, equally_spaced
from edgehar.motion.capture.array_files import read_npz
from edgehar.motion.capture.planar import read_penn_split
from edgehar.sources.camera.region import EVERYTHING, Region
from edgehar.training.cache import CachedArrays
from edgehar.training.progress import Progress
from edgehar.training.studies.lrcn import FRAMES
from edgehar.types import FloatArray

WHOLE_BODY = 0.1
"""Least score of all keypoints in the frames that the published classifier sees: below it leaves a clip out."""
PENN_LABELS = "pose/Penn_Action/labels"
"""Folder below DATA of Penn Action's label files as published, which carry its split; the npz does not."""
Rows = NDArray[np.int64]
_log = logging.getLogger(__name__)


class Fold(Struct, frozen=True, eq=False):
    """Clips that are learned from, and clips that are tested."""

    name: str
    learned: Rows
    tested: Rows


class ClipSet(Struct, frozen=True, eq=False):
    """Labelled clips."""

    name: str
    labels: tuple[str, ...]
    label: NDArray[np.int64]
    """(clips,), index into the labels."""
    clips: Sequence[PoseClip]
    folds: Sequence[Fold]
    group: NDArray[np.str_]
    """(clips,), the recording that each is of; of sets of single clips all have the same."""
    kept: Sequence[CachedArrays] = ()
    """Footage of each clip; none of a set of poses."""
    looking_ms: tuple[float, float] = (0.0, 0.0)
    """CPU time of the small pictures of a clip and of its keypoints, means, ms."""
    note: str = ""
    """Remark on which clips these are, and which are left out and why."""


def frames_of(clip: PoseClip) -> FloatArray:
    """Return x and y of ten frames of a clip, equally spaced: (10, 34)."""
    return clip.keypoints[equally_spaced(len(clip.keypoints), FRAMES), :, :2].reshape(FRAMES, -1)


def jhmdb(data: Path) -> ClipSet:
    """Read JHMDB with its official split 1; RecordingError if it has another form."""
    clips = pose_sets.read_clips(data / "pose", pose_sets.JHMDB)
    learns = read_npz(data / "pose" / f"{pose_sets.JHMDB}.npz", "split1_train")["split1_train"].astype(
        np.bool_
    )
    return _of_poses("jhmdb", clips, Fold("split 1", np.flatnonzero(learns), np.flatnonzero(~learns)))


def penn(data: Path) -> ClipSet:
    """Read Penn Action: of each action the first half of the clips is learned from, by their numbers; RecordingError as before."""
    clips = pose_sets.read_clips(data / "pose", pose_sets.PENN)
    numbers = read_npz(data / "pose" / f"{pose_sets.PENN}.npz", "trial")["trial"]
    content, learns = np.array([clip.content for clip in clips]), np.zeros(len(clips), np.bool_)
    for action in np.unique(content):
        rows = np.flatnonzero(content == action)
        learns[rows[np.argsort(numbers[rows])][: (len(rows) + 1) // 2]] = True
    return _of_poses("penn", clips, Fold("halves", np.flatnonzero(learns), np.flatnonzero(~learns)))


def penn_own(data: Path) -> ClipSet:
    """Read Penn Action with its own split, of its label files; RecordingError if a clip has none."""
    clips = pose_sets.read_clips(data / "pose", pose_sets.PENN)
    numbers = read_npz(data / "pose" / f"{pose_sets.PENN}.npz", "trial")["trial"].tolist()
    learns = np.array([read_penn_split(data / PENN_LABELS / f"{number}.mat") for number in numbers])
    return _of_poses("penn own", clips, Fold("own", np.flatnonzero(learns), np.flatnonzero(~learns)))


def _of_poses(name: str, clips: Sequence[PoseClip], fold: Fold) -> ClipSet:
    labels, label = np.unique([clip.content for clip in clips], return_inverse=True)
    note = f"{len(fold.learned)} clips learned from, {len(fold.tested)} tested, {len(labels)} labels"
    return ClipSet(
        name,
        tuple(labels.tolist()),
        label.astype(np.int64),
        clips,
        [fold],
        np.full(len(clips), "all"),
        note=note,
    )


class _Wanted(Struct, frozen=True):
    """A clip of a file that is looked at."""

    path: Path
    region: Region
    span: Span
    label: str
    group: str
    tested: bool = False


def films(data: Path, spans: Spans, footage: Footage, progress: Progress) -> ClipSet:
    """Look at clips of films; each recording is tested by who learned from all others.

    RecordingError if there is no film, or no label that two of them show.
    """
    clips, alone = by_recording(film_clips(data / "video", spans))
    if not clips:
        raise RecordingError(
            f"{data / 'video'}: expected a label that two recordings show, got {alone or 'no clip'}"
        )
    wanted = [_Wanted(c.path, c.region, (c.begin, c.end), c.label, c.recording) for c in clips]
    seen, _ = _look("films", wanted, footage, progress)
    folds = [
        Fold(name, np.flatnonzero(seen.group != name), np.flatnonzero(seen.group == name))
        for name in sorted(set(seen.group.tolist()))
    ]
    if len(folds) < 2:
        raise RecordingError(f"{data / 'video'}: expected films of two recordings at least, got {len(folds)}")
    counts = ", ".join(f"{label} {n}" for label, n in zip(seen.labels, np.bincount(seen.label), strict=True))
    left_out = ", ".join(f"{label} ({n})" for label, n in alone.items())
    note = f"{len(folds)} recordings, of clips {counts}; shown by one recording only, and left out: {left_out or 'none'}"
    return _changed(seen, folds, f"{note}; {seen.note}")


def hmdb(data: Path, split: int, classes: Sequence[str], footage: Footage, progress: Progress) -> ClipSet:
    """Look at the clips of an official split of HMDB51; RecordingError if a list is missing or none can be decoded."""
    listed = hmdb51.read_split(data / hmdb51.FOLDER, split, classes)
    wanted = [_Wanted(clip.path, EVERYTHING, WHOLE, clip.label, "all", clip.tested) for clip in listed]
    seen, shown = _look(f"hmdb51 {split}", wanted, footage, progress)
    tests = np.array([each.tested for each in shown])
    if tests.all() or not tests.any():
        raise RecordingError(
            f"{data / hmdb51.FOLDER}: expected clips to learn from and to test, got {len(tests)} of a kind"
        )
    fold = Fold(f"split {split}", np.flatnonzero(~tests), np.flatnonzero(tests))
    return _changed(seen, [fold], seen.note)


def _changed(seen: ClipSet, folds: Sequence[Fold], note: str) -> ClipSet:
    return ClipSet(
        seen.name, seen.labels, seen.label, seen.clips, folds, seen.group, seen.kept, seen.looking_ms, note
    )


def _look(
    name: str, wanted: Sequence[_Wanted], footage: Footage, progress: Progress
) -> tuple[ClipSet, list[_Wanted]]:
    """Look at each file; what cannot be looked at is named, counted and left out. RecordingError if nothing is left.

    Return also which are left.
    """
    kept: list[CachedArrays] = []
    shown: list[_Wanted] = []
    missing = bad = done = 0
    for path, same in groupby(wanted, key=lambda each: each.path):
        of_file = list(same)
        try:
            if not path.is_file():
                missing += len(of_file)
                continue
            kept += footage.look(path, of_file[0].region, [each.span for each in of_file])
            shown += of_file
        except (RecordingError, ConfigError) as error:
            bad += len(of_file)
            _log.warning("left out: %s", error)
        finally:
            done += len(of_file)
            progress(f"looking at {name}", done, len(wanted))
    if not shown:
        raise RecordingError(f"{wanted[0].path.parent}: none of {len(wanted)} clips can be looked at")
    note = f"{len(shown)} of {len(wanted)} clips decoded ({missing} missing, {bad} bad)"
    return _of_footage(name, shown, kept, note), shown


def _of_footage(name: str, shown: Sequence[_Wanted], kept: Sequence[CachedArrays], note: str) -> ClipSet:
    labels, label = np.unique([each.label for each in shown], return_inverse=True)
    clips, times = [], []
    for each, place in zip(shown, kept, strict=True):
        arrays = _loaded(place)
        clips.append(PoseClip(each.path.name, each.label, arrays["keypoints"], float(arrays["rate_hz"])))
        times.append((float(arrays["small_s"]), float(arrays["keypoints_s"])))
    whole = sum(float(_least(clip)) >= WHOLE_BODY for clip in clips)
    small_ms, keypoints_ms = (1000.0 * np.array(times).mean(axis=0)).tolist()
    return ClipSet(
        name, tuple(labels.tolist()), label.astype(np.int64), clips, [],
        np.array([each.group for each in shown]), kept, (small_ms, keypoints_ms),
        f"{note}, {whole} of them with a whole body by the published rule",
    )  # fmt: skip


def _least(clip: PoseClip) -> float:
    return float(clip.keypoints[equally_spaced(len(clip.keypoints), FRAMES), :, 2].min())


def _loaded(place: CachedArrays) -> Mapping[str, NDArray[Any]]:
    arrays = place.load()
    if arrays is None:
        raise ConfigError(f"{place.path}: gone or damaged; run the same command again")
    return arrays


def pictures(kept: Sequence[CachedArrays], rows: Iterable[int]) -> FloatArray:
    """Load the small pictures of some clips, (n, 20, 64, 96, 3), 0..1."""
    return np.stack([_loaded(kept[row])["pictures"] for row in rows]).astype(np.float32) / np.float32(255.0)
