"""Vectors: AccDataTest and GyrDataTest of polarofficial/polar-ble-sdk; what says so is constructed."""

import logging
import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE, bits_of, polar_answer, polar_frame

from edgehar.devices.polar import H10, VERITY, PolarReader, decompress
from edgehar.types import ACCELERATION, ANGULAR_RATE

# A body begins with the number of its characteristic.
ANSWERS, DATA = b"\x00", b"\x01"
FRAME_NS = 36 * 20_000_000


def test_plain_acceleration_is_read() -> None:
    reader = PolarReader(DEVICE, 50)
    (packet,) = reader.push(DATA + bytes.fromhex("02 0094357700000000 01 F7FFFFFFE703 F8FFFEFFE503"))
    assert packet.channels == ACCELERATION
    assert packet.values.tolist() == [[-9, -1, 999], [-8, -2, 997]]
    np.testing.assert_allclose(packet.scale, 9.80665e-3, rtol=1e-6)
    # The stamp, 2 s, is the last sample's.
    assert packet.ticks_us == 1_980_000


def test_compressed_acceleration_in_mg_is_read() -> None:
    (packet,) = PolarReader(DEVICE, 52).push(
        DATA + bytes.fromhex("02 6500000000000000 81 F1FF1400F0030601 7B0F08")
    )
    assert packet.values.tolist() == [[-15, 20, 1008], [-20, 17, 1008]]
    np.testing.assert_allclose(packet.scale, 9.80665e-3, rtol=1e-6)


def test_compressed_angular_rate_is_read_by_the_factor_of_the_answer() -> None:
    reader = PolarReader(DEVICE, 52)
    frame = bytes.fromhex("05 FFFFFFFFFFFFFF7F 80 EAFF08000D00 0301 DF00")
    assert reader.push(DATA + frame) == []
    assert reader.malformed == 1
    assert reader.push(ANSWERS + polar_answer(5, 0.07)) == []
    (packet,) = reader.push(DATA + frame)
    assert packet.channels == ANGULAR_RATE
    assert packet.values.tolist() == [[-22, 8, 13], [-23, 11, 16]]
    np.testing.assert_allclose(packet.scale, np.radians(0.07), rtol=1e-6)


def test_compressed_acceleration_in_g_begins_as_the_makers_does() -> None:
    content = bytes.fromhex("7107F06A9E8D0A01BE5CBE3A")
    reader = PolarReader(DEVICE, 52)
    reader.push(ANSWERS + polar_answer(2, 2.44e-4))
    (packet,) = reader.push(DATA + polar_frame(2, 0x80, 10**9, content))
    assert packet.values.tolist() == [[1905, 27376, -29282], [2095, 27271, -29367]]
    np.testing.assert_allclose(packet.scale, 2.44e-4 * 9.80665, rtol=1e-6)


@given(
    st.lists(st.integers(-3000, 3000), min_size=3, max_size=3),
    st.lists(
        st.integers(2, 12).flatmap(
            lambda width: st.tuples(
                st.just(width),
                st.lists(
                    st.lists(st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1), min_size=3, max_size=3),
                    min_size=1,
                    max_size=6,
                ),
            )
        ),
        max_size=2,
    ),
)
def test_what_was_compressed_is_read(first: list[int], blocks: list[tuple[int, list[list[int]]]]) -> None:
    content, rows = struct.pack("<3h", *first), [first]
    for width, differences in blocks:
        content += bytes((width, len(differences)))
        content += bits_of([value for row in differences for value in row], width)
        rows += differences
    assert decompress(content).tolist() == np.cumsum(rows, axis=0).tolist()


def test_a_block_of_no_bits_repeats_the_sample() -> None:
    assert decompress(struct.pack("<3hBB", 1, 2, 3, 0, 2)).tolist() == [[1, 2, 3]] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"12345",
        struct.pack("<3hB", 0, 0, 0, 3),
        struct.pack("<3hBB", 0, 0, 0, 3, 0),
        struct.pack("<3hBBB", 0, 0, 0, 3, 2, 0),
        struct.pack("<3hBB", 0, 0, 0, 25, 1) + bytes(10),
        struct.pack("<3hBB", 32767, 0, 0, 3, 1) + bits_of([1, 0, 0], 3),
        struct.pack("<3h", 0, 0, 0) + b"\x00\xff" * 4,
    ],
    ids=["short", "no number", "none", "cut", "too wide", "over 16 bits", "too many"],
)
def test_a_broken_compressed_frame_is_counted(content: bytes) -> None:
    reader = PolarReader(DEVICE, 52)
    assert reader.push(DATA + polar_frame(2, 0x81, 0, content)) == []
    assert reader.malformed == 1


