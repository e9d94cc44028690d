from typing import Any

import numpy as np
import pytest
from decisions import HOP_S, MOVING, SHARP, WINDOW_S, decision, run, says, script, states, thin
from hypothesis import given, settings as hypothesis_settings, strategies as st
from msgspec.structs import replace

from edgehar.pipeline.decision import Decision
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.fall_settings import FallSettings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.telling import Telling
from edgehar.types import STANDARD_GRAVITY, Activity, Event, HopAcceleration, Prediction

# -- labels


def test_a_label_is_told_once_the_belief_reaches_the_threshold() -> None:
    activities, events = run(decision(Settings(threshold=0.9, likelihood_power=0.3)), script(("walking", 6)))
    # 18 to 1, to the power 0.3, is 2.4 to 1 in each window; three make 0.87, four 0.94.
    assert [a.state for a in activities] == ["no_signal"] * 3 + ["walking"] * 3
    [started] = events
    assert (started.kind, started.label, started.previous) == ("activity_started", "walking", "no_signal")
    assert started.detected_at == 100 + 3 * HOP_S
    assert started.ended_at is None
    assert started.model == "toy@1"
    assert started.confidence == activities[3].confidence == pytest.approx(0.942, abs=0.01)
    assert activities[-1].reason == "walking at 99%."


def test_what_goes_on_when_the_signal_comes_began_with_the_signal() -> None:
    activities, [started] = run(decision(), script(("walking", 8)))
    assert started.started_at == activities[-1].since == 100 - WINDOW_S


def test_touching_activities_share_the_boundary_and_keep_their_ids() -> None:
    _, events = run(decision(SHARP), script(("walking", 10), ("sitting", 10)))
    first, end, second = events
    assert [e.kind for e in events] == ["activity_started", "activity_ended", "activity_started"]
    assert (end.id, end.label, end.started_at) == (first.id, "walking", first.started_at)
    assert end.ended_at == second.started_at
    assert second.previous == "walking"
    assert second.id != first.id
    assert end.detected_at == second.detected_at


@given(phase=st.floats(0, 1), power=st.sampled_from([0.2, 0.35, 1.0]), threshold=st.floats(0.55, 0.9))
def test_the_onset_is_found_within_half_a_hop(phase: float, power: float, threshold: float) -> None:
    """A network that names what fills more than half of the window; the onset anywhere in a hop."""
    onset = 120 + phase * HOP_S
    times = [100 + i * HOP_S for i in range(60)]
    windows = [says(t, "walking" if t - onset > WINDOW_S / 2 else "sitting", 0.95) for t in times]
    settings = Settings(likelihood_power=power, threshold=threshold, held_threshold=0.2)
    _, events = run(decision(settings), windows)
    assert [e.label for e in events if e.kind == "activity_started"] == ["sitting", "walking"]
    assert abs(events[-1].started_at - onset) <= HOP_S / 2 + 1e-6


def test_an_activity_never_begins_before_the_last_one_ended() -> None:
    """Not even if it was likelier all the while."""
    words = [*[("walking", 0.9)] * 10, *[("walking", 0.1)] * 3, *[("walking", 0.9)] * 6]
    windows = [says(100 + i * HOP_S, *word) for i, word in enumerate(words)]
    _, events = run(decision(replace(SHARP, mean_stay_s=3.0)), windows)
    _, ended, again = events
    assert ended.ended_at is not None
    assert again.started_at >= ended.ended_at


def test_the_confidence_at_the_end_is_the_mean() -> None:
    windows = [says(100, "walking", 0.9), says(101, "walking", 0.7), says(102, "sitting", 0.99)]
    activities, events = run(decision(SHARP), windows)
    first, second = (activity.confidence for activity in activities[:2])
    assert events[0].confidence == first == pytest.approx(0.9)
    assert events[1].confidence == pytest.approx((first + second + 0.01) / 3, abs=0.05)


# -- what keeps an answer steady


def test_one_odd_window_changes_nothing() -> None:
    activities, events = run(decision(), script(("walking", 12), ("sitting", 1), ("walking", 10)))
    assert states(activities) == ["no_signal", "walking"]
    assert len(events) == 1


def test_a_belief_between_the_thresholds_begins_nothing_and_ends_nothing() -> None:
    settings = replace(SHARP, threshold=0.7, held_threshold=0.5)
    probabilities = [0.69, 0.69, 0.69, 0.72, 0.95]
    lukewarm = [says(100 + 60 * i, "walking", p) for i, p in enumerate(probabilities)]
    cooling = [says(1000 + 60 * i, "walking", p) for i, p in enumerate([0.6, 0.51, 0.49])]
    machine = decision(replace(settings, no_signal_after_s=100))
    activities, _ = run(machine, lukewarm)
    assert [a.state for a in activities] == ["no_signal", "other", "other", "walking", "walking"]
    machine = decision(replace(settings, no_signal_after_s=1000))
    activities, _ = run(machine, [*lukewarm[-2:], *cooling])
    assert [a.state for a in activities] == ["walking"] * 4 + ["other"]


