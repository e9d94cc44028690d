"""Vectors: constructed by what the firmware computes, NordicSemiconductor/Nordic-Thingy52-FW, m_motion.c."""

import struct

import numpy as np
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.thingy52 import THINGY52

counts = st.lists(st.integers(-32768, 32767), min_size=9, max_size=9)


def as_the_firmware(acc_g: list[float], gyr_dps: list[float]) -> bytes:
    """Pack a sample as the firmware does: numbers with 16 bits behind the point lose 6 and 11 of them."""
    words = [int(value * 65536) >> 6 for value in acc_g] + [int(value * 65536) >> 11 for value in gyr_dps]
    return struct.pack("<9h", *words, 160, 0, 0)


@given(counts)
def test_what_was_packed_is_read(values: list[int]) -> None:
    (packet,) = THINGY52.reader(DEVICE).push(struct.pack("<9h", *values))
    assert packet.values.tolist() == [values[:6]]
    assert packet.ticks_us is None


@given(
    st.lists(st.floats(-16, 16), min_size=3, max_size=3),
    st.lists(st.floats(-1000, 1000), min_size=3, max_size=3),
)
def test_units_are_the_firmwares(acc_g: list[float], gyr_dps: list[float]) -> None:
    (packet,) = THINGY52.reader(DEVICE).push(as_the_firmware(acc_g, gyr_dps))
    x = (packet.values * packet.scale)[0]
    np.testing.assert_allclose(x[:3], np.array(acc_g) * 9.80665, atol=0.0101)
    np.testing.assert_allclose(x[3:], np.radians(gyr_dps), atol=0.0006)


def test_the_start_asks_for_50_hz() -> None:
    (write,) = THINGY52.start
    assert struct.unpack("<HHHHB", write.payload) == (1000, 1000, 1000, 50, 0)
