"""The bytes of Sparkplug payloads: what is written is read as it was, and nothing that comes breaks the reader."""

import contextlib
import struct

import pytest
from hypothesis import given, strategies as st

from edgehar.errors import FrameError
from edgehar.publishers.sparkplug.payload import (
    MOST_METRICS,
    DataType,
    Metric,
    Payload,
    Value,
    decode,
    encode,
)

numbers = st.integers(0, 2**64 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
values: st.SearchStrategy[Value | None] = (
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False) | texts
)
metrics = st.builds(
    Metric,
    name=st.none() | texts,
    alias=st.none() | numbers,
    timestamp=st.none() | numbers,
    datatype=st.none() | st.sampled_from([int(kind) for kind in DataType]),
    value=values,
    is_historical=st.booleans(),
)
payloads = st.builds(
    Payload,
    timestamp=st.none() | numbers,
    seq=st.none() | st.integers(0, 255),
    metrics=st.lists(metrics, max_size=5).map(tuple),
)


@given(payloads)
def test_any_payload_is_read_as_it_was_written(payload: Payload) -> None:
    read = decode(encode(payload))
    assert read == payload
    assert [type(metric.value) for metric in read.metrics] == [type(m.value) for m in payload.metrics]


@given(payloads, st.integers(0, 200))
def test_a_payload_that_was_cut_off_is_shorter_or_refused_and_never_anything_else(
    payload: Payload, at: int
) -> None:
    written = encode(payload)
    try:
        read = decode(written[:at])
    except FrameError:
        assert at < len(written)
    else:
        assert len(read.metrics) <= len(payload.metrics)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_refused(content: bytes) -> None:
    with contextlib.suppress(FrameError):
        read = decode(content)
        # Compared as bytes: of a value that is no number none is like another.
        assert encode(decode(encode(read))) == encode(read)


def test_the_bytes_are_those_of_protocol_buffers() -> None:
    # By hand, from protobuf.dev, "Encoding", and the numbers of the specification's schema.
    metric = Metric("a", 300, 1, DataType.STRING, "é", is_historical=True)
    assert (
        encode(Payload(150, 7, (metric,))).hex() == "089601" + "12100a016110ac021801200c28017a02c3a9" + "1807"
    )
    assert encode(Payload(metrics=(Metric(value=None),))).hex() == "12023801"
    assert encode(Payload(metrics=(Metric(value=True),))).hex() == "12027001"
    assert encode(Payload(metrics=(Metric(value=1),))).hex() == "12025801"
    assert encode(Payload(metrics=(Metric(value=0.5),))).hex() == "120969" + struct.pack("<d", 0.5).hex()


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        pytest.param("5001", 1, id="int_value"),
        pytest.param("650000003f", 0.5, id="float_value"),
        pytest.param("820103616263" "7001", True, id="bytes_value passed over"),
        pytest.param("4a03010203" "7001", True, id="properties passed over"),
        pytest.param("7a0161" "3801", None, id="null"),
        pytest.param("7201" "61", None, id="boolean_value of another wire type"),
    ],
)  # fmt: skip
def test_what_others_write_is_read_and_what_is_of_no_use_passed_over(metric: str, value: Value) -> None:
    content = bytes.fromhex(metric)
    [read] = decode(bytes((0x12, len(content))) + content).metrics
    assert (read.value, type(read.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"\x12\x05\x0a", "expected 5 bytes from byte 2 on, got 1", id="shorter than it says"),
        pytest.param(b"\x08" + b"\xff" * 10, "at most 64 bits", id="number of too many bytes"),
        pytest.param(b"\x08" + b"\xff" * 9 + b"\x7f", "at most 64 bits", id="number of too many bits"),
        pytest.param(b"\x08", "at most 64 bits at byte 1, got ", id="no number"),
        pytest.param(b"\x0b\x0c", "wire type 0, 1, 2 or 5, got 3", id="group"),
        pytest.param(b"\x12\x04\x0a\x02\xff\xfe", "expected UTF-8, got fffe", id="no text"),
        pytest.param(b"\x12\x00" * (MOST_METRICS + 1), f"at most {MOST_METRICS} metrics", id="too many"),
    ],
)
def test_what_breaks_the_format_is_one_clear_error(content: bytes, problem: str) -> None:
    with pytest.raises(FrameError) as caught:
        decode(content)
    assert problem in str(caught.value)


def test_a_number_that_has_no_place_is_not_written() -> None:
    for number in (-1, 2**64):
        with pytest.raises(ValueError, match="expected a number from 0"):
            encode(Payload(seq=number))
