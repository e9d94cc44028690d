import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import pytest
from test_payloads import activity, started, to_unix

from edgehar.publishers.jsonl import MOST_AT_ONCE, QUEUE_LINES, JsonLines
from edgehar.types import Activity, Event

ITEMS: tuple[Activity | Event, ...] = (activity(), activity(t=5.0), started(), activity("running"))


@contextlib.contextmanager
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    """Open a pipe: the end that is read, and the one that is written."""
    ours, theirs = os.pipe()
    with os.fdopen(ours) as reader, os.fdopen(theirs, "w") as stream:
        yield reader, stream


def lines(*items: Activity | Event, every: bool) -> list[dict[str, object]]:
    stream = io.StringIO()
    with JsonLines(stream, to_unix, every=every) as publisher:
        for item in items:
            publisher.push(item)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_event_and_every_change_of_state_is_one_line() -> None:
    written = lines(*ITEMS, every=False)
    assert [(line["type"], line.get("activity")) for line in written] == [
        ("activity", "walking"),
        ("event", None),
        ("activity", "running"),
    ]
    assert written[1]["event_type"] == "activity_started"


def test_every_window_is_a_line_where_all_are_wanted() -> None:
    assert [line["type"] for line in lines(*ITEMS, every=True)] == [
        "activity",
        "activity",
        "event",
        "activity",
    ]


def test_a_reader_sees_a_line_at_once() -> None:
    with pipe() as (reader, stream), JsonLines(stream, to_unix) as publisher:
        publisher.push(started())
        assert json.loads(reader.readline())["id"] == "anna-42"


@pytest.mark.timeout(10)
def test_a_reader_that_has_stopped_holds_nobody_up_and_loses_the_oldest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pipe() as (reader, stream):
        publisher = JsonLines(stream, to_unix)
        pushed = 5 * QUEUE_LINES
        for number in range(pushed):
            publisher.push(started(number))
        assert publisher.dropped > QUEUE_LINES
        stream.close()
        # It reads on: what had waited comes, up to the newest.
        with ThreadPoolExecutor() as threads:
            read = threads.submit(reader.readlines)
            publisher.close(timeout_s=5.0)
            ids = [json.loads(line)["id"] for line in read.result()]
    assert len(ids) == pushed - publisher.dropped
    assert ids[-QUEUE_LINES:] == [f"anna-{number}" for number in range(pushed - QUEUE_LINES, pushed)]
    assert f"{publisher.dropped} JSON lines were dropped" in caplog.text


class Slow(io.StringIO):
    """A reader that takes what it is given after a while, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_let_go = threading.Event()

    def write(self, text: str) -> int:
        self.is_let_go.wait(0.03)
        return super().write(text)


@pytest.mark.timeout(30)
def test_a_slow_reader_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    stream, beyond = Slow(), 5000
    with JsonLines(stream, to_unix) as publisher:
        # Were each to wait for room, this would take minutes.
        for number in range(QUEUE_LINES + beyond):
            publisher.push(started(number))
        assert 0 < publisher.dropped <= beyond
        stream.is_let_go.set()
    written = [json.loads(line)["id"] for line in stream.getvalue().splitlines()]
    assert len(written) == QUEUE_LINES + beyond - publisher.dropped
    assert written[-QUEUE_LINES:] == [f"anna-{number}" for number in range(beyond, QUEUE_LINES + beyond)]
    assert [message.startswith("stdout is read too slowly: 10000") for message in caplog.messages] == [
        True,
        False,
    ]


def test_a_burst_as_long_as_the_queue_loses_nothing() -> None:
    with pipe() as (reader, stream), ThreadPoolExecutor() as threads:
        read = threads.submit(reader.readlines)
        publisher = JsonLines(stream, to_unix)
        stream.close()
        for number in range(QUEUE_LINES):
            publisher.push(started(number))
        publisher.close(timeout_s=30.0)
        assert [json.loads(line)["id"] for line in read.result()] == [
            f"anna-{number}" for number in range(QUEUE_LINES)
        ]
    assert publisher.dropped == 0


@pytest.mark.timeout(10)
def test_an_end_does_not_wait_for_a_reader_that_has_stopped() -> None:
    with pipe() as (reader, stream):
        publisher = JsonLines(stream, to_unix)
        for number in range(QUEUE_LINES):
            publisher.push(started(number))
        publisher.close(timeout_s=0.01)
        # What it was about to write counts as well, for nobody knows how much of that a reader may still get.
        lines_in_pipe = os.read(reader.fileno(), 1 << 20).count(b"\n")
        assert 0 <= publisher.dropped + lines_in_pipe - QUEUE_LINES <= MOST_AT_ONCE
        reader.close()
        publisher.close()  # its thread ends before the next test does


def test_a_reader_that_went_away_gets_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    with pipe() as (reader, stream):
        reader.close()
        publisher = JsonLines(stream, to_unix)
        for number in range(3):
            publisher.push(started(number))
        publisher.close()
        publisher.push(started())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("nobody reads stdout any more: JSON lines end")


def test_a_stream_that_was_closed_is_a_reader_that_went_away(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    stream.close()
    with JsonLines(stream, to_unix) as publisher:
        publisher.push(started())
    assert "nobody reads stdout any more" in caplog.text


PROGRAM = """
import sys
from edgehar.publishers.jsonl import MOST_AT_ONCE, QUEUE_LINES, JsonLines
from test_payloads import started

publisher = JsonLines(sys.stdout)
print("begun", flush=True)
sys.stdin.readline()
for number in range(2 * QUEUE_LINES):
    publisher.push(started(number))
publisher.close(timeout_s=0.1)
if sys.argv[1] == "gone":
    print("the last word")
"""


@pytest.mark.timeout(30)
@pytest.mark.parametrize("reader", ["stopped", "gone"])
def test_a_program_ends_well_whatever_its_reader_does(reader: str) -> None:
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, reader],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"},
    ) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        assert program.stdout.readline() == "begun\n"
        if reader == "gone":
            program.stdout.close()
        program.stdin.close()
        *_, warning = program.stderr.readlines()
        assert program.wait() == 0
    assert ("nobody reads" if reader == "gone" else "was not read in time") in warning
