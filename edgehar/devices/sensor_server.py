"""SensorServer, an app for Android: one JSON object per sample over a WebSocket.

Form, path and `android.sensor.accelerometer` with gravity: umer0586/SensorServer, README.md ("Usage",
"Using Multiple Sensors Over single Websocket Connection"). Times are ns since boot, m/s² and rad/s, and a
phone at rest reads +9.81 on the axis that points up: Android's reference, SensorEvent.
"""

import math

import msgspec
from msgspec import Struct

from edgehar.devices.reader import SensorReader
from edgehar.devices.timestamped import TimestampedChannels, timestamped_sample
from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, Packet

ACCELEROMETER, GYROSCOPE = "android.sensor.accelerometer", "android.sensor.gyroscope"

LONGEST = 65_535
"""Bytes of a message, far more than one sample needs; what a recording holds."""

_SET_BACK_NS = 5_000_000_000
"""Step back in time that a phone makes when it was started anew; the link keeps the order."""


class _Event(Struct):
    """One sample, as the app sends it when several sensors share a connection."""

    type: str
    timestamp: int
    values: list[float | None]


_decoder = msgspec.json.Decoder(_Event)


class SensorServerReader(SensorReader):
    """A reader of messages, which gives packets of acceleration and packets of angular rate.

    Samples lost are told by the times. Other sensors' messages are passed over.
    """

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._channels = {
            ACCELEROMETER: TimestampedChannels(device, ACCELERATION),
            GYROSCOPE: TimestampedChannels(device, ANGULAR_RATE),
        }

    @property
    def stale(self) -> int:
        """Samples dropped, because they came twice or behind a newer one."""
        return sum(channels.stale for channels in self._channels.values())

    def _read(self, body: bytes) -> list[Packet]:
        if len(body) > LONGEST:
            raise FrameError(f"{len(body)} bytes")
        try:
            event = _decoder.decode(body)
        except (ValueError, RecursionError) as error:
            raise FrameError(f"no message of SensorServer: {error}") from error
        if (channels := self._channels.get(event.type)) is None:
            return []
        values = [math.nan if value is None else value for value in event.values]
        sample = timestamped_sample(event.timestamp, values)
        if channels.newest - sample[0] > _SET_BACK_NS:
            channels.restart()
        packets = channels.push([sample])
        self.lost = sum(channels.lost for channels in self._channels.values())
        return packets
