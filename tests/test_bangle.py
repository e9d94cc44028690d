"""Vectors: constructed; the line is this project's, sent by the code that it uploads."""

import re

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.bangle import BANGLE, BangleReader

milli_g = st.integers(-8000, 8000)


def line(ms: int, *values: int) -> bytes:
    return f"A,{ms % 65536},{','.join(map(str, values))}\r\n".encode()


@given(st.lists(st.tuples(milli_g, milli_g, milli_g), min_size=1, max_size=5), st.data())
def test_lines_are_read_however_they_are_cut(
    samples: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    text = b"".join(line(65_500 + 20 * i, *sample) for i, sample in enumerate(samples))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    reader = BangleReader(DEVICE)
    packets = []
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        packets += reader.push(text[begin:end])
    assert [tuple(packet.values[0]) for packet in packets] == samples
    assert [packet.ticks_us for packet in packets] == [(65_500 + 20 * i) * 1000 for i in range(len(samples))]
    assert (reader.packets, reader.lost, reader.malformed) == (len(samples), 0, 0)


def test_units_are_mg() -> None:
    (packet,) = BangleReader(DEVICE).push(line(0, 0, 500, -1000))
    np.testing.assert_allclose((packet.values * packet.scale)[0], [0, 4.903325, -9.80665], rtol=1e-6)


def test_what_the_console_says_is_passed_over() -> None:
    reader = BangleReader(DEVICE)
    assert reader.push(b"\r\n>Uncaught ReferenceError\r\n at line 1\r\n") == []
    assert reader.malformed == 0


@pytest.mark.parametrize(
    "text", [b"A,1,2,3\n", b"A,1,2,3,x\n", b"A,65536,0,0,0\n", b"A,0,0,0,40000\n", b"A,\n", b"\xff" * 100]
)
def test_a_broken_line_is_counted(text: bytes) -> None:
    reader = BangleReader(DEVICE)
    assert reader.push(text) == []
    assert reader.malformed == 1
    assert len(reader.push(b"\n" + line(0, 0, 0, -1000))) == 1


def test_the_clock_tells_what_was_lost() -> None:
    reader = BangleReader(DEVICE)
    for ms in (0, 20, 40, 120):
        reader.push(line(ms, 0, 0, -1000))
    assert reader.lost == 3


def test_the_code_fits_every_link_and_is_one_line() -> None:
    for writes in (BANGLE.start, BANGLE.stop):
        text = b"".join(write.payload for write in writes)
        assert all(len(write.payload) <= 20 for write in writes)
        assert re.fullmatch(rb"\x03\x10if\(1\)\{[^\n]+\}\n", text)
        assert text.count(b"(") == text.count(b")")
        assert text.count(b"{") == text.count(b"}")
        assert b"removeListener('accel',EH)" in text
