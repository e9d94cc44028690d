"""Vectors: from umer0586/SensorServer, README.md, and from published logs of it; others constructed."""

import json
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from phones import event
from sensors import DEVICE

from edgehar.devices.sensor_server import ACCELEROMETER, GYROSCOPE, SensorServerReader
from edgehar.pipeline.clock import Clock
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY, Packet

START_NS = 1_238_531_439_468_498
PERIOD_NS = 20_000_000

# As a user of the app published them (the README shows them without `type`, as for a single sensor).
PUBLISHED = [
    (
        b'{"values":[11.1875,-24.1875,-35.8125],"timestamp":1238531443928498,"accuracy":3,'
        b'"type":"android.sensor.magnetic_field"}'
    ),
    (
        b'{"values":[0.20770179,3.1304858,9.954047],"timestamp":1238531439468498,"accuracy":3,'
        b'"type":"android.sensor.accelerometer"}'
    ),
    (
        b'{"values":[-0.46664867,-0.7470358,0.15627678],"timestamp":1238531440319498,"accuracy":3,'
        b'"type":"android.sensor.gyroscope"}'
    ),
]

# umer0586/SensorServer, issue 28: a phone's accelerometer, ns since boot.
OBSERVED_NS = [
    *(1621374624190440, 1621374645422133, 1621374666618445, 1621374687813666, 1621374709009359),
    *(1621374730205508, 1621374751401281, 1621374772616441, 1621374793784571, 1621374814976873),
    *(1621374836151340, 1621374857396960, 1621374878596889, 1621374899765047, 1621374920994965),
]


def at_rest(seconds: float) -> list[bytes]:
    """Return messages of a phone on its back that turns slowly; gyroscope samples at times of their own."""
    messages = []
    for i in range(round(seconds * 50)):
        messages.append(event(ACCELEROMETER, START_NS + i * PERIOD_NS, [0.0, 0.0, STANDARD_GRAVITY]))
        messages.append(event(GYROSCOPE, START_NS + 3_000_000 + i * PERIOD_NS, [0.1, -0.2, 0.5]))
    return messages


def read(reader: SensorServerReader, messages: list[bytes]) -> list[Packet]:
    return [packet for message in messages for packet in reader.push(message)]


