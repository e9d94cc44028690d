"""What was told, as a correction asks for it."""

from msgspec.structs import replace

from edgehar.daemon.told import Span, Told
from edgehar.types import NOT_YET, Activity, Event

WALK = Event("anna-1", "activity_started", "anna", "walking", "other", 0.9, 10.0, 12.0, None, 1.0, "m")


def state(label: str, t: float, since: float) -> Activity:
    return Activity("anna", label, None, "", 0.9, t, since, coverage=1.0)


def test_a_time_has_the_state_that_held_then() -> None:
    told = Told(300.0)
    assert told.newest() is None
    for activity in (state("sitting", 5.0, 2.0), state("walking", 12.0, 10.0), state("walking", 20.0, 10.0)):
        told.push(activity)
    assert told.newest() == Span("walking", 10.0, NOT_YET)
    assert told.at(9.9) == Span("sitting", 2.0, 10.0)
    assert told.at(1.0) is None


def test_what_holds_from_an_earlier_time_on_corrects_what_was_told() -> None:
    told = Told(300.0)
    for activity in (state("still", 5.0, 2.0), state("lying", 12.0, 2.0)):
        told.push(activity)
    assert told.at(3.0) == Span("lying", 2.0, NOT_YET)


def test_an_event_has_its_time_once_it_has_ended() -> None:
    told = Told(300.0)
    told.push(WALK)
    assert told.event("anna-1") == Span("walking", 10.0, NOT_YET)
    told.push(replace(WALK, kind="activity_ended", ended_at=30.0, detected_at=32.0))
    assert told.event("anna-1") == Span("walking", 10.0, 30.0)
    assert told.event("anna-2") is None


def test_what_is_long_past_is_forgotten() -> None:
    told = Told(60.0)
    told.push(WALK)
    for n in range(100):
        told.push(state(f"label_{n % 2}", 20.0 + n, 18.0 + n))
    told.push(replace(WALK, id="anna-2", detected_at=120.0))
    assert told.event("anna-1") is None
    assert told.at(30.0) is None
    told.clear()
    assert told.newest() is None
