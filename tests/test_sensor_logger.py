"""Vectors: the form from tszheichoi/awesome-sensor-logger, PUSHING.md; values constructed, unless a test says so."""

import json
import logging
import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from phones import BEGIN_NS, FACE_UP, FACE_UP_IOS, IPHONE, TURNING, push, reading, recording
from sensors import DEVICE

from edgehar.devices.sensor_logger import SensorLoggerReader
from edgehar.devices.sensor_logger_json import LARGEST, LONGEST, read_push
from edgehar.errors import FrameError
from edgehar.pipeline.clock import Clock
from edgehar.types import ACCELERATION, ANGULAR_RATE, Packet

IOS = {"accelerometeruncalibrated": FACE_UP_IOS, "gyroscope": TURNING}
IOS_STANDARDISED = {"accelerometeruncalibrated": FACE_UP, "gyroscope": TURNING}
ANDROID = {"accelerometer": (0.0, 0.0, 0.0), "totalacceleration": FACE_UP, "gyroscope": TURNING}

# What the app's button "Test Push" sends from an iPhone, and the beginning of a push of its recording: as a
# user of the app published them.
TEST_PUSH = (
    b'{"deviceId":"e79811dd-26d6-4e51-bc92-e90c6de6f02e","messageId":0,"payload":[{"name":"test","time":0,'
    b'"values":[]}],"sessionId":"8adf3ce8-9822-409c-ae16-91d259deb476"}'
)
FROM_AN_IPHONE = (
    b'{"deviceId":"bdc48106-c638-4314-90e6-968e544894a5","messageId":0,"payload":['
    b'{"name":"accelerometeruncalibrated","time":1780530295467601700,"values":{"x":0.0073089599609375,'
    b'"y":-0.201873779296875,"z":-0.947174072265625}},'
    b'{"name":"accelerometeruncalibrated","time":1780530295477644800,"values":{"x":0.0020904541015625,'
    b'"y":-0.2127838134765625,"z":-0.971893310546875}}]}'
)
# From an Android phone, as another user published it: shortened to one reading of each form.
FROM_ANDROID = (
    b'{"messageId":46,"sessionId":"c5ae-60-4-95-1917","deviceId":"62be-97-4f-a7-e06b","payload":['
    b'{"name":"accelerometer","values":{"z":-0.1116943359375,"y":0.0022122859954833984,"x":-0.01123344898223877},'
    b'"accuracy":3,"time":1675646835546228200},'
    b'{"name":"gyroscope","values":{"z":-0.011682453565299511,"y":-0.00908635277301073,"x":0.020997874438762665},'
    b'"accuracy":3,"time":1675646835546228200},'
    b'{"name":"barometer","values":{"relativeAltitude":0.03963470458984375,"pressure":1010.418212890625},'
    b'"accuracy":3,"time":1675646835579372800},'
    b'{"name":"microphone","time":1675646835513000000,"values":{"dBFS":-160}}]}'
)


MOST_WAITING = 32 + 10
"""Samples of messages with one each: those that wait for messages before them, and those for the period."""


def read(reader: SensorLoggerReader, messages: list[bytes]) -> list[Packet]:
    return [packet for message in messages for packet in reader.push(message)]


def felt(packets: list[Packet], channels: tuple[str, ...]) -> Any:
    rows = [packet.values * packet.scale for packet in packets if packet.channels == channels]
    return np.concatenate(rows) if rows else np.empty((0, 3))


