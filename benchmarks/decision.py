"""`python -m benchmarks.decision DATA [MODEL]`: settings of a model's decision, on people and on simulated wearers.

Of the settings that begin wrongly no oftener than `FALSE_PER_HOUR`, the one that tells most of the time rightly is
marked; each source counts the same, and a second line is of people alone. DATA holds the recordings; the network's
answers are kept in `build/days`, so that a second run takes minutes. By setting:

    right     share of the time whose label, and whose kind, is told
    missed    share of the activities whose label, and whose kind, is not told before they are over
    onset     median time from the begin of an activity until its label, and its kind, is told, s
    false/h   activities that begin and are not done, and whose kind is not done either
    changes   changes of the state per hour of one activity that goes on for `LONG_S`, from the first label on
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, product
from pathlib import Path
from statistics import fmean, median

from msgspec import Struct, field
from msgspec.structs import replace

from benchmarks.days import Day, Stretch, of_people, of_simulated
from edgehar.evaluation.plan import decision_of
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import find, read
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import load
from edgehar.recordings.false_starts import SETTLED_S
from edgehar.training import recipe as recipes
from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER, Activity

KEPT = Path("build/days")
RECIPE = Path("models/imu_tcn_synthetic.toml")
GRID = {
    "mean_stay_s": (100.0, 300.0),
    "likelihood_power": (0.25, 0.5),
    "threshold": (0.8, 0.9),
    "kind_threshold": (0.9,),
    "held_threshold": (0.05, 0.1),
}
FALSE_PER_HOUR = 20.0
"""Most false starts an hour, be their kind wrong or not; about those of a decision of averages, thresholds and patience on the same answers."""
LONG_S = 30.0
"""Least length of an activity, s: a shorter one says little of how steady an answer is."""
_NO_LABELS = (OTHER, NO_SIGNAL, NOT_WORN)

Answers = Sequence[tuple[float, str]]
"""End of each window, s, and the state that was told then."""


def _zeros() -> list[int]:
    return [0, 0]


class Counts(Struct):
    """Sums over the days of one source."""

    hours: float = 0.0
    windows: int = 0
    right: list[int] = field(default_factory=_zeros)
    onsets: int = 0
    missed: list[int] = field(default_factory=_zeros)
    delays: list[list[float]] = field(default_factory=lambda: [[], []])
    false: list[int] = field(default_factory=_zeros)
    changes: int = 0
    settled_hours: float = 0.0


class Scores(Struct, frozen=True):
    """Scores of one source, or their means; of two figures the first is of labels, the second of kinds."""

    right: tuple[float, float]
    missed: tuple[float, float]
    onset_s: tuple[float, float]
    false_per_hour: tuple[float, float]
    changes_per_hour: float


def count(tree: LabelTree, truth: Iterable[Stretch], answers: Answers, counts: Counts) -> None:
    """Add what was told of one day."""
    stretches = list(truth)
    for start, end, labels in stretches:
        inside = [(t, state) for t, state in answers if start < t <= end]
        if inside:
            before = next((state for t, state in reversed(answers) if t <= start), NO_SIGNAL)
            _count_stretch(tree, (start, end, labels), before, inside, counts)
    for (_, before), (t, state) in pairwise([(0.0, NO_SIGNAL), *answers]):
        if state != before and state not in _NO_LABELS:
            done = {
                label for start, end, labels in stretches if start < t <= end + SETTLED_S for label in labels
            }
            counts.false[0] += not done & {*tree.leaves(state)}
            counts.false[1] += tree.top(state) not in {tree.top(label) for label in done}


def _count_stretch(tree: LabelTree, stretch: Stretch, before: str, inside: Answers, counts: Counts) -> None:
    start, end, labels = stretch
    counts.hours += (end - start) / 3600.0
    counts.windows += len(inside)
    counts.onsets += OTHER not in labels
    states = [state for _, state in inside]
    true = {node for node in tree.nodes if {*tree.leaves(node)} <= {*labels}}
    tops = {tree.top(label) for label in labels}
    for i, right in enumerate(([s in true for s in states], [tree.top(s) in tops for s in states])):
        counts.right[i] += sum(right)
        if OTHER in labels:
            continue
        was_told = before in true if i == 0 else tree.top(before) in tops
        counts.missed[i] += not any(right)
        if any(right) and not (was_told and right[0]):
            counts.delays[i].append(inside[right.index(True)][0] - start)
    first = next((i for i, state in enumerate(states) if state not in _NO_LABELS), None)
    if first is not None and end - start >= LONG_S:
        counts.changes += sum(a != b for a, b in pairwise(states[first:]))
        counts.settled_hours += (end - inside[first][0]) / 3600.0


def scores(counts: Counts) -> Scores:
    """Return the figures of one source."""
    return Scores(
        right=_both(n / counts.windows for n in counts.right),
        missed=_both(n / counts.onsets if counts.onsets else 0.0 for n in counts.missed),
        onset_s=_both(median(delays) if delays else 0.0 for delays in counts.delays),
        false_per_hour=_both(n / counts.hours for n in counts.false),
        changes_per_hour=counts.changes / counts.settled_hours if counts.settled_hours else 0.0,
    )


def mean(each: Sequence[Scores]) -> Scores:
    """Return the means over sources, those without an onset aside where there is nothing to be told."""
    fields = ("right", "missed", "onset_s", "false_per_hour")
    pairs = {
        name: _both(
            fmean([getattr(s, name)[i] for s in each if name != "onset_s" or s.onset_s[i]] or [0.0])
            for i in (0, 1)
        )
        for name in fields
    }
    return Scores(**pairs, changes_per_hour=fmean([s.changes_per_hour for s in each]))


def _both(values: Iterable[float]) -> tuple[float, float]:
    first, second = values
    return first, second


def outcome(spec: ModelSpec, days: Iterable[Day], settings: Settings) -> dict[str, Scores]:
    """Send every day's answers of the network through a decision of these settings; by source."""
    tree = LabelTree(spec.labels, spec.tree)
    by_source: dict[str, Counts] = {}
    for day in days:
        decision = decision_of(replace(spec, decision=settings), day.placements)
        told = [answer for p in day.predictions for answer in decision.push(p)]
        answers = [(answer.t, answer.state) for answer in told if isinstance(answer, Activity)]
        count(tree, day.truth, answers, by_source.setdefault(day.source, Counts()))
    return {source: scores(counts) for source, counts in by_source.items()}


