"""Clips of people classified by LRCN on their pictures, and by networks on their keypoints.

The published comparison is of HMDB51, whose clips are not at hand; it is run on what is: clips of the films of DATA/video, and
its pose half on JHMDB and Penn Action.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation import pose_sets
from edgehar.evaluation.studies.clips import hmdb51, sets as clip_sets
from edgehar.evaluation.studies.clips.films import SPANS, Spans
from edgehar.evaluation.studies.clips.fits import DRAWN, ON_PICTURES, ClipFits, Courses, Fitted, Networks
from edgehar.evaluation.studies.clips.footage import Footage
from edgehar.evaluation.studies.clips.sets import ClipSet, Fold, Rows
from edgehar.evaluation.studies.outcome import Outcome, outcome
from edgehar.evaluation.studies.results import Results
from edgehar.sources.camera.weights import find_weights
from edgehar.training.build import fitting_libraries
from edgehar.training.cache import cache_key, make_work_folder
from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import Count
from edgehar.training.studies.refit import one_core

VERSION = 1
"""Raise it with any change that gives other figures."""
_TIMED = 12
"""Clips whose time is taken, for the median."""
_ANOTHER = "another label"

SetName = Literal["films", "jhmdb", "penn", "penn own", "hmdb51 1", "hmdb51 2", "hmdb51 3"]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Clips that are classified, and fits of each way; the defaults are those of docs/studies.md."""

    sets: tuple[SetName, ...] = ("films", "jhmdb", "penn", "penn own", "hmdb51 1", "hmdb51 2", "hmdb51 3")
    ways: tuple[str, ...] = ON_PICTURES
    seeds: Count = 5
    """Fits of each way on poses."""
    picture_seeds: Count = 1
    """Fits of each way on films, in each fold, and on HMDB51."""
    courses: Courses = Courses()
    films: Spans = field(default_factory=lambda: dict(SPANS))
    classes: tuple[str, ...] = hmdb51.CLASSES
    """Labels of HMDB51 that are told apart."""

    def __post_init__(self) -> None:
        """Refuse ways that there are not: ValueError, which reads as one of the settings' file."""
        if unknown := [way for way in self.ways if way not in ON_PICTURES]:
            raise ValueError(f"ways: expected some of {', '.join(ON_PICTURES)}, got {', '.join(unknown)}")

    def key(self, name: str, way: str = "", fold: str = "", seed: int = 0) -> str:
        """Return the name of a fit's figures in the study's file, or of what is said of a set; other settings are other names."""
        told, usual = (_decisive(each, name, way) for each in (self, _USUAL))
        changed = "" if told == usual else f" @{cache_key({'settings': msgspec.to_builtins(told)})[:8]}"
        return f"{name}, {way}, {fold}, {seed}{changed}" if way else f"{name}{changed}"


_USUAL = Settings()


def _decisive(settings: Settings, name: str, way: str) -> tuple[object, ...]:
    """List what makes the figures of a way on a set other ones."""
    clips = settings.films if name == "films" else settings.classes if name.startswith("hmdb51") else ()
    return clips, settings.courses.of(way)


class Entry(Struct, frozen=True, omit_defaults=True):
    """One fit that was scored; without an outcome what the clips of a set are."""

    set: str
    way: str = ""
    fold: str = ""
    seed: int = 0
    outcome: Outcome | None = None
    parameters: int = 0
    fit_s: float = 0.0
    """CPU time of the fit, s."""
    classify_ms: float = 0.0
    """CPU time of one clip, without its pictures and keypoints, ms."""
    looking_ms: tuple[float, float] = (0.0, 0.0)
    """CPU time of the small pictures of a clip and of its keypoints, ms."""
    folds: int = 0
    clips: int = 0
    note: str = ""


def open_results(out: Path) -> Results[Entry]:
    """Open the study's file below a folder; ConfigError as of `Results`."""
    return Results(out / "studies" / "clips.json", Entry, VERSION)


def run(data: Path, settings: Settings, work: Path, results: Results[Entry], progress: Progress) -> None:
    """Score each way on each set, unless it is among the results; what is not at hand is left out.

    RecordingError if nothing is at hand, or something has another form.
    """
    if not any((data / name).is_dir() for name in ("video", "pose", hmdb51.FOLDER)):
        raise RecordingError(
            f"{data}: expected video/, pose/ or {hmdb51.FOLDER}/; --data takes the folder that holds them"
        )
    fitting_libraries()
    one_core()
    make_work_folder(work)
    networks: Networks = {}
    for name in settings.sets:
        if is_at_hand(data, name):
            clips = _read(data, name, settings, work, progress)
            _score(clips, ClipFits(clips, settings.courses, networks, progress), settings, results, progress)


