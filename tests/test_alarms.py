"""False alarms per hour, and falls against them."""

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, strategies as st
from msgspec import json
from msgspec.structs import replace
from scipy.stats import poisson

from edgehar import recognizer
from edgehar.motion.wearer import Wearer
from edgehar.recognizer import Recognizer
from edgehar.training import alarms, falls
from edgehar.training.alarms import Null, count, null_trials, upper_bound
from edgehar.training.falls import Falls, Watch, at_rate, at_share, fall_times, picture, point, watch, wilson
from edgehar.training.sets import Trial

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
    chosen = null_trials("openpack", [stepper, walking, packing], ["walking"])
    assert [name for name, _ in chosen] == ["stepper", "openpack"]


def test_a_label_that_may_be_true_is_no_false_alarm(model: Recognizer) -> None:
    run = trial("running", "x")
    wrong = count(model, [("stepper", run)], WRIST)
    assert wrong.labels["running"].alarms == wrong.labels["any"].alarms == 1
    assert wrong.labels["running"].per_hour == pytest.approx(180.0, rel=0.01)
    fine = count(model, [("basketball", run)], WRIST)
    assert "running" not in fine.labels
    assert fine.labels["any"].alarms == 0


def test_a_label_is_rated_by_the_hours_in_which_it_is_wrong(model: Recognizer) -> None:
    run = trial("running", "x")
    both = count(model, [("stepper", run), ("basketball", run)], WRIST)
    assert both.labels["running"].per_hour == pytest.approx(180.0, rel=0.01)
    assert both.labels["any"].per_hour == pytest.approx(90.0, rel=0.01)


def test_null_results_become_json_and_a_table(model: Recognizer) -> None:
    found = {"x wrist_left": count(model, [("stepper", trial("running", "x"))], WRIST)}
    assert json.decode(json.encode(found), type=dict[str, Null]) == found
    assert "running 180" in alarms.markdown(found)


def test_one_fall_raises_one_alarm() -> None:
    t = np.arange(0.0, 30.0)
    falling = np.where(np.isin(t, (5.0, 6.0, 9.0, 15.0, 24.0)), 0.9, 0.0)
    assert fall_times(t, falling, 0.9) == [5.0, 15.0]
    assert fall_times(t, falling, 0.9, refractory_s=9.0) == [5.0, 15.0, 24.0]
    assert fall_times(t, falling, 0.95) == []


def seen(*, is_fall: bool, at: tuple[float, ...], peak_s: float = 5.0, hours: float = 1.0) -> Watch:
    t = np.arange(0.0, 20.0, 0.5)
    activity = "fall_slip" if is_fall else "clapping"
    return Watch("weda", activity, is_fall, hours, peak_s, t, np.where(np.isin(t, at), 0.7, 0.0), at)


def test_an_alarm_counts_for_a_fall_only_if_it_is_near_or_behind_its_peak() -> None:
    falling = [seen(is_fall=True, at=at) for at in ((6.0,), (3.5,), (1.0,), ())]
    found = point(falling, 0.5)
    assert (found.found, found.falls, found.missed) == (2, 4, {"fall_slip": 2})
    assert found.median_s == pytest.approx(-0.25)
    assert found.total.bound_per_hour is None


def test_false_alarms_are_counted_on_everyday_movement_alone() -> None:
    found = point(
        [seen(is_fall=True, at=(1.0, 15.0)), seen(is_fall=False, at=(1.0, 3.0, 15.0), hours=4.0)], 0.5
    )
    assert (found.total.alarms, found.total.per_hour, found.raised) == (2, 0.5, {"clapping": 2})


def test_a_rising_threshold_finds_fewer_and_is_quieter() -> None:
    one, two = seen(is_fall=True, at=(6.0,)), seen(is_fall=False, at=(6.0,), hours=4.0)
    found = picture([one, replace(one, falling=one.falling / 2), two, replace(two, falling=two.falling / 3)])
    assert [p.found for p in found.curve] == sorted((p.found for p in found.curve), reverse=True)
    rates = [p.total.per_hour for p in found.curve]
    assert rates == sorted(rates, reverse=True)
    assert found.hours == {"weda": 8.0}
    best = at_rate(found.curve, 0.2)
    assert best is not None
    assert (best.found, best.threshold) == (2, 0.3)
    assert at_rate([point([two], 0.5)], 0.1) is None


def test_the_table_tells_what_is_in_reach_of_the_aims() -> None:
    falls_seen = [seen(is_fall=True, at=(6.0,)) for _ in range(10)]
    falls_seen = [replace(one, falling=one.falling * (0.5 + 0.1 * i)) for i, one in enumerate(falls_seen)]
    calm = replace(two := seen(is_fall=False, at=(6.0,), hours=1.0), falling=two.falling * 0.9)
    curve = picture([*falls_seen, calm]).curve
    # Falls reach 0.35, 0.42, 0.49, ... 0.98, everyday movement 0.63 in its one hour.
    best, keen = at_rate(curve), at_share(curve)
    assert best is not None
    assert keen is not None
    assert (best.found, best.threshold, best.total.per_hour) == (5, 0.7, 0.0)
    assert (keen.found, keen.threshold, keen.total.per_hour) == (10, 0.05, 1.0)
    table = falls.markdown(picture([*falls_seen, calm]))
    assert "0.5 false alarms per hour: 50.0 % at 0.00 per hour (threshold 0.7);" in table
    assert "85 % of the falls found: 100.0 % at 1.00 per hour (threshold 0.05)." in table
    none = falls.markdown(picture([seen(is_fall=True, at=()), seen(is_fall=False, at=(6.0,), hours=1e-3)]))
    assert "per hour: 0.0 % at 0.00 per hour (threshold 0.8); with 85 % of the falls found: none." in none


@given(st.integers(1, 400), st.data())
def test_the_interval_of_a_share_holds_it(tries: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, tries))
    low, high = wilson(hits, tries)
    assert 0.0 <= low <= round(hits / tries, 4) <= high <= 1.0


def test_a_model_without_the_label_says_so(model: Recognizer) -> None:
    model.spec = replace(model.spec, labels=tuple(f"{label}_" for label in model.spec.labels))
    assert falls.falls(model, ROOT) is None
    assert "not offered" in falls.markdown(None)


def test_a_watched_trial_has_the_probability_of_falling_and_the_peak(model: Recognizer) -> None:
    # The network's own idea of running stands in for falling: only the path is tried here.
    labels = tuple({"running": "falling"}.get(label, label) for label in model.spec.labels)
    model.spec = replace(model.spec, labels=labels)
    run = trial("running", "fall_slip")
    track = run.tracks[WRIST[0]]
    values = track.values.copy()
    values[150, 0] = 150.0
    found = watch(model, "weda", replace(run, tracks={WRIST[0]: replace(track, values=values)}), WRIST[0])
    assert found.is_fall
    assert found.peak_s == track.t[150]
    assert found.falling.max() > 0.9
    assert len(found.decided) == 1
    curve = picture([found, replace(found, is_fall=False)])
    assert json.decode(json.encode(curve), type=Falls) == curve
    assert falls.markdown(curve).count("1/1 = 100.0 %") >= 1
