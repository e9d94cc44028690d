from typing import Any

import numpy as np
import pytest
from decisions import HOP_S, LABELS, MOVING, SHARP, WINDOW_S, decision, run, says, script, states, thin
from hypothesis import given, settings as hypothesis_settings, strategies as st
from msgspec.structs import replace

from edgehar.pipeline.decision import Decision
from edgehar.pipeline.decision_settings import Settings
from edgehar.types import STANDARD_GRAVITY, Activity, Event, HopAcceleration, Prediction

# -- labels


def test_a_label_is_taken_when_enough_windows_in_a_row_call_for_it() -> None:
    activities, events = run(decision(Settings(patience=3)), script(("walking", 5)))
    assert [a.state for a in activities] == ["no_signal", "no_signal", "walking", "walking", "walking"]
    [started] = events
    assert (started.kind, started.label, started.previous) == ("activity_started", "walking", "no_signal")
    assert started.detected_at == 100 + 2 * HOP_S
    assert started.ended_at is None
    assert started.model == "toy@1"


def test_what_goes_on_when_the_signal_comes_began_with_the_signal() -> None:
    activities, [started] = run(decision(), script(("walking", 5)))
    assert started.started_at == activities[-1].since == 100 - WINDOW_S


def test_touching_activities_share_the_boundary_and_keep_their_ids() -> None:
    _, events = run(decision(), script(("walking", 10), ("sitting", 10)))
    first, end, second = events
    assert [e.kind for e in events] == ["activity_started", "activity_ended", "activity_started"]
    assert (end.id, end.label, end.started_at) == (first.id, "walking", first.started_at)
    assert end.ended_at == second.started_at
    assert second.previous == "walking"
    assert second.id != first.id
    assert end.detected_at == second.detected_at


@given(phase=st.floats(0, 1), smoothing_s=st.sampled_from([0.0, 1.0, 2.0]), patience=st.integers(1, 4))
def test_the_onset_is_found_within_half_a_hop(phase: float, smoothing_s: float, patience: int) -> None:
    """A network that names what fills more than half of the window; the onset anywhere in a hop."""
    onset = 120 + phase * HOP_S
    times = [100 + i * HOP_S for i in range(60)]
    windows = [says(t, "walking" if t - onset > WINDOW_S / 2 else "sitting", 0.95) for t in times]
    _, events = run(decision(Settings(smoothing_s=smoothing_s, patience=patience)), windows)
    assert [e.label for e in events] == ["sitting", "sitting", "walking"]
    assert abs(events[-1].started_at - onset) <= HOP_S / 2 + 1e-6


def test_a_label_that_led_long_without_being_certain_began_when_it_became_so() -> None:
    hesitant = script(("walking", 50), p=0.5)
    certain = script(("walking", 10), t=100 + 50 * HOP_S, p=0.9)
    activities, [started] = run(decision(Settings(smoothing_s=1.0)), [*hesitant, *certain])
    assert states(activities) == ["no_signal", "other", "walking"]
    assert started.started_at > 100 + 50 * HOP_S - WINDOW_S - 3.0


def test_an_activity_never_begins_before_the_last_one_ended() -> None:
    """Not even if it led all the while."""
    words = [*[("walking", 0.9)] * 10, *[("walking", 0.35)] * 8, *[("walking", 0.9)] * 6]
    machine = decision(replace(SHARP, smoothing_s=1.5))
    _, events = run(machine, [says(100 + i * HOP_S, *word) for i, word in enumerate(words)])
    _, ended, again = events
    assert ended.ended_at is not None
    assert again.started_at >= ended.ended_at


def test_an_activity_ends_when_it_last_stopped_leading() -> None:
    """Not at an odd window before that."""
    settings = replace(SHARP, smoothing_s=2.0)
    words = [*[("walking", 0.9)] * 20, ("sitting", 0.9), *[("walking", 0.9)] * 3, *[("sitting", 0.45)] * 10]
    _, events = run(decision(settings), [says(100 + i * HOP_S, *word) for i, word in enumerate(words)])
    assert [e.kind for e in events] == ["activity_started", "activity_ended"]
    assert events[-1].ended_at == pytest.approx(100 + 24 * HOP_S - WINDOW_S / 2 - HOP_S / 2)


