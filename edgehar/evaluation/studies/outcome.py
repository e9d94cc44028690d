"""Answers of fits as counts by person, and how sure a difference between two of them is."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_DRAWS = 2000
_SEED = 1

Counts = NDArray[np.float64]
Interval = tuple[float, float]


class Outcome(Struct, frozen=True):
    """Answers of one fit, or of several, to windows of people on whom they were not fitted."""

    labels: tuple[str, ...]
    people: tuple[str, ...]
    right: tuple[tuple[int, ...], ...]
    """(people, labels): windows of the label that got it."""
    missed: tuple[tuple[int, ...], ...]
    """(people, labels): windows of the label that got another."""
    wrong: tuple[tuple[int, ...], ...]
    """(people, labels): windows of other labels that got it."""

    @property
    def counts(self) -> Counts:
        """Return right, missed and wrong: (people, 3, labels)."""
        return np.stack([self.right, self.missed, self.wrong], axis=1).astype(np.float64)

    @property
    def windows(self) -> int:
        """Number of windows."""
        return int(self.counts[:, :2].sum())


def outcome(
    labels: Sequence[str], person: NDArray[np.str_], true: NDArray[np.int64], answer: NDArray[np.int64]
) -> Outcome:
    """Count answers, as indices of labels, to windows of these people: (windows,) each."""
    people = sorted(set(person.tolist()))
    cells = []
    for name in people:
        t, a = true[person == name], answer[person == name]
        each = [np.bincount(x, minlength=len(labels)) for x in (t[t == a], t[t != a], a[t != a])]
        cells.append(tuple(tuple(of.tolist()) for of in each))
    right, missed, wrong = zip(*cells, strict=True)
    return Outcome(tuple(labels), tuple(people), right, missed, wrong)


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """Join the answers of several fits, such as one of each fold; ValueError if they are about other labels."""
    labels = outcomes[0].labels
    if any(each.labels != labels for each in outcomes):
        raise ValueError("outcomes of other labels cannot be pooled")
    sums: dict[str, Counts] = {}
    for each in outcomes:
        for name, counts in zip(each.people, each.counts, strict=True):
            sums[name] = sums.get(name, 0.0) + counts
    people = sorted(sums)
    right, missed, wrong = (
        tuple(tuple(int(n) for n in sums[name][kind]) for name in people) for kind in range(3)
    )
    return Outcome(labels, tuple(people), right, missed, wrong)


def accuracy(counts: Counts) -> Counts:
    """Return the share of windows that are right, (...,), of counts (..., 3, labels)."""
    right, missed = counts[..., 0, :].sum(-1), counts[..., 1, :].sum(-1)
    return np.asarray(right / (right + missed))


def each_f1(counts: Counts) -> Counts:
    """Return F1 (..., labels) of counts (..., 3, labels); nan for labels that nobody shows."""
    right, missed, wrong = (counts[..., kind, :] for kind in range(3))
    truly = right + missed
    empty = np.full(right.shape, np.nan)
    return np.asarray(np.divide(2.0 * right, truly + right + wrong, out=empty, where=truly > 0))


def macro_f1(counts: Counts) -> Counts:
    """Return the mean of F1 over the labels that occur, (...,)."""
    return np.asarray(np.nanmean(each_f1(counts), axis=-1))


def weighted_f1(counts: Counts) -> Counts:
    """Return the mean of F1 by how often each label occurs, (...,)."""
    truly = counts[..., 0, :] + counts[..., 1, :]
    return np.asarray(np.nansum(each_f1(counts) * truly, axis=-1) / truly.sum(-1))


Measure = Callable[[Counts], Counts]


def value(of: Outcome, measure: Measure = macro_f1) -> float:
    """Measure all people together."""
    return float(measure(of.counts.sum(axis=0)))


def interval(of: Outcome, measure: Measure = macro_f1) -> Interval | None:
    """Return 95 % of a measure by bootstrap over people; None for fewer than two."""
    if len(of.people) < 2:
        return None
    return _percentiles(measure(_drawn(of.counts)))


def gain(of: Outcome, over: Outcome, measure: Measure = macro_f1) -> tuple[float, Interval | None]:
    """Return by how much one is better than the other, and 95 % of that by bootstrap over the same people.

    ValueError if they are about other people.
    """
    if of.people != over.people:
        raise ValueError("a gain is between answers to the same people")
    if len(of.people) < 2:
        return value(of, measure) - value(over, measure), None
    drawn = measure(_drawn(of.counts)) - measure(_drawn(over.counts))
    return value(of, measure) - value(over, measure), _percentiles(drawn)


def mean_gain(
    pairs: Sequence[tuple[Outcome, Outcome]], measure: Measure = macro_f1
) -> tuple[float, Interval | None]:
    """Return the mean of the gains of several pairs, and 95 % of it by bootstrap over the people of each; ValueError as of `gain`."""
    mean = float(np.mean([gain(of, over, measure)[0] for of, over in pairs]))
    if any(len(of.people) < 2 for of, _ in pairs):
        return mean, None
    drawn = [
        measure(_drawn(of.counts, i)) - measure(_drawn(over.counts, i)) for i, (of, over) in enumerate(pairs)
    ]
    return mean, _percentiles(np.mean(drawn, axis=0))


def _drawn(counts: Counts, stream: int = 0) -> Counts:
    """Sum the counts of as many people drawn with replacement, the same ones in each call of a stream: (draws, 3, labels)."""
    people = len(counts)
    rng = np.random.default_rng((_SEED, stream) if stream else _SEED)
    draws = rng.multinomial(people, np.full(people, 1 / people), _DRAWS)
    return np.tensordot(draws.astype(np.float64), counts, 1)


def _percentiles(drawn: Counts) -> Interval:
    low, high = np.nanpercentile(drawn, [2.5, 97.5]).tolist()
    return float(low), float(high)


def wilson(right: int, of: int) -> Interval:
    """Return 95 % of a share of independent trials (Wilson 1927)."""
    z = 1.959964
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * float(np.sqrt(share * (1 - share) / of + spread / (4 * of)))
    return middle - half, middle + half
