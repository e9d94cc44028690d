"""Figures of recognition: F1, its spread over people, and how honest the probabilities are."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.types import FloatArray

_DRAWS = 1000
_SEED = 1
_BINS = 15

Words = NDArray[np.str_]
Counts = NDArray[np.float64]
Indices = NDArray[np.int64]


class Score(Struct, frozen=True):
    """Of one row and group of people."""

    windows: int
    people: int
    accuracy: float
    macro_f1: float
    """Mean over the labels that truly occur; any other answer is an error."""
    interval: tuple[float, float] | None
    """95 % of the macro-F1 by bootstrap over people; None for fewer than two."""
    weighted_f1: float
    f1: dict[str, float]
    confusion: dict[str, dict[str, int]]
    """Windows by true and by recognized label."""
    decided: "Score | None" = None
    """The same windows, by the state of the decision at their end."""


class Confidence(Struct, frozen=True):
    """Expected calibration error, 15 equal bins of the highest probability (Guo et al. 2017)."""

    windows: int
    before: float
    """At temperature 1."""
    after: float
    """At the model's."""


def score(person: Words, true: Words, said: Words) -> Score:
    """Of one row; RecordingError if there is no window at all."""
    if not len(true):
        raise RecordingError("no windows to score")
    labels = sorted(set(true.tolist()))
    answers = [*labels, *sorted(set(said.tolist()) - set(labels))]
    index = {answer: i for i, answer in enumerate(answers)}
    row, column = (np.array([index[word] for word in words.tolist()]) for words in (true, said))
    whose = [person == one for one in np.unique(person)]
    by_person = np.stack([confusion(row[own], column[own], len(labels), len(answers)) for own in whose])
    counts = by_person.sum(axis=0)
    each = f1(counts)
    there = counts.sum(axis=1)
    return Score(
        windows=len(true),
        people=len(by_person),
        accuracy=round(float(np.trace(counts) / there.sum()), 4),
        macro_f1=round(float(each.mean()), 4),
        interval=_interval(by_person),
        weighted_f1=round(float(each @ there / there.sum()), 4),
        f1={label: round(float(value), 4) for label, value in zip(labels, each, strict=True)},
        confusion={
            label: {answer: int(n) for answer, n in zip(answers, of, strict=True) if n}
            for label, of in zip(labels, counts, strict=True)
        },
    )


def confusion(true: Indices, said: Indices, labels: int, answers: int) -> Counts:
    """(labels, answers) windows, given the index of each window's label and of its answer."""
    cells = np.bincount(np.ravel_multi_index((true, said), (labels, answers)), minlength=labels * answers)
    return cells.astype(np.float64).reshape(labels, answers)


def f1(counts: Counts) -> Counts:
    """(..., labels) of (..., labels, answers), whose first answers are the labels; nan for what is not there."""
    labels = counts.shape[-2]
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    there, answered = counts.sum(axis=-1), counts[..., :labels].sum(axis=-2)
    found: Counts = np.divide(2 * right, there + answered, out=np.full(there.shape, np.nan), where=there > 0)
    return found


def _interval(by_person: Counts) -> tuple[float, float] | None:
    people = len(by_person)
    if people < 2:
        return None
    draws = np.random.default_rng(_SEED).multinomial(people, np.full(people, 1 / people), _DRAWS)
    macro = np.nanmean(f1(np.tensordot(draws.astype(np.float64), by_person, 1)), axis=-1)
    low, high = np.percentile(macro, [2.5, 97.5]).tolist()
    return round(low, 4), round(high, 4)


def calibration(
    true: Words, probabilities: FloatArray, labels: Sequence[str], temperature: float
) -> Confidence:
    """Of the windows with an answer; `probabilities` are those at the model's temperature."""
    answered = probabilities.sum(axis=1) > 0
    true, after = true[answered], probabilities[answered]
    right = np.array(labels)[after.argmax(axis=1)] == true
    return Confidence(
        windows=len(true),
        before=round(expected_error(cooled(after, 1.0 / temperature), right), 4),
        after=round(expected_error(after, right), 4),
    )


def cooled(probabilities: FloatArray, temperature: float) -> Counts:
    """What the same logits give at another temperature; rows sum to 1, zeros stay."""
    # A softmax at temperature T is the one at 1 to the power of 1 / T, scaled to sum to 1.
    powers: Counts = probabilities.astype(np.float64) ** (1.0 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def expected_error(probabilities: FloatArray | Counts, right: NDArray[np.bool_]) -> float:
    """Expected calibration error of the top label, 0..1, given (n, labels) and whether it was right (n,)."""
    confidence = probabilities.astype(np.float64).max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    error = np.bincount(bins, confidence - right, _BINS)
    return float(np.abs(error).sum() / max(len(right), 1))
