"""Vectors: 7.1 of the reference, constructed; commands as the maker's device_model.py composes them."""

import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices import PROFILES
from edgehar.devices.witmotion import SAVE, SET_RATE, UNLOCK, WitMotionReader, command
from edgehar.types import Packet

TIMES = (bytes(8), bytes.fromhex("1a 0c 1f 17 3b 3b e7 03"), bytes.fromhex("55 0a 01 00 00 00 00 00"))
"""Date and time as units with a calendar add them; a clock that was never set reads zeros."""

counts = st.lists(st.integers(-32768, 32767), min_size=6, max_size=6)


def frame(values: list[int]) -> bytes:
    return b"\x55\x61" + struct.pack("<9h", *values, 0, 8192, -16384)


def rows(packets: list[Packet]) -> list[list[int]]:
    return [row for packet in packets for row in packet.values.tolist()]


def test_a_frame_is_read_in_si_units() -> None:
    (packet,) = WitMotionReader(DEVICE).push(
        bytes.fromhex("5561 0000 0000 0008 A400 5CFF 0000 0000 0020 00C0")
    )
    x = (packet.values * packet.scale)[0]
    np.testing.assert_allclose(x, [0, 0, 9.80665, *np.radians([10.0098, -10.0098, 0])], rtol=1e-5)
    assert (packet.sequence, packet.ticks_us, packet.period_us) == (None, None, 20_000)


@given(st.lists(counts, min_size=1, max_size=6), st.sampled_from([b"", *TIMES]), st.data())
def test_frames_are_found_however_they_are_cut(
    samples: list[list[int]], time: bytes, data: st.DataObject
) -> None:
    stream = b"".join(frame(values) + time for values in samples)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    reader = WitMotionReader(DEVICE)
    packets = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        packets += reader.push(stream[begin:end])
    assert rows(packets) == samples
    assert reader.malformed == 0


def test_a_notification_of_several_frames_is_one_packet() -> None:
    reader = WitMotionReader(DEVICE)
    (packet,) = reader.push(frame([1] * 6) + frame([2] * 6))
    assert packet.values.tolist() == [[1] * 6, [2] * 6]
    assert reader.packets == 1


def test_answers_are_passed_over_and_noise_is_counted_once() -> None:
    reader = WitMotionReader(DEVICE)
    registers = b"\x55\x71\x3a\x00" + bytes(16)
    packets = reader.push(b"\x00\x55\x13" + frame([5] * 6) + registers + frame([6] * 6) + b"\x55\x61")
    assert rows(packets) == [[5] * 6, [6] * 6]
    assert reader.malformed == 1
    assert reader.push(frame([7] * 6)[2:])[0].values.tolist() == [[7] * 6]


@pytest.mark.parametrize("time", TIMES)
def test_the_time_that_some_units_add_is_no_noise(time: bytes) -> None:
    reader = WitMotionReader(DEVICE)
    registers = b"\x55\x71\x3a\x00" + bytes(16)
    packets = [
        packet
        for body in (frame([1] * 6) + time, frame([2] * 6) + time + registers, frame([3] * 6) + time)
        for packet in reader.push(body)
    ]
    assert rows(packets) == [[1] * 6, [2] * 6, [3] * 6]
    assert reader.malformed == 0


def test_what_is_no_time_behind_a_frame_is_noise() -> None:
    reader = WitMotionReader(DEVICE)
    assert rows(reader.push(frame([1] * 6) + bytes.fromhex("1a 0d 01 00 00 00 00 00") + frame([2] * 6))) == [
        [1] * 6,
        [2] * 6,
    ]
    assert reader.malformed == 1


def test_an_answer_alone_is_no_noise() -> None:
    reader = WitMotionReader(DEVICE)
    assert reader.push(b"\x55\x71\x3a\x00" + bytes(16)) == []
    assert reader.malformed == 0


def test_a_mark_right_behind_another_is_seen() -> None:
    (packet,) = WitMotionReader(DEVICE).push(b"\x55" + frame([5] * 6))
    assert packet.values.tolist() == [[5] * 6]


@pytest.mark.parametrize(
    ("payload", "text"),
    [(UNLOCK, "ff aa 69 88 b5"), (SET_RATE, "ff aa 03 08 00"), (SAVE, "ff aa 00 00 00")],
)
def test_commands_are_the_makers(payload: bytes, text: str) -> None:
    assert payload.hex(" ") == text
    register, value = payload[2], payload[3] | payload[4] << 8
    assert command(register, value) == payload


@pytest.mark.parametrize("name", ["witmotion", "witmotion_dual"])
def test_a_start_unlocks_sets_the_rate_and_writes_no_flash(name: str) -> None:
    profile = PROFILES[name]
    assert [write.payload for write in profile.start] == [UNLOCK, SET_RATE]
    assert profile.pause_s == 0.1
