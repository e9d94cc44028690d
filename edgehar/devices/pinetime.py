"""PineTime with InfiniTime: three counts of an accelerometer per notification, no clock.

UUIDs: InfiniTimeOrg/InfiniTime, doc/MotionService.md. Range ±2 g in 12 bits, and axes:
src/drivers/Bma421.cpp; polled at 10 Hz and sent only when it changed:
src/components/motion/MotionController.cpp.
"""

from functools import partial

import numpy as np

from edgehar.devices.profile import Profile
from edgehar.devices.reader import SampleLayout, SampleLayoutReader
from edgehar.types import ACCELERATION, STANDARD_GRAVITY

SERVICE = "00030000-78fc-48fe-8e23-433b3a1942d0"
MOTION = "00030002-78fc-48fe-8e23-433b3a1942d0"

RATE_HZ = 10
_COUNT = STANDARD_GRAVITY / 1024

# The chip lies face down, so that its z points into the wrist, and the firmware swaps x and y of it alone:
# the three axes are left-handed as they are sent. With z turned they are right-handed, z out of the face.
_SCALE = np.array([_COUNT, _COUNT, -_COUNT], np.float32)

_LAYOUT = SampleLayout(
    sizes=range(6, 7),
    offset=0,
    dtype="<i2",
    channels=ACCELERATION,
    scale=_SCALE,
    period_us=1_000_000 // RATE_HZ,
)

PINETIME = Profile(
    name="pinetime",
    title="PineTime with InfiniTime",
    services=(SERVICE,),
    name_prefixes=("InfiniTime",),
    notify=(MOTION,),
    rate_hz=RATE_HZ,
    has_gyroscope=False,
    reader=partial(SampleLayoutReader, layout=_LAYOUT),
    # A watch on the table has nothing new to say.
    silence_s=600.0,
)
