import re
import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st
from vectors import README, VECTORS, each_vector

from edgehar.errors import FrameError
from edgehar.wire.commands import OWN_KINDS, Answer, Kind, Result, decode_answer, encode_command, is_answer


@each_vector("commands")
def test_a_golden_command_is_written(vector: dict[str, Any]) -> None:
    fields = [vector[name] for name in ("number", "kind", "value", "more")]

    assert encode_command(*fields).hex() == vector["body"] == struct.pack("<BBBIH", 0x18, *fields).hex()


@each_vector("answers")
def test_a_golden_answer_is_read(vector: dict[str, Any]) -> None:
    fields = [vector[name] for name in ("number", "kind", "result", "ticks_us", "echo")]

    assert vector["body"] == struct.pack("<BBBBII", 0x12, *fields).hex()
    assert decode_answer(bytes.fromhex(vector["body"])) == Answer(*fields)


def test_every_kind_and_result_has_its_golden_vector() -> None:
    assert {vector["kind"] for vector in VECTORS["commands"]} >= set(Kind)
    assert {vector["result"] for vector in VECTORS["answers"]} == set(Result)


def test_the_readme_names_every_kind() -> None:
    named = re.findall(r"^\| `(0x0\d)` ([a-z ]+?) \|", README, re.MULTILINE)
    assert [(int(code, 16), name) for code, name in named] == [
        (kind.value, kind.name.lower().replace("_", " ")) for kind in Kind
    ]


def test_the_number_goes_round() -> None:
    assert encode_command(256 + 7, Kind.START) == encode_command(7, Kind.START)


@pytest.mark.parametrize(
    ("kind", "value", "more"),
    [
        (Kind.START, 1, 0),
        (Kind.STOP, 0, 1),
        (Kind.SET_RATE, 0, 0),
        (Kind.SET_RATE, 10_000_001, 0),
        (Kind.SET_RANGES, 256, 0),
        (Kind.SET_RANGES, 16, 65536),
        (Kind.IDENTIFY, 256, 0),
        (Kind.IDENTIFY, -1, 0),
        (Kind.ECHO, 2**32, 0),
        (Kind.REST, 65536, 0),
        (Kind.WAKE, 65536, 0),
        (OWN_KINDS[0], 0, 65536),
        (0x00, 0, 0),
        (0x09, 0, 0),
        (0x100, 0, 0),
    ],
)
def test_what_is_out_of_bounds_is_not_sent(kind: int, value: int, more: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode_command(1, kind, value, more)


@given(st.binary(max_size=20) | st.binary(min_size=11, max_size=11).map(lambda rest: b"\x12" + rest))
def test_no_body_makes_decode_answer_raise_anything_but_a_frame_error(body: bytes) -> None:
    try:
        answer = decode_answer(body)
    except FrameError:
        assert not is_answer(body)
        return
    fields = (answer.number, answer.kind, answer.result, answer.ticks_us, answer.echo)
    assert struct.pack("<BBBBII", 0x12, *fields) == body