def ticks(packets: list[Packet], channels: tuple[str, ...]) -> list[int]:
    """Return the time of each sample, µs since the beginning of `recording`."""
    times = []
    for packet in packets:
        if packet.channels == channels:
            assert packet.ticks_us is not None
            first = (packet.ticks_us - BEGIN_NS // 1000) % 2**32
            times += [first + i * packet.period_us for i in range(len(packet.values))]
    return times


@pytest.mark.parametrize("sensors", [IOS, IOS_STANDARDISED, ANDROID])
def test_at_rest_face_up_it_feels_one_g_upwards_on_every_platform(sensors: dict[str, Any]) -> None:
    reader, clocks = SensorLoggerReader(DEVICE), dict[tuple[str, ...], Clock]()
    x: dict[tuple[str, ...], list[list[float]]] = {ACCELERATION: [], ANGULAR_RATE: []}
    for i, message in enumerate(recording(100, sensors)):
        for packet in reader.push(message):
            samples = clocks.setdefault(packet.channels, Clock("pocket")).push(50.0 + i * 0.2, packet)
            x[packet.channels] += samples.x.tolist()
    np.testing.assert_allclose(x[ACCELERATION], [FACE_UP] * 2000, atol=1e-5)
    np.testing.assert_allclose(x[ANGULAR_RATE], [TURNING] * 2000, rtol=1e-6)
    assert [clock.restarts for clock in clocks.values()] == [0, 0]
    assert (reader.packets, reader.lost, reader.malformed, reader.stale) == (200, 0, 0, 0)


def test_what_an_iphone_sent_is_read_with_its_sign_and_unit_turned() -> None:
    published = json.loads(FROM_AN_IPHONE)
    readings = [
        reading("accelerometeruncalibrated", BEGIN_NS + i * 10_000_000, (0.002, -0.2128, -0.9719))
        for i in range(12)
    ]
    reader = SensorLoggerReader(DEVICE)
    assert read(reader, [TEST_PUSH, FROM_AN_IPHONE]) == []
    assert reader.malformed == 0
    begin = published["payload"][0]["time"] - BEGIN_NS
    later = [entry | {"time": entry["time"] + begin + 20_000_000} for entry in readings]
    x = felt(read(reader, [push(1, later, session="")]), ACCELERATION)
    np.testing.assert_allclose(
        x[0], np.array([0.0073089599609375, -0.201873779296875, -0.947174072265625]) * -9.80665
    )
    assert 9.4 < np.linalg.norm(x[0]) < 9.81
    assert x[0, 2] > 9.0


def test_what_an_android_phone_sent_is_read() -> None:
    reader = SensorLoggerReader(DEVICE)
    assert read(reader, [FROM_ANDROID]) == []
    assert reader.malformed == 0


def test_android_uncalibrated_alone_is_taken_as_it_is() -> None:
    sensors = {"accelerometer": (0.0, 0.0, 0.0), "accelerometeruncalibrated": (0.0, 9.80665, 0.0)}
    x = felt(read(SensorLoggerReader(DEVICE), recording(3, sensors)), ACCELERATION)
    np.testing.assert_allclose(x, [(0.0, 9.80665, 0.0)] * 60, rtol=1e-6)


def test_with_total_acceleration_the_uncalibrated_one_is_not_mixed_in() -> None:
    sensors = {"accelerometeruncalibrated": (0.5, 0.5, 9.0), "totalacceleration": FACE_UP}
    x = felt(read(SensorLoggerReader(DEVICE), recording(3, sensors)), ACCELERATION)
    np.testing.assert_allclose(x, [FACE_UP] * 60, rtol=1e-6)


def test_after_total_acceleration_the_uncalibrated_one_alone_is_passed_over() -> None:
    reader = SensorLoggerReader(DEVICE)
    read(reader, recording(3, {"totalacceleration": FACE_UP}))
    other = {"accelerometeruncalibrated": (0.5, 0.5, 9.0), "gyroscope": TURNING}
    packets = read(reader, recording(6, other)[3:])
    assert felt(packets, ACCELERATION).size == 0
    assert len(felt(packets, ANGULAR_RATE)) == 60


def test_a_moment_without_weight_does_not_turn_the_sign() -> None:
    reader = SensorLoggerReader(DEVICE)
    standing = recording(10, {"accelerometeruncalibrated": FACE_UP})
    falling = recording(3, {"accelerometeruncalibrated": (0.0, 0.0, 0.5)}, begin_ns=BEGIN_NS + 2_000_000_000)
    fell = [json.loads(message) | {"messageId": 10 + i} for i, message in enumerate(falling)]
    x = felt(read(reader, [*standing, *(json.dumps(message).encode() for message in fell)]), ACCELERATION)
    np.testing.assert_allclose(x[-60:], [(0.0, 0.0, 0.5)] * 60, rtol=1e-6)


def test_another_recording_may_have_another_unit() -> None:
    reader = SensorLoggerReader(DEVICE)
    x = [
        felt(
            read(reader, recording(5, sensors, session=session, begin_ns=BEGIN_NS + i * 10**10)), ACCELERATION
        )[-1]
        for i, (session, sensors) in enumerate(
            [("a", IOS), ("b", IOS_STANDARDISED), ("c", ANDROID), ("d", IOS)]
        )
    ]
    np.testing.assert_allclose(x, [FACE_UP] * 4, atol=1e-5)


def test_without_gravity_there_is_one_warning_that_names_the_switch(caplog: pytest.LogCaptureFixture) -> None:
    reader = SensorLoggerReader(DEVICE)
    sensors = {"accelerometer": (0.0, 0.1, 0.0), "gravity": FACE_UP, "gyroscope": TURNING}
    with caplog.at_level(logging.WARNING):
        for session in ("a", "b"):
            assert read(reader, recording(20, sensors, session=session)) == []
    (line,) = caplog.messages
    assert "Settings > Sensor Configuration > Uncalibrated Values" in line
    assert DEVICE in line
    assert reader.problem
    assert reader.problem in line
    assert reader.malformed == 0
    read(reader, recording(5, ANDROID, session="c"))
    assert reader.problem is None


def test_a_phone_that_sends_no_acceleration_at_all_is_told_which_switch_is_off() -> None:
    reader = SensorLoggerReader(DEVICE)
    assert read(reader, recording(20, {"gyroscope": TURNING})) == []
    assert reader.problem is not None
    assert "sends no acceleration: switch on Accelerometer" in reader.problem


def test_with_gravity_there_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    only = recording(1, {"accelerometer": (0.0, 0.0, 0.0)})
    for sensors in (IOS, ANDROID):
        read(SensorLoggerReader(DEVICE), [*only, *recording(20, sensors)])
    assert not caplog.messages


def swapped(messages: list[bytes], at: int) -> list[bytes]:
    return [*messages[:at], messages[at + 1], messages[at], *messages[at + 2 :]]


def test_a_message_that_overtakes_another_waits_for_it() -> None:
    messages = recording(10, ANDROID)
    reader = SensorLoggerReader(DEVICE)
    packets = read(reader, swapped(messages, 4))
    assert ticks(packets, ACCELERATION) == [i * 10_000 for i in range(200)]
    assert (reader.lost, reader.stale) == (0, 0)


def test_a_message_that_never_comes_is_waited_for_briefly_and_counted() -> None:
    messages = recording(10, ANDROID)
    reader = SensorLoggerReader(DEVICE)
    before, waiting = read(reader, messages[:4]), read(reader, [messages[5]])
    assert waiting == []
    packets = before + read(reader, [messages[6]])
    assert ticks(packets, ACCELERATION)[-1] == 139 * 10_000
    assert reader.lost == 1
    packets += read(reader, [messages[4], *messages[7:]])
    assert len(ticks(packets, ACCELERATION)) == 180
    assert reader.stale == 40
    assert reader.malformed == 0


def test_overlapping_batches_are_taken_once() -> None:
    messages = []
    for number in range(10):
        times = [BEGIN_NS + (number * 20 + i) * 10_000_000 for i in range(-10 if number else 0, 20)]
        messages.append(push(number, [reading("totalacceleration", t, FACE_UP) for t in times]))
    reader = SensorLoggerReader(DEVICE)
    assert ticks(read(reader, messages), ACCELERATION) == [i * 10_000 for i in range(200)]
    assert reader.stale == 90


def test_a_new_recording_begins_its_numbers_anew() -> None:
    reader = SensorLoggerReader(DEVICE)
    first = recording(5, ANDROID, session="a")
    packets = read(reader, [*first, *recording(5, ANDROID, session="b", begin_ns=BEGIN_NS + 10**9), first[4]])
    assert ticks(packets, ACCELERATION) == [i * 10_000 for i in range(200)]
    assert reader.lost == 0


def test_what_came_late_from_the_recording_before_does_not_turn_time_back() -> None:
    reader = SensorLoggerReader(DEVICE)
    first = recording(5, ANDROID, session="a")
    second = recording(5, ANDROID, session="b", begin_ns=BEGIN_NS + 20 * 10**9)
    packets = read(reader, [*first[:4], *second[:3], first[4], *second[3:]])
    times = ticks(packets, ACCELERATION)
    assert times == sorted(times)
    assert len(times) == 180
    assert reader.stale == 40


def test_a_phone_whose_clock_was_set_back_is_read_on() -> None:
    reader = SensorLoggerReader(DEVICE)
    read(reader, recording(5, ANDROID, session="a", begin_ns=BEGIN_NS + 3600 * 10**9))
    packets = read(reader, recording(5, ANDROID, session="b"))
    assert ticks(packets, ACCELERATION) == [i * 10_000 for i in range(100)]
    assert ticks(packets, ANGULAR_RATE) == [i * 10_000 for i in range(100)]


def test_messages_without_numbers_are_taken_as_they_come() -> None:
    stripped = []
    for message in recording(5, ANDROID):
        content = json.loads(message)
        stripped.append(json.dumps({"deviceId": IPHONE, "payload": content["payload"]}).encode())
    assert ticks(read(SensorLoggerReader(DEVICE), stripped), ACCELERATION) == [i * 10_000 for i in range(100)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_messages_damaged_repeated_or_swapped_never_turn_time_back(seed: int, data: st.DataObject) -> None:
    chance = random.Random(seed)
    messages = [part for message in recording(12, ANDROID) for part in read_push(message, 2048).bodies]
    for _ in range(data.draw(st.integers(0, 20))):
        at = chance.randrange(len(messages))
        match chance.randrange(4):
            case 0:
                messages.insert(at, messages[chance.randrange(len(messages))])
            case 1:
                messages[at] = messages[at][: chance.randrange(len(messages[at]) + 1)]
            case 2:
                messages.insert(max(0, at - chance.randrange(9)), messages.pop(at))
            case _:
                del messages[at]
    reader = SensorLoggerReader(DEVICE)
    packets = read(reader, messages)
    for channels in (ACCELERATION, ANGULAR_RATE):
        times = ticks(packets, channels)
        assert all(before < after for before, after in pairwise(times))
        assert set(times) <= {i * 10_000 for i in range(240)}
    assert np.isfinite(felt(packets, ACCELERATION)).all()


@given(st.lists(st.integers(0, 60), max_size=200))
def test_what_waits_is_bounded(numbers: list[int]) -> None:
    reader, came_out = SensorLoggerReader(DEVICE), 0
    for i, number in enumerate(numbers, start=1):
        packets = reader.push(push(number, [reading("totalacceleration", BEGIN_NS + number, FACE_UP)]))
        came_out += len(felt(packets, ACCELERATION))
        assert i - came_out - reader.stale <= MOST_WAITING


def test_messages_that_never_end_do_not_wait_without_bound() -> None:
    reader, came_out = SensorLoggerReader(DEVICE), 0
    for i in range(200):
        part = push(3 + 2 * (i % 2), [reading("totalacceleration", BEGIN_NS + i * 10_000_000, FACE_UP)])
        packets = reader.push(json.dumps(json.loads(part) | {"more": True}).encode())
        came_out += len(felt(packets, ACCELERATION))
        assert i + 1 - came_out - reader.stale <= MOST_WAITING


VALID = '{"messageId":0,"sessionId":"s","deviceId":"d","payload":[%s]}'


@pytest.mark.parametrize(
    "message",
    [
        b"nonsense",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b'{"deviceId":"d"}',
        b'{"deviceId":"\xff","payload":[]}',
        b'{"deviceId":7,"payload":[]}',
        b'{"deviceId":"' + b"d" * 129 + b'","payload":[]}',
        b'{"deviceId":"d","payload":{}}',
        b'{"deviceId":"d","payload":[7]}',
        b'{"deviceId":"d","messageId":-1,"payload":[]}',
        b'{"deviceId":"d","messageId":1.5,"payload":[]}',
        b'{"deviceId":"d","messageId":' + b"9" * 300 + b',"payload":[]}',
        (VALID % '{"name":"gyroscope","values":{"x":1,"y":1,"z":1}}').encode(),
        (VALID % '{"name":"gyroscope","time":"1","values":{"x":1,"y":1,"z":1}}').encode(),
        (VALID % '{"name":"gyroscope","time":-1,"values":{"x":1,"y":1,"z":1}}').encode(),
        (VALID % ('{"name":"gyroscope","time":' + "9" * 300 + ',"values":{"x":1,"y":1,"z":1}}')).encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":[]}').encode(),
        (VALID % '{"name":"gyroscope","time":1}').encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":{"x":1,"y":1}}').encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":{"x":1,"y":1,"z":"1"}}').encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":{"x":1,"y":1,"z":NaN}}').encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":{"x":1,"y":1,"z":1e300}}').encode(),
        (VALID % '{"name":"gyroscope","time":1,"values":{"x":1,"y":1,"z":1e999}}').encode(),
        (VALID % ("[" * 30_000)).encode(),
        (VALID % ('{"x":' * 10_000)).encode(),
        (VALID % ('{"name":"x","values":' + "[" * 15_000 + "]" * 15_000 + "}")).encode(),
        (VALID % ('{"name":"' + "x" * LONGEST + '"}')).encode(),
    ],
)
def test_what_breaks_the_format_is_counted_and_dropped(message: bytes) -> None:
    reader = SensorLoggerReader(DEVICE)
    assert reader.push(message) == []
    assert (reader.packets, reader.malformed) == (0, 1)


