import json
import time
from datetime import datetime

from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.publishers import payloads
from edgehar.types import Activity, Event

EPOCH = 1_777_882_500.0
"""Unix time at stream time 0: 2026-05-04T08:15:00Z."""

times = st.floats(0, 1e6, allow_nan=False)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
ratios = st.floats(0, 1)


def to_unix(t: float) -> float:
    return EPOCH + t


def activity(label: str | None = "walking", t: float = 4.4, since: float = 3.12) -> Activity:
    return Activity(
        "anna", label, None if label else "not_worn", "sure enough", 0.94321, t, since, 0.99, ("chest",)
    )


def started(number: int = 42, label: str = "walking") -> Event:
    return Event(
        f"anna-{number}",
        "activity_started",
        "anna",
        label,
        "standing",
        0.94,
        3.12,
        4.4,
        None,
        0.992,
        "imu_tcn@1.0.0",
    )


def ended() -> Event:
    return Event(
        "anna-42",
        "activity_ended",
        "anna",
        "walking",
        "standing",
        0.91,
        3.12,
        13.0,
        12.5,
        1.0,
        "imu_tcn@1.0.0",
    )


def test_a_start_is_told_flat_on_the_event_topic_and_not_retained() -> None:
    [message] = payloads.mqtt_messages(started(), "edgehar/pi", to_unix)
    assert message.topic == "edgehar/pi/anna/event"
    assert not message.retain
    assert json.loads(message.payload) == {
        "event_type": "activity_started",
        "schema": "edgehar.event/1",
        "id": "anna-42",
        "label": "walking",
        "previous": "standing",
        "confidence": 0.94,
        "started_at": "2026-05-04T08:15:03.120Z",
        "detected_at": "2026-05-04T08:15:04.400Z",
        "latency_ms": {"decision": 1280},
        "coverage": 0.992,
        "model": "imu_tcn@1.0.0",
    }


def test_of_a_kind_the_likelier_label_stands_beside_it() -> None:
    still = replace(activity("still"), likeliest=("standing", 0.6125))
    attributes, state = payloads.mqtt_messages(still, "edgehar/pi", to_unix)
    assert state.payload == b"still"
    assert (
        json.loads(attributes.payload).items()
        >= {"likeliest": "standing", "likeliest_confidence": 0.613}.items()
    )
    line = json.loads(
        payloads.json_line(replace(started(label="still"), likeliest=("standing", 0.6)), to_unix)
    )
    assert (line["label"], line["likeliest"], line["likeliest_confidence"]) == ("still", "standing", 0.6)
    assert "likeliest" not in json.loads(payloads.json_line(activity(), to_unix))


def test_an_end_has_the_id_of_its_start_and_says_when_and_how_long() -> None:
    payload = payloads.event(ended(), to_unix)
    assert payload["id"] == payloads.event(started(), to_unix)["id"]
    assert payload["ended_at"] == "2026-05-04T08:15:12.500Z"
    assert payload["duration_s"] == 9.38
    assert payload["latency_ms"] == {"decision": 500}


def test_only_the_end_of_a_fall_says_whether_the_wearer_is_up_again() -> None:
    for recovered in (True, False):
        assert payloads.event(replace(ended(), recovered=recovered), to_unix)["recovered"] is recovered
    assert "recovered" not in payloads.event(ended(), to_unix)


def test_a_state_is_one_bare_word_and_its_attributes_stand_apart_both_retained() -> None:
    messages = {m.topic: m for m in payloads.mqtt_messages(activity(), "edgehar/pi", to_unix)}
    state = messages["edgehar/pi/anna/activity"]
    assert (state.payload, state.retain) == (b"walking", True)
    rest = messages["edgehar/pi/anna/activity/attributes"]
    assert rest.retain
    assert json.loads(rest.payload) == {
        "confidence": 0.943,
        "coverage": 0.99,
        "missing": ["chest"],
        "since": "2026-05-04T08:15:03.120Z",
        "time": "2026-05-04T08:15:04.400Z",
        "reason": "sure enough",
    }


def test_no_answer_is_published_as_its_own_word() -> None:
    state = payloads.mqtt_messages(activity(None), "edgehar/pi", to_unix)[-1]
    assert state.payload == b"not_worn"


@given(words, words, ratios, times, st.none() | times)
def test_any_event_is_valid_json_on_one_line(
    wearer: str, label: str, confidence: float, t: float, end: float | None
) -> None:
    item = Event(
        "id",
        "activity_started" if end is None else "activity_ended",
        wearer,
        label,
        "other",
        confidence,
        t,
        t + 1,
        end,
        confidence,
        "m@1",
    )
    text = payloads.json_line(item, to_unix)
    assert text.count("\n") == 1
    payload = json.loads(text)
    assert (payload["wearer"], payload["label"]) == (wearer, label)
    assert abs(datetime.fromisoformat(payload["started_at"]).timestamp() - to_unix(t)) < 0.002


def test_a_state_passes_when_it_changed_for_this_wearer() -> None:
    states = payloads.StateFilter(float("inf"))
    pushed = (activity(), activity(t=5.0), activity("running"), activity("running"))
    assert [states.passes(item) for item in pushed] == [True, False, True, False]


def test_a_state_passes_also_when_it_was_not_published_for_long() -> None:
    states = payloads.StateFilter(0.0)
    assert [states.passes(activity()) for _ in range(2)] == [True, True]


def test_the_last_state_passes_even_if_it_is_the_one_before_for_another_reason() -> None:
    states = payloads.StateFilter(float("inf"))
    pushed = (activity(), activity(), replace(activity(), is_last=True))
    assert [states.passes(item) for item in pushed] == [True, False, True]


def test_this_hosts_monotonic_clock_is_read_as_time_of_day() -> None:
    before = time.time()
    assert before - 1e-3 <= payloads.monotonic_to_unix(time.monotonic()) <= time.time() + 1e-3
