import tracemalloc
from typing import Any

import numpy as np
import pytest
from vectors import OTHER_SENSOR, SENSOR, VECTORS, data_body, described_reader, each_vector, push_all

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS
from edgehar.wire.protocol import Description, encode_data, encode_description

# Golden vectors


@each_vector("malformed")
def test_a_golden_malformed_body_is_counted(vector: dict[str, Any]) -> None:
    reader = EdgeharReader()
    assert reader.push(bytes.fromhex(vector["body"])) == []
    assert reader.malformed == 1


@each_vector("sequences")
def test_a_golden_sequence_is_counted_packet_by_packet(vector: dict[str, Any]) -> None:
    reader = EdgeharReader()

    for step in vector["steps"]:
        reader.push(bytes.fromhex(step["body"]))
        counters = {name: getattr(reader, name) for name in ("packets", "lost", "duplicates", "restarts")}
        assert counters == {name: step[name] for name in counters}, step["why"]


def test_golden_sequences_reach_every_rule() -> None:
    last = [vector["steps"][-1] for vector in VECTORS["sequences"]]
    assert all(any(step[counter] for step in last) for counter in ("lost", "duplicates", "restarts"))


# Packets


def test_a_packet_is_its_data_read_by_the_description() -> None:
    description = Description("c0ffee123456", 10_000, 8, 1000, battery=55)
    counts = np.array([[0, 0, 4096, 32767, -32768, 0]], np.int16)

    reader = described_reader(description)
    (packet,) = reader.push(encode_data(9, 123, counts))

    assert (packet.device, packet.sequence, packet.ticks_us, packet.period_us) == (
        "c0ffee123456",
        9,
        123,
        10_000,
    )
    assert (packet.channels, reader.battery) == (IMU_CHANNELS, 55)
    x = packet.values * packet.scale
    np.testing.assert_allclose(x, [[0, 0, 9.80665, 17.45276, -17.45329, 0]], rtol=1e-6)


@pytest.mark.parametrize("channels", [ACCELERATION, ANGULAR_RATE, ("acc_x", "gyr_z"), ("acc_z",)])
def test_only_the_channels_a_sensor_has_come_out(channels: tuple[str, ...]) -> None:
    reader = described_reader(Description("c0ffee123456", 10_000, 8, 1000, channels=channels))

    (packet,) = reader.push(encode_data(0, 0, np.arange(12, dtype=np.int16).reshape(2, 6)))

    columns = [IMU_CHANNELS.index(name) for name in channels]
    assert packet.values.tolist() == [columns, [6 + column for column in columns]]
    assert packet.scale.shape == (len(channels),)


def test_a_sensor_without_a_clock_has_no_ticks() -> None:
    (packet,) = described_reader(Description("c0ffee123456", 10_000, 8, 1000, has_clock=False)).push(
        data_body(0, 5)
    )

    assert packet.ticks_us is None


def test_data_before_a_description_is_dropped_and_counted() -> None:
    reader = EdgeharReader()

    assert push_all(reader, [data_body(0), data_body(1)]) == []
    assert reader.undescribed == 2
    assert len(push_all(reader, [encode_description(SENSOR), data_body(2)])) == 1
    assert reader.lost == 0


@pytest.mark.parametrize(
    ("numbers", "lost", "restarts"),
    [
        ([0, 1, 2], 0, 0),
        ([0, 1, 5], 3, 0),
        ([65534, 65535, 0, 1], 0, 0),
        ([65530, 3], 8, 0),
        ([5000, 0, 1], 0, 1),
    ],
)
@pytest.mark.parametrize("has_clock", [True, False])
def test_gaps_wraps_and_restarts_of_the_sequence(
    numbers: list[int],
    lost: int,
    restarts: int,
    has_clock: bool,  # noqa: FBT001 (a parametrized case)
) -> None:
    reader = described_reader(Description("c0ffee123456", 20_000, 16, 2000, has_clock=has_clock))
    start = numbers[0]

    packets = push_all(
        reader, [data_body(n, (n - start) % 65536 * 20_000 if n or restarts == 0 else 0) for n in numbers]
    )

    assert [packet.sequence for packet in packets] == numbers
    assert (reader.lost, reader.restarts, reader.packets) == (lost, restarts, len(numbers))


