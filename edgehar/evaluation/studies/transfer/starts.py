"""Weights that fits of the study "transfer from video poses" start from: pre-trained once each, kept, and scored on held-out clips."""

import time
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.evaluation.studies.outcome import Outcome, outcome
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.transfer import targets
from edgehar.evaluation.studies.transfer.plan import (
    LONGER,
    OURS,
    RANDOM,
    Cell,
    Settings,
    is_joint,
    source_key,
)
from edgehar.training.build import fitting_libraries
from edgehar.training.cache import SIMULATION_VERSION, CachedArrays, cache_key, file_digests
from edgehar.training.progress import Progress
from edgehar.training.studies import pose_sources, simulated_source
from edgehar.training.studies.pretrain import pretrain
from edgehar.training.studies.transfer import PUBLISHED, SMALL, Fitter, Shape, Weights
from edgehar.types import FloatArray

VERSION = 2
"""Raise it with any change that gives other figures."""
_SEED = 42
"""Seed of all pre-training, as published."""
_HELD_OUT = 5
"""Every so manieth simulated window is: people come one after the other, so of each some."""


class Fit(Struct, frozen=True):
    """One fit, scored on people, or one pre-training, scored on clips that were held out."""

    outcome: Outcome
    learned: int
    """Windows that it learned from."""
    seconds: float
    """CPU time of the fit."""


class _Source(Struct, frozen=True, eq=False):
    """Windows to learn from, for one network."""

    x: FloatArray
    label: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    labels: tuple[str, ...]
    shape: Shape


class Starts:
    """The weights that the starts of a folder of data stand for."""

    def __init__(
        self, settings: Settings, data: Path, results: Results[Fit], work: Path, progress: Progress
    ) -> None:
        self._settings, self._data, self._results = settings, data, results
        self._work, self._progress = work, progress
        self._poses = cache(lambda name: pose_sources.read_source(data, name, settings.clips))

    def of(self, cell: Cell, site: str) -> Weights | None:
        """Return what a fit starts from, worn at a site; None for a random start."""
        start = LONGER.get(cell.start, cell.start)
        if start == RANDOM:
            return None
        if is_joint(cell.network, start):
            return self._ours(start, site)
        network = SMALL if cell.network == SMALL else PUBLISHED
        return self._pretrained(network, f"{OURS} {site}" if start == OURS else start)

    def _ours(self, start: str, site: str) -> Weights:
        chosen = replace(self._settings.ours, site="wrist" if site == "wrist" else "thigh_strap")
        if start == OURS:
            chosen = replace(chosen, objectives=("labels",))
        return pretrain(chosen, self._data, self._work, 1, self._progress)

    def _pretrained(self, network: str, source: str) -> Weights:
        name = source_key(self._settings, network, source)
        made_of = {"source": name, **self._made_of(source)}
        key = cache_key(made_of, f"transfer {VERSION}", fitting_libraries())
        cached = CachedArrays(self._work / f"source_{key[:12]}.npz", key)
        if name in self._results and (kept := cached.load()) is not None:
            return kept
        made = self._simulated(network, source) if source.startswith(OURS) else self._filmed(network, source)
        fitter = Fitter(made.shape, self._settings.courses(network)[1])
        begin, rows = time.process_time(), np.flatnonzero(~made.held_out)
        take = made.x.__getitem__
        fitter.fit(take, rows, made.label, _SEED, self._progress, f"pre-training on {source}")
        seconds = round(time.process_time() - begin, 1)
        weights = fitter.weights()
        cached.save(weights)
        of = np.flatnonzero(made.held_out)
        everybody = np.full(len(of), "held out")
        scored = outcome(made.labels, everybody, made.label[of], fitter.answers(take, of))
        self._results.keep(name, Fit(scored, len(rows), seconds))
        return weights

    def _made_of(self, source: str) -> dict[str, object]:
        """Return what the windows of a source are made of, besides the settings."""
        if source.startswith(OURS):
            recipe = msgspec.to_builtins(simulated_source.base_recipe())
            return {"recipe": recipe, "simulation": SIMULATION_VERSION}
        return {"files": file_digests(pose_sources.files(self._data, source.partition(" ")[0]))}

    def _simulated(self, network: str, source: str) -> _Source:
        site = source.removeprefix(f"{OURS} ")
        made = simulated_source.simulate(site, self._settings.simulated, self._progress)
        x = simulated_source.for_published(targets.spec(), made.x)
        held_out = np.arange(len(x)) % _HELD_OUT == 0
        shape = Shape(network, x.shape[1], 1, x.shape[2], len(made.labels))
        return _Source(x, made.label, held_out, made.labels, shape)

    def _filmed(self, network: str, source: str) -> _Source:
        name, _, kind = source.partition(" ")
        rate_hz = targets.spec().rate_hz / (1 if network == SMALL else simulated_source.FOLD)
        rows = round(self._settings.source_window_s * rate_hz)
        made = pose_sources.windows(self._poses(name), kind, rate_hz, rows)
        width, labels = made.x.shape[2], len(made.labels)
        if network == SMALL:
            small = simulated_source.base_recipe().network
            shape = Shape(SMALL, rows, width // made.dimensions, made.dimensions, labels, small=small)
        else:
            shape = Shape(network, rows, 1, width, labels)
        return _Source(made.x, made.label, made.held_out, made.labels, shape)
