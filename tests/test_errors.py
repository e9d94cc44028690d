import pytest
from hypothesis import given, strategies as st

from edgehar.errors import EdgeharError, SourceLostError, one_line


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
