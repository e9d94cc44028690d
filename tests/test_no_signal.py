from decisions import HOP_S, WINDOW_S, decision, run, script, states, thin

from edgehar.pipeline.decision_settings import Settings


def test_a_short_gap_holds_the_answer_and_says_so() -> None:
    activities, events = run(decision(), script(("walking", 5), (None, 6), ("walking", 5)))
    assert states(activities) == ["no_signal", "walking"]
    assert "Held through a gap of 3.8 s" in activities[10].reason
    assert len(events) == 1


def test_a_long_gap_ends_the_activity_when_the_signal_was_lost() -> None:
    activities, events = run(decision(), script(("walking", 5), (None, 20)))
    lost_at = 100 + 4 * HOP_S
    ended = events[-1]
    assert (ended.kind, ended.ended_at) == ("activity_ended", lost_at)
    assert 0 <= ended.detected_at - lost_at - Settings().no_signal_after_s < HOP_S
    assert (activities[-1].state, activities[-1].label, activities[-1].since) == ("no_signal", None, lost_at)
    assert activities[-1].confidence == 0
    assert "30%" in activities[-1].reason


def test_silence_without_any_window_is_a_gap_too() -> None:
    machine = decision()
    run(machine, script(("walking", 5)))
    activities, events = run(machine, script(("walking", 5), t=200))
    assert [e.kind for e in events] == ["activity_ended", "activity_started"]
    assert events[0].ended_at == 100 + 4 * HOP_S
    assert events[1].started_at == 200 - WINDOW_S
    assert events[1].previous == "no_signal"
    assert states(activities) == ["walking"]  # half of the belief outlasts a minute and a half


def test_the_refill_of_a_window_is_no_silence() -> None:
    """Of 4.5 s nothing comes, then for most of a window too little to judge."""
    machine = decision()
    run(machine, script(("walking", 5)))
    gap, refill, judged = script((None, 7), ("walking", 3), ("walking", 5), t=100 + 5 * HOP_S), 3, 5
    windows = [*gap[:7], *map(thin, gap[7 : 7 + refill]), *gap[-judged:]]
    activities, events = run(machine, windows)
    assert states(activities) == ["walking"]
    assert not events


def test_a_judged_window_never_loses_the_signal() -> None:
    """However short the time to `no_signal` is, what comes is heard."""
    machine = decision(Settings(no_signal_after_s=HOP_S + 0.01))
    activities, _ = run(machine, script(("walking", 5), (None, 1), *[("walking", 1), (None, 1)] * 10))
    assert states(activities) == ["no_signal", "walking"]


def test_a_trickle_that_can_never_be_judged_is_no_signal_in_the_end() -> None:
    machine = decision()
    run(machine, script(("walking", 5)))
    windows = [thin(window) for window in script(("walking", 30), t=100 + 5 * HOP_S)]
    activities, events = run(machine, windows)
    assert states(activities) == ["walking", "no_signal"]
    held = Settings().no_signal_after_s + WINDOW_S + HOP_S
    assert 0 < events[0].detected_at - (100 + 4 * HOP_S) - held <= HOP_S


def test_a_gap_that_is_excused_holds_the_answer_however_long_and_the_next_one_does_not() -> None:
    machine = decision()
    run(machine, script(("walking", 5)))
    after = 100 + 5 * HOP_S
    machine.excuse(after + 20 * HOP_S)
    activities, events = run(machine, script((None, 21), ("walking", 5), t=after))
    assert states(activities) == ["walking"]
    assert not events
    activities, events = run(machine, script((None, 20), t=after + 26 * HOP_S))
    assert states(activities) == ["walking", "no_signal"]


def test_silence_behind_an_excused_gap_is_counted_from_its_end() -> None:
    machine = decision()
    run(machine, script(("walking", 5)))
    excused_until = 100 + 24 * HOP_S
    machine.excuse(excused_until)
    _, [ended] = run(machine, script((None, 60), t=100 + 5 * HOP_S))
    assert 0 <= ended.detected_at - excused_until - Settings().no_signal_after_s < 2 * HOP_S
    assert ended.ended_at == 100 + 4 * HOP_S


def test_no_excuse_brings_a_signal_back() -> None:
    machine = decision()
    activities, events = run(machine, script(("walking", 5), (None, 20)))
    assert activities[-1].state == "no_signal"
    machine.excuse(200.0)
    activities, events = run(machine, script((None, 40), t=100 + 25 * HOP_S))
    assert states(activities) == ["no_signal"]
    assert not events