def test_windows_that_alternate_never_flip_the_answer() -> None:
    activities, _ = run(decision(), script(("sitting", 8), *[("walking", 1), ("sitting", 1)] * 40))
    assert states(activities) == ["no_signal", "sitting"]


def test_windows_that_are_not_judged_keep_no_contradicted_answer() -> None:
    windows = script(("sitting", 8), ("walking", 40))
    windows[9::2] = [thin(window) for window in windows[9::2]]
    activities, _ = run(decision(), windows)
    assert states(activities)[:2] == ["no_signal", "sitting"]
    assert states(activities)[-1] == "walking"


@pytest.mark.parametrize("between", [None, "sitting"])
def test_spikes_hours_apart_never_add_up(between: str | None) -> None:
    machine = decision()
    seen = set()
    for hour in range(10):
        t = 100 + 3600.0 * hour
        activities, events = run(machine, script((between, 4), ("running", 1), (between, 4), t=t))
        seen |= {a.state for a in activities} | {e.label for e in events}
    assert "running" not in seen


def test_after_lost_signal_the_same_label_begins_anew() -> None:
    _, events = run(decision(), script(("walking", 8), (None, 20), ("walking", 8)))
    assert [e.label for e in events] == ["walking"] * 3
    assert events[-1].started_at == pytest.approx(100 + 28 * HOP_S - WINDOW_S)


def test_the_same_activity_twice_is_two_events() -> None:
    _, events = run(decision(SHARP), script(("walking", 10), ("sitting", 10), ("walking", 10)))
    started = [e for e in events if e.kind == "activity_started"]
    assert [e.label for e in started] == ["walking", "sitting", "walking"]
    assert len({e.id for e in started}) == 3


# -- kinds of labels

KINDS = {"still": ("sitting", "standing"), "on_foot": ("walking",)}
WITH_KINDS = ("walking", "sitting", "standing")


def torn(sitting: float, standing: float, windows: int = 20, t: float = 100.0) -> list[Prediction]:
    p = np.array([1 - sitting - standing, sitting, standing], np.float32)
    return [Prediction(t + i * HOP_S, p, None, 1.0, MOVING) for i in range(windows)]


def test_a_kind_is_told_when_none_of_its_labels_is_certain() -> None:
    activities, [started] = run(decision(labels=WITH_KINDS, tree=KINDS), torn(0.48, 0.5))
    assert states(activities) == ["no_signal", "still"]
    last = activities[-1]
    assert last.likeliest is not None
    label, share = last.likeliest
    assert (label, started.label) == ("standing", "still")
    assert started.likeliest is not None
    assert 0.5 < share < last.confidence
    assert last.reason == f"still at {last.confidence:.0%}; standing {share:.0%}, sitting {1 - share:.0%}."


def test_a_label_that_becomes_certain_takes_over_from_its_kind() -> None:
    machine = decision(labels=WITH_KINDS, tree=KINDS)
    _, events = run(machine, [*torn(0.48, 0.48), *torn(0.96, 0.02, t=100 + 20 * HOP_S)])
    assert [(e.kind, e.label) for e in events] == [
        ("activity_started", "still"),
        ("activity_ended", "still"),
        ("activity_started", "sitting"),
    ]
    assert events[-1].likeliest is None


def test_a_kind_that_was_one_label_all_along_leaves_the_label_its_time() -> None:
    machine = decision(Settings(kind_threshold=0.8), labels=WITH_KINDS, tree=KINDS)
    windows = [*torn(0.02, 0.02, windows=20), *torn(0.7, 0.28, windows=20, t=100 + 20 * HOP_S)]
    activities, [*_, still, ended, sitting] = run(machine, windows)
    assert [event.label for event in (still, ended, sitting)] == ["still", "still", "sitting"]
    assert ended.ended_at == ended.started_at == sitting.started_at == activities[-1].since
    assert sitting.detected_at > still.detected_at


def test_only_what_is_wanted_is_told() -> None:
    windows = [*torn(0.96, 0.02), *torn(0.01, 0.01, t=100 + 20 * HOP_S)]
    activities, events = run(decision(labels=WITH_KINDS, tree=KINDS, told=["still"]), windows)
    assert states(activities) == ["no_signal", "still", "other"]
    assert {event.label for event in events} == {"still"}


# -- other


