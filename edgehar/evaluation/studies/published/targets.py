"""The sets of the studies in the archives that their authors published, cut and parted as the studies do.

What is not at hand is None, and a study's row then says so. Where the studies scale by fixed numbers, here the training
recordings give them: the least and the greatest value of each column, or for LARa its mean and twice its deviation; what lies
beyond is cut off at 0 and 1. A portion is of training recordings, as the first of the studies has it.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.sets import PUBLISHED, Archive, Part
from edgehar.evaluation.studies.published.windows import Windows, cut_windows, later_rows
from edgehar.evaluation.studies.targets import Chosen, Target, target_of
from edgehar.recordings.datasets import Trial
from edgehar.recordings.labels import common_label
from edgehar.recordings.published.form import PublishedRecording
from edgehar.recordings.trials import label_runs
from edgehar.types import IMU_CHANNELS, FloatArray, Samples

__all__ = ["PUBLISHED", "PublishedTarget", "read_published", "read_wrist"]

WRISTS: Mapping[str, str] = {"openpack": "U*/atr/atr01/S*.csv", "mm-fit": "w*/w*_sw_l_acc.npy"}
"""Files of one wrist of everybody in a set."""


class PublishedTarget(Struct, frozen=True, eq=False):
    """Windows of a published set in its published parts."""

    name: str
    labels: tuple[str, ...]
    window: int
    """Rows of each."""
    rows: FloatArray
    """(rows, columns), 0..1; those of all windows, each once."""
    begin: NDArray[np.int64]
    """(n,), first row of each window."""
    label: NDArray[np.int64]
    """(n,), index into the labels."""
    part: NDArray[np.str_]
    """(n,), `train`, `validation` or `test`."""
    recording: NDArray[np.int64]
    """(n,), place of the recording in the order of the set's list, training first."""
    person: NDArray[np.str_]
    """(n,)"""
    portions: Mapping[float, int]
    """Number of the first training recordings that each of the study's portions is; 1 is all of them."""
    lost: int
    """Windows that were left out, because something in them was lost for too long."""

    @property
    def x(self) -> FloatArray:
        """(n, window, columns); as windows overlap, several times the rows: of a large set, `take` them by batches."""
        return self.take(np.arange(len(self.begin)))

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> FloatArray:
        """Return some windows, (k, window, columns), by their indices or a mask."""
        return np.asarray(self.rows[self.begin[which][:, None] + np.arange(self.window)])

    def learned(self, portion: float) -> NDArray[np.bool_]:
        """Tell of each window whether it is in a portion, above 0, of the training recordings."""
        count = self.portions.get(portion) or ceil(portion * self.portions[1.0] - 1e-9)
        return np.asarray((self.part == "train") & (self.recording < count))


def read_published(data: Path, name: str) -> PublishedTarget | None:
    """Read one of `PUBLISHED` below the folder of all data; None if its archive is not there.

    RecordingError if the archive lacks a file, or has another form.
    """
    archive = PUBLISHED[name]
    folder = data / archive.folder
    if not folder.is_dir():
        return None
    listed = _listed(folder, archive)
    people, windows = [], []
    for _, _, file in listed:
        recording = archive.read(folder, file)
        people.append(recording.person)
        windows.append(cut_windows(recording, archive.cut))
    trained = [cut for (part, _, _), cut in zip(listed, windows, strict=True) if part == "train"]
    if not any(len(cut.begin) for cut in trained):
        raise RecordingError(
            f"{folder}: not one window of {name} to train with; unpack the whole archive there"
        )
    low, width = (_spread if archive.spread else _range)(trained)
    counts = [len(cut.begin) for cut in windows]
    first = np.cumsum([0, *(len(cut.rows) for cut in windows)])
    return PublishedTarget(
        name,
        archive.cut.labels,
        archive.cut.window,
        np.concatenate([_scaled(cut.rows, low, width) for cut in windows]),
        np.concatenate([cut.begin + offset for cut, offset in zip(windows, first, strict=False)]),
        np.concatenate([cut.label for cut in windows]),
        np.repeat([part for part, _, _ in listed], counts),
        np.repeat(np.arange(len(listed)), counts),
        np.repeat(people, counts),
        _portions(listed, archive.portions),
        sum(cut.lost for cut in windows),
    )


