"""False alarms per hour, and falls against them."""

from collections.abc import Sequence

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, strategies as st
from msgspec import json
from msgspec.structs import replace
from scipy.stats import poisson

from edgehar.evaluation import alarms, falls
from edgehar.evaluation.alarms import Null, count, null_trials, upper_bound
from edgehar.evaluation.falls import (
    DECISION,
    SUSPICIONS,
    WITHOUT,
    Falls,
    Watch,
    at_rate,
    at_share,
    operating_points,
    point,
    watch,
    wilson,
    without_echoes,
)
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.types import Samples

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


def test_one_fall_raises_one_alarm() -> None:
    times = [5.0, 6.0, 9.0, 15.0, 24.0]
    assert without_echoes(times) == [5.0, 15.0]
    assert without_echoes(times, refractory_s=9.0) == [5.0, 15.0, 24.0]
    assert without_echoes([]) == []


def watch_of(
    *, is_fall: bool, at: Sequence[float], peak_s: float = 5.0, hours: float = 1.0, **more: list[float]
) -> Watch:
    """Watch with times of the decision's alarms, and of other operating points."""
    activity = "fall_slip" if is_fall else "clapping"
    return Watch("weda", activity, is_fall, hours, peak_s, {DECISION: list(at), **more})


def test_an_alarm_counts_for_a_fall_only_if_it_is_near_or_behind_its_peak() -> None:
    scored = point([watch_of(is_fall=True, at=at) for at in ((6.0,), (3.5,), (1.0,), ())], DECISION)
    assert (scored.detected, scored.falls, scored.missed) == (2, 4, {"fall_slip": 2})
    assert scored.median_s == pytest.approx(-0.25)
    assert scored.total.bound_per_hour is None


def test_false_alarms_are_counted_on_everyday_movement_alone() -> None:
    everyday = watch_of(is_fall=False, at=(1.0, 15.0), hours=4.0)
    scored = point([watch_of(is_fall=True, at=(1.0, 15.0)), everyday], DECISION)
    assert (scored.total.alarms, scored.total.per_hour, scored.raised) == (2, 0.5, {"clapping": 2})


def test_the_table_tells_what_is_in_reach_of_the_aims() -> None:
    wearers = [watch_of(is_fall=True, at=(), calm=[6.0] if i < 5 else [], keen=[6.0]) for i in range(10)]
    everyday = watch_of(is_fall=False, at=(), hours=1.0, calm=[], keen=[6.0])
    whole = operating_points([*wearers, everyday])
    assert whole.hours == {"weda": 1.0}
    best, keen = at_rate(whole.aftermath), at_share(whole.aftermath)
    assert best is not None
    assert keen is not None
    assert (best.name, best.detected, best.total.per_hour) == ("calm", 5, 0.0)
    assert (keen.name, keen.detected, keen.total.per_hour) == ("keen", 10, 1.0)
    table = falls.markdown(whole)
    assert "0.5 false alarms per hour: 50.0 % at 0.00 per hour (calm);" in table
    assert "85 % of the falls found: 100.0 % at 1.00 per hour (keen)." in table
    none = falls.markdown(
        operating_points(
            [watch_of(is_fall=True, at=(), x=[]), watch_of(is_fall=False, at=(), hours=1e-3, x=[6.0])]
        )
    )
    assert "per hour: none; with 85 % of the falls found: none." in none


@given(st.integers(1, 400), st.data())
def test_the_interval_of_a_share_holds_it(tries: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, tries))
    low, high = wilson(hits, tries)
    assert 0.0 <= low <= round(hits / tries, 4) <= high <= 1.0


def test_a_model_without_the_label_says_so(model: Recognizer) -> None:
    model.spec = replace(model.spec, labels=tuple(f"{label}_" for label in model.spec.labels))
    assert falls.falls(model, ROOT) is None
    assert "not offered" in falls.markdown(None) == falls.short(None)


def fallen(seed: int) -> Trial:
    """Let somebody stand, who falls 3 s later, and lies there."""
    wearer = Wearer(seed, WRIST)
    parts = [
        wearer.perform(activity, seconds)[0] for activity, seconds in (("standing", 6.0), ("falling", 12.0))
    ]
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    track = Samples(WRIST[0], t, x, parts[0].channels)
    return Trial(1, "fall_slip", 1, {WRIST[0]: track}, [(0.0, float(t[-1]), "fall_slip")])


def test_falls_are_found_and_without_any_of_the_proofs_there_are_no_fewer(model: Recognizer) -> None:
    watched = [watch(model, "weda", fallen(seed), WRIST[0]) for seed in range(8)]
    assert all(8.0 < w.peak_s < 10.0 for w in watched)
    whole = operating_points(watched)
    assert whole.decided.detected >= 4
    by_name = {p.name: p.detected for p in whole.aftermath}
    assert by_name["suspicion 0.5"] == whole.decided.detected
    assert set(WITHOUT) < set(by_name)
    assert all(by_name[name] >= whole.decided.detected for name in WITHOUT)
    rising = [by_name[f"suspicion {p:g}"] for p in SUSPICIONS]
    assert rising == sorted(rising, reverse=True)
    alone = [p.detected for p in whole.windows]
    assert alone == sorted(alone, reverse=True)
    assert alone[0] == 8
    assert json.decode(json.encode(whole), type=Falls) == whole
    # The decision, without each of its proofs, and the window that finds enough and is quiet.
    table, _, sentence = falls.short(whole).partition("\n\n")
    names = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]]
    assert names[: 1 + len(WITHOUT)] == [DECISION, *WITHOUT]
    assert all(name.startswith("one window of ") for name in names[1 + len(WITHOUT) :])
    assert sentence == f"False alarms of the decision: {whole.decided.total.alarms} in 0.0 h."


def test_a_model_that_waits_for_no_aftermath_is_shown_without_one(model: Recognizer) -> None:
    model.spec = replace(model.spec, decision=replace(model.spec.decision, fall_within_s=0.0))
    whole = operating_points([watch(model, "weda", fallen(0), WRIST[0])])
    assert whole.aftermath == []
    assert "one window of 0.5" in falls.markdown(whole)
