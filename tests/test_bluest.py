"""Vectors: constructed by the layout in STMicroelectronics/BlueSTSDK_Python."""

import struct

import numpy as np
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.bluest import BLUEST

counts = st.lists(st.integers(-32768, 32767), min_size=9, max_size=9)


@given(st.integers(0, 65535), counts)
def test_what_was_packed_is_read(tick: int, values: list[int]) -> None:
    (packet,) = BLUEST.reader(DEVICE).push(struct.pack("<H9h", tick, *values))
    assert packet.values.tolist() == [values[:6]]
    assert packet.ticks_us == tick * 8000


def test_units_are_mg_and_tenths_of_a_degree_per_second() -> None:
    (packet,) = BLUEST.reader(DEVICE).push(struct.pack("<H9h", 125, 0, 0, 1000, 105, 0, 0, 1, 2, 3))
    x = (packet.values * packet.scale)[0]
    np.testing.assert_allclose(x, [0, 0, 9.80665, np.radians(10.5), 0, 0], rtol=1e-5)


def test_the_clock_wraps_on_and_its_gaps_are_not_guessed() -> None:
    reader = BLUEST.reader(DEVICE)
    ticks = [reader.push(struct.pack("<H9h", tick, *[0] * 9))[0].ticks_us for tick in (65_530, 4, 54, 48)]
    assert ticks == [(65_530 + more) * 8000 for more in (0, 10, 60, 54)]
    assert reader.lost == 0


def test_another_combination_of_features_is_refused() -> None:
    reader = BLUEST.reader(DEVICE)
    assert reader.push(bytes(14)) == []
    assert reader.malformed == 1
