"""Recordings of people as a fine-tuning recipe lists them: sets of the common form, labelled `.ehr` files, CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.errors import ConfigError, RecordingError
from edgehar.pipeline.tracks import read_tracks
from edgehar.recordings import ehr, labels_csv
from edgehar.recordings.csv_files import read_csv
from edgehar.recordings.datasets import read_set, set_files
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment
from edgehar.training.finetune_recipe import Recordings
from edgehar.types import Samples


class Recorded(Struct, frozen=True, eq=False):
    """One stretch that one person was recorded."""

    subject: str
    """Person, by number, name or file: what the recordings say."""
    tracks: dict[str, Samples]
    """By placement, m/s² and rad/s, times in s from the stretch's begin."""
    truth: list[Segment]
    """Start, end in s, and common label."""


def read(some: Recordings, data: Path | None, beside: Path) -> Iterator[Recorded]:
    """Read what one entry of a recipe lists, stretch by stretch: a set below `data`/imu, or files from `beside`.

    RecordingError or ConfigError says what is missing or does not fit.
    """
    paths = files_of(some, data, beside)
    if some.set and data:
        yield from _of_set(some, data)
        return
    reader = _of_csv if some.files.endswith(".csv") else _of_ehr
    for path in paths:
        # By the whole path: anna/walk.csv and ben/walk.csv are two people.
        person = some.person or path.relative_to(beside).with_suffix("").as_posix()
        yield reader(path, some, person)


def files_of(some: Recordings, data: Path | None, beside: Path) -> list[Path]:
    """Name the files of one entry of a recipe, in order; ConfigError or RecordingError if there are none."""
    if some.set:
        if data is None:
            raise ConfigError(
                f"recordings of the set {some.set!r}: --data takes the folder that holds imu/*.npz"
            )
        return set_files(data, some.set)
    try:
        paths = sorted(path for path in beside.glob(some.files) if not path.name.endswith(labels_csv.SUFFIX))
    except (NotImplementedError, ValueError) as error:
        raise ConfigError(
            f"files = {some.files!r}: expected a pattern beside the recipe ({error})"
        ) from error
    if not paths:
        raise ConfigError(f"{beside / some.files}: no such files; `files` is a pattern beside the recipe")
    return paths


def read_files(
    recordings: Sequence[Recordings], data: Path | None, beside: Path
) -> tuple[list[str], list[Path]]:
    """Return names and paths of all files that `read` reads; a file beside the recipe is named by its path from there.

    ConfigError or RecordingError as `files_of`.
    """
    names, paths = list[str](), list[Path]()
    for some in recordings:
        files = files_of(some, data, beside)
        if some.only_people_of and data:
            files = files + set_files(data, some.only_people_of)
        labels = (labels_csv.beside(path) for path in files if path.suffix == ".ehr")
        files = [*files, *(path for path in labels if path.is_file())]
        names += [path.name if some.set else path.relative_to(beside).as_posix() for path in files]
        paths += files
    return names, paths


def _of_set(some: Recordings, data: Path) -> Iterator[Recorded]:
    trials = read_set(data, some.set)
    people = {trial.subject for trial in trials}
    if some.only_people_of:
        people &= {trial.subject for trial in read_set(data, some.only_people_of)}
    for trial in trials:
        if trial.subject in people:
            yield Recorded(f"{trial.subject}", trial.tracks, trial.truth)


def _of_csv(path: Path, some: Recordings, person: str) -> Recorded:
    assert some.columns
    track, labels = read_csv(path, some.columns, some.placement)
    truth = _whole(track, some.label) if some.label else list(_runs(track, labels))
    return Recorded(person, {some.placement: track}, truth)


def _of_ehr(path: Path, some: Recordings, person: str) -> Recorded:
    recording = ehr.Recording(path)
    tracks, begin = read_tracks(recording)
    longest = max(tracks.values(), key=lambda track: float(track.t[-1]))
    truth = _whole(longest, some.label) if some.label else _marked(path, recording, begin)
    return Recorded(person, tracks, truth)


def _marked(path: Path, recording: ehr.Recording, begin: float) -> list[Segment]:
    """Return what was done, s from the first sample; RecordingError if nobody says it."""
    truth = [(start - begin, end - begin, label) for start, end, label in recording.truth(begin)]
    if not truth:
        raise RecordingError(
            f"{path}: says nowhere what was done; record it with `--label-with-me`, write {labels_csv.beside(path).name} "
            f"beside it, {labels_csv.FORM}, or give `label`"
        )
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