def test_an_activity_that_no_longer_leads_when_it_is_taken_still_has_a_length() -> None:
    settings = replace(SHARP, smoothing_s=2.0, dwell_s=9.0)
    words = [*[("walking", 0.9)] * 5, *[("sitting", 0.9)] * 10, *[("running", 0.45)] * 30]
    _, events = run(decision(settings), [says(100 + i * HOP_S, *word) for i, word in enumerate(words)])
    ended = events[-1]
    assert (ended.kind, ended.label) == ("activity_ended", "sitting")
    assert ended.ended_at is not None
    assert ended.ended_at - ended.started_at > 9 * HOP_S


def test_the_confidence_at_the_end_is_the_mean() -> None:
    windows = [says(100, "walking", 0.9), says(101, "walking", 0.7), says(102, "sitting", 0.8)]
    _, events = run(decision(SHARP), windows)
    assert events[0].confidence == pytest.approx(0.9)
    assert events[1].confidence == pytest.approx((0.9 + 0.7 + 0.1) / 3)


# -- what keeps an answer steady


def test_one_odd_window_changes_nothing() -> None:
    activities, events = run(decision(), script(("walking", 10), ("sitting", 1), ("walking", 10)))
    assert states(activities) == ["no_signal", "walking"]
    assert len(events) == 1
    assert activities[-1].reason == "walking has 90%, enough to stay."


def test_the_smoothed_probability_decides_not_the_raw_one() -> None:
    settings = replace(SHARP, smoothing_s=2.0)
    machine = decision(settings)
    run(machine, script(("sitting", 20)))
    activities, _ = run(machine, script(("walking", 6), t=100 + 20 * HOP_S))
    taken = [a.state for a in activities].index("walking")
    keep = np.exp(-HOP_S / 2.0)
    smoothed = [0.05 + 0.85 * (1 - keep**n) for n in range(1, 7)]
    assert taken == next(i for i, p in enumerate(smoothed) if p >= settings.enter) == 3
    assert activities[taken].confidence == pytest.approx(smoothed[taken], abs=1e-6)


def test_smoothing_forgets_by_true_time() -> None:
    """Two windows 10 s apart: nothing is left of the first."""
    windows = [says(100, "sitting", 1.0), says(110, "walking", 0.7)]
    activities, _ = run(decision(replace(SHARP, smoothing_s=1.0, no_signal_after_s=60)), windows)
    assert activities[-1].confidence == pytest.approx(0.7, abs=1e-4)


def test_a_label_needs_enter_to_begin_and_only_stay_to_hold() -> None:
    settings = replace(SHARP, enter=0.7, stay=0.5)
    probabilities = [0.69, 0.71, 0.6, 0.51, 0.49, 0.69]
    windows = [says(100 + i, "walking", p) for i, p in enumerate(probabilities)]
    activities, _ = run(decision(settings), windows)
    assert [a.state for a in activities] == ["other", "walking", "walking", "walking", "other", "other"]


def test_a_begun_activity_is_shown_for_the_dwell() -> None:
    settings = replace(SHARP, dwell_s=3.0)
    activities, events = run(decision(settings), script(("walking", 2), ("sitting", 10)))
    assert events[-1].detected_at - events[0].detected_at == pytest.approx(5 * HOP_S)
    assert states(activities) == ["walking", "sitting"]
    # The boundary is where it was seen, not where the dwell ended.
    assert events[-1].started_at == pytest.approx(100 + 2 * HOP_S - WINDOW_S / 2 - HOP_S / 2)


def test_windows_that_call_for_a_change_count_only_in_a_row() -> None:
    settings = replace(SHARP, patience=3)
    activities, _ = run(decision(settings), script(("sitting", 5), *[("walking", 2), ("sitting", 1)] * 20))
    assert states(activities) == ["no_signal", "sitting"]
    assert "in a row" in activities[-2].reason
    assert activities[-1].reason == "sitting has 90%, enough to stay."


