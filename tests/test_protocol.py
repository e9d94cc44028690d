import json
import random
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cobs import cobs
from conftest import ROOT
from fastcrc import crc16
from hypothesis import given, settings, strategies as st

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, Packet
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import MAX_SAMPLES, Data, Description, decode, encode_data, encode_description

VECTORS: dict[str, Any] = json.loads(Path(ROOT / "firmware_bridge" / "vectors.json").read_text())
SENSOR = Description("c0ffee123456", 20_000, 16, 2000)


def vectors(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[kind], ids=lambda vector: vector["name"])


def described(vector: dict[str, Any]) -> Description:
    return Description(
        device=vector["device"],
        period_us=vector["period_us"],
        acc_range_g=vector["acc_range_g"],
        gyr_range_dps=vector["gyr_range_dps"],
        channels=tuple(name for i, name in enumerate(IMU_CHANNELS) if vector["channel_bits"] & 1 << i),
        battery=None if vector["battery"] == 255 else vector["battery"],
        has_clock=vector["flags"] == 1,
        firmware=(vector["firmware"] >> 8, vector["firmware"] & 255),
    )


def data(sequence: int, ticks_us: int | None = None, samples: int = 1) -> bytes:
    ticks_us = sequence * 20_000 if ticks_us is None else ticks_us
    return encode_data(sequence, ticks_us, np.full((samples, 6), sequence % 1000, np.int16))


def decoder(description: Description = SENSOR) -> EdgeharReader:
    decoder = EdgeharReader()
    assert decoder.push(encode_description(description)) == []
    return decoder


def push_all(decoder: EdgeharReader, bodies: list[bytes]) -> list[Packet]:
    return [packet for body in bodies for packet in decoder.push(body)]


def independent_frame(body: bytes) -> bytes:
    return bytes(cobs.encode(body + struct.pack("<H", crc16.ibm_3740(body)))) + b"\0"


# Golden vectors


