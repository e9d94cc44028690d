import logging
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from retained import retained_bytes
from sensors import AT_REST, DEVICE
from vectors import README, push_all

from edgehar.devices import PROFILES, Profile, Reader, matching_profiles
from edgehar.devices.reader import DeviceCounter, require_measurable
from edgehar.errors import FrameError
from edgehar.pipeline.clock import Clock
from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
any_profile = st.sampled_from(list(PROFILES.values()))


def bodies_at_rest(profile: Profile) -> list[bytes]:
    return [profile.body_prefix(i) + payload for i, payload in AT_REST[profile.name]]


def counters(reader: Reader) -> tuple[int, int, int]:
    return reader.packets, reader.lost, reader.malformed


# The registry


def test_the_registry_holds_these() -> None:
    assert list(PROFILES) == [
        "edgehar",
        "witmotion",
        "witmotion_dual",
        "movella_dot",
        "polar_h10",
        "polar_verity",
        "movesense",
        "metamotion",
        "metamotion_s",
        "bluest",
        "thingy52",
        "bangle",
        "pinetime",
    ]


@every_profile
def test_a_profile_is_sound(profile: Profile) -> None:
    written = [write.characteristic for write in profile.start + profile.stop]
    assert all(UUID.fullmatch(uuid) for uuid in (*profile.services, *profile.notify, *written))
    assert profile.notify
    assert profile.name_prefixes
    assert profile.rate_hz >= (10 if profile.name == "pinetime" else 20 if profile.name == "bluest" else 50)
    # The largest value that a link of the smallest MTU carries, or a write with a response of a longer one.
    assert all(0 < len(write.payload) <= (32 if write.response else 20) for write in profile.start)


@every_profile
def test_the_readme_has_a_line_for_each(profile: Profile) -> None:
    assert f"| `{profile.name}` |" in README
    assert profile.title in README


@pytest.mark.parametrize(
    ("services", "name", "names"),
    [
        ([], "WT901BLE67", ["witmotion", "witmotion_dual"]),
        (["0000FFE5-0000-1000-8000-00805F9A34FB"], "WT901BLE67", ["witmotion", "witmotion_dual"]),
        (["0000ffe5-0000-1000-8000-00805f9a34fb"], None, ["witmotion"]),
        # The Bluetooth SIG's base is another.
        (["0000ffe5-0000-1000-8000-00805f9b34fb"], None, []),
        # A printer has the serial service of WitMotion's dual mode.
        (["49535343-fe7d-4ae5-8fa9-9fafd205e455"], "Printer", []),
        ([], "Polar H10 12345678", ["polar_h10"]),
        (["fb005c80-02e7-f387-1cad-8acd2d8df0c8"], "Polar Sense 12345678", ["polar_verity"]),
        (["fb005c80-02e7-f387-1cad-8acd2d8df0c8"], "", ["polar_h10", "polar_verity"]),
        (["6e400001-b5a3-f393-e0a9-e50e24dcca9e"], "Bangle.js 1a2b", ["bangle"]),
        (["6e400001-b5a3-f393-e0a9-e50e24dcca9e"], "edgehar", ["edgehar"]),
        (["6e400001-b5a3-f393-e0a9-e50e24dcca9e"], "mine", ["edgehar"]),
        ([], "Movella DOT", ["movella_dot"]),
        ([], "Xsens DOT", ["movella_dot"]),
        ([], "Movesense 210330000123", ["movesense"]),
        ([], "MetaWear", ["metamotion", "metamotion_s"]),
        ([], "InfiniTime", ["pinetime"]),
        (["ef680100-9b35-4933-9b10-52ffa9740042"], "mine", ["thingy52"]),
        (["0000180d-0000-1000-8000-00805f9b34fb"], "Watch", []),
        ([], None, []),
    ],
)
def test_what_is_advertised_names_the_profile(
    services: list[str], name: str | None, names: list[str]
) -> None:
    assert [profile.name for profile in matching_profiles(services, name)] == names


def test_a_service_puts_its_profile_before_others_of_the_same_name() -> None:
    reverse = dict(reversed(list(PROFILES.items())))
    assert matching_profiles([], "WT901BLE67", reverse)[0].name == "witmotion_dual"
    assert matching_profiles(PROFILES["witmotion"].services, "WT901BLE67", reverse)[0].name == "witmotion"


# What all readers have in common


@every_profile
def test_a_sensor_at_rest_feels_one_g(profile: Profile) -> None:
    reader = profile.reader(DEVICE)

    packets = push_all(reader, bodies_at_rest(profile))

    assert any(set(ACCELERATION) <= set(packet.channels) for packet in packets)
    assert counters(reader) == (len(packets), 0, 0)
    for packet in packets:
        x = (packet.values * packet.scale).astype(np.float32)
        norms = np.linalg.norm(x, axis=1)
        # Its angular rate is 0.
        expected = STANDARD_GRAVITY if set(ACCELERATION) <= set(packet.channels) else 0.0
        np.testing.assert_allclose(norms, expected, rtol=0.03)
        assert packet.device == DEVICE
        assert packet.values.dtype in {np.dtype(np.int16), np.dtype(np.float32)}
        assert packet.values.shape == (len(packet.values), len(packet.channels))
        assert packet.scale.dtype == np.float32
        assert packet.scale.shape == (len(packet.channels),)
        assert packet.ticks_us is None or 0 <= packet.ticks_us < 2**32
        assert 1e6 / packet.period_us == pytest.approx(profile.rate_hz, rel=0.001)
        assert set(packet.channels) <= set(IMU_CHANNELS)


