"""False alarms per hour."""

import pytest
from conftest import ROOT
from hypothesis import given, strategies as st
from msgspec import json
from msgspec.structs import replace
from scipy.stats import poisson

from edgehar.evaluation import alarms
from edgehar.evaluation.alarms import Null, count, null_trials
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.bounds import upper_bound
from edgehar.recordings.datasets import Trial

WRIST = ("wrist_left",)


@pytest.fixture
def model() -> Recognizer:
    return recognizer.load(ROOT / "models" / "imu_tcn.json")


def trial(performed: str, named: str, seconds: float = 20.0) -> Trial:
    wearer = Wearer(5, WRIST)
    track = wearer.perform(performed, seconds)[0]
    return Trial(1, named, 1, {WRIST[0]: track}, [(0.0, seconds, named)])


@given(st.integers(0, 50), st.floats(0.1, 100.0))
def test_so_few_alarms_would_be_a_one_in_twenty_chance_at_the_bound(number: int, hours: float) -> None:
    assert poisson.cdf(number, upper_bound(number, hours) * hours) == pytest.approx(0.05)


def test_without_any_alarm_the_bound_is_three_per_time() -> None:
    assert upper_bound(0, 10.0) == pytest.approx(0.3, rel=0.01)
    assert alarms.alarms(0, 0.0).bound_per_hour is None


def test_what_the_model_has_no_label_for_is_null() -> None:
    stepper, walking = trial("walking", "stepper"), trial("walking", "walking")
    packing = replace(walking, activity="see row_label", truth=[(0.0, 5.0, "null"), (5.0, 20.0, "picking")])
    assert null_trials("openpack", [stepper, walking, packing], ["walking"]) == [stepper, packing]


def test_of_a_set_of_everyday_life_only_seated_hands_are_null() -> None:
    chosen = [trial("walking", name) for name in ("typing", "kicking_ball", "walking", "eating_soup")]
    assert null_trials("wisdm_watch", chosen, ["walking"]) == [chosen[0], chosen[3]]


def test_a_label_that_may_be_true_is_no_false_alarm(model: Recognizer) -> None:
    wrong = count(model, [trial("running", "stepper")], WRIST)
    assert wrong.labels["running"].alarms == wrong.labels["any"].alarms == 1
    assert wrong.labels["running"].per_hour == pytest.approx(180.0, rel=0.01)
    fine = count(model, [trial("running", "basketball")], WRIST)
    assert "running" not in fine.labels
    assert fine.labels["any"].alarms == 0


def test_what_may_be_true_in_any_row_may_be_true_in_the_recording(model: Recognizer) -> None:
    run = trial("running", "see row_label")
    rows = [(0.0, 10.0, "picking"), (10.0, 20.0, "basketball")]
    assert "running" not in count(model, [replace(run, truth=rows)], WRIST).labels
    assert "running" in count(model, [replace(run, truth=rows[:1])], WRIST).labels


def test_a_kind_of_label_is_false_only_if_none_of_its_labels_may_be_true(model: Recognizer) -> None:
    tree = {"moving": ("walking", "running"), "still": ("sitting", "standing", "lying")}
    model.spec = replace(model.spec, tree=tree)
    labels = count(model, [trial("running", "turning")], WRIST).labels
    assert {"moving", "still", "walking", "standing"}.isdisjoint(labels)
    assert {"running", "sitting"} <= set(labels)
    assert {"moving", "still"} <= set(count(model, [trial("running", "stepper")], WRIST).labels)


def test_a_label_is_rated_by_the_hours_in_which_it_is_wrong(model: Recognizer) -> None:
    both = count(model, [trial("running", "stepper"), trial("running", "basketball")], WRIST)
    assert both.labels["running"].per_hour == pytest.approx(180.0, rel=0.01)
    assert both.labels["any"].per_hour == pytest.approx(90.0, rel=0.01)


def test_null_results_become_json_and_a_table(model: Recognizer) -> None:
    nulls = {"x wrist_left": count(model, [trial("running", "stepper")], WRIST)}
    assert json.decode(json.encode(nulls), type=dict[str, Null]) == nulls
    assert "running 180" in alarms.markdown(nulls)
    assert "by label, per hour |" in alarms.markdown(nulls)
    assert "the two most frequent, per hour |" in alarms.short(nulls)
    assert len(alarms.short(nulls).splitlines()) == 3
