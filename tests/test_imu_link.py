"""The sensor side in C says the same bytes as the gateway's side, and hears the same."""

import random
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from firmware import BRIDGE, Driver, noise, run, tool
from vectors import VECTORS

from edgehar.types import IMU_CHANNELS
from edgehar.wire.commands import OWN_KINDS, Kind, decode_answer, encode_command
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import MAX_SAMPLES, Description, encode_data, encode_description

PACKETS = 20_000
SHORT = 24
MOST: dict[int, tuple[int, int]] = {
    Kind.START: (0, 0),
    Kind.STOP: (0, 0),
    Kind.SET_RATE: (10_000_000, 0),
    Kind.SET_RANGES: (255, 65535),
    Kind.IDENTIFY: (255, 0),
    Kind.ECHO: (2**32 - 1, 0),
    Kind.REST: (65535, 65535),
    Kind.WAKE: (65535, 0),
}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(tmp_path_factory.mktemp("driver"))


def room(samples: int) -> int:
    return 11 + 12 * samples


def data(room: int, sequence: int, ticks_us: int, counts: list[int]) -> str:
    return f"data {room} {sequence} {ticks_us} {' '.join(map(str, counts))}"


def description(fields: dict[str, Any], room: int = SHORT) -> str:
    names = (
        "device",
        "period_us",
        "acc_range_g",
        "gyr_range_dps",
        "channel_bits",
        "battery",
        "flags",
        "firmware",
    )
    return f"describe {room} {' '.join(str(fields[name]) for name in names)}"


def answer(number: int, kind: int, value: int, result: int, ticks_us: int, room: int = SHORT) -> str:
    return f"answer {room} {number} {kind} {value} {result} {ticks_us}"


def both(body: bytes) -> str:
    return f"{body.hex()} {frame(body).hex()}"


def test_golden_packets_are_made_to_the_byte(driver: Driver) -> None:
    requests = [description(v) for v in VECTORS["descriptions"]]
    requests += [data(room(v["samples"]), v["sequence"], v["ticks_us"], v["counts"]) for v in VECTORS["data"]]
    requests += [
        answer(v["number"], v["kind"], v["echo"], v["result"], v["ticks_us"]) for v in VECTORS["answers"]
    ]
    golden = [v for kind in ("descriptions", "data", "answers") for v in VECTORS[kind]]

    assert driver.answers(requests) == [f"{v['body']} {v['frame']}" for v in golden]


def test_golden_commands_are_heard(driver: Driver) -> None:
    golden = VECTORS["commands"]
    expected = [f"{v['number']} {v['kind']} {v['value']} {v['more']}" for v in golden]

    assert driver.answers([f"command {v['body']}" for v in golden]) == expected
    (heard,) = driver.answers([f"receive {''.join(v['frame'] for v in golden)}"])
    assert heard == ";".join([*expected, "0 0"])


def test_golden_streams_are_as_damaged_as_the_gateway_finds_them(driver: Driver) -> None:
    for v in VECTORS["streams"]:
        _, heard = driver.answers(["begin", f"receive {v['stream']}"])
        assert heard == f"{v['damaged']} {len(v['bodies'])}", v["name"]


def some_description(rng: random.Random) -> tuple[str, bytes]:
    names = tuple(name for name in IMU_CHANNELS if rng.random() < 0.6) or ("acc_z",)
    item = Description(
        device=noise(rng, 6).hex(),
        period_us=rng.choice((1, 256, 10_000_000, rng.randint(1, 10_000_000))),
        acc_range_g=rng.randint(1, 255),
        gyr_range_dps=rng.choice((1, 256, 65535, rng.randint(1, 65535))),
        channels=names,
        battery=rng.choice((None, 0, rng.randint(0, 100))),
        has_clock=rng.random() < 0.5,
        firmware=(rng.randint(0, 255), rng.randint(0, 255)),
    )
    body = encode_description(item)
    keys = ("period_us", "acc_range_g", "gyr_range_dps", "channel_bits", "battery", "flags", "firmware")
    fields = dict(zip(keys, struct.unpack("<IBHBBBH", body[7:19]), strict=True))
    return description(fields | {"device": item.device}), body