UNREADABLE: list[dict[str, Any]] = [
    reading("totalacceleration", BEGIN_NS, {"x": None, "y": 0.0, "z": 9.8}),
    reading("totalacceleration", BEGIN_NS, {"x": 1e9, "y": 0.0, "z": 9.8}),
    reading("totalacceleration", BEGIN_NS, {"x": 0.0, "z": 9.8}),
    reading("totalacceleration", BEGIN_NS, None),
    {"name": "totalacceleration", "time": None, "values": {"x": 0.0, "y": 0.0, "z": 9.8}},
    {"name": None, "time": BEGIN_NS, "values": {}},
]


@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_one_reading_that_cannot_be_read_costs_no_other(unreadable: dict[str, Any]) -> None:
    (whole,) = recording(1, ANDROID)
    payload = json.loads(whole)["payload"]
    damaged = push(0, [*payload[:7], unreadable, *payload[7:]])
    expected, reader = SensorLoggerReader(DEVICE), SensorLoggerReader(DEVICE)
    np.testing.assert_array_equal(
        felt(reader.push(damaged), ACCELERATION), felt(expected.push(whole), ACCELERATION)
    )
    assert (reader.packets, reader.malformed) == (expected.packets, 1)
    assert read_push(damaged).bodies == read_push(whole).bodies
    assert (read_push(damaged).damaged, read_push(whole).damaged) == (True, False)


