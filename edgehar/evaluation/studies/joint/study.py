"""Joint pre-training on text, pose and IMU, objective by objective: what it is worth on the wrists of recorded people.

All numbers were chosen before anybody was scored.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.evaluation import forest
from edgehar.evaluation.studies import targets
from edgehar.evaluation.studies.outcome import Outcome, outcome, pooled
from edgehar.evaluation.studies.published import targets as published
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.targets import Target
from edgehar.personal.statistics import statistics
from edgehar.recordings.datasets import set_files
from edgehar.training.cache import cache_key
from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import Count
from edgehar.training.studies.head_first import HeadFirst, Lesson, Tuner
from edgehar.training.studies.networks import Weights, scaled, shown
from edgehar.training.studies.pretrain import OBJECTIVES, Objective, Pretraining, pretrain, require_motion
from edgehar.types import FloatArray

VERSION = 1
"""Raise it with any change that gives other figures."""
FOREST, RANDOM, LABELS, ALL = "random forest", "random start", "labels", "all four"
LONG, LABELS_LONG = "random start, longer", "labels, longer"
LONGER, TIMES = frozenset({LONG, LABELS_LONG}), 4
"""Rows that have so many times the steps of all layers: what a start lacks may be time alone."""
ROWS: Mapping[str, tuple[Objective, ...]] = {
    RANDOM: (),
    LONG: (),
    LABELS: ("labels",),
    LABELS_LONG: ("labels",),
    ALL: OBJECTIVES,
    **{f"all but {name}": tuple(each for each in OBJECTIVES if each != name) for name in OBJECTIVES},
}
"""Objectives of each start of the network."""
FROZEN, TUNED = "frozen", "not frozen"
PUBLISHED: Mapping[str, str] = {"OpenPack": "openpack", "MM-Fit": "mm-fit"}
"""Sets in their published forms, as tables call them, and as `published.targets` does."""
_MAIN = (FOREST, RANDOM, LONG, LABELS, LABELS_LONG, ALL)
"""Rows that come first."""
_RATE_HZ = 50.0
"""Rows per second of all targets, Hz."""

Indices = NDArray[np.int64]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Plan of the fits; the defaults are those of docs/studies.md."""

    targets: tuple[str, ...] = ("wisdm wrist", "utd wrist", "dsads wrist", "weda wrist", "openpack wrist")
    """Names of `targets.TARGETS`; those of `PUBLISHED` are added where they are at hand."""
    portions: tuple[Annotated[float, Meta(gt=0.0, le=1.0)], ...] = (0.1, 1.0)
    """Shares of the people who are not tested; what comes first is fitted first."""
    rows: tuple[str, ...] = (FOREST, *ROWS)
    windows: Count = 6000
    """Windows of a target, at most: every second, third, ... of them."""
    trees: Count = 100
    pretraining: Pretraining = Pretraining(windows=20_000, steps=1000)
    """Its objectives are those of each row."""
    course: HeadFirst = HeadFirst()

    def course_of(self, row: str) -> HeadFirst:
        """Return the course of the fine-tuning of a row."""
        steps = self.course.steps * (TIMES if row in LONGER else 1)
        return replace(self.course, steps=steps)


class Entry(Struct, frozen=True):
    """One fit."""

    outcomes: dict[str, Outcome]
    """Answers of the encoder `frozen` and `not frozen`; a forest has one, called `not frozen`."""
    learned: int
    """Windows learned from."""
    folds: int
    """Folds of the target."""


class Cell(Struct, frozen=True):
    """Name of one fit."""

    row: str
    target: str
    portion: float
    fold: int


def check(settings: Settings) -> None:
    """Refuse settings that name no target or no row; ConfigError says which there are."""
    for names, available, what in (
        (settings.targets, targets.TARGETS, "targets"),
        (settings.rows, (FOREST, *ROWS), "rows"),
    ):
        for name in names:
            if name not in available:
                raise ConfigError(f"{what}: expected some of {', '.join(available)}; got {name!r}")


def open_results(out: Path) -> Results[Entry]:
    """Open the figures of the study below the folder of studies.md."""
    return Results(out / "studies" / "joint.json", Entry, VERSION)


def cells(settings: Settings, names: tuple[str, ...]) -> Iterator[Cell]:
    """Yield all fits to these targets, what matters most first."""
    main = tuple(row for row in _MAIN if row in settings.rows)
    others = tuple(row for row in settings.rows if row not in _MAIN)
    for portion in settings.portions:
        for rows in (main, others):
            for name in names:
                for row in rows:
                    for fold in range(targets.FOLDS):
                        yield Cell(row, name, portion, fold)


def key(settings: Settings, cell: Cell) -> str:
    """Return the key of a fit among the figures; other settings have other keys."""
    if cell.row == FOREST:
        parts = {"trees": settings.trees}
    else:
        pretraining = replace(settings.pretraining, objectives=ROWS[cell.row])
        parts = {"course": msgspec.to_builtins(settings.course_of(cell.row))}
        parts |= {"pretraining": msgspec.to_builtins(pretraining)} if ROWS[cell.row] else {}
    digest = cache_key(parts | {"windows": settings.windows})[:8]
    return f"{cell.target}, {cell.portion:g}, {cell.row}, fold {cell.fold}, {digest}"