def test_windows_that_are_not_judged_keep_no_contradicted_answer() -> None:
    settings = replace(SHARP, patience=2)
    windows = script(("sitting", 5), ("walking", 20))
    windows[5::2] = [thin(window) for window in windows[5::2]]
    activities, _ = run(decision(settings), windows)
    assert [a.state for a in activities].index("walking") == 8, "the second judged one"


def test_a_gap_longer_than_a_window_begins_the_count_anew() -> None:
    settings = replace(SHARP, patience=2, no_signal_after_s=60)
    short, long = int(WINDOW_S / HOP_S) - 1, int(WINDOW_S / HOP_S)
    for gap, then in ((short, ["walking"]), (long, [])):
        windows = script(("sitting", 5), *[("walking", 1), (None, gap)] * 20)
        activities, _ = run(decision(settings), windows)
        assert states(activities) == ["no_signal", "sitting", *then]


@pytest.mark.parametrize("between", [None, "sitting"])
def test_spikes_hours_apart_never_add_up(between: str | None) -> None:
    machine = decision(Settings(smoothing_s=1.0, patience=2))
    seen = set()
    for hour in range(10):
        t = 100 + 3600.0 * hour
        activities, events = run(machine, script((between, 4), ("running", 1), (between, 4), t=t))
        seen |= {a.state for a in activities} | {e.label for e in events}
    assert "running" not in seen


def test_the_same_label_begins_again_only_after_the_refractory_time() -> None:
    settings = replace(SHARP, refractory_s=5.0)
    windows = script(("walking", 5), ("sitting", 2), ("walking", 10))
    activities, events = run(decision(settings), windows)
    assert states(activities) == ["walking", "sitting", "other", "walking"]
    ended, again = events[1], events[-1]
    assert (ended.label, again.label) == ("walking", "walking")
    assert again.detected_at - ended.detected_at >= 5.0
    assert "ended less than 5 s ago" in next(a.reason for a in activities if a.state == "other")


def test_after_lost_signal_the_same_label_begins_at_once() -> None:
    settings = replace(SHARP, refractory_s=600.0)
    _, events = run(decision(settings), script(("walking", 5), (None, 20), ("walking", 5)))
    assert [e.label for e in events] == ["walking"] * 3


def test_the_same_activity_twice_is_two_events() -> None:
    _, events = run(decision(), script(("walking", 10), ("sitting", 10), ("walking", 10)))
    started = [e for e in events if e.kind == "activity_started"]
    assert [e.label for e in started] == ["walking", "sitting", "walking"]
    assert len({e.id for e in started}) == 3


# -- other


def test_without_a_certain_label_it_is_other_and_that_makes_no_event() -> None:
    activities, events = run(decision(), script(("walking", 10), p=0.45))
    assert states(activities) == ["no_signal", "other"]
    assert activities[-1].label == "other"
    assert activities[-1].confidence == pytest.approx(0.55)
    assert "walking comes nearest with 45%" in activities[-1].reason
    assert not events


def test_a_label_that_fades_ends_into_other() -> None:
    windows = [*script(("walking", 10)), *script(("walking", 10), t=100 + 10 * HOP_S, p=0.34)]
    activities, events = run(decision(), windows)
    assert states(activities) == ["no_signal", "walking", "other"]
    assert [e.kind for e in events] == ["activity_started", "activity_ended"]
    assert events[-1].ended_at == activities[-1].since


def test_a_model_may_have_other_among_its_labels() -> None:
    machine = decision(labels=("walking", "other", "running"))
    activities, events = run(machine, script(("sitting", 10)))  # the second label
    assert states(activities) == ["no_signal", "other"]
    assert activities[-1].confidence == pytest.approx(0.9)
    assert not events


def test_windows_that_disagree_are_answered_other_not_no_signal() -> None:
    windows = script(*[("walking", 1), ("sitting", 1)] * 10)
    activities, _ = run(decision(replace(SHARP, patience=2)), windows)
    assert states(activities) == ["no_signal", "other"]


# -- sensors left out

PLACEMENTS = ("wrist_left", None, "chest")


