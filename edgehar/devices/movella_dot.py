"""Movella DOT, earlier Xsens DOT: one sample of floats per notification, a clock of µs.

Movella DOT BLE Service Specification XD0506P; payload modes, settings and lengths agree with the Python
package movella_dot_py (enums, sensor).
"""

import struct
from functools import partial

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, SampleLayout, SampleLayoutReader, scales
from edgehar.types import IMU_CHANNELS

_UUID = "1517{:04x}-4947-11e9-8646-d663bd873d93"
CONFIGURATION, SETTINGS = _UUID.format(0x1000), _UUID.format(0x1002)
MEASUREMENT, CONTROL, MEDIUM = _UUID.format(0x2000), _UUID.format(0x2001), _UUID.format(0x2003)

RATE_HZ = 60
"""The highest live rate; 50 is none of them, and 30 would be the next below."""

RATE_QUANTITIES = 21
"""Payload mode: acceleration and angular rate, as measured."""

# u32 µs, acceleration in m/s², angular rate in degree/s; the characteristic has room for 40 bytes.
_LAYOUT = SampleLayout(
    sizes=range(28, 41),
    offset=4,
    dtype="<f4",
    channels=IMU_CHANNELS,
    scale=scales(1.0, DEGREE),
    period_us=1_000_000 // RATE_HZ,
    clock_format="<I",
)

# Only the field that byte 0 names is taken over: the output rate, at 24.
_SET_RATE = struct.pack("<B23xH6x", 0x10, RATE_HZ)


def _measure(*, on: bool) -> Write:
    return Write(CONTROL, bytes((1, on, RATE_QUANTITIES)), response=True)


MOVELLA_DOT = Profile(
    name="movella_dot",
    title="Movella DOT (Xsens DOT)",
    services=(CONFIGURATION, MEASUREMENT),
    name_prefixes=("Movella DOT", "Xsens DOT"),
    notify=(MEDIUM,),
    rate_hz=RATE_HZ,
    reader=partial(SampleLayoutReader, layout=_LAYOUT),
    # A rate is refused while it measures.
    start=(_measure(on=False), Write(SETTINGS, _SET_RATE, response=True), _measure(on=True)),
    stop=(_measure(on=False),),
    battery=_UUID.format(0x3001),
)