def test_what_other_sensors_send_is_not_judged() -> None:
    reader = SensorLoggerReader(DEVICE)
    reader.push(push(0, [reading("light", 0, {"lux": None}), reading("steps", 0, None)]))
    assert reader.malformed == 0


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_make_it_raise(messages: list[bytes]) -> None:
    reader = SensorLoggerReader(DEVICE)
    assert read(reader, messages) == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(list(ANDROID)), json_values, json_values), max_size=4), max_size=9
    )
)
def test_no_json_makes_it_raise(pushes: list[list[tuple[str, Any, Any]]]) -> None:
    reader = SensorLoggerReader(DEVICE)
    for number, readings in enumerate(pushes):
        reader.push(push(number, [reading(name, time, values) for name, time, values in readings]))
    assert reader.malformed <= len(pushes)


# Cut to what a recording holds


@given(st.integers(2048, 20_000), st.integers(0, 120))
def test_cut_messages_are_read_as_the_whole_one(most: int, per_push: int) -> None:
    messages = recording(3, ANDROID, per_push=per_push)
    pushes = [read_push(message, most) for message in messages]
    bodies = [body for push_ in pushes for body in push_.bodies]
    assert all(len(body) <= most for body in bodies)
    assert {push_.device for push_ in pushes} == {IPHONE}
    whole, parts = SensorLoggerReader(DEVICE), SensorLoggerReader(DEVICE)
    expected, packets = read(whole, messages), read(parts, bodies)
    assert ticks(packets, ACCELERATION)[-60:] == ticks(expected, ACCELERATION)[-60:]
    assert len(felt(packets, ANGULAR_RATE)) == len(felt(expected, ANGULAR_RATE)) or per_push > 20
    assert (parts.lost, parts.malformed, parts.stale) == (0, 0, 0)