def scored(settings: Settings, results: Results[Entry]) -> dict[str, Entry]:
    """Return the figures that were made with these settings; those of sets by the name of the set alone."""
    return {
        key.partition(" @")[0]: entry
        for key, entry in results.entries.items()
        if key == settings.key(entry.set, entry.way, entry.fold, entry.seed)
    }


def is_at_hand(data: Path, name: SetName) -> bool:
    """Tell whether the data of a set is there."""
    if name == "penn own" and not (data / clip_sets.PENN_LABELS).is_dir():
        return False
    if name in _POSES:
        return (data / "pose" / f"{_POSES[name][0]}.npz").is_file()
    return (data / ("video" if name == "films" else hmdb51.FOLDER)).is_dir()


_POSES: dict[str, tuple[str, Callable[[Path], ClipSet]]] = {
    "jhmdb": (pose_sets.JHMDB, clip_sets.jhmdb),
    "penn": (pose_sets.PENN, clip_sets.penn),
    "penn own": (pose_sets.PENN, clip_sets.penn_own),
}


def _read(data: Path, name: str, settings: Settings, work: Path, progress: Progress) -> ClipSet:
    if name in _POSES:
        return _POSES[name][1](data)
    file = data / "movenet" / "movenet_single_pose_lightning_ptq.tflite"
    footage = Footage(file if file.is_file() else find_weights(), work)
    if name == "films":
        return clip_sets.films(data, settings.films, footage, progress)
    return clip_sets.hmdb(data, int(name[-1]), settings.classes, footage, progress)


def _score(
    clips: ClipSet, fits: ClipFits, settings: Settings, results: Results[Entry], progress: Progress
) -> None:
    about = Entry(
        clips.name,
        looking_ms=clips.looking_ms,
        folds=len(clips.folds),
        clips=len(clips.clips),
        note=clips.note,
    )
    if (name := settings.key(clips.name)) not in results:
        results.keep(name, about)
    ways = [way for way in settings.ways if fits.offers(way)]
    seeds = settings.picture_seeds if clips.kept else settings.seeds
    # All ways by one seed, then by the next: wherever it is stopped, they can be compared.
    tasks = [
        (way, fold, seed)
        for seed in range(seeds)
        for way in ways
        for fold in clips.folds
        if way in DRAWN or not seed
    ]
    for done, (way, fold, seed) in enumerate(tasks):
        progress(f"{clips.name}, {way}", done, len(tasks))
        key = settings.key(clips.name, way, fold.name, seed)
        if key not in results:
            results.keep(key, _entry(clips, fits, way, fold, seed))
    progress(f"{clips.name}, all ways", len(tasks), len(tasks))


def _entry(clips: ClipSet, fits: ClipFits, way: str, fold: Fold, seed: int) -> Entry:
    began = time.process_time()
    fitted = fits.fit(way, fold.learned, 1000 * seed + list(clips.folds).index(fold))
    fit_s = round(time.process_time() - began, 1)
    scores = fitted.scores(fold.tested)
    labels = (*clips.labels, *[_ANOTHER] * (scores.shape[1] - len(clips.labels)))
    answer = scores.argmax(axis=1).astype(np.int64)
    scored = outcome(labels, clips.group[fold.tested], clips.label[fold.tested], answer)
    ms = _classify_ms(fitted, fold.tested) if clips.kept else 0.0
    return Entry(clips.name, way, fold.name, seed, scored, fitted.parameters, fit_s, ms)


def _classify_ms(fitted: Fitted, rows: Rows) -> float:
    """Return the median CPU time of one clip, ms; the first is looked at twice, as it may have to be prepared."""
    times: list[float] = []
    shown: NDArray[np.int64] = np.concatenate([rows[:1], rows])[: _TIMED + 1]
    for row in shown:
        began = time.process_time()
        fitted.scores(np.array([row]))
        times.append(1000.0 * (time.process_time() - began))
    return round(float(np.median(times[1:])), 3)