def values_of(
    packets: list[Packet], channels: tuple[str, ...]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rows = [packet.values * packet.scale for packet in packets if packet.channels == channels]
    return np.concatenate(rows).astype(np.float32)


def test_published_messages_are_read() -> None:
    reader = SensorServerReader(DEVICE)
    assert read(reader, PUBLISHED) == []
    first = json.loads(PUBLISHED[1])
    packets = read(
        reader,
        [event(ACCELEROMETER, first["timestamp"] + i * PERIOD_NS, first["values"]) for i in range(1, 12)],
    )
    assert reader.malformed == 0
    np.testing.assert_array_equal(
        values_of(packets, ACCELERATION)[0], np.array([0.20770179, 3.1304858, 9.954047], np.float32)
    )


def test_a_published_series_keeps_its_times() -> None:
    reader = SensorServerReader(DEVICE)
    packets = read(reader, [event(ACCELEROMETER, t, [0, 0, 9.81]) for t in OBSERVED_NS])
    assert {packet.period_us for packet in packets} == {21_196}
    times_us = [(p.ticks_us or 0) + i * p.period_us for p in packets for i in range(len(p.values))]
    true = [t // 1000 % 2**32 for t in OBSERVED_NS[-len(times_us) :]]
    np.testing.assert_allclose(times_us, true, atol=60)
    assert (reader.lost, reader.stale, reader.malformed) == (0, 0, 0)


def test_at_rest_it_feels_one_g_and_turns_as_it_turns() -> None:
    reader, clocks = SensorServerReader(DEVICE), dict[tuple[str, ...], Clock]()
    felt: dict[tuple[str, ...], list[list[float]]] = {ACCELERATION: [], ANGULAR_RATE: []}
    for i, message in enumerate(at_rest(20)):
        for packet in reader.push(message):
            samples = clocks.setdefault(packet.channels, Clock("pocket")).push(100.0 + i * 0.01, packet)
            felt[packet.channels] += samples.x.tolist()
    np.testing.assert_allclose(felt[ACCELERATION], [[0, 0, 9.80665]] * len(felt[ACCELERATION]), rtol=1e-6)
    np.testing.assert_allclose(felt[ANGULAR_RATE], [[0.1, -0.2, 0.5]] * len(felt[ANGULAR_RATE]), rtol=1e-6)
    assert len(felt[ACCELERATION]) > 980
    assert [clock.restarts for clock in clocks.values()] == [0, 0]
    assert reader.packets == sum(map(len, felt.values())) - 2 * 9


def test_a_phone_that_was_started_anew_is_read_on() -> None:
    reader = SensorServerReader(DEVICE)
    read(reader, at_rest(1))
    assert [p.ticks_us for p in reader.push(event(ACCELEROMETER, 10**9, [0, 0, 9.81]))] == [10**6]
    assert reader.stale == 0


def test_what_the_link_lost_is_counted_by_the_clock() -> None:
    reader = SensorServerReader(DEVICE)
    messages = at_rest(2)
    read(reader, messages[:100] + messages[110:])
    assert reader.lost == 10


@given(st.integers(0, 2**32), st.data())
def test_messages_cut_repeated_or_swapped_never_turn_time_back(seed: int, data: st.DataObject) -> None:
    chance = random.Random(seed)
    messages = at_rest(1)
    for _ in range(data.draw(st.integers(0, 20))):
        at = chance.randrange(len(messages))
        match chance.randrange(4):
            case 0:
                messages.insert(at, messages[chance.randrange(len(messages))])
            case 1:
                messages[at] = messages[at][: chance.randrange(len(messages[at]) + 1)]
            case 2:
                messages.insert(max(0, at - chance.randrange(5)), messages.pop(at))
            case _:
                del messages[at]
    packets = read(SensorServerReader(DEVICE), messages)
    for channels in (ACCELERATION, ANGULAR_RATE):
        ticks = [p.ticks_us for p in packets if p.channels == channels and p.ticks_us is not None]
        assert all(0 < (after - before) % 2**32 < 2**31 for before, after in pairwise(ticks))


@pytest.mark.parametrize(
    "message",
    [
        b"nonsense",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"accuracy":2,"timestamp":3925657519043709,"values":[0.31892395,-0.97802734,10.049896]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[0,0]}',
        b'{"type":"android.sensor.accelerometer","timestamp":-1,"values":[0,0,0]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1.5,"values":[0,0,0]}',
        b'{"type":"android.sensor.accelerometer","timestamp":"1","values":[0,0,0]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[0,0,NaN]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[0,0,1e300]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[0,0,1e999]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[0,0,null]}',
        b'{"type":"android.sensor.accelerometer","timestamp":' + b"9" * 400 + b',"values":[0,0,0]}',
        b'{"type":"android.sensor.accelerometer","timestamp":1,"x":' + b"[" * 50_000 + b"]",
        b'{"type":"android.sensor.accelerometer","timestamp":1,"values":[' + b"0," * 50_000 + b"0]}",
    ],
)
def test_what_breaks_the_format_is_counted_and_dropped(message: bytes) -> None:
    reader = SensorServerReader(DEVICE)
    assert reader.push(message) == []
    assert (reader.packets, reader.malformed) == (0, 1)


def test_what_other_sensors_did_not_measure_is_not_judged() -> None:
    reader = SensorServerReader(DEVICE)
    assert reader.push(b'{"type":"android.sensor.magnetic_field","timestamp":1,"values":[null,0,0]}') == []
    assert reader.malformed == 0


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_make_it_raise(messages: list[bytes]) -> None:
    reader = SensorServerReader(DEVICE)
    assert read(reader, messages) == []