def test_without_a_certain_label_it_is_other_and_that_makes_no_event() -> None:
    windows = [says(100 + i * HOP_S, ("walking", "sitting")[i % 2], 0.49) for i in range(20)]
    activities, events = run(decision(), windows)
    assert states(activities) == ["no_signal", "other"]
    assert activities[-1].label == "other"
    assert 0.3 < activities[-1].confidence < 0.7
    assert "comes nearest with" in activities[-1].reason
    assert not events


def test_a_label_that_fades_ends_into_other() -> None:
    machine = decision(labels=("walking", "other", "running"))
    activities, events = run(machine, script(("walking", 10), ("sitting", 10)))  # the second label
    assert states(activities) == ["no_signal", "walking", "other"]
    assert [e.kind for e in events] == ["activity_started", "activity_ended"]
    assert events[-1].ended_at == activities[-1].since
    assert activities[-1].confidence > 0.7
    assert activities[-1].reason == f"None of the labels, at {activities[-1].confidence:.0%}."


def test_before_a_windows_length_was_judged_no_answer_gives_way_only_to_a_label() -> None:
    windows = [says(100 + i * HOP_S, ("walking", "sitting")[i % 2], 0.49) for i in range(6)]
    activities, _ = run(decision(), windows)
    assert [a.state for a in activities] == ["no_signal"] * 4 + ["other"] * 2


# -- sensors left out

PLACEMENTS = ("wrist_left", None, "chest")


def test_a_sensor_that_is_left_out_is_named() -> None:
    machine = decision(placements=PLACEMENTS)
    windows = [replace(window, excluded_sensors={0: 0.0}) for window in script(("walking", 5))]
    activities, _ = run(machine, windows)
    assert activities[-1].excluded_sensors == ("wrist_left",)
    assert activities[-1].reason.endswith("%; without wrist_left (0% of its samples came).")


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


QUICK = Settings(likelihood_power=1.0)


def watcher(settings: Settings | None = None) -> Decision:
    return decision(settings or QUICK, labels=WITH_FALLS, placements=("wrist",))


def test_a_fall_is_told_at_once_when_its_aftermath_was_seen() -> None:
    activities, events = run(watcher(), fall())
    assert states(activities)[:2] == ["walking", "falling"]
    told = next(event for event in events if event.label == "falling")
    assert told.started_at == pytest.approx(100 + 7.5 * HOP_S)
    assert told.detected_at == pytest.approx(100 + 9 * HOP_S)
    assert told.confidence == pytest.approx(0.9)
    [reason] = [a.reason for a in activities if a.t == told.detected_at]
    assert (
        reason == "A fall: wrist was hit with 5.1 g, then still and 90 degrees from where it pointed before."
    )


def test_a_fall_ends_when_something_else_is_clear() -> None:
    activities, events = run(watcher(), fall())
    assert states(activities) == ["walking", "falling", "lying"]
    assert [event.kind for event in events if event.label == "falling"] == [
        "activity_started",
        "activity_ended",
    ]
    shown = [a.confidence for a in activities if a.state == "falling"]
    assert min(shown) >= QUICK.held_threshold > 1 - activities[-1].confidence


def test_a_fall_ends_as_recovered_if_the_wearer_is_up_again_by_then() -> None:
    walks, stays = HopAcceleration(15.0, 8.0, UPRIGHT), HopAcceleration(10.0, 0.5, LYING)
    for then, hop, recovered in (("lying", stays, False), ("walking", walks, True)):
        risen = [replace(p, hop_accelerations={0: hop}) for p in fall(then)[12:]]
        _, events = run(watcher(), [*fall()[:12], *risen])
        shown = {event.kind: event.recovered for event in events if event.label == "falling"}
        assert shown == {"activity_started": None, "activity_ended": recovered}
        assert all(event.recovered is None for event in events if event.label != "falling")


def test_what_only_the_network_takes_for_a_fall_is_none() -> None:
    activities, events = run(watcher(), fall(still=9.0))
    assert "falling" not in {event.label for event in events}
    assert states(activities) == ["walking", "lying"]
    waiting = "; wrist was hit with 5.1 g, waits to see whether it was a fall."
    assert sum(a.reason.endswith(waiting) for a in activities) == 6  # 3 s, and half a hop


def test_without_time_for_an_aftermath_a_fall_is_told_as_any_label() -> None:
    _, events = run(watcher(replace(QUICK, falls=FallSettings(within_s=0))), fall(still=9.0))
    started = [event.label for event in events if event.kind == "activity_started"]
    assert started == ["walking", "falling", "lying"]


