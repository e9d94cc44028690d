"""Vectors: short packets and commands in the maker's tests, mbientlab/MetaWear-SDK-Cpp, test/
test_accelerometer_bmi160.py, test_gyro_bmi160.py and test_accelerometer_bmi270.py, in g and degree/s
at the range that each names."""

import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.metamotion import METAMOTION, METAMOTION_S
from edgehar.devices.profile import Profile
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY

PACKED_ACC = "62b7530de9fd16d04d0e57028affa1050a01"
PACKED_ACC_G = [(-4.539, 0.833, -0.131), (-2.995, 0.894, 0.146), (-0.029, 0.352, 0.065)]
GYR_DPS = [(262.409, 499.497, -499.512)]
PACKED_GYR_DPS = [(164.177, 301.860, -265.122), (207.134, 296.982, -215.457), (254.055, 309.634, -152.591)]

counts = st.lists(st.integers(-32768, 32767), min_size=9, max_size=9)


@pytest.mark.parametrize(
    ("profile", "payload", "range_g", "expected"),
    [
        (METAMOTION, "030416c494a22ad0", 4, [(-1.872, -2.919, -1.495)]),
        (METAMOTION, "031c" + PACKED_ACC, 8, PACKED_ACC_G),
        (METAMOTION_S, "030416c494a22ad0", 4, [(-1.872, -2.919, -1.495)]),
        (METAMOTION_S, "0305" + PACKED_ACC, 8, PACKED_ACC_G),
    ],
)
def test_acceleration_is_read(
    profile: Profile, payload: str, range_g: int, expected: list[tuple[float, float, float]]
) -> None:
    (packet,) = profile.reader(DEVICE).push(bytes.fromhex(payload))
    assert packet.channels == ACCELERATION
    # Profiles ask for ±16 g; the vectors were taken at a smaller range.
    acc_g = packet.values * packet.scale / STANDARD_GRAVITY * range_g / 16
    np.testing.assert_allclose(acc_g, expected, atol=6e-4)


@pytest.mark.parametrize(
    ("payload", "range_dps", "expected"),
    [
        ("13053e43ff7f0080", 500, GYR_DPS),
        ("13070915ad2608de8a1a0d2665e48d20ac2773ec", 1000, PACKED_GYR_DPS),
    ],
)
def test_angular_rate_is_read(
    payload: str, range_dps: int, expected: list[tuple[float, float, float]]
) -> None:
    (packet,) = METAMOTION.reader(DEVICE).push(bytes.fromhex(payload))
    assert packet.channels == ANGULAR_RATE
    np.testing.assert_allclose(
        np.degrees(packet.values * packet.scale) * range_dps / 2000, expected, atol=6e-4
    )


@given(counts, counts)
def test_what_was_packed_is_read(acc: list[int], gyr: list[int]) -> None:
    reader = METAMOTION.reader(DEVICE)
    (first,) = reader.push(struct.pack("<BB9h", 0x03, 0x1C, *acc))
    (second,) = reader.push(struct.pack("<BB9h", 0x13, 0x07, *gyr))
    assert first.values.ravel().tolist() == acc
    assert second.values.ravel().tolist() == gyr


def test_other_modules_are_passed_over_and_odd_lengths_are_not() -> None:
    reader = METAMOTION.reader(DEVICE)
    assert reader.push(bytes.fromhex("010101")) == []
    assert reader.malformed == 0
    for size in (4, 7, 9, 14, 19, 21):
        assert reader.push(bytes.fromhex("0304") + bytes(size - 2)) == []
    assert reader.malformed == 6


def test_commands_are_in_their_order() -> None:
    assert [write.payload.hex() for write in METAMOTION.start] == [
        "0303270c",
        "13032700",
        "031c01",
        "03020100",
        "030101",
        "130701",
        "13020100",
        "130101",
    ]
    assert [write.payload.hex() for write in METAMOTION.stop] == [
        "030100",
        "03020001",
        "031c00",
        "130100",
        "13020001",
        "130700",
    ]
    assert METAMOTION_S.start[0].payload.hex() == "0303a703"
    assert METAMOTION_S.start[2].payload.hex() == "030501"