def test_a_sensor_that_is_left_out_is_named() -> None:
    machine = decision(placements=PLACEMENTS)
    windows = [replace(window, excluded_sensors={0: 0.0}) for window in script(("walking", 5))]
    activities, _ = run(machine, windows)
    assert activities[-1].excluded_sensors == ("wrist_left",)
    reason = "walking has 90%, enough to stay; without wrist_left (0% of its samples came)."
    assert activities[-1].reason == reason


def test_all_sensors_are_named_where_none_is_left() -> None:
    machine = decision(placements=PLACEMENTS)
    window = replace(thin(says(100, "walking")), excluded_sensors={0: 0.125, 2: 0.79})
    activities, _ = run(machine, [window])
    assert activities[-1].excluded_sensors == ("wrist_left", "chest")
    assert activities[-1].reason == "Too little signal to judge: 79% of the newest window came."


def test_without_a_missing_sensor_none_is_named() -> None:
    activities, _ = run(decision(placements=PLACEMENTS), script(("walking", 5)))
    assert activities[-1].excluded_sensors == ()
    assert "without" not in activities[-1].reason


# -- falls: what proves one is in test_fall_confirmation.py

WITH_FALLS = ("walking", "lying", "falling")
UPRIGHT, LYING = (0.0, 0.0, STANDARD_GRAVITY), (0.0, STANDARD_GRAVITY, 0.0)


def fall(then: str = "lying", still: float = 0.5, t: float = 100.0) -> list[Prediction]:
    """Return windows: they walk, the network is sure of a fall for four windows, and they lie."""
    walks, lies = HopAcceleration(15.0, 8.0, UPRIGHT), HopAcceleration(10.0, still, LYING)
    hops = [*[walks] * 8, HopAcceleration(50.0, 60.0, UPRIGHT), *[lies] * 11]
    labels = [*["walking"] * 8, *["falling"] * 4, *[then] * 8]
    probabilities = [[0.9 if label == x else 0.05 for x in WITH_FALLS] for label in labels]
    return [
        Prediction(t + i * HOP_S, np.array(p, np.float32), None, 1.0, MOVING, hop_accelerations={0: hop})
        for i, (p, hop) in enumerate(zip(probabilities, hops, strict=True))
    ]


def watcher(settings: Settings | None = None) -> Decision:
    return decision(settings, labels=WITH_FALLS, placements=("wrist",))


def test_a_fall_is_told_at_once_when_its_aftermath_was_seen() -> None:
    # Nobody waits for a dwell time.
    activities, events = run(watcher(Settings(dwell_s=30)), fall())
    assert states(activities)[:3] == ["no_signal", "walking", "falling"]
    told = next(event for event in events if event.label == "falling")
    assert told.started_at == pytest.approx(100 + 7.5 * HOP_S)
    assert told.detected_at == pytest.approx(100 + 10 * HOP_S)
    assert told.confidence == pytest.approx(0.9)
    [reason] = [a.reason for a in activities if a.t == told.detected_at]
    assert (
        reason == "A fall: wrist was hit with 5.1 g, then still and 90 degrees from where it pointed before."
    )


def test_a_fall_ends_when_something_else_is_clear() -> None:
    activities, events = run(watcher(), fall())
    assert states(activities) == ["no_signal", "walking", "falling", "lying"]
    assert [event.kind for event in events if event.label == "falling"] == [
        "activity_started",
        "activity_ended",
    ]
    shown = [a.confidence for a in activities if a.state == "falling"]
    assert shown == sorted(shown, reverse=True)


def test_what_only_the_network_takes_for_a_fall_is_none() -> None:
    activities, events = run(watcher(), fall(still=9.0))
    assert "falling" not in {event.label for event in events}
    assert states(activities) == ["no_signal", "walking", "other", "lying"]
    waiting = "; wrist was hit with 5.1 g, waits to see whether it was a fall."
    assert sum(a.reason.endswith(waiting) for a in activities) == 9  # 5 s, and half a hop