@vectors("descriptions")
def test_a_golden_description_is_written_and_read(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body"])

    assert body == struct.pack(
        "<B6sIBHBBBHB",
        0x11,
        bytes.fromhex(vector["device"]),
        *(vector[name] for name in ("period_us", "acc_range_g", "gyr_range_dps", "channel_bits")),
        *(vector[name] for name in ("battery", "flags", "firmware")),
        0,
    )
    assert encode_description(described(vector)) == body
    assert decode(body) == described(vector)


@vectors("data")
def test_a_golden_data_packet_is_written_and_read(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body"])
    counts = np.array(vector["counts"], np.int16).reshape(vector["samples"], 6)

    packed = struct.pack("<BHI", 0x10, vector["sequence"], vector["ticks_us"])
    assert body == packed + struct.pack(f"<{counts.size}h", *vector["counts"])
    assert encode_data(vector["sequence"], vector["ticks_us"], counts) == body
    item = decode(body)
    assert isinstance(item, Data)
    assert (item.sequence, item.ticks_us) == (vector["sequence"], vector["ticks_us"])
    np.testing.assert_array_equal(item.counts, counts)


@pytest.mark.parametrize("kind", ["descriptions", "data", "commands", "answers"])
def test_golden_frames_are_what_other_implementations_make(kind: str) -> None:
    for vector in VECTORS[kind]:
        body = bytes.fromhex(vector["body"])
        assert frame(body) == independent_frame(body) == bytes.fromhex(vector["frame"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("data", "worked_example"),
        ("descriptions", "full"),
        ("commands", "worked_example"),
        ("answers", "worked_example"),
    ],
)
def test_the_readmes_examples_are_golden(kind: str, name: str) -> None:
    readme = (ROOT / "firmware_bridge" / "README.md").read_text()
    (vector,) = (vector for vector in VECTORS[kind] if vector["name"] == name)
    body = bytes.fromhex(vector["body"])

    listing = "".join(re.findall(r"^    ((?:[0-9a-f]{2} )+) +\S.*$", readme, re.MULTILINE)).replace(" ", "")
    frames = [
        re.sub(r"[\[\]\s]", "", found)
        for found in re.findall(r"^    frame(.*?)\n\n", readme, re.MULTILINE | re.DOTALL)
    ]
    crc = crc16.ibm_3740(body).to_bytes(2, "little")
    assert vector["body"] in listing
    assert vector["frame"] in frames
    assert f"body, CRC   {(body + crc).hex(' ')}" in readme


@vectors("malformed")
def test_a_golden_malformed_body_is_refused_and_counted(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body"])
    with pytest.raises(FrameError):
        decode(body)

    decoder = EdgeharReader()
    assert decoder.push(body) == []
    assert decoder.malformed == 1


@vectors("reserved_ignored")
def test_what_is_reserved_is_not_looked_at(vector: dict[str, Any]) -> None:
    item = decode(bytes.fromhex(vector["body"]))

    assert isinstance(item, Description)
    assert item.channels == IMU_CHANNELS
    assert item.battery is None
    assert item.has_clock


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@vectors("streams")
def test_a_golden_stream_gives_its_bodies_however_it_is_cut(vector: dict[str, Any], size: int) -> None:
    stream = bytes.fromhex(vector["stream"])
    deframer = Deframer()

    bodies = [body for at in range(0, len(stream), size) for body in deframer.push(stream[at : at + size])]

    assert [body.hex() for body in bodies] == vector["bodies"]
    assert deframer.damaged == vector["damaged"]


@vectors("sequences")
def test_a_golden_sequence_is_counted_packet_by_packet(vector: dict[str, Any]) -> None:
    sensor = EdgeharReader()

    for step in vector["steps"]:
        sensor.push(bytes.fromhex(step["body"]))
        counters = {name: getattr(sensor, name) for name in ("packets", "lost", "duplicates", "restarts")}
        assert counters == {name: step[name] for name in counters}, step["why"]


def test_golden_sequences_reach_every_rule() -> None:
    last = [vector["steps"][-1] for vector in VECTORS["sequences"]]
    assert all(any(step[counter] for step in last) for counter in ("lost", "duplicates", "restarts"))
    readme = (ROOT / "firmware_bridge" / "README.md").read_text()
    keys = {
        key
        for kind in ("descriptions", "data", "commands", "answers", "sequences")
        for key in VECTORS[kind][0]
    }
    keys |= set(VECTORS["sequences"][0]["steps"][0])
    assert [key for key in sorted(keys) if f"`{key}`" not in readme] == []


# Codec


@given(st.binary(min_size=1, max_size=235))
def test_any_body_survives_framing_as_other_implementations_frame_it(body: bytes) -> None:
    assert frame(body) == independent_frame(body)
    assert Deframer().push(frame(body)) == [body]


@given(st.binary(max_size=260))
def test_no_body_makes_decode_raise_anything_but_a_frame_error(body: bytes) -> None:
    try:
        item = decode(body)
    except FrameError:
        return
    if isinstance(item, Data):
        assert encode_data(item.sequence, item.ticks_us, item.counts) == body


@given(
    st.builds(
        Description,
        device=st.binary(min_size=6, max_size=6).map(bytes.hex),
        period_us=st.integers(1, 10_000_000),
        acc_range_g=st.integers(1, 255),
        gyr_range_dps=st.integers(1, 65535),
        channels=st.sets(st.sampled_from(IMU_CHANNELS), min_size=1).map(
            lambda names: tuple(name for name in IMU_CHANNELS if name in names)
        ),
        battery=st.none() | st.integers(0, 100),
        has_clock=st.booleans(),
        firmware=st.tuples(st.integers(0, 255), st.integers(0, 255)),
    )
)
def test_any_description_comes_back(description: Description) -> None:
    body = encode_description(description)

    assert len(body) == 20
    assert decode(body) == description


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "c0ffee"),
        ("period_us", 0),
        ("channels", ("gyr_x", "acc_x")),
        ("channels", ("mag_x",)),
        ("channels", ()),
        ("battery", 101),
        ("acc_range_g", 0),
        ("gyr_range_dps", 0),
    ],
)
def test_an_impossible_description_is_not_sent(field: str, value: object) -> None:
    fields: dict[str, Any] = {name: getattr(SENSOR, name) for name in SENSOR.__struct_fields__}

    with pytest.raises(ValueError, match=r"expected|full scale of 0"):
        encode_description(Description(**(fields | {field: value})))


