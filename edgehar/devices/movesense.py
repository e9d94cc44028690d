"""Movesense with the GATT SensorData Protocol: blocks of floats, a clock of ms at the first sample.

UUIDs, commands and answers: alexisduque/movesense-device-lib, samples/gatt_sensordata_app. Clients
disagree on order and unit; a capture beside what Movesense's own converter made of it shows all
accelerations first, in m/s², then all angular rates, in degree/s: sensein/movesense-py,
tests/fixtures/validation/fixture.json.
"""

import logging

import numpy as np

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, DeviceCounter, SensorReader, require_measurable, scales
from edgehar.errors import FrameError
from edgehar.types import IMU_CHANNELS, Packet
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

SERVICE = "34802252-7185-4d5d-b431-630e7050e8f0"
COMMAND = "34800001-7185-4d5d-b431-630e7050e8f0"
DATA = "34800002-7185-4d5d-b431-630e7050e8f0"

RATE_HZ = 52
_PERIOD_US = round(1_000_000 / RATE_HZ)

_SUBSCRIBE, _UNSUBSCRIBE = 1, 2
_ANSWER, _SAMPLES, _CONTINUED = 1, 2, 3
_REFERENCE = 99
"""Number of the subscription, which the client chooses; not 0."""

_HEAD = 4
_SAMPLE = 24
_LONGEST = 512
"""Bytes of a value in the ATT protocol at most."""

_SCALE = scales(1.0, DEGREE)
_ONES = np.ones(6, np.float32)


class MovesenseReader(SensorReader):
    """A reader that joins a packet which a small MTU cut in two."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._counter = DeviceCounter(1000, 32, _PERIOD_US)
        self._first_half = b""
        self._warn = WarnOnce(_LOGGER)

    def _read(self, body: bytes) -> list[Packet]:
        kind, reference, content = body[0], body[1:2], body[2:]
        if kind not in {_ANSWER, _SAMPLES, _CONTINUED}:
            raise FrameError(f"kind {kind}")
        if kind == _ANSWER:
            self._warn_of_refusal(content)
            return []
        if reference != bytes((_REFERENCE,)):
            raise FrameError(f"samples of subscription {reference.hex()}")
        first_half, self._first_half = self._first_half, b""
        if kind == _CONTINUED:
            if not first_half:
                raise FrameError("the end of a packet whose beginning is missing")
            return [self._packet(first_half + content)]
        if first_half:
            # Its end was lost; this one is sound.
            self.malformed += 1
        if len(content) > _HEAD and (len(content) - _HEAD) % _SAMPLE and len(content) <= _LONGEST:
            self._first_half = content
            return []
        return [self._packet(content)]

    def _warn_of_refusal(self, content: bytes) -> None:
        """Warn of a refusal. Statuses are HTTP's; their byte order is disputed, and none reads as two."""
        statuses = {int.from_bytes(content[:2], "little"), int.from_bytes(content[:2], "big")}
        if refused := statuses & set(range(400, 600)):
            message = "Movesense %s refuses a command with status %s"
            self._warn(content[:2], message, self._device, *refused)

    def _packet(self, content: bytes) -> Packet:
        samples, rest = divmod(len(content) - _HEAD, _SAMPLE)
        if samples < 1 or rest:
            raise FrameError(f"{len(content)} bytes of samples")
        raw = require_measurable(np.frombuffer(content, "<f4", offset=_HEAD)).reshape(2, samples, 3)
        values = np.concatenate(list(raw), axis=1).astype(np.float32) * _SCALE
        ticks, lost = self._counter.push(int.from_bytes(content[:_HEAD], "little"), samples)
        self.lost += lost
        return Packet(self._device, None, ticks, _PERIOD_US, IMU_CHANNELS, values, _ONES)


def _command(kind: int, path: str = "") -> Write:
    return Write(COMMAND, bytes((kind, _REFERENCE)) + path.encode(), response=True)


MOVESENSE = Profile(
    name="movesense",
    title="Movesense",
    services=(SERVICE,),
    name_prefixes=("Movesense",),
    notify=(DATA,),
    rate_hz=RATE_HZ,
    reader=MovesenseReader,
    # A subscription that another life has left is given up first, or the number would be used twice.
    start=(_command(_UNSUBSCRIBE), _command(_SUBSCRIBE, f"/Meas/IMU6/{RATE_HZ}")),
    stop=(_command(_UNSUBSCRIBE),),
)
