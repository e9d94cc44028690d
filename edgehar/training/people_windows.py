"""Windows of recorded people, each with all labels that may be true in it."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.labels import common_label, possible_labels
from edgehar.recordings.scoring import Segment
from edgehar.training import people
from edgehar.training.dataset_windows import taken, windows
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings
from edgehar.training.people import Recorded
from edgehar.training.progress import Progress
from edgehar.training.workers import processes
from edgehar.types import OTHER
from edgehar.validation import did_you_mean

_LABELLED = 0.75
"""Least share of a window that is labelled: round number."""
_COVERED = 0.8
"""Least share of its samples that a sensor has in a window, as of simulated ones."""
_MOST = 2000.0
"""Largest reading of a sensor that is no glitch, m/s² or rad/s: 200 g, and the network clips far below it."""
_COUNTS = 0.25
"""Least share of a window that an activity fills for its label to be one that may be true."""
_NAMED = 8
"""Labels that a warning names: round number."""

_log = logging.getLogger(__name__)


class PeopleWindows(Struct, frozen=True, eq=False):
    """Windows in m/s² and rad/s, in the axes of the devices. Angular rate is zero where no gyroscope was."""

    x: NDArray[np.float16]
    """(sensor windows, 2, window, 3): what one sensor read, acceleration, then angular rate."""
    shown: NDArray[np.int64]
    """(n, sensors): which of `x` each sensor of the model reads; -1 if it was not worn."""
    allowed: NDArray[np.bool_]
    """(n, labels): which labels of the model may be true."""
    source: NDArray[np.int64]
    """(n,), index into the recipe's recordings."""
    subject: NDArray[np.str_]
    """(n,), person within the source."""
    label: NDArray[np.str_]
    """(n,), common label of what fills most of the window."""
    t: NDArray[np.float64]
    """(n,), end of the window since the first of this person, s: what follows each other was recorded in this order."""

    def take(self, rows: NDArray[np.bool_]) -> "PeopleWindows":
        """Return some of the windows, of the same sensor windows."""
        columns = {name: getattr(self, name)[rows] for name in self.__struct_fields__ if name != "x"}
        return PeopleWindows(self.x, **columns)


def cut(
    recipe: FinetuneRecipe,
    spec: ModelSpec,
    data: Path | None,
    beside: Path,
    workers: int,
    progress: Progress,
) -> PeopleWindows:
    """Cut all windows of all recordings that a recipe lists, for a model of these labels and sensors.

    ConfigError names a label that is neither known nor given or that no window shows, or recordings without a window.
    Labels of files that are fitted as `other`, because nobody knows them, get a warning.
    """
    if round(recipe.hop_s * spec.rate_hz) < 1:
        least = f"at least {1.0 / spec.rate_hz:g} s, a row of {recipe.base}'s grid"
        raise ConfigError(f"hop_s: expected {least}, got {recipe.hop_s:g}")
    for some in recipe.recordings:
        _check_labels(spec, some)
    jobs = [(recipe, spec, index, data, beside) for index in range(len(recipe.recordings))]
    cuts = []
    if workers == 1:
        cuts = [_report(part, i, len(jobs), progress) for i, part in enumerate(map(_cut_one, jobs))]
    else:
        with processes(min(workers, len(jobs))) as pool:
            cuts = [_report(part, i, len(jobs), progress) for i, part in enumerate(pool.map(_cut_one, jobs))]
    for some, (_, labels) in zip(recipe.recordings, cuts, strict=True):
        _check_said(spec, some, labels)
    parts = [part for part, _ in cuts]
    offsets = np.cumsum([0, *(len(part.x) for part in parts)])
    moved = [
        np.where(part.shown < 0, -1, part.shown + offset)
        for part, offset in zip(parts, offsets, strict=False)
    ]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in PeopleWindows.__struct_fields__
        if name != "shown"
    }
    made = PeopleWindows(shown=np.concatenate(moved), **columns)
    for label in recipe.new_labels:
        if not made.allowed[:, spec.labels.index(label)].any():
            came = ", ".join(np.unique(made.label).tolist())
            raise ConfigError(f"new_labels: no window shows {label!r}; the recordings say {came}")
    return made


def _check_labels(spec: ModelSpec, some: Recordings) -> None:
    for label, possible in some.labels.items():
        for name in possible:
            if name not in spec.labels:
                hint = did_you_mean(name, spec.labels, f"it knows {', '.join(spec.labels)}")
                raise ConfigError(f"{some.name}: labels.{label}: the model has no label {name!r}; {hint}")
    if some.label and not _possible(spec, some, common_label(some.label)):
        hint = did_you_mean(some.label, spec.labels, f"it knows {', '.join(spec.labels)}")
        raise ConfigError(
            f"{some.name}: label: the model has no label {some.label!r}; {hint} "
            "else list it under `new_labels`, or say in `labels` of the recordings what it may be"
        )


