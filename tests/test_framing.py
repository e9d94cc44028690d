import random
import re
import struct
from typing import Any

import numpy as np
import pytest
from cobs import cobs
from fastcrc import crc16
from hypothesis import given, settings, strategies as st
from retained import retained_bytes
from vectors import README, SENSOR, VECTORS, data_body, described_reader, each_vector, push_all

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.types import Packet
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import encode_description


def independent_frame(body: bytes) -> bytes:
    return bytes(cobs.encode(body + struct.pack("<H", crc16.ibm_3740(body)))) + b"\0"


# Golden vectors


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
    (vector,) = (vector for vector in VECTORS[kind] if vector["name"] == name)
    body = bytes.fromhex(vector["body"])

    listing = "".join(re.findall(r"^    ((?:[0-9a-f]{2} )+) +\S.*$", README, re.MULTILINE)).replace(" ", "")
    frames = [
        re.sub(r"[\[\]\s]", "", frame_)
        for frame_ in re.findall(r"^    frame(.*?)\n\n", README, re.MULTILINE | re.DOTALL)
    ]
    crc = crc16.ibm_3740(body).to_bytes(2, "little")
    assert vector["body"] in listing
    assert vector["frame"] in frames
    assert f"body, CRC   {(body + crc).hex(' ')}" in README


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@each_vector("streams")
def test_a_golden_stream_gives_its_bodies_however_it_is_cut(vector: dict[str, Any], size: int) -> None:
    stream = bytes.fromhex(vector["stream"])
    deframer = Deframer()

    bodies = [body for at in range(0, len(stream), size) for body in deframer.push(stream[at : at + size])]

    assert [body.hex() for body in bodies] == vector["bodies"]
    assert deframer.damaged == vector["damaged"]


# Frames


@given(st.binary(min_size=1, max_size=235))
def test_any_body_survives_framing_as_other_implementations_frame_it(body: bytes) -> None:
    assert frame(body) == independent_frame(body)
    assert Deframer().push(frame(body)) == [body]


def test_a_body_that_fits_no_notification_is_not_framed() -> None:
    with pytest.raises(ValueError, match="236 bytes"):
        frame(bytes(236))


@given(
    st.lists(st.binary(max_size=400) | st.sampled_from([frame(data_body(i)) for i in range(5)]), max_size=20)
)
def test_a_stream_gives_the_same_whole_and_byte_by_byte(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    whole, single = Deframer(), Deframer()

    bodies = whole.push(stream)

    assert [body for byte in stream for body in single.push(bytes((byte,)))] == bodies
    assert single.damaged == whole.damaged


@given(st.randoms(use_true_random=False))
def test_random_cuts_give_the_same_packets(rng: random.Random) -> None:
    stream = frame(encode_description(SENSOR)) + b"".join(
        frame(data_body(i, samples=1 + i % 19)) for i in range(40)
    )
    cuts = sorted(rng.choices(range(len(stream)), k=rng.randint(0, 60)))
    deframer, reader = Deframer(), EdgeharReader()
    packets: list[Packet] = []

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        packets += push_all(reader, deframer.push(stream[start:end]))

    assert [packet.sequence for packet in packets] == list(range(40))
    assert (deframer.damaged, reader.lost) == (0, 0)


def test_every_truncated_frame_is_incomplete_and_nothing_comes_out() -> None:
    whole = frame(data_body(7, samples=19))
    for end in range(len(whole)):
        deframer = Deframer()
        assert deframer.push(whole[:end]) == []
        assert deframer.damaged == 0
        assert deframer.push(b"\0" + frame(data_body(8))) == [data_body(7, samples=19)] * (
            end == len(whole) - 1
        ) + [data_body(8)]


def test_an_endless_stream_without_delimiter_is_not_kept_and_counts_once() -> None:
    deframer = Deframer()
    bodies: list[bytes] = []
    sizes = (1,) * 4000 + (100, 5000) * 300
    with retained_bytes() as retained:
        for size in sizes:
            bodies += deframer.push(b"\x55" * size)
            # A frame of 238 bytes, and the objects around it.
            assert retained() < 2000
    assert bodies == []
    assert deframer.damaged == 1

    assert deframer.push(b"\x55\0" + frame(data_body(1))) == [data_body(1)]
    assert deframer.damaged == 1


# Damaged streams


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
        """Tell whether these bytes stand somewhere whole, behind a delimiter or at the very start."""
        undamaged = list(range(start, end))
        places = [i for i, origin in enumerate(self.origins) if origin == start]
        return any(
            self.origins[i : i + end - start] == undamaged and (i == 0 or self.stream[i - 1] == 0)
            for i in places
        )


FRAMED = [frame(data_body(i, samples=(1, 2, 5, 10)[i % 4])) for i in range(100)]


def intact_after_damage(rng: random.Random) -> int:
    """Damage four frames, read them in two cuts, and count the intact ones, all of which must come out."""
    chosen = rng.sample(FRAMED, 4)
    ends = np.cumsum([len(piece) for piece in chosen]).tolist()
    damaged = Damaged(b"".join(chosen))
    for _ in range(rng.randint(1, 4)):
        damaged.mutate(rng)
    expected = {
        piece for piece, end in zip(chosen, ends, strict=True) if damaged.holds(end - len(piece), end)
    }

    deframer, reader = Deframer(), described_reader()
    stream = bytes(damaged.stream)
    cut = rng.randint(0, len(stream))
    bodies = deframer.push(stream[:cut]) + deframer.push(stream[cut:])
    packets = push_all(reader, bodies)

    assert expected <= {frame(body) for body in bodies}
    assert len(packets) + reader.duplicates + reader.malformed == len(bodies)
    return len(expected)


@settings(max_examples=10_000, deadline=None)
@given(st.integers(0, 2**63))
def test_ten_thousand_mutated_streams_raise_nothing_and_lose_no_intact_packet(seed: int) -> None:
    intact_after_damage(random.Random(seed))


def test_the_damage_is_neither_total_nor_idle() -> None:
    rng = random.Random(2602)
    assert 1_000 < sum(intact_after_damage(rng) for _ in range(1_000)) < 3_500
