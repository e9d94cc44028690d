"""ST BlueST: SensorTile, SensorTile.box, BlueTile. One sample per notification, a clock of 8 ms.

Layout and units: STMicroelectronics/BlueSTSDK_Python, blue_st_sdk/features (mg, 0.1 degree/s, falling
order of the features' bits in the UUID). The clock is the firmware's milliseconds shifted by three bits.
"""

from functools import partial

from edgehar.devices.profile import Profile
from edgehar.devices.reader import DEGREE, MILLI_G, SampleLayout, SampleLayoutReader, scales
from edgehar.types import IMU_CHANNELS

SERVICE = "00000000-0001-11e1-9ab4-0002a5d5c51b"
MOTION = "00e00000-0001-11e1-ac36-0002a5d5c51b"

RATE_HZ = 20
"""The slowest of ST's firmwares; others send up to 50 Hz, and none can be asked."""

# u16 clock, then acceleration, angular rate and a magnetic field that is not read, three i16 each.
_LAYOUT = SampleLayout(
    sizes=range(20, 21),
    offset=2,
    dtype="<i2",
    channels=IMU_CHANNELS,
    scale=scales(MILLI_G, DEGREE / 10),
    period_us=1_000_000 // RATE_HZ,
    clock_format="<H",
    clock_unit_us=8000,
    is_period_certain=False,
)

BLUEST = Profile(
    name="bluest",
    title="ST BlueST (SensorTile, SensorTile.box, BlueTile)",
    services=(SERVICE,),
    # ALLMEMS1 and its version; other firmwares are told by their service.
    name_prefixes=("AM1V",),
    notify=(MOTION,),
    rate_hz=RATE_HZ,
    reader=partial(SampleLayoutReader, layout=_LAYOUT),
)
