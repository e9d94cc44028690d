import numpy as np
import pytest
from decisions import HOP_S, decision, run, says, script, states
from msgspec.structs import replace

from edgehar.pipeline.decision_settings import Settings
from edgehar.types import Prediction

STILL = Settings(not_worn_after_s=60)


def still(t: float, seconds: float, label: str = "sitting", peak_to_peak: float = 0.05) -> list[Prediction]:
    return [says(t + i * HOP_S, label, peak_to_peak=peak_to_peak) for i in range(round(seconds / HOP_S))]


def test_a_sensor_that_lies_still_long_enough_is_not_worn() -> None:
    machine = decision(STILL)
    run(machine, script(("walking", 20), t=100 - 20 * HOP_S))
    activities, events = run(machine, still(100, 90))
    assert states(activities) == ["walking", "sitting", "not_worn"]
    off_at = 100 - HOP_S
    assert activities[-1].since == pytest.approx(max(off_at, events[1].started_at))
    assert activities[-1].no_answer == "not_worn"
    assert "No sensor has moved by 0.49 m/s² for 1 min" in activities[-1].reason
    assert [e.kind for e in events][-1] == "activity_ended"


def test_half_an_hour_of_stillness_is_the_default() -> None:
    machine = decision()
    activities, _ = run(machine, still(100, 1790))
    assert "not_worn" not in states(activities)
    activities, _ = run(machine, still(100 + 2797 * HOP_S, 20))
    assert activities[-1].state == "not_worn"


def test_who_sits_still_and_stirs_now_and_then_is_not_taken_for_a_table() -> None:
    machine = decision(STILL)
    seen: set[str] = set()
    for i in range(20):
        windows = [*still(100 + i * 51.2, 50.56), says(100 + i * 51.2 + 50.56, "sitting", peak_to_peak=0.6)]
        seen |= set(states(run(machine, windows)[0]))
    assert seen == {"no_signal", "sitting"}


def test_one_bump_of_the_table_is_not_a_wearer_but_moving_on_is() -> None:
    machine = decision(STILL)
    run(machine, still(100, 90))
    bumps = [says(190, "sitting"), *still(190.64, 1.28), says(191.92, "sitting"), *still(192.56, 8)]
    activities, events = run(machine, bumps)
    assert states(activities) == ["not_worn"]
    activities, events = run(machine, script(("walking", 10), t=201))
    assert states(activities) == ["not_worn", "walking"]
    assert events[-1].previous == "not_worn"


def test_a_sensor_on_a_table_stays_off_through_a_gap() -> None:
    machine = decision(STILL)
    run(machine, still(100, 90))
    activities, events = run(machine, [*script((None, 20), t=190), *still(203, 10)])
    assert states(activities) == ["not_worn", "no_signal", "not_worn"]
    assert not events


def test_stillness_before_a_gap_does_not_count_after_it() -> None:
    machine = decision(STILL)
    run(machine, still(100, 30))
    activities, _ = run(machine, still(300, 30))
    assert "not_worn" not in states(activities)


@pytest.mark.parametrize(("gap_s", "counts"), [(8, True), (59, True), (70, False)])
def test_a_flaky_link_does_not_hide_a_table(gap_s: float, *, counts: bool) -> None:
    """A link that drops for a while has not been picked up; in a long gap, who knows."""
    machine = decision(STILL)
    run(machine, still(100, 50))
    begins = 100 + 50 + gap_s
    activities, _ = run(machine, [*script((None, round(gap_s / HOP_S)), t=150), *still(begins, 20)])
    assert ("not_worn" in states(activities)) is counts


def test_a_sensor_that_cannot_tell_is_never_not_worn() -> None:
    activities, _ = run(decision(STILL), still(100, 200, peak_to_peak=np.inf))
    assert states(activities) == ["no_signal", "sitting"]


def test_a_limit_of_zero_never_says_not_worn() -> None:
    activities, _ = run(decision(replace(STILL, still_swing=0)), still(100, 90, peak_to_peak=0.0))
    assert states(activities) == ["no_signal", "sitting"]
