"""Bytes of every kind of sensor at rest, packed independently of the readers; all constructed."""

import math
import struct
from collections.abc import Mapping

from edgehar.protocol import Description, encode_data, encode_description

DEVICE = "c0ffee123456"

Notifications = list[tuple[int, bytes]]


def bits_of(numbers: list[int], width: int) -> bytes:
    """Two's complement numbers side by side, least significant bit first."""
    word = sum((number & (1 << width) - 1) << width * i for i, number in enumerate(numbers))
    return word.to_bytes(math.ceil(width * len(numbers) / 8), "little")


def polar_frame(measurement: int, kind: int, stamp_ns: int, content: bytes) -> bytes:
    return struct.pack("<BQB", measurement, stamp_ns, kind) + content


def polar_answer(measurement: int, factor: float) -> bytes:
    return bytes((0xF0, 0x02, measurement, 0, 0, 5, 1)) + struct.pack("<f", factor)


def movesense_samples(ms: int, acc: list[list[float]], gyr: list[list[float]]) -> bytes:
    values = [value for sample in acc + gyr for value in sample]
    return bytes((2, 99)) + struct.pack(f"<I{len(values)}f", ms, *values)


def own_at_rest() -> Notifications:
    import numpy as np  # noqa: PLC0415

    counts = np.array([[0, 0, 2048, 0, 0, 0]] * 3, np.int16)
    return [(0, encode_description(Description(DEVICE, 20_000, 16, 2000))), (0, encode_data(0, 0, counts))]


_WITMOTION = b"\x55\x61" + struct.pack("<9h", 0, 0, 2048, 0, 0, 0, 0, 0, 0)
_META_ACC = struct.pack("<BB9h", 0x03, 0x1C, *[0, 0, 2048] * 3)
_META_ACC_S = struct.pack("<BB9h", 0x03, 0x05, *[0, 0, 2048] * 3)

AT_REST: Mapping[str, Notifications] = {
    "edgehar": own_at_rest(),
    "witmotion": [(0, _WITMOTION)],
    "witmotion_dual": [(0, _WITMOTION * 2)],
    "movella_dot": [(0, struct.pack("<I6f", 1_000_000, 0, 0, 9.81, 0, 0, 0))],
    "polar_h10": [(1, polar_frame(2, 1, 10**18, struct.pack("<3h", 0, 0, 1000) * 36))],
    "polar_verity": [
        (0, polar_answer(2, 2.44e-4)),
        (1, polar_frame(2, 0x80, 10**18, struct.pack("<3hBB", 0, 0, 4098, 3, 2) + bits_of([0] * 6, 3))),
    ],
    "movesense": [(0, movesense_samples(1000, [[0, 0, 9.81]] * 4, [[0, 0, 0]] * 4))],
    "metamotion": [(0, _META_ACC)],
    "metamotion_s": [(0, _META_ACC_S)],
    "bluest": [(0, struct.pack("<H9h", 125, 0, 0, 1000, 0, 0, 0, 0, 0, 0))],
    "thingy52": [(0, struct.pack("<9h", 0, 0, 1024, 0, 0, 0, 0, 0, 0))],
    "bangle": [(0, b"A,1000,0,0,-1000\r\n")],
    "pinetime": [(0, struct.pack("<3h", 0, 0, -1024))],
}
"""By profile: notifications of a sensor that lies still, and the characteristic of each."""
