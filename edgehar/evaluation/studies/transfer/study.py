"""The study "transfer from video poses": its fits, one after the other, each scored and kept as soon as it is done."""

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from edgehar.errors import ConfigError
from edgehar.evaluation.studies.outcome import outcome
from edgehar.evaluation.studies.published.sets import PUBLISHED as ARCHIVES
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.transfer import targets
from edgehar.evaluation.studies.transfer.plan import (
    LONGER,
    OURS,
    OURS_ALL,
    RANDOM,
    Cell,
    Settings,
    is_joint,
    plan,
)
from edgehar.evaluation.studies.transfer.starts import VERSION, Fit, Starts
from edgehar.evaluation.studies.transfer.targets import Ready
from edgehar.training.progress import Progress
from edgehar.training.studies import pose_sources
from edgehar.training.studies.pretrain import require_motion
from edgehar.training.studies.published_tcn import LEAST_ROWS
from edgehar.training.studies.simulated_source import FOLD
from edgehar.training.studies.transfer import Course, Fitter, Shape

_HELD = 4
"""Targets in memory at once, of one network each; a plan keeps fits to the same target together."""
_OWN_STARTS = {RANDOM, OURS, OURS_ALL, *LONGER}


def open_results(out: Path) -> Results[Fit]:
    """Open the study's file below a folder; ConfigError as of `Results`."""
    return Results(out / "studies" / "transfer.json", Fit, VERSION)


def kept(settings: Settings, results: Results[Fit]) -> str:
    """Say how many fits of the plan are done."""
    cells = plan(settings)
    done = sum(cell.key(settings) in results for cell in cells)
    return f"{done} of {len(cells)} fits are kept; the same command goes on, with --no-fit it lays out what there is"


def check(settings: Settings, data: Path) -> None:
    """Refuse a name that nothing has, windows that are too short, and a folder that is none; what it lacks the tables tell.

    Raises:
        ConfigError: one line that says what there is.
    """
    sets, kinds = ", ".join(pose_sources.SETS), ", ".join(pose_sources.KINDS)
    for cell in plan(settings):
        targets.check_name(cell.target)
        name, _, kind = cell.start.partition(" ")
        is_source = name in pose_sources.SETS and kind in pose_sources.KINDS
        if cell.start not in _OWN_STARTS and not is_source:
            raise ConfigError(
                f"no source is called {cell.start!r}; expected one of {sets}, then one of {kinds}"
            )
    least = LEAST_ROWS * FOLD / targets.spec().rate_hz
    if settings.source_window_s < least:
        raise ConfigError(f"source_window_s: expected at least {least:g}, got {settings.source_window_s:g}")
    if not data.is_dir():
        raise ConfigError(f"{data}: no such folder; --data takes the one that holds imu/ and pose/")


def is_at_hand(data: Path, cell: Cell) -> bool:
    """Tell whether the files of a fit lie below a folder."""
    is_source = cell.start in _OWN_STARTS or pose_sources.is_at_hand(data, cell.start.partition(" ")[0])
    return is_source and targets.is_at_hand(data, cell.target)


class Study:
    """The fits of one folder of data."""

    def __init__(
        self, settings: Settings, data: Path, results: Results[Fit], work: Path, progress: Progress
    ) -> None:
        self._settings, self._data, self._results, self._progress = settings, data, results, progress
        self._starts = Starts(settings, data, results, work, progress)
        self._ready: Callable[[str, str], Ready] = lru_cache(_HELD)(
            lambda name, network: targets.ready(data, name, network, settings.windows)
        )
        self._fitter: tuple[object, Fitter] | None = None

    def run(self) -> None:
        """Make all fits of the plan that are not kept yet and whose data are at hand.

        RecordingError, before the first, if an archive is damaged or the recorded motion is missing.
        """
        missing = [
            cell
            for cell in plan(self._settings)
            if cell.key(self._settings) not in self._results and is_at_hand(self._data, cell)
        ]
        if any(is_joint(cell.network, cell.start) for cell in missing):
            require_motion(self._settings.ours, self._data)
        # What is damaged shows before hours of fits to something else.
        archives = dict.fromkeys(cell.target for cell in missing if cell.target in ARCHIVES)
        for done, name in enumerate(archives):
            self._progress("looking at archives", done, len(archives))
            targets.archive(self._data, name)
        for i, cell in enumerate(missing):
            self._progress("fits of the study", i, len(missing))
            if cell.key(self._settings) not in self._results:
                self._results.keep(cell.key(self._settings), self._score(cell))
        self._progress("fits of the study", len(missing), len(missing))

    def _score(self, cell: Cell) -> Fit:
        ready = self._ready(cell.target, cell.network)
        start = self._starts.of(cell, ready.site)
        frozen = cell.layers if cell.frozen else 0
        fitter = self._fitter_of(ready.shape, self._settings.course(cell.network, cell.start), frozen)
        learned, tested = ready.learned(cell.seed, cell.portion), ready.tested(cell.seed)
        begin, rows = time.process_time(), np.flatnonzero(learned)
        fitter.fit(ready.take, rows, ready.label, cell.seed, self._progress, "fitting", start, cell.layers)
        seconds = round(time.process_time() - begin, 1)
        answers = fitter.answers(ready.take, np.flatnonzero(tested))
        scored = outcome(ready.labels, ready.person[tested], ready.label[tested], answers)
        return Fit(scored, len(rows), seconds)

    def _fitter_of(self, shape: Shape, course: Course, frozen: int) -> Fitter:
        """Return the network that is wired already, if it has this shape: plans keep those of a shape together."""
        key = (shape, course, frozen)
        if self._fitter is None or self._fitter[0] != key:
            self._fitter = None  # before the next one takes as much memory
            self._fitter = (key, Fitter(shape, course, frozen))
        return self._fitter[1]