@every_profile
def test_packets_pass_the_clock(profile: Profile) -> None:
    reader, clock = profile.reader(DEVICE), Clock("wrist")
    for second in range(3):
        for packet in push_all(reader, bodies_at_rest(profile)):
            samples = clock.push(float(second), packet)
            assert np.isfinite(samples.x).all()


def test_what_is_sent_apart_keeps_its_time_by_a_clock_each() -> None:
    reader, clocks = PROFILES["metamotion"].reader(DEVICE), dict[tuple[str, ...], Clock]()
    times: list[float] = []
    for i in range(500):
        for module, register in ((0x03, 0x1C), (0x13, 0x07)):
            t = 0.06 * i + (0.02 if module == 0x13 else 0.0)
            for packet in reader.push(bytes((module, register)) + bytes(18)):
                samples = clocks.setdefault(packet.channels, Clock("wrist")).push(t, packet)
                times += samples.t.tolist() if packet.channels == ACCELERATION else []
    assert [clock.restarts for clock in clocks.values()] == [0, 0]
    np.testing.assert_allclose(np.diff(times), 0.02, atol=1e-6)


@every_profile
def test_an_empty_notification_is_nothing(profile: Profile) -> None:
    reader = profile.reader(DEVICE)
    assert reader.push(b"") == []
    # The wire format has no empty packet; the others' notifications may be empty.
    assert counters(reader) == (0, 0, profile.name == "edgehar")


@given(any_profile, st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=512)), max_size=8))
def test_no_bytes_make_a_reader_raise(profile: Profile, notifications: list[tuple[int, bytes]]) -> None:
    reader = profile.reader(DEVICE)
    packets = push_all(reader, [profile.body_prefix(i) + payload for i, payload in notifications])
    assert reader.packets == len(packets)
    assert reader.lost == 0 or len(packets) > 1
    for packet in packets:
        assert np.isfinite(packet.values * packet.scale).all()


@settings(max_examples=300)
@given(any_profile, st.data())
def test_no_damage_to_a_packet_makes_a_reader_raise(profile: Profile, data: st.DataObject) -> None:
    reader = profile.reader(DEVICE)
    for i, payload in AT_REST[profile.name]:
        prefix = profile.body_prefix(i)
        reader.push(prefix + payload)
        at = data.draw(st.integers(0, len(payload) - 1))
        damaged = (
            payload[:at] + data.draw(st.binary(max_size=8)) + payload[at + data.draw(st.integers(0, 8)) :]
        )
        for packet in reader.push(prefix + damaged):
            assert np.isfinite(packet.values * packet.scale).all()


@every_profile
def test_what_is_cut_short_is_dropped_or_waited_for(profile: Profile) -> None:
    *before, last = bodies_at_rest(profile)
    for size in range(1, len(last)):
        reader = profile.reader(DEVICE)
        push_all(reader, before)
        packets = reader.push(last[:size])
        assert all(len(packet.values) < 36 for packet in packets)
        assert reader.malformed <= 1


@every_profile
def test_a_reader_goes_on_after_a_restart(profile: Profile) -> None:
    reader = profile.reader(DEVICE)
    for _ in range(3):
        packets = push_all(reader, bodies_at_rest(profile))
        assert packets or profile.name == "edgehar"
    assert reader.malformed == 0
    assert reader.lost == 0


@every_profile
def test_a_reader_keeps_little(profile: Profile) -> None:
    def push_noise() -> Reader:
        reader = profile.reader(DEVICE)
        for byte in (b"\x55", b"\x02", b"A", b"\x00"):
            for _ in range(200):
                reader.push(byte * 200)
        return reader

    # What libraries keep from their first call on is not the reader's.
    push_noise()
    with retained_bytes() as retained:
        reader = push_noise()
        assert retained() < 8000
    assert reader.packets == 0


def test_a_damaged_notification_is_told_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "edgehar.devices"):
        PROFILES["thingy52"].reader(DEVICE).push(b"\x01")
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


# Counters of time


@pytest.mark.parametrize(("unit_us", "bits"), [(1, 32), (1000, 32), (8000, 16), (1000, 16)])
@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(1, 30), max_size=50))
def test_ticks_follow_a_counter_of_any_unit_and_width(
    unit_us: int, bits: int, start: int, steps: list[int]
) -> None:
    counter = DeviceCounter(unit_us, bits, None)
    first, _ = counter.push(start % 2**bits, 1)
    true = start
    for step in steps:
        true += step
        us, lost = counter.push(true % 2**bits, 1)
        assert us == (first + (true - start) * unit_us) % 2**32
        assert lost == 0


def test_ticks_count_what_a_gap_has_room_for() -> None:
    counter = DeviceCounter(1000, 16, 20_000)
    counts = [65_500, 65_520, 4, 24, 84, 104, 90]
    assert [counter.push(count, 1)[1] for count in counts] == [0, 0, 0, 0, 2, 0, 0]


def test_ticks_take_a_long_silence_for_another_life() -> None:
    counter = DeviceCounter(1, 32, 20_000)
    assert [counter.push(count, 1)[1] for count in (0, 30_000_000, 60_020_000)] == [0, 1499, 0]


def test_ticks_measure_a_gap_in_packets_of_the_size_before_it() -> None:
    counter = DeviceCounter(1000, 32, 20_000)
    pushed = [counter.push(ms, samples)[1] for ms, samples in ((0, 4), (80, 8), (240, 4), (480, 4))]
    assert pushed == [0, 0, 0, 2]


@pytest.mark.parametrize("word", [0x7F800001, 0x7FC00000, 0x7F800000, 0xFF800000, 0x7F000000])
def test_a_float_that_is_no_measurement_is_refused(word: int) -> None:
    with pytest.raises(FrameError):
        require_measurable(np.frombuffer(word.to_bytes(4, "little"), "<f4"))
