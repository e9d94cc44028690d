"""Vector: IMU6 packet and its reading by Movesense's own converter, a capture of a real sensor in
sensein/movesense-py, tests/fixtures/validation/fixture.json. The rest is constructed."""

import logging
import math
import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE, movesense_samples

from edgehar.devices.movesense import MOVESENSE, MovesenseReader

CAPTURED = bytes.fromhex(
    "aca1020094b578bf399b8840cdb20d4155ff7cbf6a60884092c70c4182627cbfa2e988405da00c418bf871bf71248940c38c0c41"
    "48e17abf713daabf3333b3bec3f568bf713daabf3e0ad7beae4721bff628bcbf3e0ad7beae4721bf3333b3bf3e0ad7be"
)
ACC = [
    [-0.9715206623077393, 4.268948078155518, 8.856152534484863],
    [-0.9882710576057434, 4.2617692947387695, 8.798723220825195],
    [-0.9858781099319458, 4.278519630432129, 8.789151191711426],
    [-0.9451987147331238, 4.285698413848877, 8.7843656539917],
]
GYR = [
    [-0.9800000190734863, -1.3300000429153442, -0.3499999940395355],
    [-0.9100000262260437, -1.3300000429153442, -0.42000001668930054],
    [-0.6299999952316284, -1.4700000286102295, -0.42000001668930054],
    [-0.6299999952316284, -1.399999976158142, -0.42000001668930054],
]

triplets = st.lists(st.floats(-500, 500, width=32), min_size=3, max_size=3)


def test_a_captured_packet_is_read_as_the_makers_converter_does() -> None:
    (packet,) = MovesenseReader(DEVICE).push(b"\x02\x63" + CAPTURED)
    np.testing.assert_allclose(packet.values, np.hstack([ACC, np.radians(GYR)]), rtol=1e-6)
    assert packet.ticks_us == 172_460_000
    np.testing.assert_allclose(np.linalg.norm(packet.values[:, :3], axis=1), 9.81, rtol=0.03)


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(triplets, triplets), min_size=1, max_size=8), st.data())
def test_what_was_packed_is_read_in_one_part_or_two(
    ms: int, samples: list[tuple[list[float], list[float]]], data: st.DataObject
) -> None:
    acc, gyr = ([list(sample[i]) for sample in samples] for i in (0, 1))
    payload = movesense_samples(ms, acc, gyr)
    cut = data.draw(st.integers(7, len(payload)).filter(lambda cut: (cut - 6) % 24))
    whole, joined = MovesenseReader(DEVICE), MovesenseReader(DEVICE)
    (packet,) = whole.push(payload)
    assert joined.push(payload[:cut]) == []
    (again,) = joined.push(b"\x03\x63" + payload[cut:])
    np.testing.assert_allclose(packet.values, np.hstack([acc, np.radians(gyr)]), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(packet.values, again.values)
    assert packet.ticks_us == again.ticks_us == ms * 1000 % 2**32


def test_a_part_without_the_other_is_counted() -> None:
    reader = MovesenseReader(DEVICE)
    payload = movesense_samples(0, [[0, 0, 9.81]], [[0, 0, 0]])
    assert reader.push(b"\x03\x63" + payload[10:]) == []
    assert reader.push(payload[:10]) == []
    assert len(reader.push(payload)) == 1
    assert reader.malformed == 2
    # Nothing is left of what was joined or dropped.
    assert reader.push(b"\x03\x63" + payload[10:]) == []
    assert reader.malformed == 3


def test_a_part_longer_than_a_notification_is_not_kept() -> None:
    reader = MovesenseReader(DEVICE)
    assert reader.push(b"\x02\x63" + bytes(601)) == []
    assert reader.malformed == 1


def test_what_no_sensor_measures_is_refused() -> None:
    reader = MovesenseReader(DEVICE)
    assert reader.push(movesense_samples(0, [[0, 0, 9.81]], [[0, math.nan, 0]])) == []
    assert reader.malformed == 1


def test_the_clock_tells_what_was_lost() -> None:
    reader = MovesenseReader(DEVICE)
    for ms in (0, 77, 154, 385):
        reader.push(movesense_samples(ms, [[0, 0, 9.81]] * 4, [[0, 0, 0]] * 4))
    assert (reader.packets, reader.lost) == (4, 2)


@pytest.mark.parametrize(
    ("answer", "warnings"),
    [("0163c800", 0), ("016300c8", 0), ("0163fb01", 1), ("016301fb", 1), ("016348656c6c6f", 0)],
    ids=["200", "200 turned", "507", "507 turned", "hello"],
)
def test_a_refusal_is_told_in_either_order_of_its_bytes(
    answer: str, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader = MovesenseReader(DEVICE)
    with caplog.at_level(logging.WARNING):
        assert [reader.push(bytes.fromhex(answer)) for _ in range(2)] == [[], []]
    assert len(caplog.records) == warnings


def test_the_start_subscribes_anew() -> None:
    stop, start = MOVESENSE.start
    assert stop.payload.hex() == "0263"
    assert start.payload.hex() == "01632f4d6561732f494d55362f3532"
    assert MOVESENSE.stop == (stop,)
    assert struct.calcsize("<BBI24f") == len(CAPTURED) + 2