def grid(base: Settings) -> Iterator[Settings]:
    """Yield the settings that are tried, the model's own first."""
    yield base
    for values in product(*GRID.values()):
        yield replace(base, **dict(zip(GRID, values, strict=True)))


def line(name: str, s: Scores) -> str:
    """Lay out one row."""
    pairs = (s.right, s.missed, s.onset_s, s.false_per_hour)
    digits = (2, 2, 1, 1)
    cells = [" / ".join(f"{v:5.{n}f}" for v in pair) for pair, n in zip(pairs, digits, strict=True)]
    return f"{name:34} | " + " | ".join(cells) + f" | {s.changes_per_hour:6.1f}"


def named(settings: Settings) -> str:
    """Name the values of the grid's keys; `-` is a threshold that the operating point gives."""
    values = (getattr(settings, key) for key in GRID)
    return " ".join("-" if value is None else f"{value:g}" for value in values)


def _days(model: str, data: Path) -> list[Day]:
    recognizer = load(find(model))
    kept = KEPT / recognizer.spec.sha256[:12]
    kept.mkdir(parents=True, exist_ok=True)
    return [
        *of_people(recognizer, data, kept),
        *of_simulated(recognizer, recipes.load(RECIPE), kept),
    ]


def _tried(model: str, data: Path, settings: Settings) -> dict[str, Scores]:
    return outcome(read(find(model)), _days(model, data), settings)


def main(data: str, model: str = "imu_tcn") -> None:
    """Print a line for each setting, and of the one that is best a line for each source."""
    spec, folder = read(find(model)), Path(data)
    days = _days(model, folder)  # whatever is missing is judged once, before others read it
    for source in dict.fromkeys(day.source for day in days):
        hours = sum(day.truth[-1][1] for day in days if day.source == source) / 3600.0
        print(f"{source}: {hours:.1f} h", flush=True)
    print(f"{' '.join(GRID)} |  right | missed | onset s | false/h | changes/h; label / kind")
    rows = []
    with ProcessPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as pool:
        tried = [(s, pool.submit(_tried, model, folder, s)) for s in grid(spec.decision)]
        for settings, future in tried:
            rows.append((settings, future.result()))
            by_source = rows[-1][1]
            print(line(named(settings), mean([*by_source.values()])))
            people = [s for source, s in by_source.items() if not source.startswith("simulated ")]
            print(line("  people alone", mean(people)), flush=True)
    allowed = [row for row in rows if mean([*row[1].values()]).false_per_hour[0] <= FALSE_PER_HOUR]
    best, by_source = max(allowed or rows, key=lambda row: sum(mean([*row[1].values()]).right))
    print(
        f"\nmost told rightly, of those that begin wrongly at most {FALSE_PER_HOUR:g} times an hour:\n{named(best)}"
    )
    for source, figures in by_source.items():
        print(line(source, figures))


if __name__ == "__main__":
    main(*sys.argv[1:3])