def test_a_fall_that_was_suspected_before_the_signal_was_lost_is_forgotten() -> None:
    before, after = fall()[:9], fall()[9:]
    lost = [says(before[-1].t + (i + 1) * HOP_S, None) for i in range(20)]
    later = [replace(p, t=p.t + 20 * HOP_S) for p in after]
    _, events = run(watcher(Settings(falls=FallSettings(within_s=60))), [*before, *lost, *later])
    assert "falling" not in {event.label for event in events}


def test_a_fall_is_told_on_a_window_that_is_too_incomplete_to_be_judged() -> None:
    *before, last = fall()[:11]
    _, events = run(watcher(), [*before, replace(last, probabilities=None, coverage=0.5)])
    assert events[-1].label == "falling"


def test_who_falls_twice_has_fallen_twice() -> None:
    twice = [*fall(), *fall(t=100 + 20 * HOP_S)]
    activities, events = run(watcher(), twice)
    told = [event for event in events if event.label == "falling" and event.kind == "activity_started"]
    assert len({event.id for event in told}) == 2
    assert states(activities) == ["walking", "falling", "lying", "walking", "falling", "lying"]


def test_who_falls_again_before_anything_else_is_certain_has_fallen_twice() -> None:
    unsure = [replace(p, probabilities=np.array([0.1, 0.1, 0.8], np.float32)) for p in fall()]
    twice = [*unsure, *[replace(p, t=p.t + 20 * HOP_S) for p in unsure]]
    activities, events = run(watcher(), twice)
    assert states(activities)[-1] == "falling"
    assert [event.kind for event in events] == ["activity_started", "activity_ended", "activity_started"]
    assert [event.previous for event in events][::2] == ["other", "falling"]


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
    mean_stay_s=st.sampled_from([1.0, 30.0, 1000.0]),
    likelihood_power=st.sampled_from([0.1, 0.35, 1.0]),
    threshold=st.sampled_from([0.0, 0.4, 0.6, 0.9]),
    kind_threshold=st.just(0.95),
    held_threshold=st.sampled_from([0.0]),
    not_worn_after_s=st.sampled_from([3.0, 10.0]),
    falls=st.sampled_from([FallSettings(within_s=0.0), FallSettings()]),
).flatmap(
    lambda settings: st.sampled_from([0.0, 0.5, 1.0]).map(
        lambda share: replace(settings, held_threshold=share * (settings.threshold or 0.0))
    )
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
    boundary, judged_at, came_at, since, state = 0.0, 0.0, 0.0, 0.0, "no_signal"
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
                running = event
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
                assert lost or taken_off or fell or prediction.probabilities is not None
                running = None
        assert activity.state == (running.label if running else activity.state)
        assert running is not None or activity.label in ("other", None)
        state = activity.state
        if prediction.probabilities is not None:
            judged_at = prediction.t
        if prediction.is_fresh:
            came_at = prediction.t


breaks = st.sampled_from(["reset", "excuse", "finish"])
courses = st.lists(st.one_of(rows, breaks), max_size=12)


@given(courses, any_settings, st.sampled_from([(), ("upright",), ("falling",)]))
@hypothesis_settings(max_examples=200)
def test_through_falls_gaps_resets_and_ends_every_start_has_one_end(
    course: list[Items | str], settings: Settings, told: tuple[str, ...]
) -> None:
    tree = {"upright": ("walking", "lying")}
    machine = decision(settings, labels=WITH_FALLS, tree=tree, told=told, placements=("wrist",))
    t, ids, running = 64.0, set[str](), None
    for part in course:
        answers: list[Activity | Event] = []
        if part == "reset":
            machine.reset()
            running = None
        elif part == "excuse":
            machine.excuse(t)
        elif part == "finish":
            answers = machine.finish(t, "It has ended.")
        else:
            windows = predictions(part, t)  # type: ignore[arg-type]
            answers = [answer for window in windows for answer in machine.push(window)]
            t = windows[-1].t if windows else t
        for event in answers:
            if isinstance(event, Activity):
                assert event.since <= event.t
            elif event.kind == "activity_started":
                assert running is None
                assert event.id not in ids
                ids.add(event.id)
                running = event
            else:
                assert running is not None
                assert event.id == running.id
                assert running.started_at <= event.ended_at <= event.detected_at  # type: ignore[operator]
                running = None
        assert part != "finish" or running is None


def test_its_state_can_be_kept_in_mind() -> None:
    assert len(vars(decision(placements=("wrist",)))) <= 15


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

    telling = Telling(LabelTree(WITH_FALLS, {}), settings)
    machine = Decision(Episode("anna", "toy@1", 0.0), telling, 2.5, 0.625, settings, placements=("wrist",))
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
        decision(wearer="ben", epoch=1.7e9),
    ]
    assert len({run(machine, script(("walking", 8)))[1][0].id for machine in machines}) == 3
