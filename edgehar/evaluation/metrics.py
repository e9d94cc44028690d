"""Figures of recognition: F1, its spread over people, and how honest the probabilities are."""

from collections.abc import Collection, Sequence

import numpy as np
from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.evaluation.truth import Words, held_to
from edgehar.training.calibrate import expected_calibration_error, tempered
from edgehar.training.confusion import Counts, confusion, f1
from edgehar.types import OTHER, FloatArray

_DRAWS = 1000
_SEED = 1


class Score(Struct, frozen=True):
    """Figures of one row and group of people."""

    windows: int
    people: int
    accuracy: float
    macro_f1: float
    """Mean over the labels but `other` that truly occur; any other answer is an error."""
    interval: tuple[float, float] | None
    """95 % of the macro-F1 by bootstrap over people; None for fewer than two."""
    weighted_f1: float
    f1: dict[str, float]
    confusion: dict[str, dict[str, int]]
    """Windows by true and by recognized label."""
    decided: "Score | None" = None
    """The same windows, by the state of the decision at their end."""


class Confidence(Struct, frozen=True):
    """Expected calibration error of the highest probability."""

    windows: int
    before: float
    """At temperature 1."""
    after: float
    """At the model's."""


def score(person: Words, true: Words, predicted: Words) -> Score:
    """Score one row, (windows,) each; RecordingError if there is no window of a label at all.

    Windows whose truth is `other` count in the accuracy only.
    """
    labels = sorted(set(true.tolist()) - {OTHER})
    if not labels:
        raise RecordingError("no windows to score")
    answers = [*labels, *sorted({*predicted.tolist(), *true.tolist()} - set(labels))]
    index = {answer: i for i, answer in enumerate(answers)}
    row, column = (np.array([index[word] for word in words.tolist()]) for words in (true, predicted))
    people = [(person == name) & (true != OTHER) for name in np.unique(person)]
    by_person = np.stack([confusion(row[of], column[of], len(labels), len(answers)) for of in people])
    counts = by_person.sum(axis=0)
    each = f1(counts)
    windows = counts.sum(axis=1)
    return Score(
        windows=len(true),
        people=len(by_person),
        accuracy=round(float(np.mean(true == predicted)), 4),
        macro_f1=round(float(each.mean()), 4),
        interval=_interval(by_person),
        weighted_f1=round(float(each @ windows / windows.sum()), 4),
        f1={label: round(float(value), 4) for label, value in zip(labels, each, strict=True)},
        confusion={
            label: {answer: int(n) for answer, n in zip(answers, of, strict=True) if n}
            for label, of in zip(labels, counts, strict=True)
        },
    )


def _interval(by_person: Counts) -> tuple[float, float] | None:
    people = len(by_person)
    if people < 2:
        return None
    draws = np.random.default_rng(_SEED).multinomial(people, np.full(people, 1 / people), _DRAWS)
    macro = np.nanmean(f1(np.tensordot(draws.astype(np.float64), by_person, 1)), axis=-1)
    low, high = np.percentile(macro, [2.5, 97.5]).tolist()
    return round(low, 4), round(high, 4)


def calibration(
    true: Words, probabilities: FloatArray, labels: Sequence[str], told: Collection[str], temperature: float
) -> Confidence:
    """Measure the windows with an answer.

    Args:
        true: Truth as the set says it.
        probabilities: Of all windows at the model's temperature.
        labels: Labels of these probabilities.
        told: Those of them that the model tells of what is worn.
        temperature: The model's.
    """
    answered = probabilities.sum(axis=1) > 0
    true, after = true[answered], probabilities[answered]
    answers = np.array(labels)[after.argmax(axis=1)]
    right = answers == held_to(true, answers, told)
    before = tempered(after, 1.0 / temperature)
    return Confidence(
        windows=len(true),
        before=round(expected_calibration_error(before, right), 4),
        after=round(expected_calibration_error(after, right), 4),
    )