def test_without_time_for_an_aftermath_a_fall_is_told_as_any_label() -> None:
    _, events = run(watcher(Settings(fall_within_s=0)), fall(still=9.0))
    started = [event.label for event in events if event.kind == "activity_started"]
    assert started == ["walking", "falling", "lying"]


def test_a_fall_that_was_suspected_before_the_signal_was_lost_is_forgotten() -> None:
    before, after = fall()[:10], fall()[10:]
    lost = [says(before[-1].t + (i + 1) * HOP_S, None) for i in range(20)]
    later = [replace(p, t=p.t + 20 * HOP_S) for p in after]
    _, events = run(watcher(Settings(fall_within_s=60)), [*before, *lost, *later])
    assert "falling" not in {event.label for event in events}


def test_a_fall_is_told_on_a_window_that_is_too_incomplete_to_be_judged() -> None:
    *before, last = fall()[:11]
    _, events = run(watcher(), [*before, replace(last, probabilities=None, coverage=0.5)])
    assert events[-1].label == "falling"


def test_who_falls_twice_has_fallen_twice() -> None:
    twice = [*fall()[:12], *[replace(p, t=p.t + 9 * HOP_S) for p in fall()[5:]]]
    activities, events = run(watcher(Settings(dwell_s=60)), twice)
    told = [event.kind for event in events if event.label == "falling"]
    assert told == ["activity_started", "activity_ended", "activity_started"]
    assert activities[-1].state == "falling"


def fall_in_a_gap(t: float) -> list[Prediction]:
    """Return the windows of a fall of which only the last is complete enough to be judged."""
    *gap, last = [replace(p, t=p.t - 100 + t, peak_to_peak=0.1) for p in fall()[4:11]]
    return [*(replace(p, probabilities=None) for p in gap), last]


def test_a_fall_in_the_first_window_that_is_judged_is_told() -> None:
    activities, events = run(watcher(), fall_in_a_gap(100))
    assert states(activities) == ["no_signal", "falling"]
    assert [(event.label, event.previous) for event in events] == [("falling", "no_signal")]


def test_what_drops_while_nobody_wears_it_is_no_fall() -> None:
    settings = Settings(not_worn_after_s=3.0, no_signal_after_s=60.0)
    still = [replace(fall()[0], t=100 + i * HOP_S, peak_to_peak=0.1) for i in range(8)]
    activities, events = run(watcher(settings), [*still, *fall_in_a_gap(still[-1].t)])
    assert activities[-1].state == "not_worn"
    assert "falling" not in {event.label for event in events}


# -- whatever comes

probabilities = st.one_of(
    st.none(),
    st.sampled_from([np.array(p, np.float32) for p in np.eye(3)]),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(
        lambda p: np.array(p, np.float32) / np.float32(sum(p))
    ),
)
# Dyadic times, so that a shift of the clock is exact.
steps = st.sampled_from([0.625, 0.625, 0.625, 0.625, 1.25, 4.0, 300.0])
swings = st.sampled_from([0.1, 0.1, 0.1, 3.0])
coverages = st.sampled_from([1.0, 1.0, 1.0, 0.85, 0.5])
hops = st.sampled_from(
    [
        HopAcceleration(50.0, 60.0, UPRIGHT),
        HopAcceleration(15.0, 8.0, UPRIGHT),
        *[HopAcceleration(10.0, 0.5, LYING)] * 3,
        None,
    ]
)
rows = st.lists(st.tuples(steps, probabilities, coverages, swings, hops), max_size=60)
any_settings = st.builds(
    Settings,
    smoothing_s=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    enter=st.sampled_from([0.5, 0.6, 0.9]),
    stay=st.sampled_from([0.0, 0.3, 0.45]),
    dwell_s=st.sampled_from([0.0, 1.0, 4.0]),
    patience=st.integers(1, 4),
    refractory_s=st.sampled_from([0.0, 2.0]),
    not_worn_after_s=st.sampled_from([3.0, 10.0]),
    fall_within_s=st.sampled_from([0.0, 5.0]),
)


Items = list[tuple[float, Any, float, float, HopAcceleration | None]]