def some_data(rng: random.Random) -> tuple[str, bytes]:
    n = rng.randint(1, MAX_SAMPLES)
    sequence, ticks_us = (
        rng.choice((0, 256, rng.randrange(1 << 16))),
        rng.choice((0, 1 << 24, rng.randrange(1 << 32))),
    )
    counts = np.frombuffer(noise(rng, 12 * n), "<i2")
    return (
        data(room(n), sequence, ticks_us, counts.tolist()),
        encode_data(sequence, ticks_us, counts.reshape(n, 6)),
    )


def some_answer(rng: random.Random) -> tuple[str, bytes]:
    number, kind, result = rng.randrange(256), rng.choice((*Kind, rng.randrange(256))), rng.randrange(3)
    ticks_us, value = rng.choice((0, rng.randrange(1 << 32))), rng.randrange(1 << 32)
    echo = value if kind == Kind.ECHO else 0
    body = struct.pack("<BBBBII", 0x12, number, kind, result, ticks_us, echo)
    assert decode_answer(body).echo == echo
    return answer(number, kind, value, result, ticks_us), body


def some_command(rng: random.Random) -> tuple[bytes, str]:
    kind = int(rng.choice((*Kind, rng.choice(OWN_KINDS))))
    most_value, most_more = MOST.get(kind, (2**32 - 1, 65535))
    value = rng.choice((1, most_value, rng.randint(1, most_value))) if most_value else 0
    number, more = rng.randrange(256), rng.randint(0, most_more)
    return encode_command(number, kind, value, more), f"{number} {kind} {value} {more}"


def test_random_packets_are_made_to_the_byte(driver: Driver) -> None:
    rng = random.Random(411)
    makers = (some_data, some_data, some_description, some_answer)
    made = [rng.choice(makers)(rng) for _ in range(PACKETS)]

    answers = driver.answers([request for request, _ in made])

    assert [got for got, (_, body) in zip(answers, made, strict=True) if got != both(body)] == []


def test_random_commands_are_heard_framed_and_bare(driver: Driver) -> None:
    rng = random.Random(412)
    commands = [some_command(rng) for _ in range(PACKETS)]

    bare = driver.answers([f"command {body.hex()}" for body, _ in commands])
    framed = driver.answers([f"receive {frame(body).hex()}" for body, _ in commands])

    assert bare == [fields for _, fields in commands]
    assert framed == [f"{fields};0 0" for _, fields in commands]


