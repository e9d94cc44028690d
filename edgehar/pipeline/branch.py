"""One model's part of a wearer's pipeline: samples of the sensors that it takes, to its predictions."""

from collections.abc import Iterable, Iterator, Sequence

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.operating_points import Point
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.windows import Windows
from edgehar.types import Block, Prediction, Samples

_LEAST_QUIET_S = 60.0


class Branch:
    """Grid, windows and model of one modality; ModelError if the model has no place for a sensor."""

    def __init__(self, recognizer: Recognizer, intakes: Sequence[Intake], settings: Settings) -> None:
        self.spec = spec = recognizer.spec
        self.slots = recognizer.slots([intake.placement for intake in intakes])
        """For each sensor of the model the placement worn there, or None."""
        self.worn = tuple(i for i, placement in enumerate(self.slots) if placement is not None)
        self.window_s, self.hop_s = spec.window / spec.rate_hz, spec.hop / spec.rate_hz
        silence_s = settings.no_signal_after_s + self.window_s + 2 * self.hop_s
        self.grid = Grid(
            self.slots,
            spec.rate_hz,
            spec.hop,
            quiet_s=max(_LEAST_QUIET_S, 2 * silence_s),
            channels=spec.channels,
        )
        for intake in intakes:
            self.grid.expect(intake.placement, intake.bundle_s)
        self._windows = Windows(spec.window, self.worn, settings.min_coverage, spec.channels)
        self._recognizer = recognizer

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that the worn sensors can tell apart together."""
        return tuple(self.spec.labels[i] for i in self.spec.offered(self.worn))

    def thresholds(self, point: Point) -> dict[str, float]:
        """Return the point's thresholds, by node, for what is worn; ConfigError as of `ModelSpec.check_point`."""
        return self.spec.thresholds(self.slots, point)

    def push(self, t: float, samples: Iterable[Samples], intake: Intake) -> list[Prediction]:
        """Take samples that arrived at stream time `t`, s, by an intake of this branch."""
        blocks: list[Block] = []
        for each in samples:
            blocks += self.grid.push(t, each)
        self.grid.expect(intake.placement, intake.bundle_s)
        return [*self._judge(blocks)] if blocks else []

    def advance(self, t: float) -> list[Prediction]:
        """Let stream time reach `t`, s: silence becomes windows without coverage."""
        blocks = self.grid.advance(t)
        return [*self._judge(blocks)] if blocks else []

    def flush(self) -> list[Prediction]:
        """Return what has ended by now, whoever is still waited for."""
        return [*self._judge(self.grid.flush())]

    def _judge(self, blocks: Iterable[Block]) -> Iterator[Prediction]:
        for block in blocks:
            for window in self._windows.push(block):
                yield from self._recognizer.push(window)
