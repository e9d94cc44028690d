"""One run beside an earlier one: ratios of each stage, and which of them are more than noise.

The times of a stage are the medians of rounds. A stage is slower, or faster, where every round of one run lies beyond every
round of the other, and the medians differ by LEAST: of five rounds each, chance alone does that once in 126 on a steady machine.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from msgspec import Struct

LEAST = 1.05
"""Ratio from which a difference counts: less nobody notices."""


class Ratio(Struct, frozen=True):
    """One stage beside itself."""

    stage: str
    now_us: float
    then_us: float
    ratio: float
    """Ratio of the medians, now to then."""
    least: float
    """Ratio of the quickest round now to the slowest then."""
    largest: float
    """Ratio of the slowest round now to the quickest then."""

    @property
    def verdict(self) -> str:
        """The difference in words."""
        if self.least > 1 and self.ratio >= LEAST:
            return f"slower than the baseline by {self.ratio:.2f} ({self.least:.2f} to {self.largest:.2f})"
        if self.largest < 1 and self.ratio <= 1 / LEAST:
            return f"faster than the baseline by {1 / self.ratio:.2f} ({1 / self.largest:.2f} to {1 / self.least:.2f})"
        return f"no difference beyond the noise ({self.least:.2f} to {self.largest:.2f})"


def compare(now: Mapping[str, Sequence[float]], then: Mapping[str, Sequence[float]]) -> list[Ratio]:
    """Compare the rounds of all stages, µs, that both runs have."""
    ratios = []
    for stage, rounds in now.items():
        before = then.get(stage, ())
        if not rounds or not before or min(*rounds, *before) <= 0:
            continue
        ratios.append(
            Ratio(
                stage=stage,
                now_us=median(rounds),
                then_us=median(before),
                ratio=median(rounds) / median(before),
                least=min(rounds) / max(before),
                largest=max(rounds) / min(before),
            )
        )
    return ratios
