"""Vectors: constructed by InfiniTimeOrg/InfiniTime, doc/MotionService.md and src/drivers/Bma421.cpp."""

import struct

import numpy as np
from hypothesis import given, strategies as st
from sensors import DEVICE

from edgehar.devices.pinetime import PINETIME

counts = st.lists(st.integers(-32768, 32767), min_size=3, max_size=3)


@given(counts)
def test_what_was_packed_is_read(values: list[int]) -> None:
    (packet,) = PINETIME.reader(DEVICE).push(struct.pack("<3h", *values))
    assert packet.values.tolist() == [values]


def test_face_up_is_up_and_the_axes_are_right_handed() -> None:
    reader = PINETIME.reader(DEVICE)
    # What the chip feels along its own x, y and z, as the firmware sends it: y, x, z.
    chip = np.eye(3)
    sent = [struct.pack("<3h", *(int(1024 * axis[i]) for i in (1, 0, 2))) for axis in chip]
    axes = np.array([(packet.values * packet.scale)[0] for (packet,) in (reader.push(s) for s in sent)])
    np.testing.assert_allclose(np.cross(axes[0], axes[1]), axes[2] * 9.80665, rtol=1e-5)
    (face_up,) = reader.push(struct.pack("<3h", 0, 0, -1024))
    np.testing.assert_allclose((face_up.values * face_up.scale)[0], [0, 0, 9.80665], rtol=1e-6)