class Study:
    """The fits that are missing, made one by one."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        results: Results[Entry],
        work: Path,
        workers: int,
        progress: Progress,
    ) -> None:
        """Take the settings, the folder of all data, and the figures to add to."""
        self._settings, self._data, self._results = settings, data, results
        self._work, self._workers, self._progress = work, workers, progress
        self._targets: dict[str, tuple[Target, FloatArray]] = {}
        self._tuners: dict[tuple[int, HeadFirst], Tuner] = {}
        self._starts: dict[str, Weights] = {}
        self._statistics: dict[str, FloatArray] = {}

    def run(self) -> None:
        """Make all fits; RecordingError, before the first, if the data folder lacks a set."""
        names = (*self._settings.targets, *at_hand(self._data))
        missing = [
            cell for cell in cells(self._settings, names) if key(self._settings, cell) not in self._results
        ]
        for name in dict.fromkeys(cell.target for cell in missing if cell.target not in PUBLISHED):
            set_files(self._data, targets.TARGETS[name].set)
        if any(ROWS.get(cell.row) for cell in missing):
            require_motion(self._settings.pretraining, self._data)
        for done, cell in enumerate(missing):
            self._progress(f"fits, {cell.row} on {cell.target}", done, len(missing))
            target, x = self._target(cell.target)
            if cell.fold < len(target.people()) and key(self._settings, cell) not in self._results:
                self._results.keep(key(self._settings, cell), self._fit(cell, target, x))
        self._progress("fits", len(missing), len(missing))

    def _target(self, name: str) -> tuple[Target, FloatArray]:
        if name not in self._targets:
            of = published.read_wrist(self._data, PUBLISHED[name]) if name in PUBLISHED else None
            target = thinned(of or targets.read_target(self._data, name), self._settings.windows)
            self._targets[name] = target, shown(target.x)
        return self._targets[name]

    def _fit(self, cell: Cell, target: Target, x: FloatArray) -> Entry:
        tested, learned = target.tested(cell.fold), target.learned(cell.fold, cell.portion)
        answers = {}
        if cell.row == FOREST:
            answers[TUNED] = self._forest(cell, target)
        else:
            lesson = Lesson(x[learned], target.label[learned], x[tested])
            answers[FROZEN], answers[TUNED] = self._tuner(len(target.labels), cell.row).fit(
                self._weights(cell.row), cell.fold, lesson
            )
        person, label = target.person[tested], target.label[tested]
        outcomes = {way: outcome(target.labels, person, label, answer) for way, answer in answers.items()}
        return Entry(outcomes, int(learned.sum()), min(targets.FOLDS, len(target.people())))

    def _tuner(self, labels: int, row: str) -> Tuner:
        course = self._settings.course_of(row)
        if (labels, course) not in self._tuners:
            self._tuners[labels, course] = Tuner(labels, course)
        return self._tuners[labels, course]

    def _weights(self, row: str) -> Weights:
        if not ROWS[row]:
            return {}
        if row not in self._starts:
            chosen = replace(self._settings.pretraining, objectives=ROWS[row])
            self._starts[row] = pretrain(chosen, self._data, self._work, self._workers, self._progress)
        return self._starts[row]

    def _forest(self, cell: Cell, target: Target) -> Indices:
        tested, learned = target.tested(cell.fold), target.learned(cell.fold, cell.portion)
        if cell.target not in self._statistics:
            self._statistics[cell.target] = statistics(scaled(target.x), _RATE_HZ)
        x = self._statistics[cell.target]
        trees = forest.grow(x[learned], target.label[learned], cell.fold, self._workers, self._settings.trees)
        return np.asarray(trees.predict(x[tested]), np.int64)


def at_hand(data: Path) -> tuple[str, ...]:
    """List the published sets whose archives are below the data folder."""
    return tuple(
        name for name, each in PUBLISHED.items() if (data / published.PUBLISHED[each].folder).is_dir()
    )


def thinned(target: Target, windows: int) -> Target:
    """Return every second, third, ... window, so that there are at most so many."""
    rows = slice(None, None, -(-len(target.x) // windows))
    return replace(
        target,
        x=target.x[rows],
        label=target.label[rows],
        person=target.person[rows],
        place=target.place[rows],
    )


def kept(settings: Settings, results: Results[Entry]) -> str:
    """Say what need not be done again."""
    fits = sum(key(settings, cell) in results for cell in cells(settings, (*settings.targets, *PUBLISHED)))
    sentence = "a pre-training that was not finished starts over, all else goes on by the same command"
    return (
        f"{fits} fits are kept in {results.path}; {sentence}"
        if fits
        else f"nothing is fitted yet; {sentence}"
    )


def scored(settings: Settings, results: Results[Entry], cell: Cell, way: str) -> Outcome | None:
    """Return the answers to everybody, all folds together; None while some of them is missing."""
    entries = [results.entries.get(key(settings, replace(cell, fold=fold))) for fold in range(targets.FOLDS)]
    made = [entry.outcomes[way] for entry in entries if entry and way in entry.outcomes]
    folds = results.entries.get(key(settings, replace(cell, fold=0)))
    return pooled(made) if folds and len(made) == folds.folds else None
