"""How log lines are written: on a terminal, whatever stands in them."""

import io
import logging
from collections.abc import Iterator

import pytest

from edgehar.cli.terminal import LogLine

LOGGER = logging.getLogger("edgehar.test")
FORGED = "wrist\x1b[2J\nERROR edgehar: all is lost\u202e"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Let the logger write as a verb does."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogLine("%(levelname)s %(name)s: %(message)s"))
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
