"""The body in which the camera source hands on one picture's keypoints, and its reader.

    offset  type        meaning
    ------  ----------  -----------------------------------------------------------------
    0       uint32      when the picture was taken, µs of this host's monotonic clock, wraps
    4       uint8       people in the picture; of one or more follow the keypoints of one
    5       int16 x 51  x, y, score of each keypoint, 1 / 8192, as `types.KEYPOINT_CHANNELS`

All are little endian. So a recording of a camera holds keypoints, and never a picture.
"""

import struct

import numpy as np

from edgehar.devices.reader import DeviceCounter, SensorReader
from edgehar.errors import FrameError
from edgehar.types import KEYPOINT_CHANNELS, KEYPOINTS, FloatArray, Packet

PROFILE = "keypoints"

LEAST_SCORE = 0.2
"""A keypoint of less is not seen: the authors of MoveNet draw none below it."""

SHOULDERS = (KEYPOINTS.index("shoulder_left"), KEYPOINTS.index("shoulder_right"))
HIPS = (KEYPOINTS.index("hip_left"), KEYPOINTS.index("hip_right"))
TORSO = SHOULDERS + HIPS

_HEAD = struct.Struct("<IB")
COUNTS_PER_UNIT = 8192
SCALE = np.full(len(KEYPOINT_CHANNELS), 1 / COUNTS_PER_UNIT, np.float32)
"""Units per count, of each channel."""
_PERIOD_US = 66_667
"""Cameras give 8 to 30 pictures per second; a gap is told by their times."""
_BODY_BYTES = _HEAD.size + 2 * len(KEYPOINT_CHANNELS)


def encode(taken_at: float, people: int, keypoints: FloatArray | None) -> bytes:
    """Return the body of a picture taken at `taken_at`, host monotonic s; `keypoints` (17, 3), None of nobody."""
    head = _HEAD.pack(round(taken_at * 1e6) & 0xFFFFFFFF, min(people, 255))
    if keypoints is None:
        return head
    counts = np.clip(np.round(np.asarray(keypoints, np.float64) * COUNTS_PER_UNIT), -32768, 32767)
    return head + counts.astype("<i2").tobytes()


class KeypointReader(SensorReader):
    """A reader of the camera source's bodies."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._clock = DeviceCounter(1, 32, None)
        self.pictures = 0
        """Pictures that were looked at."""

    def health(self) -> dict[str, int]:
        """Return the counters, by name."""
        return super().health() | {"pictures": self.pictures}

    def _read(self, body: bytes) -> list[Packet]:
        if len(body) not in {_HEAD.size, _BODY_BYTES}:
            raise FrameError(f"{len(body)} bytes")
        ticks, people = _HEAD.unpack_from(body)
        if (len(body) == _BODY_BYTES) != (people > 0):
            raise FrameError(f"{people} people in {len(body)} bytes")
        self.pictures += 1
        self.remark = _remark(people)
        ticks, _ = self._clock.push(ticks, 1)
        if not people:
            return []
        values = np.frombuffer(body, "<i2", offset=_HEAD.size).astype(np.int16)[np.newaxis]
        return [Packet(self._device, None, ticks, _PERIOD_US, KEYPOINT_CHANNELS, values, SCALE)]


def _remark(people: int) -> str | None:
    if people == 1:
        return None
    if not people:
        return "nobody is in the picture"
    return f"{people} people are in the picture; the one nearest to where somebody was before is followed"
