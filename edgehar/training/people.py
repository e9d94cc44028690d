"""Recordings of people as a fine-tuning recipe lists them: sets of the common form, labelled `.ehr` files, CSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.errors import ConfigError, RecordingError
from edgehar.pipeline.intake import Intake
from edgehar.recordings import ehr
from edgehar.recordings.csv_files import read_csv
from edgehar.recordings.datasets import read_set, set_files
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment
from edgehar.training.finetune_recipe import Recordings
from edgehar.types import Samples

_LABELS = ".labels.csv"


class Recorded(Struct, frozen=True, eq=False):
    """One stretch that one person was recorded."""

    subject: str
    """Person, by the name that the recordings give."""
    tracks: dict[str, Samples]
    """By placement, m/s² and rad/s, times in s from the stretch's begin."""
    truth: list[Segment]
    """Start, end in s, and common label."""


def read(some: Recordings, data: Path | None, beside: Path) -> list[Recorded]:
    """Read what one entry of a recipe lists: a set below `data`/imu, or files from the folder `beside`.

    RecordingError or ConfigError says what is missing or does not fit.
    """
    paths = files_of(some, data, beside)
    if some.set and data:
        return _of_set(some, data)
    reader = _of_csv if some.files.endswith(".csv") else _of_ehr
    return [reader(path, some) for path in paths]


def files_of(some: Recordings, data: Path | None, beside: Path) -> list[Path]:
    """Name the files of one entry of a recipe, in order; ConfigError or RecordingError if there are none."""
    if some.set:
        if data is None:
            raise ConfigError(
                f"recordings of the set {some.set!r}: --data takes the folder that holds imu/*.npz"
            )
        return set_files(data, some.set)
    paths = sorted(path for path in beside.glob(some.files) if not path.name.endswith(_LABELS))
    if not paths:
        raise ConfigError(f"{beside / some.files}: no such files; `files` is a pattern beside the recipe")
    return paths


def _of_set(some: Recordings, data: Path) -> list[Recorded]:
    trials = read_set(data, some.set)
    if some.only_people_of:
        others = {trial.subject for trial in read_set(data, some.only_people_of)}
        trials = [trial for trial in trials if trial.subject in others]
    return [Recorded(f"{trial.subject}", trial.tracks, trial.truth) for trial in trials]


def _of_csv(path: Path, some: Recordings) -> Recorded:
    assert some.columns
    track, labels = read_csv(path, some.columns, some.placement)
    truth = _whole(track, some.label) if some.label else list(_runs(track, labels))
    return Recorded(some.person or path.stem, {some.placement: track}, truth)


def _of_ehr(path: Path, some: Recordings) -> Recorded:
    recording = ehr.Recording(path)
    intakes = [Intake(stream) for stream in recording.header.streams]
    parts: dict[str, list[Samples]] = {}
    for t, stream, body in recording:
        for samples in intakes[stream].push(t, body) if body else []:
            parts.setdefault(samples.placement, []).append(samples)
    if not parts:
        raise RecordingError(f"{path}: holds no samples")
    begin = min(float(some.t[0]) for track in parts.values() for some in track)
    tracks = {placement: _joined(track, begin) for placement, track in parts.items()}
    longest = max(tracks.values(), key=lambda track: float(track.t[-1]))
    truth = _whole(longest, some.label) if some.label else _labels_beside(path)
    return Recorded(some.person or recording.header.wearer, tracks, truth)


def _joined(parts: Sequence[Samples], begin: float) -> Samples:
    """Join the samples of one sensor that come in its most complete kind of packet, in the order of their times."""
    channels = max((part.channels for part in parts), key=len)
    whole = [part for part in parts if part.channels == channels]
    t, x = np.concatenate([part.t for part in whole]) - begin, np.concatenate([part.x for part in whole])
    order = np.argsort(t, kind="stable")
    return Samples(parts[0].placement, t[order], x[order], channels)


def _labels_beside(path: Path) -> list[Segment]:
    """Read `NAME.labels.csv` beside `NAME.ehr`: start and end, s from the recording's first sample, and label."""
    file = path.with_suffix(_LABELS)
    form = "lines of start,end,label, s from the recording's first sample"
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = [row for row in csv.reader(lines) if row and row[0].strip() != "start"]
    except OSError as error:
        raise RecordingError(
            f"{file}: {error.strerror}; {path.name} is labelled by it, {form}, or by `label`"
        ) from error
    truth = []
    for number, row in enumerate(rows, start=1):
        try:
            start, end, label = row
            truth.append((float(start), float(end), common_label(label.strip())))
        except ValueError as error:
            raise RecordingError(f"{file}: row {number}: expected {form}, got {','.join(row)!r}") from error
    return truth


def _whole(track: Samples, label: str) -> list[Segment]:
    return [(0.0, float(track.t[-1]), common_label(label))]


def _runs(track: Samples, labels: Sequence[str]) -> Iterator[Segment]:
    """Yield each run of equal labels; rows without one are passed over."""
    changes = [i for i in range(1, len(labels)) if labels[i] != labels[i - 1]]
    for first, end in zip([0, *changes], [*changes, len(labels)], strict=True):
        if labels[first]:
            stop = track.t[end] if end < len(labels) else track.t[-1]
            yield float(track.t[first]), float(stop), common_label(labels[first])
