import sys

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings, strategies as st

from edgehar.pipeline import recognizer
from edgehar.training import calibrate, recipe as recipes


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def drawn(true_temperature: float, seed: int = 1, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Draw probabilities at temperature 1 of a network that is honest at another."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 3.0, (n, 5))
    honest = softmax(logits, true_temperature).cumsum(axis=1)
    label = (rng.random((n, 1)) > honest).sum(axis=1).clip(max=4)
    return softmax(logits, 1.0).astype(np.float32), label


@settings(max_examples=10, deadline=None)
@given(st.floats(0.4, 3.0), st.integers(0, 99))
def test_the_temperature_of_an_overconfident_or_timid_network_is_found(true: float, seed: int) -> None:
    probabilities, label = drawn(true, seed)
    assert calibrate.temperature(probabilities, label) == pytest.approx(true, rel=0.1)


def test_calibration_lowers_both_figures_of_an_overconfident_network() -> None:
    calibration = calibrate.calibrate(*drawn(2.5))
    assert calibration.nll[1] < calibration.nll[0]
    assert calibration.ece[0] > 0.1
    assert calibration.ece[1] < 0.03


def test_answers_without_errors_lower_no_temperature() -> None:
    probabilities = np.full((400, 4), 0.02, np.float32)
    label = np.arange(400) % 4
    probabilities[np.arange(400), label] = 0.94
    before = 0.807
    assert calibrate.calibrate(probabilities, label, before_tuning=before).temperature == before
    wrong = label.copy()
    wrong[:10] = (label[:10] + 1) % 4
    assert calibrate.calibrate(probabilities, wrong, before_tuning=before).temperature >= before


@settings(max_examples=10, deadline=None)
@given(st.floats(0.4, 0.7), st.integers(0, 99))
def test_many_errors_show_that_a_network_may_be_surer_than_it_was(true: float, seed: int) -> None:
    probabilities, label = drawn(true, seed)
    fitted = calibrate.calibrate(probabilities, label, before_tuning=0.8)
    assert fitted.temperature == pytest.approx(true, rel=0.1)
    # The same answers as views of a few windows hold few errors.
    of_few = calibrate.calibrate(probabilities, label, before_tuning=0.8, windows=40)
    assert of_few.temperature == 0.8


def test_a_network_without_errors_that_started_from_none_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (50, 1))
    assert calibrate.calibrate(probabilities, np.zeros(50, np.int64)).temperature < 0.1
    assert "of 50 views: they are nearly all answered right" in caplog.text
    caplog.clear()
    calibrate.calibrate(probabilities, np.zeros(50, np.int64), before_tuning=1.0)
    assert not caplog.text


def test_windows_of_a_label_that_was_not_offered_do_not_count() -> None:
    probabilities, label = drawn(1.0)
    expected = calibrate.calibrate(probabilities[100:], label[100:])
    for i in range(100):
        probabilities[i, label[i]] = 0.0
    assert calibrate.calibrate(probabilities, label) == expected


def test_views_of_which_no_sensor_can_tell_the_label_leave_the_temperature_as_it_was() -> None:
    probabilities = np.tile(np.array([[0.6, 0.4, 0.0]], np.float32), (9, 1))
    calibration = calibrate.calibrate(probabilities, np.full(9, 2), before_tuning=0.8)
    assert (calibration.temperature, calibration.windows) == (0.8, 0)


def test_int8_is_compared_among_offered_labels_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    logits = np.array([[5.0, 1.0, 0.0], [0.0, 3.0, 9.0], [0.0, 1.0, 2.0], [4.0, 0.0, 1.0]], np.float32)
    mask = np.ones((4, 3), np.bool_)
    mask[1, 2] = False
    rounded = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.1, 0.6, 0.3], [0.8, 0.0, 0.2]], np.float32)
    rounding = calibrate.rounding(logits, mask, rounded, np.array([0, 1, 2, 0]))
    assert rounding.agreement == 0.75
    assert rounding.macro_f1_float32 == 1.0
    assert rounding.macro_f1_int8 == pytest.approx((1.0 + 2 / 3 + 0.0) / 3, abs=1e-4)


def test_calibration_error_is_that_of_the_textbook() -> None:
    p = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 4)
    right = p.argmax(axis=1) == np.array([0, 0, 0, 1, 1, 1, 1, 1])
    # Bin of 0.9: three of four right; bin of 0.6: all right.
    assert calibrate.expected_calibration_error(p, right) == pytest.approx(
        0.5 * abs(0.75 - 0.9) + 0.5 * abs(1.0 - 0.6)
    )
    assert calibrate.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([True])) == 0.0


def test_a_temperature_changes_no_answer_and_offers_no_label() -> None:
    probabilities = np.random.default_rng(1).dirichlet([0.2] * 5, 4000).astype(np.float32)
    probabilities[:, 2] = 0.0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    warm = calibrate.tempered(probabilities, 2.0)
    assert warm.sum(axis=1) == pytest.approx(np.ones(len(warm)))
    assert (warm[:, 2] == 0.0).all()
    assert (warm.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert calibrate.tempered(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)


def test_strangers_are_others_and_fewer() -> None:
    recipe = recipes.load(ROOT / "models" / "imu_tcn_synthetic.toml")
    others = calibrate.strangers_recipe(recipe)
    assert abs(others.seed - recipe.seed) > 1000
    assert len(recipe.labels) <= others.synthesis.windows < recipe.synthesis.windows
    assert others.sensors == recipe.sensors


def test_answers_are_the_recognizers_for_what_is_worn() -> None:
    loaded = recognizer.load(ROOT / "models" / "imu_tcn.json")
    spec = loaded.spec
    x = np.zeros((3, len(spec.sensors), 2, spec.window, 3), np.float32)
    x[0, 1, 0, :, 2] = 9.8  # the second sensor, upright and still
    x[1, :2, 0, :, 2] = 9.8
    x[2] = np.random.default_rng(1).normal(0.0, 5.0, x[2].shape)
    assert [calibrate.worn(view) for view in x] == [(1,), (0, 1), tuple(range(len(spec.sensors)))]
    answers = calibrate.answers(loaded, x)
    assert answers.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    mask = calibrate.offered(spec, x)
    assert mask[2].all()
    assert not answers[~mask].any()