@pytest.mark.parametrize("shape", [(0, 6), (MAX_SAMPLES + 1, 6), (1, 3), (6,)])
def test_counts_of_another_shape_are_not_sent(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode_data(0, 0, np.zeros(shape, np.int16))


def test_a_body_that_fits_no_notification_is_not_framed() -> None:
    with pytest.raises(ValueError, match="236 bytes"):
        frame(bytes(236))


@pytest.mark.parametrize(("mtu", "samples"), [(23, 1), (33, 1), (34, 2), (185, 14), (237, 18), (247, 19)])
def test_samples_per_mtu_are_as_in_the_readme(mtu: int, samples: int) -> None:
    assert len(data(0, samples=samples)) <= mtu - 3
    assert samples == MAX_SAMPLES or len(data(0, samples=samples + 1)) > mtu - 3


# Streams


class Damaged:
    """A stream whose bytes remember where they stood before they were damaged."""

    def __init__(self, stream: bytes) -> None:
        self.stream = bytearray(stream)
        self.origins = list(range(len(stream)))

    def _replace(self, at: int, count: int, new: bytes) -> None:
        self.stream[at : at + count] = new
        self.origins[at : at + count] = [-1] * len(new)

    def mutate(self, rng: random.Random) -> None:
        at = rng.randrange(len(self.stream) + 1)
        match rng.randrange(6):
            case 0 if at < len(self.stream):
                self._replace(at, 1, bytes((self.stream[at] ^ 1 << rng.randrange(8),)))
            case 1:
                self._replace(at, rng.randint(1, 40), b"")
            case 2:
                self._replace(at, 0, rng.randbytes(rng.choice((1, 4, 300))))
            case 3:
                self._replace(at, rng.randint(1, 9), b"\0" * rng.randint(1, 3))
            case 4:
                self._replace(at, 0, bytes(rng.choices(range(1, 256), k=rng.choice((2, 500)))))
            case 5:
                self.stream[at:at] = self.stream[at // 2 : at]
                self.origins[at:at] = self.origins[at // 2 : at]

    def holds(self, start: int, end: int) -> bool:
        """Whether these bytes stand somewhere whole, behind a delimiter or at the very start."""
        wanted = list(range(start, end))
        places = [i for i, origin in enumerate(self.origins) if origin == start]
        return any(
            self.origins[i : i + end - start] == wanted and (i == 0 or self.stream[i - 1] == 0)
            for i in places
        )


FRAMED = [frame(data(i, samples=(1, 2, 5, 10)[i % 4])) for i in range(100)]


def intact_after_damage(rng: random.Random) -> int:
    """Damage four frames, read them in two cuts, and count the intact ones, all of which must be found."""
    chosen = rng.sample(FRAMED, 4)
    ends = np.cumsum([len(piece) for piece in chosen]).tolist()
    damaged = Damaged(b"".join(chosen))
    for _ in range(rng.randint(1, 4)):
        damaged.mutate(rng)
    expected = {
        piece for piece, end in zip(chosen, ends, strict=True) if damaged.holds(end - len(piece), end)
    }

    deframer, sensor = Deframer(), decoder()
    stream = bytes(damaged.stream)
    cut = rng.randint(0, len(stream))
    found = deframer.push(stream[:cut]) + deframer.push(stream[cut:])
    packets = push_all(sensor, found)

    assert expected <= {frame(body) for body in found}
    assert len(packets) + sensor.duplicates + sensor.malformed == len(found)
    return len(expected)


@settings(max_examples=10_000, deadline=None)
@given(st.integers(0, 2**63))
def test_ten_thousand_mutated_streams_raise_nothing_and_lose_no_intact_packet(seed: int) -> None:
    intact_after_damage(random.Random(seed))


def test_the_damage_is_neither_total_nor_idle() -> None:
    rng = random.Random(2602)
    assert 1_000 < sum(intact_after_damage(rng) for _ in range(1_000)) < 3_500


@given(st.lists(st.binary(max_size=400) | st.sampled_from([frame(data(i)) for i in range(5)]), max_size=20))
def test_a_stream_gives_the_same_whole_and_byte_by_byte(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    whole, single = Deframer(), Deframer()

    bodies = whole.push(stream)

    assert [body for byte in stream for body in single.push(bytes((byte,)))] == bodies
    assert single.damaged == whole.damaged


@given(st.randoms(use_true_random=False))
def test_random_cuts_give_the_same_packets(rng: random.Random) -> None:
    stream = frame(encode_description(SENSOR)) + b"".join(
        frame(data(i, samples=1 + i % 19)) for i in range(40)
    )
    cuts = sorted(rng.choices(range(len(stream)), k=rng.randint(0, 60)))
    deframer, sensor = Deframer(), EdgeharReader()
    packets: list[Packet] = []

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        packets += push_all(sensor, deframer.push(stream[start:end]))

    assert [packet.sequence for packet in packets] == list(range(40))
    assert (deframer.damaged, sensor.lost) == (0, 0)


def test_every_truncated_frame_is_incomplete_and_nothing_comes_out() -> None:
    whole = frame(data(7, samples=19))
    for end in range(len(whole)):
        deframer = Deframer()
        assert deframer.push(whole[:end]) == []
        assert deframer.damaged == 0
        assert deframer.push(b"\0" + frame(data(8))) == [data(7, samples=19)] * (end == len(whole) - 1) + [
            data(8)
        ]


def test_an_endless_stream_without_delimiter_is_not_kept_and_counts_once() -> None:
    deframer = Deframer()
    for size in (1,) * 1000 + (100, 5000) * 300:
        assert deframer.push(b"\x55" * size) == []
        assert len(deframer._rest) <= 238
    assert deframer.damaged == 1

    assert deframer.push(b"\x55\0" + frame(data(1))) == [data(1)]
    assert deframer.damaged == 1


# Packets


def test_a_packet_is_its_data_read_by_the_description() -> None:
    description = Description("c0ffee123456", 10_000, 8, 1000, battery=55)
    counts = np.array([[0, 0, 4096, 32767, -32768, 0]], np.int16)

    reader = decoder(description)
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
    sensor = decoder(Description("c0ffee123456", 10_000, 8, 1000, channels=channels))

    (packet,) = sensor.push(encode_data(0, 0, np.arange(12, dtype=np.int16).reshape(2, 6)))

    columns = [IMU_CHANNELS.index(name) for name in channels]
    assert packet.values.tolist() == [columns, [6 + column for column in columns]]
    assert packet.scale.shape == (len(channels),)


def test_a_sensor_without_a_clock_has_no_ticks() -> None:
    (packet,) = decoder(Description("c0ffee123456", 10_000, 8, 1000, has_clock=False)).push(data(0, 5))

    assert packet.ticks_us is None


def test_data_before_a_description_is_dropped_and_counted() -> None:
    sensor = EdgeharReader()

    assert push_all(sensor, [data(0), data(1)]) == []
    assert sensor.undescribed == 2
    assert len(push_all(sensor, [encode_description(SENSOR), data(2)])) == 1
    assert sensor.lost == 0


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
    sensor = decoder(Description("c0ffee123456", 20_000, 16, 2000, has_clock=has_clock))
    start = numbers[0]

    packets = push_all(
        sensor, [data(n, (n - start) % 65536 * 20_000 if n or restarts == 0 else 0) for n in numbers]
    )

    assert [packet.sequence for packet in packets] == numbers
    assert (sensor.lost, sensor.restarts, sensor.packets) == (lost, restarts, len(numbers))


@pytest.mark.parametrize(
    ("ticks", "why"),
    [(1_000, "the clock went back"), (60_000_000, "the clock went on too little for 25,535 lost packets")],
)
def test_a_restart_whose_sequence_seems_to_jump_ahead_is_told_by_the_clock(ticks: int, why: str) -> None:
    sensor = decoder()

    packets = push_all(sensor, [data(40_000, 50_000_000), data(0, ticks)])

    assert len(packets) == 2
    assert (sensor.lost, sensor.restarts) == (0, 1), why


def test_a_device_clock_that_wraps_is_no_restart() -> None:
    sensor = decoder()

    push_all(sensor, [data(1, 2**32 - 20_000), data(2, 0), data(4, 40_000)])

    assert (sensor.lost, sensor.restarts) == (1, 0)


def test_a_packet_that_comes_twice_is_dropped_once() -> None:
    sensor = decoder()

    packets = push_all(sensor, [data(1), data(1), data(2)])

    assert [packet.sequence for packet in packets] == [1, 2]
    assert (sensor.duplicates, sensor.lost) == (1, 0)


def test_the_same_number_at_another_time_is_a_restart() -> None:
    sensor = decoder()

    assert len(push_all(sensor, [data(0, 1_000), data(0, 2_000)])) == 2
    assert (sensor.duplicates, sensor.restarts) == (0, 1)


@pytest.mark.parametrize(("elapsed", "lost", "restarts"), [(50_000, 5, 0), (49_999, 0, 1), (30_000, 0, 1)])
def test_lost_packets_take_half_their_samples_time_at_least(elapsed: int, lost: int, restarts: int) -> None:
    sensor = decoder()

    push_all(sensor, [data(10, 1_000_000), data(16, 1_000_000 + elapsed)])

    assert (sensor.lost, sensor.restarts) == (lost, restarts)


def test_two_devices_on_one_link_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    other = Description("aaaaaaaaaaaa", 20_000, 16, 2000)
    sensor = decoder()
    for _ in range(3):
        push_all(sensor, [encode_description(other), data(1), encode_description(SENSOR), data(2)])

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "c0ffee123456" in record.message
    assert "aaaaaaaaaaaa" in record.message
    push_all(sensor, [encode_description(Description("bbbbbbbbbbbb", 20_000, 16, 2000))])
    assert len(caplog.records) == 2


def test_a_device_that_describes_itself_anew_is_no_other_device(caplog: pytest.LogCaptureFixture) -> None:
    sensor = decoder()
    sensor.push(encode_description(Description("c0ffee123456", 10_000, 8, 1000)))

    assert not caplog.records


def test_another_sensor_on_the_same_link_starts_its_own_count() -> None:
    sensor = decoder()
    push_all(sensor, [data(100)])

    other = encode_description(Description("aaaaaaaaaaaa", 20_000, 16, 2000))
    (packet,) = push_all(sensor, [other, data(300)])

    assert packet.device == "aaaaaaaaaaaa"
    assert (sensor.lost, sensor.restarts) == (0, 0)


def test_descriptions_between_data_take_no_number() -> None:
    sensor = decoder()

    push_all(sensor, [data(0), encode_description(SENSOR), data(1)])

    assert (sensor.lost, sensor.packets) == (0, 2)


@vectors("answers")
def test_answers_between_data_are_neither_packets_nor_malformed(vector: dict[str, Any]) -> None:
    sensor = decoder()

    packets = push_all(sensor, [data(0), bytes.fromhex(vector["body"]), data(1)])

    assert [packet.sequence for packet in packets] == [0, 1]
    assert (sensor.lost, sensor.malformed) == (0, 0)


def test_a_reset_decoder_has_forgotten_its_sensor() -> None:
    sensor = decoder()
    push_all(sensor, [data(5), b"junk"])
    sensor.reset()

    assert sensor.push(data(9)) == []
    assert (sensor.description, sensor.packets, sensor.malformed, sensor.undescribed) == (None, 0, 0, 1)
