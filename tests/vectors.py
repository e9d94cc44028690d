"""The golden vectors of the wire format, and bodies of a sensor with edgehar's firmware."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from firmware import BRIDGE

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.devices.profile import Reader
from edgehar.types import IMU_CHANNELS, Packet
from edgehar.wire.protocol import Description, encode_data, encode_description

README = (BRIDGE / "README.md").read_text()
VECTORS: dict[str, Any] = json.loads((BRIDGE / "vectors.json").read_text())

SENSOR = Description("c0ffee123456", 20_000, 16, 2000)
OTHER_SENSOR = Description("aaaaaaaaaaaa", 20_000, 16, 2000)


def each_vector(kind: str) -> pytest.MarkDecorator:
    """Run a test once for each `vector` of a kind."""
    return pytest.mark.parametrize("vector", VECTORS[kind], ids=lambda vector: vector["name"])


def description_of(vector: dict[str, Any]) -> Description:
    """Return the description whose fields a vector has."""
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


def data_body(sequence: int, ticks_us: int | None = None, samples: int = 1) -> bytes:
    """Return the body of a data packet, by default at the time that SENSOR's period gives its number."""
    ticks_us = sequence * SENSOR.period_us if ticks_us is None else ticks_us
    return encode_data(sequence, ticks_us, np.full((samples, 6), sequence % 1000, np.int16))


def described_reader(description: Description = SENSOR) -> EdgeharReader:
    """Return a reader that has read a description."""
    reader = EdgeharReader()
    assert reader.push(encode_description(description)) == []
    return reader


def push_all(reader: Reader, bodies: Iterable[bytes]) -> list[Packet]:
    """Return the packets that a reader makes of bodies in their order."""
    return [packet for body in bodies for packet in reader.push(body)]