def predictions(items: Items, t: float = 64.0) -> list[Prediction]:
    out = []
    for step, p, coverage, peak_to_peak, hop in items:
        t += step
        fresh = p is not None or coverage > 0.5
        hops = {0: hop} if hop else {}
        out.append(Prediction(t, p, None, coverage, peak_to_peak, is_fresh=fresh, hop_accelerations=hops))
    return out


@given(rows, any_settings)
@hypothesis_settings(max_examples=200)
def test_whatever_comes_events_pair_up_and_time_runs_forward(items: Items, settings: Settings) -> None:
    machine = watcher(settings)
    running: Event | None = None
    boundary, shown_at, judged_at, came_at, since, state = 0.0, 0.0, 0.0, 0.0, 0.0, "no_signal"
    for prediction in predictions(items):
        *events, activity = machine.push(prediction)
        assert isinstance(activity, Activity)
        assert (activity.label is None) is (activity.no_answer is not None)
        assert since <= activity.since <= activity.t == prediction.t
        since = activity.since
        assert activity.reason.endswith(".")
        assert 0 <= activity.confidence <= 1 + 1e-6
        for event in events:
            assert isinstance(event, Event)
            assert event.detected_at == prediction.t
            at = event.started_at if event.ended_at is None else event.ended_at
            assert boundary <= at <= prediction.t
            boundary = at
            if event.kind == "activity_started":
                assert running is None
                again = event.label == event.previous == "falling"
                assert event.previous in (state, "no_signal") or again
                running, shown_at = event, prediction.t
            else:
                assert running is not None
                assert (event.id, event.label) == (running.id, running.label)
                assert (event.started_at, event.previous) == (running.started_at, running.previous)
                silent_s = prediction.t - came_at - (HOP_S if prediction.is_fresh else 0.0)
                lost = silent_s >= settings.no_signal_after_s or (
                    prediction.probabilities is None
                    and prediction.t - judged_at > settings.no_signal_after_s + WINDOW_S + HOP_S
                )
                taken_off = activity.no_answer == "not_worn"
                fell = activity.state == "falling"
                assert lost or taken_off or fell or prediction.t - shown_at >= settings.dwell_s
                running = None
        assert activity.state == (running.label if running else activity.state)
        assert running is not None or activity.label in ("other", None)
        state = activity.state
        if prediction.probabilities is not None:
            judged_at = prediction.t
        if prediction.is_fresh:
            came_at = prediction.t


@given(rows, any_settings, st.sampled_from([-32.0, 1024.0, 2.0**20]))
def test_a_shift_of_stream_time_shifts_the_answers_and_nothing_else(
    items: Items, settings: Settings, shift: float
) -> None:
    def shifted(item: Activity | Event, by: float) -> Activity | Event:
        if isinstance(item, Activity):
            return replace(item, t=item.t + by, since=item.since + by)
        ended_at = None if item.ended_at is None else item.ended_at + by
        times = {
            "started_at": item.started_at + by,
            "detected_at": item.detected_at + by,
            "ended_at": ended_at,
        }
        return replace(item, id="", **times)

    machine = Decision("anna", WITH_FALLS, 2.5, 0.625, settings, "toy@1", placements=("wrist",))
    first = [shifted(x, shift) for p in predictions(items) for x in machine.push(p)]
    machine.reset()
    second = [shifted(x, 0.0) for p in predictions(items, 64.0 + shift) for x in machine.push(p)]
    assert first == second


@given(rows, any_settings)
def test_the_same_windows_give_the_same_ids(items: Items, settings: Settings) -> None:
    first, second = (
        decision(settings, labels=WITH_FALLS, placements=("wrist",), epoch=1.7e9) for _ in range(2)
    )
    assert run(first, predictions(items)) == run(second, predictions(items))


def test_ids_differ_between_wearers_and_between_restarts_of_the_clock() -> None:
    machines = [
        decision(epoch=1.7e9),
        decision(epoch=1.8e9),
        Decision("ben", LABELS, WINDOW_S, HOP_S, Settings(), "toy@1", epoch=1.7e9),
    ]
    assert len({run(machine, script(("walking", 5)))[1][0].id for machine in machines}) == 3
