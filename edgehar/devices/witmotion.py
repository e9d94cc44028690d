"""WitMotion WT901BLE, WT9011DCL and kin: frames of 20 bytes, several a notification; no clock, no checksum.

Units that keep a calendar (WT901SDCL-BT50) add eight bytes of date and time to a frame of motion. They are
passed over: whoever never set it has a clock that stands.

Frames, scales and commands: WITMOTION/WitBluetooth_BWT901BLE5_0, Python/BWT901BLE5.0_python_sdk/
device_model.py; UUIDs of dual-mode units: DualUUID.java there; rates: WITMOTION/WitStandardProtocol_JY901,
REG.h; date and time: the maker's "WT901SDCL-BT50 protocol", "Module to Host Computer".
"""

import struct

import numpy as np

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, SensorReader, scales
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY, Packet

# The base ends in 9a34fb; the Bluetooth SIG's, in 9b34fb, is another.
_UUID = "0000{}-0000-1000-8000-00805f9a34fb"
SERVICE, NOTIFY, WRITE = _UUID.format("ffe5"), _UUID.format("ffe4"), _UUID.format("ffe9")

# A common serial port over BLE, which printers have too: units with it are told by their names alone.
DUAL_NOTIFY = "49535343-1e4d-4bd9-ba61-23c647249616"
DUAL_WRITE = "49535343-8841-43f4-a8d4-ecbe34729bb3"

RATE_HZ = 50
"""The highest that all models have over BLE."""

_FRAME = 20
_TIME = struct.Struct("<6BH")
"""Year, month, day, hour, minute, second, ms; its second byte is never that of a frame."""
_MARK, _MOTION, _REGISTERS = 0x55, 0x61, 0x71
_SCALE = scales(16 * STANDARD_GRAVITY / 32768, 2000 * DEGREE / 32768)

_KEY, _RATE, _SAVE = 0x69, 0x03, 0x00
_UNLOCKED, _CODE_OF_50_HZ = 0xB588, 0x08


def command(register: int, value: int) -> bytes:
    """Return the bytes that set a register; they are taken over only within moments of those that unlock."""
    return bytes((0xFF, 0xAA, register)) + value.to_bytes(2, "little")


UNLOCK = command(_KEY, _UNLOCKED)
SET_RATE = command(_RATE, _CODE_OF_50_HZ)
SAVE = command(_SAVE, 0)
"""Keeping of settings through power-off. No part of a start: it writes flash; the rate is set each time."""


class WitMotionReader(SensorReader):
    """A reader of frames wherever notifications cut them; samples of one notification make one packet."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._rest = b""
        self._may_be_time = False

    def _read(self, body: bytes) -> list[Packet]:
        data = self._rest + body
        samples, at, skipped = b"", 0, 0
        while len(data) - at >= (_TIME.size if self._may_be_time else _FRAME):
            if self._may_be_time:
                at += _TIME.size * _is_time(data[at : at + _TIME.size])
                self._may_be_time = False
            elif data[at] == _MARK and data[at + 1] in (_MOTION, _REGISTERS):
                self._may_be_time = data[at + 1] == _MOTION
                if self._may_be_time:
                    # The angles that follow are the device's own estimate.
                    samples += data[at + 2 : at + 14]
                at += _FRAME
            else:
                following = data.find(_MARK, at + 1)
                skipped, at = skipped + 1, len(data) if following < 0 else following
        self._rest = data[at:]
        self.malformed += bool(skipped)
        return [self._packet(samples)] if samples else []

    def _packet(self, samples: bytes) -> Packet:
        values = np.frombuffer(samples, "<i2").reshape(-1, 6).astype(np.int16)
        return Packet(self._device, None, None, 1_000_000 // RATE_HZ, IMU_CHANNELS, values, _SCALE)


def _is_time(data: bytes) -> bool:
    """Tell whether eight bytes are a date and time, which may be all zeros."""
    _, month, day, hour, minute, second, ms = _TIME.unpack(data)
    return bool(month <= 12 and day <= 31 and hour < 24 and minute < 60 and second < 60 and ms < 1000)


def _profile(name: str, title: str, services: tuple[str, ...], notify: str, write: str) -> Profile:
    return Profile(
        name=name,
        title=title,
        services=services,
        name_prefixes=("WT",),
        notify=(notify,),
        rate_hz=RATE_HZ,
        reader=WitMotionReader,
        start=(Write(write, UNLOCK), Write(write, SET_RATE)),
        # The maker's own code waits as long after each command.
        pause_s=0.1,
    )


WITMOTION = _profile("witmotion", "WitMotion over BLE 5", (SERVICE,), NOTIFY, WRITE)
WITMOTION_DUAL = _profile("witmotion_dual", "WitMotion, dual mode", (), DUAL_NOTIFY, DUAL_WRITE)