def read_wrist(data: Path, name: str) -> Target | None:
    """Read one of `WRISTS` as windows of one sensor, m/s² and rad/s at 50 Hz, of everybody; None if its archive is not there.

    RecordingError if the archive has another form.
    """
    archive = PUBLISHED[name]
    folder = data / archive.folder
    if not folder.is_dir():
        return None
    recordings = (archive.read(folder, file) for file in _matching(folder, WRISTS[name]))
    placement = archive.cut.columns[0].partition(".")[0]
    trials = (_trial(recording, placement, set(archive.cut.labels)) for recording in recordings)
    return target_of(name, trials, Chosen(name, placement, frozenset({""})))


def _trial(recording: PublishedRecording, placement: str, labels: set[str]) -> Trial:
    """Turn a recording of one sensor into a trial; what is no label of the study is an empty word."""
    whole = later_rows(recording.t) & ~np.isnan(recording.x).any(axis=1)
    if whole.sum() < 2:
        raise RecordingError(
            f"{recording.file}: not two samples of acceleration and angular rate at once; unpack it again"
        )
    t = recording.t[whole] - recording.t[whole][0]
    track = recording.labels["activity"]
    words = np.array([common_label(word) if word in labels else "" for word in track.words])[
        track.index[whole]
    ]
    samples = Samples(placement, t, recording.x[whole], IMU_CHANNELS)
    person = int("".join(filter(str.isdigit, recording.person)))
    return Trial(person, "", 1, {placement: samples}, label_runs(t, words, 1.0 / recording.rate_hz))


_Listed = list[tuple[Part, int, str]]
"""Part, place of the pattern in the part, and file of each recording, training first."""


def _listed(folder: Path, archive: Archive) -> _Listed:
    listed: _Listed = []
    for part, patterns in archive.parts.items():
        for place, pattern in enumerate(patterns):
            listed += [(part, place, file) for file in _matching(folder, pattern)]
    return listed


def _matching(folder: Path, pattern: str) -> list[str]:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
    if not files:
        raise RecordingError(f"{folder}: no file {pattern}; unpack the whole archive there")
    return files


def _portions(listed: _Listed, portions: Mapping[float, int]) -> dict[float, int]:
    places = np.array([place for part, place, _ in listed if part == "train"])
    return {portion: int((places < count).sum()) for portion, count in portions.items()} | {1.0: len(places)}


def _range(trained: Sequence[Windows]) -> tuple[FloatArray, FloatArray]:
    """Return the least value of each column and how far above it the greatest lies."""
    low = np.fmin.reduce([np.fmin.reduce(cut.rows) for cut in trained if len(cut.rows)])
    high = np.fmax.reduce([np.fmax.reduce(cut.rows) for cut in trained if len(cut.rows)])
    return np.nan_to_num(low), np.nan_to_num(high - low)


def _spread(trained: Sequence[Windows]) -> tuple[FloatArray, FloatArray]:
    """Return the mean of each column less twice its deviation, and four times its deviation."""
    count = sum((~np.isnan(cut.rows)).sum(axis=0) for cut in trained)
    mean = sum(np.nansum(cut.rows, axis=0, dtype="f8") for cut in trained) / np.maximum(count, 1)
    square = sum(np.nansum((cut.rows - mean) ** 2, axis=0) for cut in trained) / np.maximum(count, 1)
    deviation = np.sqrt(square)
    return (mean - 2.0 * deviation).astype(np.float32), (4.0 * deviation).astype(np.float32)


def _scaled(rows: FloatArray, low: FloatArray, width: FloatArray) -> FloatArray:
    scaled = (rows - low) / np.where(width > 0.0, width, 1.0).astype(np.float32)
    return np.asarray(np.clip(scaled, 0.0, 1.0), np.float32)