def plain(stamp_ns: int, samples: int = 36) -> bytes:
    return polar_frame(2, 1, stamp_ns, struct.pack("<3h", 0, 0, 1000) * samples)


def test_samples_fill_the_time_since_the_frame_before() -> None:
    reader = PolarReader(DEVICE, 50)
    # Constructed: a device whose 50 Hz are 51.4.
    stamps = [i * 700_000_000 for i in range(1, 4)]
    ticks = [reader.push(DATA + plain(stamp))[0].ticks_us for stamp in stamps]
    assert ticks == [0, 719_445, 1_419_445]
    assert reader.lost == 0


def test_a_gap_is_counted_and_not_filled() -> None:
    reader = PolarReader(DEVICE, 50)
    ticks = [reader.push(DATA + plain(stamp))[0].ticks_us for stamp in (FRAME_NS, 2 * FRAME_NS, 5 * FRAME_NS)]
    assert ticks == [20_000, 740_000, 2_900_000]
    assert reader.lost == 2


def test_ticks_wrap() -> None:
    reader = PolarReader(DEVICE, 50)
    assert reader.push(DATA + plain(2**32 * 1000 + 700_000_000, 36))[0].ticks_us == 0
    assert reader.push(DATA + plain(2**32 * 1000, 2))[0].ticks_us == 2**32 - 20_000


@pytest.mark.parametrize(
    ("answer", "warned", "malformed"),
    [
        ("f0 02 02 05 00", 1, 0),
        ("f0 03 02 07 00", 0, 0),
        ("f0 02 02 00 00 00 01 34 00 05 01 00 00 80 3f", 0, 0),
        ("f0 02 02 00 00 05 01 00 00 c0 7f", 0, 1),
        ("f0 02 02 00 00 05 01 00", 0, 1),
        ("f0 02 02 00 00 0a 01 00", 0, 1),
        ("0f 06", 0, 1),
    ],
    ids=["refused", "not running", "a rate first", "no number", "cut", "unknown setting", "features"],
)
def test_answers_are_read(answer: str, warned: int, malformed: int, caplog: pytest.LogCaptureFixture) -> None:
    reader = PolarReader(DEVICE, 50)
    with caplog.at_level(logging.WARNING):
        assert [reader.push(ANSWERS + bytes.fromhex(answer)) for _ in range(2)] == [[], []]
    assert (len(caplog.records), reader.malformed) == (warned, 2 * malformed)


@pytest.mark.parametrize(("status", "says"), [(13, "take it off the charger"), (99, "refusal 99")])
def test_a_refusal_says_what_to_do(status: int, says: str, caplog: pytest.LogCaptureFixture) -> None:
    PolarReader(DEVICE, 50).push(ANSWERS + bytes((0xF0, 2, 2, status, 0)))
    (line,) = caplog.messages
    assert line.startswith(f"Polar {DEVICE} sends no acceleration: ")
    assert says in line


def test_commands_are_as_others_send_them() -> None:
    assert [write.payload.hex(" ") for write in H10.start] == [
        "03 02",
        "02 02 00 01 32 00 01 01 10 00 02 01 08 00",
    ]
    # As public clients of the Verity Sense send them.
    assert [write.payload.hex(" ") for write in VERITY.start[2:]] == [
        "02 02 00 01 34 00 01 01 10 00 02 01 08 00 04 01 03",
        "02 05 00 01 34 00 01 01 10 00 02 01 d0 07 04 01 03",
    ]
    assert [write.payload.hex() for write in VERITY.stop] == ["0302", "0305"]


def test_an_empty_notification_of_either_characteristic_is_nothing() -> None:
    reader = PolarReader(DEVICE, 52)
    assert [reader.push(ANSWERS), reader.push(DATA)] == [[], []]
    assert (reader.packets, reader.malformed) == (0, 0)


def test_a_reader_that_begins_later_needs_the_answers_that_told_factors() -> None:
    reader, later = PolarReader(DEVICE, 50), PolarReader(DEVICE, 50)
    assert not reader.preamble
    answer = ANSWERS + bytes.fromhex("f0 02 02 00 00 05 01 00 00 00 3f")  # 0.5
    reader.push(answer)
    assert reader.preamble == (answer,)
    for body in reader.preamble:
        later.push(body)
    [packet], [same] = reader.push(DATA + plain(FRAME_NS)), later.push(DATA + plain(FRAME_NS))
    assert packet.scale.tolist() == same.scale.tolist()
