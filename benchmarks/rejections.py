"""Times for which simulated wearers are `other` between two labels: what lasts no longer is passing, and nothing to be taught.

python -m benchmarks.rejections
"""

from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER, Activity, Stream

SEEDS = range(12)
LIFE_S = 600.0
LIMITS_S = (3.0, 5.0, 8.0, 10.0)


def passings(placement: str, seed: int) -> list[float]:
    """Return how long each `other` after a label lasted until the next state was told, s."""
    recognizer = load(find("imu_tcn"))
    pipeline = Pipeline("a", (Stream(placement),), recognizer, recognizer.spec.decision)
    lengths = list[float]()
    former: str = NO_SIGNAL
    state, since = former, 0.0
    for item in Simulator(placements=[placement], seed=seed, longest_s=60.0).packets():
        if item[0] > LIFE_S:
            return lengths
        for answer in pipeline.push(*item):
            if isinstance(answer, Activity) and answer.state != state:
                if state == OTHER and former not in {NO_SIGNAL, NOT_WORN}:
                    lengths.append(answer.t - since)
                former, state, since = state, answer.state, answer.since
    return lengths


def main() -> None:
    """Print how many there were, the longest, and how many lasted as long as some limits."""
    hours = len(SEEDS) * LIFE_S / 3600
    for placement in ("trouser_pocket", "wrist"):
        lengths = [length for seed in SEEDS for length in passings(placement, seed)]
        longer = ", ".join(f"{limit:g} s: {sum(x >= limit for x in lengths)}" for limit in LIMITS_S)
        print(
            f"{placement}: {len(lengths)} in {hours:g} h, the longest {max(lengths):.1f} s; as long as {longer}"
        )


if __name__ == "__main__":
    main()
