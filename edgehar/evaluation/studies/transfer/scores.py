"""Figures of the study "transfer from video poses", all seeds of a cell together, of whatever was scored so far."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from edgehar.evaluation.studies.outcome import Interval, Outcome, gain, pooled
from edgehar.evaluation.studies.results import NO_DATA, NOT_RUN, Results
from edgehar.evaluation.studies.transfer.plan import Cell, Settings, plan, source_key
from edgehar.evaluation.studies.transfer.starts import Fit
from edgehar.evaluation.studies.transfer.study import is_at_hand


class Scores:
    """Figures that were scored, by everything but the seed."""

    def __init__(self, settings: Settings, results: Results[Fit], data: Path) -> None:
        self.settings, self._results, self._data = settings, results, data
        self._of: dict[Cell, dict[int, Fit]] = {}
        for cell in plan(settings):
            fits = self._of.setdefault(replace(cell, seed=0), {})
            if (fit := results.entries.get(cell.key(settings))) is not None:
                fits[cell.seed] = fit

    def cells(self) -> Sequence[Cell]:
        """List what is planned, all seeds as one."""
        return list(self._of)

    def fits(self, cell: Cell) -> Mapping[int, Fit]:
        """Return what was scored of all seeds."""
        return self._of.get(replace(cell, seed=0), {})

    def outcome(self, cell: Cell) -> Outcome | None:
        """Return the answers of all seeds together; None if there are none."""
        fits = self.fits(cell)
        return pooled([fit.outcome for fit in fits.values()]) if fits else None

    def seeds(self, cell: Cell) -> str:
        """Say of how many seeds a cell is, if not of all."""
        count = len(self.fits(cell))
        return "" if count == self.settings.seeds else f" ({count} of {self.settings.seeds})"

    def gain(self, cell: Cell, over: Cell) -> tuple[float, Interval | None] | None:
        """Return the gain in macro-F1 of the seeds that both have; None if there is none."""
        of, other = self.fits(cell), self.fits(over)
        both = sorted(of.keys() & other.keys())
        if not both:
            return None
        return gain(
            pooled([of[seed].outcome for seed in both]), pooled([other[seed].outcome for seed in both])
        )

    def absence(self, cell: Cell) -> str:
        """Say why a cell is empty."""
        return NOT_RUN if is_at_hand(self._data, cell) else NO_DATA

    def source(self, network: str, source: str) -> Fit | None:
        """Return what a pre-training is worth on its own held-out clips."""
        return self._results.entries.get(source_key(self.settings, network, source))
