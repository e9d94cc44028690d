"""Figures of recognition against the textbook and against scikit-learn."""

import importlib
from typing import Any

import numpy as np
import pytest
from conftest import lacking
from hypothesis import given, settings, strategies as st

from edgehar.errors import RecordingError
from edgehar.evaluation.metrics import calibration, score
from edgehar.training.confusion import confusion, f1

WORDS = ("walking", "running", "lying", "no_answer")


def scored(pairs: list[tuple[str, str]], people: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    person = np.array([f"set {i % people}" for i in range(len(pairs))])
    return person, np.array([true for true, _ in pairs]), np.array([answer for _, answer in pairs])


def test_macro_f1_is_that_of_the_textbook() -> None:
    pairs = [
        *[("walking", "walking")] * 3,
        ("walking", "lying"),
        ("standing", "walking"),
        ("standing", "standing"),
    ]
    figures = score(*scored(pairs))
    # Walking: precision 3/4, recall 3/4; standing: precision 1, recall 1/2; lying is not there, only wrong.
    assert figures.f1 == {"standing": 0.6667, "walking": 0.75}
    assert figures.macro_f1 == pytest.approx((0.75 + 2 / 3) / 2, abs=1e-4)
    assert figures.weighted_f1 == pytest.approx((4 * 0.75 + 2 * 2 / 3) / 6, abs=1e-4)
    assert figures.accuracy == pytest.approx(4 / 6, abs=1e-4)
    assert figures.confusion == {
        "standing": {"standing": 1, "walking": 1},
        "walking": {"walking": 3, "lying": 1},
    }


@pytest.fixture(scope="module")
def metrics() -> Any:
    try:
        return importlib.import_module("sklearn.metrics")
    except ImportError as error:
        lacking(f"scikit-learn ({error})")


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(WORDS[:3]), st.sampled_from(WORDS)), min_size=1, max_size=60))
def test_figures_are_those_of_scikit_learn(metrics: Any, pairs: list[tuple[str, str]]) -> None:
    person, true, predicted = scored(pairs)
    labels = sorted(set(true.tolist()))
    figures = score(person, true, predicted)
    for average, mine in (("macro", figures.macro_f1), ("weighted", figures.weighted_f1)):
        theirs = metrics.f1_score(true, predicted, labels=labels, average=average, zero_division=0.0)
        assert mine == pytest.approx(theirs, abs=1e-4)
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(true, predicted), abs=1e-4)


def test_the_interval_is_of_people_not_of_windows() -> None:
    good, bad = [("walking", "walking"), ("lying", "lying")], [("walking", "lying"), ("lying", "walking")]
    alike = score(*scored((good + bad) * 50, people=1))
    assert alike.interval is None
    person = np.repeat([f"set {i}" for i in range(8)], 40)
    same = np.array((good + bad) * 80)
    assert score(person, same[:, 0], same[:, 1]).interval == (0.5, 0.5)
    halves = np.array(good * 80 + bad * 80)
    low, high = score(person, halves[:, 0], halves[:, 1]).interval or (0.0, 0.0)
    # Of eight people each is wholly right or wholly wrong: the spread of 8 fair coins.
    assert low == pytest.approx(0.125, abs=0.05)
    assert high == pytest.approx(0.875, abs=0.05)


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(RecordingError, match="no windows"):
        score(*scored([]))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.0, 0.0]], np.float32)
    true = np.array(["walking"] * 7 + ["lying"] * 3 + ["lying"])
    labels = ("walking", "lying")
    confidence = calibration(true, probabilities, labels, labels, 1.0)
    assert (confidence.windows, confidence.before, confidence.after) == (10, 0.2, 0.2)


def test_a_label_that_the_model_tells_itself_is_as_right_as_it_is_sure_of_it() -> None:
    probabilities = np.array([[0.9, 0.1]] * 9 + [[0.1, 0.9]], np.float32)
    true, labels = np.array(["typing"] * 10), ("typing", "sitting")
    assert calibration(true, probabilities, labels, labels, 1.0).after == pytest.approx(0.0)
    # Where what is worn does not tell it, it is sitting that is right.
    assert calibration(true, probabilities, labels, ("sitting",), 1.0).after == pytest.approx(0.8)


def test_an_answer_that_is_no_label_is_only_an_error() -> None:
    true, predicted = np.array([0, 0, 1, 1, 3]), np.array([0, 4, 1, 0, 3])
    each = f1(confusion(true, predicted, 4, 5))
    # 0: precision 1/2, recall 1/2; 1: precision 1, recall 1/2; 2 is not there.
    np.testing.assert_allclose(each, [0.5, 2 / 3, np.nan, 1.0])


@given(st.floats(0.3, 4.0), st.floats(-3.0, 3.0))
def test_the_temperature_can_be_taken_back(temperature: float, logit: float) -> None:
    def softmax(scale: float) -> np.ndarray:
        powers = np.exp(np.array([logit, 0.0]) / scale)
        return np.array([powers / powers.sum()] * 4, np.float32)

    true, labels = np.array(["walking"] * 4), ("walking", "lying")
    warm = calibration(true, softmax(temperature), labels, labels, temperature)
    assert warm.before == pytest.approx(calibration(true, softmax(1.0), labels, labels, 1.0).after, abs=2e-4)
