import io
import json
import os

import pytest
from test_payloads import activity, started, wall

from edgehar.publishers.jsonl import JsonLines
from edgehar.types import Activity, Event

ITEMS: tuple[Activity | Event, ...] = (activity(), activity(t=5.0), started(), activity("running"))


def lines(*items: Activity | Event, every: bool) -> list[dict[str, object]]:
    stream = io.StringIO()
    publisher = JsonLines(stream, wall, every=every)
    for item in items:
        publisher.push(item)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_event_and_every_change_of_state_is_one_line() -> None:
    said = lines(*ITEMS, every=False)
    assert [(line["type"], line.get("activity")) for line in said] == [
        ("activity", "walking"),
        ("event", None),
        ("activity", "running"),
    ]
    assert said[1]["event_type"] == "activity_started"


def test_every_window_is_a_line_if_asked_for() -> None:
    assert [line["type"] for line in lines(*ITEMS, every=True)] == [
        "activity",
        "activity",
        "event",
        "activity",
    ]


def test_a_reader_sees_a_line_at_once() -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours) as reader, os.fdopen(theirs, "w") as stream:
        JsonLines(stream, wall).push(started())
        assert json.loads(reader.readline())["id"] == "anna-42"


def test_a_closed_pipe_rises_as_it_is() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    stream = os.fdopen(theirs, "w")
    with pytest.raises(BrokenPipeError):
        JsonLines(stream, wall).push(started())
    with pytest.raises(BrokenPipeError):
        stream.close()
