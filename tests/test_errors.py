import socket

import pytest
from hypothesis import given, strategies as st

from edgehar.errors import EdgeharError, SourceLostError, link_failure, one_line


@given(st.text())
def test_any_text_becomes_one_line_that_commands_nothing(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert one_line(line) == line


@pytest.mark.parametrize("text", ["", "µm/s² – größer", "a  b", "\U0001f600"])
def test_what_can_be_printed_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text


def test_the_text_of_every_error_is_one_line() -> None:
    error: EdgeharError = SourceLostError("wrist\r\x1b[2J\nERROR edgehar: all is lost")
    assert str(error) == r"wrist\u000d\u001b[2J\u000aERROR edgehar: all is lost"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError(111, "Connect call failed ('127.0.0.1', 7777)"), "Connection refused"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 7777, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 7777)"
            ),
            "Connection refused",
        ),
        (
            OSError(
                "Multiple exceptions: [Errno 101] Connect call failed ('::2', 7777, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 7777)"
            ),
            "Network is unreachable and Connection refused",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (FileNotFoundError(2, "No such file or directory", "/dev/x"), "No such file or directory: '/dev/x'"),
        (TimeoutError(), ""),
    ],
)
def test_a_link_that_failed_is_told_in_the_systems_words(error: OSError, words: str) -> None:
    assert link_failure(error) == words
