"""How log lines are written: whatever stands in them, for people and for programs, and however often they come."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from edgehar.cli.logs import MOST_REPEATED, REPEATS_S, CountingHandler, JournalLine, JsonLine, TextLine

LOGGER = logging.getLogger("edgehar.test")
FORGED = "wrist\x1b[2J\nERROR edgehar: all is lost\u202e"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Let the logger write as a verb does."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLine())
    LOGGER.addHandler(handler)
    yield stream
    LOGGER.removeHandler(handler)


def test_what_is_logged_breaks_no_line_and_commands_no_terminal(written: io.StringIO) -> None:
    LOGGER.warning("%s called %r", FORGED, "ö")
    line = r"wrist\u001b[2J\u000aERROR edgehar: all is lost\u202e called 'ö'"
    assert written.getvalue() == f"WARNING edgehar.test: {line}\n"


def fail() -> None:
    raise ValueError(FORGED)


def test_a_traceback_stands_indented_below_its_line(written: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        LOGGER.exception("it failed")
    first, *others = written.getvalue().splitlines()
    assert first == "ERROR edgehar.test: it failed"
    assert others[0] == "  Traceback (most recent call last):"
    assert others[-2:] == [r"  ValueError: wrist\u001b[2J", r"  ERROR edgehar: all is lost\u202e"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def counted() -> Iterator[tuple[io.StringIO, Clock]]:
    """Let the logger write as `edgehar run` does, by a clock that the test moves."""
    stream, clock = io.StringIO(), Clock()
    handler = CountingHandler(stream, clock)
    handler.setFormatter(TextLine())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield stream, clock
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)
    handler.close()


def test_repeats_of_a_line_become_one_with_their_number(counted: tuple[io.StringIO, Clock]) -> None:
    stream, clock = counted
    for _ in range(50):
        LOGGER.warning("%s is lost", "wrist")
        clock.now += 1.0
    LOGGER.info("something else")
    assert stream.getvalue().splitlines() == [
        "WARNING edgehar.test: wrist is lost",
        "INFO edgehar.test: something else",
    ]
    clock.now += REPEATS_S
    LOGGER.warning("%s is lost", "wrist")
    assert stream.getvalue().splitlines()[2:] == [
        "WARNING edgehar.test: wrist is lost (49 times more within 60 s)",
        "WARNING edgehar.test: wrist is lost",
    ]


def test_what_was_counted_is_written_at_the_end(counted: tuple[io.StringIO, Clock]) -> None:
    stream, _ = counted
    for _ in range(3):
        LOGGER.warning("100 % lost")
    [handler] = LOGGER.handlers
    handler.close()
    assert stream.getvalue().splitlines()[1:] == [
        "WARNING edgehar.test: 100 % lost (2 times more within 60 s)"
    ]


def test_a_line_that_comes_seldom_is_written_each_time(counted: tuple[io.StringIO, Clock]) -> None:
    stream, clock = counted
    for _ in range(3):
        LOGGER.warning("lost")
        clock.now += REPEATS_S
    assert stream.getvalue().splitlines() == ["WARNING edgehar.test: lost"] * 3


def test_who_debugs_sees_every_line(counted: tuple[io.StringIO, Clock]) -> None:
    stream, _ = counted
    for _ in range(3):
        LOGGER.debug("attempt")
    assert stream.getvalue().splitlines() == ["DEBUG edgehar.test: attempt"] * 3


def test_a_line_that_cannot_be_written_is_none_of_the_business_of_who_logs(
    counted: tuple[io.StringIO, Clock],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, _ = counted
    monkeypatch.setattr(LOGGER, "propagate", False)  # pytest's own handler raises
    LOGGER.warning("%d packets", "x")
    assert stream.getvalue() == ""
    assert "TypeError" in capsys.readouterr().err


def test_lines_without_end_do_not_fill_the_memory(counted: tuple[io.StringIO, Clock]) -> None:
    stream, _ = counted
    for number in range(MOST_REPEATED + 100):
        LOGGER.warning("stranger %d", number)
    [handler] = LOGGER.handlers
    assert isinstance(handler, CountingHandler)
    assert len(handler._repeats) == MOST_REPEATED
    assert len(stream.getvalue().splitlines()) == MOST_REPEATED + 100


def test_a_program_reads_each_line_as_an_object_with_its_count_and_its_trace(
    counted: tuple[io.StringIO, Clock],
) -> None:
    stream, clock = counted
    [handler] = LOGGER.handlers
    handler.setFormatter(JsonLine())
    for _ in range(2):
        LOGGER.warning("%s called", FORGED)
    clock.now += REPEATS_S
    try:
        fail()
    except ValueError:
        LOGGER.exception("it failed")
    first, count, failure = map(json.loads, stream.getvalue().splitlines())
    assert datetime.fromisoformat(first.pop("ts")).tzinfo is not None
    assert first == {"level": "warning", "logger": "edgehar.test", "msg": f"{FORGED} called"}
    assert (count["msg"], count["repeated"]) == (f"{FORGED} called (1 times more within 60 s)", 1)
    assert failure["trace"].startswith("Traceback (most recent call last):")


def test_the_journal_is_told_the_level_of_every_line(written: io.StringIO) -> None:
    LOGGER.handlers[0].setFormatter(JournalLine())
    try:
        fail()
    except ValueError:
        LOGGER.exception("it failed")
    assert all(line.startswith("<3>") for line in written.getvalue().splitlines())
    assert written.getvalue().startswith("<3>ERROR edgehar.test: it failed\n<3>  Traceback")


def refused(tmp_path: Path, *more: str, environment: dict[str, str] | None = None) -> str:
    """Return what `edgehar run` writes of a file that is none, to a file that is its stderr."""
    log = tmp_path / "log"
    with log.open("w") as stderr:
        status = os.fstat(stderr.fileno())
        named = {name: text.format(status) for name, text in (environment or {}).items()}
        subprocess.run(
            [sys.executable, "-m", "edgehar", "run", "--config", str(tmp_path / "none"), *more],
            stderr=stderr,
            env={**os.environ, **named},
            check=False,
            timeout=60,
        )
    return log.read_text()


def test_without_a_terminal_the_log_is_json_down_to_its_last_line(tmp_path: Path) -> None:
    [line] = map(json.loads, refused(tmp_path).splitlines())
    assert line["level"] == "critical"
    assert line["msg"].endswith(
        "none: cannot be read: No such file or directory; give another file with --config"
    )


def test_the_log_is_text_where_that_is_asked_for(tmp_path: Path) -> None:
    assert refused(tmp_path, "--log", "text").startswith(f"edgehar: {tmp_path}/none: cannot be read")


def test_the_journal_gets_levels_and_no_json(tmp_path: Path) -> None:
    journal = {"JOURNAL_STREAM": "{0.st_dev}:{0.st_ino}"}
    assert refused(tmp_path, environment=journal).startswith(
        f"<2>CRITICAL edgehar: {tmp_path}/none: cannot be"
    )
    # Inherited from a service that redirects stderr, the variable is of another file.
    assert refused(tmp_path, environment={"JOURNAL_STREAM": "1:2"}).startswith("{")


def test_who_closes_stderr_can_run_all_the_same(tmp_path: Path) -> None:
    command = f"{sys.executable} -m edgehar run --config {tmp_path}/none 2>&-"
    assert subprocess.run(command, shell=True, check=False, timeout=60).returncode == 78
