"""Bytes of every kind of sensor at rest, packed independently of the readers; all constructed."""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from edgehar.wire.protocol import Description, encode_data, encode_description

DEVICE = "c0ffee123456"

Notifications = list[tuple[int, bytes]]
"""The number of the characteristic among the profile's `notify`, and the value."""


def bits_of(numbers: list[int], width: int) -> bytes:
    """Pack two's complement numbers side by side, least significant bit first."""
    word = sum((number & (1 << width) - 1) << width * i for i, number in enumerate(numbers))
    return word.to_bytes(math.ceil(width * len(numbers) / 8), "little")


def polar_frame(measurement: int, kind: int, stamp_ns: int, content: bytes) -> bytes:
    return struct.pack("<BQB", measurement, stamp_ns, kind) + content


def polar_answer(measurement: int, factor: float) -> bytes:
    return bytes((0xF0, 0x02, measurement, 0, 0, 5, 1)) + struct.pack("<f", factor)


def polar_compressed(counts: Sequence[Sequence[int]]) -> bytes:
    """Pack counts as a first sample and one block of differences, as wide as they need."""
    first, *_ = counts
    steps = [
        int(b) - int(a) for before, after in pairwise(counts) for a, b in zip(before, after, strict=True)
    ]
    width = 1 + max(max(step, -step - 1).bit_length() for step in steps)
    return struct.pack("<3hBB", *first, width, len(counts) - 1) + bits_of(steps, width)


def movesense_samples(ms: int, acc: list[list[float]], gyr: list[list[float]]) -> bytes:
    values = [value for sample in acc + gyr for value in sample]
    return bytes((2, 99)) + struct.pack(f"<I{len(values)}f", ms, *values)


_POLAR_NS = 10**18
_EDGEHAR_RATE_HZ, _EDGEHAR_SAMPLES = 50, 5
_EDGEHAR_DESCRIPTION = encode_description(Description(DEVICE, 1_000_000 // _EDGEHAR_RATE_HZ, 16, 2000))


def _edgehar(i: int) -> Notifications:
    counts = np.array([[0, 0, 2048, 0, 0, 0]] * _EDGEHAR_SAMPLES, np.int16)
    ticks_us = i * _EDGEHAR_SAMPLES * 1_000_000 // _EDGEHAR_RATE_HZ & 0xFFFFFFFF
    description = [(0, _EDGEHAR_DESCRIPTION)] if i % 10 == 0 else []
    return [*description, (0, encode_data(i & 0xFFFF, ticks_us, counts))]


def _witmotion(i: int) -> Notifications:  # noqa: ARG001 - it has no clock
    return [(0, b"\x55\x61" + struct.pack("<9h", 0, 0, 2048, 0, 0, 0, 0, 0, 0))]


def _movella_dot(i: int) -> Notifications:
    us = 1_000_000 + i * 1_000_000 // 60
    return [(0, struct.pack("<I6f", us & 0xFFFFFFFF, 0, 0, 9.81, 0, 0, 0))]


def _polar_h10(i: int) -> Notifications:
    last_ns = _POLAR_NS + (36 * i + 35) * 10**9 // 50
    return [(1, polar_frame(2, 1, last_ns, struct.pack("<3h", 0, 0, 1000) * 36))]


def _polar_verity(i: int) -> Notifications:
    last_ns = _POLAR_NS + (13 * i + 12) * 10**9 // 52
    same = bytes((3, 12)) + bits_of([0] * 36, 3)
    acc = struct.pack("<3h", 0, 0, 4098) + same
    gyr = struct.pack("<3h", 0, 0, 0) + same
    return [(1, polar_frame(2, 0x80, last_ns, acc)), (1, polar_frame(5, 0x80, last_ns, gyr))]


def _movesense(i: int) -> Notifications:
    return [(0, movesense_samples(1000 + i * 4000 // 52, [[0, 0, 9.81]] * 4, [[0, 0, 0]] * 4))]


def _metamotion(acc: int, gyr: int) -> Callable[[int], Notifications]:
    packed = struct.pack("<BB9h", 0x03, acc, *[0, 0, 2048] * 3), struct.pack("<BB9h", 0x13, gyr, *[0] * 9)
    return lambda _: [(0, payload) for payload in packed]


def _bluest(i: int) -> Notifications:
    return [(0, struct.pack("<H9h", (1000 + i * 50 >> 3) & 0xFFFF, 0, 0, 1000, 0, 0, 0, 0, 0, 0))]


def _thingy52(i: int) -> Notifications:  # noqa: ARG001 - it has no clock
    return [(0, struct.pack("<9h", 0, 0, 1024, 0, 0, 0, 0, 0, 0))]


def _bangle(i: int) -> Notifications:
    return [(0, b"A,%d,0,0,-1000\r\n" % ((1000 + i * 20) & 0xFFFF))]


def _pinetime(i: int) -> Notifications:
    # It sends only what differs from before.
    return [(0, struct.pack("<3h", 0, 0, -1024 - i % 2))]


# By profile: what the sensor sends at rest each time, and the time between, s.
_STREAMS: Mapping[str, tuple[Callable[[int], Notifications], float]] = {
    "edgehar": (_edgehar, _EDGEHAR_SAMPLES / _EDGEHAR_RATE_HZ),
    "witmotion": (_witmotion, 1 / 50),
    "witmotion_dual": (lambda i: [(0, 2 * payload) for _, payload in _witmotion(i)], 2 / 50),
    "movella_dot": (_movella_dot, 1 / 60),
    "polar_h10": (_polar_h10, 36 / 50),
    "polar_verity": (_polar_verity, 13 / 52),
    "movesense": (_movesense, 4 / 52),
    "metamotion": (_metamotion(0x1C, 0x07), 3 / 50),
    "metamotion_s": (_metamotion(0x05, 0x05), 3 / 50),
    "bluest": (_bluest, 1 / 20),
    "thingy52": (_thingy52, 1 / 50),
    "bangle": (_bangle, 1 / 50),
    "pinetime": (_pinetime, 1 / 10),
}

ANSWERS: Mapping[str, Mapping[bytes, tuple[int, bytes]]] = {
    "polar_h10": {b"\x03\x02": (0, b"\xf0\x03\x02\x00\x00"), b"\x02\x02": (0, polar_answer(2, 1.0))},
    "polar_verity": {
        b"\x03\x02": (0, b"\xf0\x03\x02\x00\x00"),
        b"\x03\x05": (0, b"\xf0\x03\x05\x00\x00"),
        b"\x02\x02": (0, polar_answer(2, 2.44e-4)),
        b"\x02\x05": (0, polar_answer(5, 0.07)),
    },
    "movesense": {b"\x01c": (0, b"\x01c\xc8\x00"), b"\x02c": (0, b"\x01c\xc8\x00")},
}
"""The notification that answers a command, by profile and the command's first two bytes."""


def at_rest(name: str, i: int) -> Notifications:
    """Return what a sensor of this profile that lies still sends i periods after it was switched on."""
    notifications_of, _ = _STREAMS[name]
    return notifications_of(i)


def period_s(name: str) -> float:
    """Return the time from one such sending to the next, s."""
    return _STREAMS[name][1]


AT_REST: Mapping[str, Notifications] = {
    name: [*ANSWERS.get(name, {}).values(), *at_rest(name, 0)] for name in _STREAMS
}
"""Answers to its start, and the beginning of its stream, by profile."""