@pytest.mark.parametrize(
    ("ticks", "why"),
    [(1_000, "the clock went back"), (60_000_000, "the clock went on too little for 25,535 lost packets")],
)
def test_a_restart_whose_sequence_seems_to_jump_ahead_is_told_by_the_clock(ticks: int, why: str) -> None:
    reader = described_reader()

    packets = push_all(reader, [data_body(40_000, 50_000_000), data_body(0, ticks)])

    assert len(packets) == 2
    assert (reader.lost, reader.restarts) == (0, 1), why


def test_a_device_clock_that_wraps_is_no_restart() -> None:
    reader = described_reader()

    push_all(reader, [data_body(1, 2**32 - 20_000), data_body(2, 0), data_body(4, 40_000)])

    assert (reader.lost, reader.restarts) == (1, 0)


def test_a_packet_that_comes_twice_is_dropped_once() -> None:
    reader = described_reader()

    packets = push_all(reader, [data_body(1), data_body(1), data_body(2)])

    assert [packet.sequence for packet in packets] == [1, 2]
    assert (reader.duplicates, reader.lost) == (1, 0)


def test_the_same_number_at_another_time_is_a_restart() -> None:
    reader = described_reader()

    assert len(push_all(reader, [data_body(0, 1_000), data_body(0, 2_000)])) == 2
    assert (reader.duplicates, reader.restarts) == (0, 1)


@pytest.mark.parametrize(("elapsed", "lost", "restarts"), [(50_000, 5, 0), (49_999, 0, 1), (30_000, 0, 1)])
def test_lost_packets_take_half_their_samples_time_at_least(elapsed: int, lost: int, restarts: int) -> None:
    reader = described_reader()

    push_all(reader, [data_body(10, 1_000_000), data_body(16, 1_000_000 + elapsed)])

    assert (reader.lost, reader.restarts) == (lost, restarts)


def test_two_devices_on_one_link_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    other = OTHER_SENSOR
    reader = described_reader()
    for _ in range(3):
        push_all(reader, [encode_description(other), data_body(1), encode_description(SENSOR), data_body(2)])

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "c0ffee123456" in record.message
    assert "aaaaaaaaaaaa" in record.message
    push_all(reader, [encode_description(Description("bbbbbbbbbbbb", 20_000, 16, 2000))])
    assert len(caplog.records) == 2


def test_a_device_that_changes_its_id_with_every_packet_fills_neither_log_nor_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = described_reader()

    def push_other_devices(ids: range) -> int:
        for i in ids:
            push_all(reader, [encode_description(Description(f"{i:012x}", 20_000, 16, 2000)), data_body(i)])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = push_other_devices(range(1000))
        after = push_other_devices(range(1000, 5000))
    finally:
        tracemalloc.stop()
    assert len(caplog.records) < 10
    assert after - before < 100_000


def test_a_device_that_describes_itself_anew_is_no_other_device(caplog: pytest.LogCaptureFixture) -> None:
    reader = described_reader()
    reader.push(encode_description(Description("c0ffee123456", 10_000, 8, 1000)))

    assert not caplog.records


def test_another_sensor_on_the_same_link_starts_its_own_count() -> None:
    reader = described_reader()
    push_all(reader, [data_body(100)])

    other = encode_description(OTHER_SENSOR)
    (packet,) = push_all(reader, [other, data_body(300)])

    assert packet.device == "aaaaaaaaaaaa"
    assert (reader.lost, reader.restarts) == (0, 0)


def test_descriptions_between_data_take_no_number() -> None:
    reader = described_reader()

    push_all(reader, [data_body(0), encode_description(SENSOR), data_body(1)])

    assert (reader.lost, reader.packets) == (0, 2)


@each_vector("answers")
def test_answers_between_data_are_neither_packets_nor_malformed(vector: dict[str, Any]) -> None:
    reader = described_reader()

    packets = push_all(reader, [data_body(0), bytes.fromhex(vector["body"]), data_body(1)])

    assert [packet.sequence for packet in packets] == [0, 1]
    assert (reader.lost, reader.malformed) == (0, 0)


def test_a_reset_reader_has_forgotten_its_sensor() -> None:
    reader = described_reader()
    push_all(reader, [data_body(5), b"junk"])
    reader.reset()

    assert reader.push(data_body(9)) == []
    assert (reader.description, reader.packets, reader.malformed, reader.undescribed) == (None, 0, 0, 1)