def test_parts_of_swapped_messages_find_their_order() -> None:
    bodies = [read_push(message, 2048).bodies for message in swapped(recording(10, ANDROID), 4)]
    reader = SensorLoggerReader(DEVICE)
    packets = read(reader, [part for parts in bodies for part in parts])
    assert max(map(len, bodies)) > 1
    assert ticks(packets, ACCELERATION) == [i * 10_000 for i in range(200)]
    assert (reader.lost, reader.stale) == (0, 0)


def test_a_message_whose_end_never_comes_holds_nothing_up_for_long() -> None:
    first, *others = [read_push(message, 2048).bodies for message in recording(10, ANDROID)]
    reader = SensorLoggerReader(DEVICE)
    packets = read(reader, [*first[:-1], *(part for parts in others for part in parts)])
    assert ticks(packets, ACCELERATION)[-1] == 199 * 10_000
    assert reader.lost == 1


def test_places_sounds_and_pictures_go_no_further() -> None:
    readings = [
        reading("location", BEGIN_NS, {"latitude": 52.5, "longitude": 13.4}),
        reading("camera", BEGIN_NS, {"image": "x" * 100_000}),
        reading("totalacceleration", BEGIN_NS, FACE_UP),
    ]
    (body,) = read_push(push(7, readings)).bodies
    assert json.loads(body) == {
        "messageId": 7,
        "sessionId": "s",
        "deviceId": IPHONE,
        "payload": [
            {"name": "totalacceleration", "time": BEGIN_NS, "values": {"x": 0, "y": 0, "z": 9.80665}}
        ],
    }


@pytest.mark.parametrize(
    "message", [TEST_PUSH, push(0, []), push(0, [reading("light", BEGIN_NS, {"lux": 3})])]
)
def test_nothing_of_use_is_no_body(message: bytes) -> None:
    assert read_push(message).bodies == []


@pytest.mark.parametrize(
    "message", [b"", b"{}", b" " * (LARGEST + 1), push(0, [reading("gyroscope", 1, {})])]
)
def test_what_is_no_message_is_not_cut(message: bytes) -> None:
    with pytest.raises(FrameError):
        read_push(message)