def _check_said(spec: ModelSpec, some: Recordings, labels: Sequence[str]) -> None:
    """Refuse a key of `labels` that none of the windows' labels is; warn of labels of files that nobody knows."""
    for key in some.labels:
        if common_label(key) not in labels:
            hint = did_you_mean(key, labels, f"the recordings say {', '.join(labels[:_NAMED])}")
            raise ConfigError(f"{some.name}: labels.{key}: no window says it; {hint}")
    unknown = [label for label in labels if not _possible(spec, some, label)]
    if some.files and unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        _log.warning(
            "%s: fitted as `%s`, as the model does not know them: %s%s; list them under `new_labels`, or say in "
            "`labels` of the recordings what they may be",
            *(some.name, OTHER, ", ".join(unknown[:_NAMED]), more),
        )


_Cut = tuple[PeopleWindows, list[str]]
"""Windows of some recordings, and all labels that count in any, in order."""


def _report(part: _Cut, index: int, total: int, progress: Progress) -> _Cut:
    progress("cutting recordings", index + 1, total)
    return part


def _cut_one(job: tuple[FinetuneRecipe, ModelSpec, int, Path | None, Path]) -> _Cut:
    recipe, spec, index, data, beside = job
    some = recipe.recordings[index]
    hop_s = round(recipe.hop_s * spec.rate_hz) / spec.rate_hz
    x: list[NDArray[np.float16]] = []
    shown: list[list[int]] = []
    rows: list[tuple[NDArray[np.bool_], str, str, float]] = []
    since: dict[str, float] = {}
    counted: set[str] = set()
    for stretch in people.read(some, data, beside):
        begin = since.get(stretch.subject, 0.0)
        for window, truth in _of_stretch(spec, stretch, hop_s):
            sensors = np.full(len(spec.sensors), -1)
            sensors[list(window)] = range(len(x), len(x) + len(window))
            x += window.values()
            shown.append(sensors.tolist())
            label = max(truth, key=lambda name: truth[name])
            longer = [name for name, share in truth.items() if share >= _COUNTS] or [label]
            counted.update(longer)
            allowed = _allowed(spec, some, longer)
            rows.append((allowed, stretch.subject, label, begin))
            begin += hop_s
        since[stretch.subject] = begin
    if not rows:
        raise ConfigError(
            f"{some.name}: no window of {spec.window / spec.rate_hz:g} s with a label, worn where "
            f"{recipe.base} takes a sensor; `edgehar models info {recipe.base}` lists its places"
        )
    windows_of_all = PeopleWindows(
        x=np.array(x, np.float16),
        shown=np.array(shown),
        allowed=np.array([allowed for allowed, _, _, _ in rows]),
        source=np.full(len(rows), index),
        subject=np.array([subject for _, subject, _, _ in rows]),
        label=np.array([label for _, _, label, _ in rows]),
        t=np.array([begin for *_, begin in rows]),
    )
    return windows_of_all, sorted(counted)


def _of_stretch(
    spec: ModelSpec, stretch: Recorded, hop_s: float
) -> Iterator[tuple[dict[int, NDArray[np.float16]], dict[str, float]]]:
    """Yield what each worn sensor reads in a window, by index of the model's sensors, and the share of each label."""
    placements = taken(spec, list(stretch.tracks))[0]
    if not placements:
        return
    tracks = {placement: stretch.tracks[placement] for placement in placements}
    worn = [i for i, placement in enumerate(spec.slots(placements)) if placement]
    length = spec.window / spec.rate_hz
    for window in windows(spec, tracks, hop_s=hop_s):
        truth = _shares(stretch.truth, window.t_end - length, window.t_end)
        complete = [i for i, coverage in zip(worn, window.coverage, strict=True) if coverage >= _COVERED]
        if complete and sum(truth.values()) >= _LABELLED:
            x = window.x.reshape(spec.window, len(spec.sensors), 2, 3).transpose(1, 2, 0, 3)
            x = np.clip(x, -_MOST, _MOST).astype(np.float16)
            yield {i: x[i] for i in complete}, truth


def _shares(truth: Sequence[Segment], begin: float, end: float) -> dict[str, float]:
    """Return which share of a window each label fills."""
    shares: dict[str, float] = {}
    for start, stop, label in truth:
        overlap = min(stop, end) - max(start, begin)
        if overlap > 0.0:
            shares[label] = shares.get(label, 0.0) + overlap / (end - begin)
    return shares


def _allowed(spec: ModelSpec, some: Recordings, labels: Sequence[str]) -> NDArray[np.bool_]:
    """Return (labels,): all that may be true in a window in which recordings say each of these for a while.

    A label of the model stands for itself; what no model knows is `other`.
    """
    allowed = np.zeros(len(spec.labels), np.bool_)
    for label in labels:
        possible = _possible(spec, some, label)
        if not possible:
            if OTHER not in spec.labels:
                raise ConfigError(
                    f"{some.name}: the model does not know {label}, and has no {OTHER!r}; "
                    "list it under `new_labels`, or say in `labels` of the recordings what it may be"
                )
            possible = (OTHER,)
        allowed |= np.isin(spec.labels, possible)
    return allowed


def _possible(spec: ModelSpec, some: Recordings, label: str) -> tuple[str, ...]:
    """Return what a common label of recordings may be in the model's words: as they say, itself, or of the known lists."""
    given = {common_label(key): possible for key, possible in some.labels.items()}
    possible = given.get(label, possible_labels(label, spec.labels))
    return tuple(name for name in possible if name in spec.labels)
