"""Nordic Thingy:52, firmware 2: nine raw values per notification, no clock.

Makers' libraries disagree on the scale; this is what the firmware computes, from numbers of 16 integer
bits in g and degree/s: NordicSemiconductor/Nordic-Thingy52-FW, source/modules/m_motion.c.
"""

import struct
from functools import partial

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, SampleLayout, SampleLayoutReader, scales
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY

_UUID = "ef68{:04x}-9b35-4933-9b10-52ffa9740042"
ADVERTISED = _UUID.format(0x0100)
SERVICE, CONFIGURATION, RAW = (_UUID.format(number) for number in (0x0400, 0x0401, 0x0406))

RATE_HZ = 50
# 6 and 11 integer bits of 16 are left; the magnetometer that follows is not read.
_ACC, _GYR = STANDARD_GRAVITY / 1024, DEGREE / 32

_LAYOUT = SampleLayout(
    sizes=range(18, 19),
    offset=0,
    dtype="<i2",
    channels=IMU_CHANNELS,
    scale=scales(_ACC, _GYR),
    period_us=1_000_000 // RATE_HZ,
)

# Intervals of pedometer, temperature and compass, ms; motion rate, 5..200 Hz; no wake on motion.
_SETTINGS = struct.pack("<HHHHB", 1000, 1000, 1000, RATE_HZ, 0)

THINGY52 = Profile(
    name="thingy52",
    title="Nordic Thingy:52",
    services=(ADVERTISED, SERVICE),
    name_prefixes=("Thingy",),
    notify=(RAW,),
    rate_hz=RATE_HZ,
    reader=partial(SampleLayoutReader, layout=_LAYOUT),
    # Subscribing alone starts the stream, and unsubscribing ends it.
    start=(Write(CONFIGURATION, _SETTINGS, response=True),),
)