def test_any_frame_of_any_length_is_intact(driver: Driver) -> None:
    rng = random.Random(413)
    bodies = [noise(rng, 1 + i % 235) for i in range(PACKETS // 10)]

    heard = driver.answers([f"receive {frame(body).hex()}" for body in bodies])

    assert heard == [f"0 {i}" for i in range(1, len(bodies) + 1)]


def some_stream(rng: random.Random) -> bytes:
    """Return frames of commands and of others, cut, flipped, joined and between noise."""
    pieces = []
    for _ in range(rng.randint(1, 12)):
        body = rng.choice((some_command(rng)[0], noise(rng, rng.choice((1, 9, 235)))))
        piece = bytearray(rng.choice((frame(body), frame(body), noise(rng, rng.choice((1, 20, 300))))))
        match rng.randrange(6):
            case 0:
                piece[rng.randrange(len(piece))] ^= 1 << rng.randrange(8)
            case 1:
                del piece[rng.randrange(len(piece)) :]
            case 2:
                piece += bytes(rng.choices(range(1, 256), k=rng.choice((1, 237, 238, 239, 600))))
        pieces.append(bytes(piece))
    return b"".join(pieces)


def heard_by_the_gateway(chunks: list[bytes]) -> list[str]:
    """Return the driver's right answer to each chunk, by what the Python side makes of them."""
    deframer, malformed, answers = Deframer(), 0, []
    for chunk in chunks:
        commands = []
        for body in deframer.push(chunk):
            if len(body) == 9 and body[0] == 0x18:
                commands.append("{} {} {} {};".format(*struct.unpack("<BBIH", body[1:])))
            else:
                malformed += 1
        answers.append(f"{''.join(commands)}{deframer.damaged} {malformed}")
    return answers


def test_damaged_streams_give_the_same_commands_and_counts_byte_by_byte(driver: Driver) -> None:
    rng = random.Random(414)
    for _ in range(60):
        chunks = [bytes((byte,)) for byte in some_stream(rng)]
        assert driver.answers(["begin", *(f"receive {chunk.hex()}" for chunk in chunks)])[1:] == (
            heard_by_the_gateway(chunks)
        )


def test_any_cut_of_a_stream_gives_the_same_commands_and_counts(driver: Driver) -> None:
    rng = random.Random(415)
    requests, whole = [], []
    for _ in range(2_000):
        stream = some_stream(rng)
        cuts = sorted(rng.choices(range(len(stream) + 1), k=rng.randint(0, 20)))
        edges = [0, *cuts, len(stream)]
        pieces = [stream[a:b] for a, b in pairwise(edges)]
        requests.append(["begin", *(f"receive {piece.hex()}" for piece in pieces)])
        whole.append(heard_by_the_gateway([stream])[0])

    answers = iter(driver.answers([line for request in requests for line in request]))

    for request, expected in zip(requests, whole, strict=True):
        lines = [next(answers) for _ in request][1:]
        commands = "".join(line[: line.rindex(";") + 1] if ";" in line else "" for line in lines)
        assert commands + lines[-1].rpartition(";")[2] == expected


@pytest.mark.parametrize(
    "request_", [data(room(1) - 1, 0, 0, [0] * 6), answer(1, 1, 0, 0, 0, 15), "frame 24", "data 239 0 0"]
)
def test_what_has_no_room_or_no_content_is_not_framed(driver: Driver, request_: str) -> None:
    (answer_,) = driver.answers([request_])
    assert answer_.endswith("-")


def test_samples_without_room_are_refused_and_those_before_stay(driver: Driver) -> None:
    counts = list(range(6 * (MAX_SAMPLES + 3)))
    for held in range(1, MAX_SAMPLES + 1):
        (packet,) = driver.answers([data(room(held) + 11, 1, 2, counts)])
        assert packet == both(encode_data(1, 2, np.array(counts[: 6 * held], np.int16).reshape(held, 6)))
    (packet,) = driver.answers([data(10_000, 1, 2, counts)])
    assert len(packet.split()[0]) == 2 * 235


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("period_us", 0),
        ("period_us", 10_000_001),
        ("channel_bits", 0),
        ("channel_bits", 64),
        ("battery", 101),
        ("battery", 254),
        ("acc_range_g", 0),
        ("gyr_range_dps", 0),
    ],
)
def test_a_description_that_breaks_a_bound_is_not_made(driver: Driver, field: str, value: int) -> None:
    assert driver.answers([description(VECTORS["descriptions"][0] | {field: value})]) == ["-"]


@pytest.mark.parametrize(
    "body", ["", "18", "1801", "180001000000000000aa", "1800010000000000", "110001000000000000"]
)
def test_what_is_no_command_is_refused(driver: Driver, body: str) -> None:
    assert driver.answers([f"command {body}"]) == ["-"]


def test_the_library_keeps_its_size() -> None:
    lines = [len((BRIDGE / name).read_text().splitlines()) for name in ("imu_link.h", "imu_link.c")]
    assert sum(lines) <= 300


def test_the_header_is_cpp_too(tmp_path: Path) -> None:
    source = tmp_path / "sketch.cpp"
    source.write_text('#include "imu_link.h"\nint main() { return IMU_LINK_DATA_FRAME(1) != 23; }\n')
    run(
        [
            tool("g++"),
            "-std=c++11",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-I",
            BRIDGE,
            source,
            "-fsyntax-only",
        ]
    )
