"""Vectors: constructed by the layout of the maker's specification XD0506P."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.movella_dot import MOVELLA_DOT

values = st.lists(st.floats(-2000, 2000, width=32), min_size=6, max_size=6)


@given(st.integers(0, 2**32 - 1), values, st.integers(0, 12))
def test_what_was_packed_is_read(us: int, sent: list[float], unused: int) -> None:
    reader = MOVELLA_DOT.reader(DEVICE)
    (packet,) = reader.push(struct.pack("<I6f", us, *sent) + bytes(unused))
    expected = np.concatenate([sent[:3], np.radians(sent[3:])])
    np.testing.assert_allclose(packet.values[0], expected, rtol=1e-6, atol=1e-6)
    assert packet.ticks_us == us
    assert packet.values.dtype == np.float32
    assert packet.scale.tolist() == [1.0] * 6


def test_the_clock_tells_what_was_lost_and_may_wrap() -> None:
    reader = MOVELLA_DOT.reader(DEVICE)
    stamps = [2**32 - 16_667, 0, 16_667, 66_667, 83_333, 116_667]
    ticks = [reader.push(struct.pack("<I6f", us, 0, 0, 9.81, 0, 0, 0))[0].ticks_us for us in stamps]
    assert ticks == stamps
    assert reader.lost == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -3e38])
def test_what_no_sensor_measures_is_refused(value: float) -> None:
    reader = MOVELLA_DOT.reader(DEVICE)
    assert reader.push(struct.pack("<I6f", 0, 0, 0, 9.81, 0, 0, value)) == []
    assert reader.malformed == 1


@pytest.mark.parametrize("size", [27, 41])
def test_another_payload_mode_is_refused(size: int) -> None:
    reader = MOVELLA_DOT.reader(DEVICE)
    assert reader.push(bytes(size)) == []
    assert reader.malformed == 1


def test_it_is_stopped_set_to_60_hz_and_started() -> None:
    stop, rate, start = MOVELLA_DOT.start
    assert (stop.payload.hex(), start.payload.hex()) == ("010015", "010115")
    assert len(rate.payload) == 32
    assert {at: byte for at, byte in enumerate(rate.payload) if byte} == {0: 0x10, 24: 60}
    assert MOVELLA_DOT.stop == (stop,)
