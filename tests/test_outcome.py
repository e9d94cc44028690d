"""Answers of studies as counts: the same figures as scikit-learn, and intervals that mean what they say."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from edgehar.evaluation.studies.outcome import (
    accuracy,
    gain,
    interval,
    macro_f1,
    outcome,
    pooled,
    value,
    weighted_f1,
    wilson,
)

LABELS = ("a", "b", "c")


def _drawn(seed: int, people: int = 6, right: float = 0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    person = np.repeat([f"p{i}" for i in range(people)], 40)
    true = rng.integers(3, size=len(person))
    answer = np.where(rng.random(len(person)) < right, true, rng.integers(3, size=len(person)))
    return person, true, answer


def test_figures_are_those_of_scikit_learn() -> None:
    person, true, answer = _drawn(1)
    some = outcome(LABELS, person, true, answer)
    assert value(some) == pytest.approx(f1_score(true, answer, average="macro"))
    assert value(some, weighted_f1) == pytest.approx(f1_score(true, answer, average="weighted"))
    assert value(some, accuracy) == pytest.approx(accuracy_score(true, answer))
    assert some.windows == len(true)


def test_a_label_that_nobody_shows_does_not_count() -> None:
    some = outcome(LABELS, np.array(["p", "p", "q"]), np.array([0, 0, 1]), np.array([0, 0, 1]))
    assert value(some) == 1.0


def test_folds_pooled_are_all_of_their_people_at_once() -> None:
    person, true, answer = _drawn(2)
    first = person < "p3"
    parts = [outcome(LABELS, person[rows], true[rows], answer[rows]) for rows in (first, ~first)]
    assert pooled(parts) == outcome(LABELS, person, true, answer)
    with pytest.raises(ValueError, match="other labels"):
        pooled([parts[0], outcome(("a", "b", "d"), person, true, answer)])


def test_an_interval_holds_the_figure_and_is_none_for_one_person() -> None:
    some = outcome(LABELS, *_drawn(3))
    within = interval(some)
    assert within is not None
    assert within[0] < value(some) < within[1]
    assert interval(outcome(LABELS, *_drawn(3, people=1))) is None


def test_a_gain_is_paired_by_person() -> None:
    person, true, worse = _drawn(4, people=8, right=0.5)
    better = np.where(np.arange(len(true)) % 4 == 0, true, worse)
    a, b = outcome(LABELS, person, true, better), outcome(LABELS, person, true, worse)
    most, within = gain(a, b)
    assert within is not None
    assert 0.0 < within[0] < most < within[1]
    assert gain(b, b) == (0.0, (0.0, 0.0))
    with pytest.raises(ValueError, match="same people"):
        gain(a, outcome(LABELS, *_drawn(4, people=7)))


def test_bootstrap_draws_whole_people() -> None:
    """Of people who are all alike in what they get right no interval is wide."""
    person = np.repeat([f"p{i}" for i in range(5)], 6)
    true, answer = np.tile([0, 1, 2, 0, 1, 2], 5), np.tile([0, 1, 2, 1, 1, 2], 5)
    some = outcome(LABELS, person, true, answer)
    assert interval(some) == pytest.approx((value(some), value(some)))
    assert macro_f1(some.counts).shape == (5,)


@pytest.mark.parametrize(("right", "of", "low", "high"), [(50, 71, 0.590, 0.798), (0, 10, 0.0, 0.278)])
def test_wilson(right: int, of: int, low: float, high: float) -> None:
    assert wilson(right, of) == pytest.approx((low, high), abs=1e-3)
