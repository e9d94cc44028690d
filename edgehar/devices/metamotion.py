"""MbientLab MetaMotion: three samples of one sensor per notification, no clock.

Written from the layout alone. Bytes that the board sends and takes are as the maker's tests show them:
mbientlab/MetaWear-SDK-Cpp, test/test_accelerometer_bmi160.py, test_gyro_bmi160.py,
test_accelerometer_bmi270.py; counts per degree/s and the BMI270's numbers for angular rate: src there.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
from msgspec import Struct

from edgehar.devices.profile import Profile, Write
from edgehar.devices.reader import DEGREE, SensorReader, scales
from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY, FloatArray, Packet

SERVICE = "326a9000-85cb-9195-d9dd-464cfbbae75a"
COMMAND = "326a9001-85cb-9195-d9dd-464cfbbae75a"
NOTIFY = "326a9006-85cb-9195-d9dd-464cfbbae75a"

RATE_HZ = 50

_ACC_MODULE, _GYR_MODULE = 0x03, 0x13
_POWER, _SAMPLING, _SETTINGS = 0x01, 0x02, 0x03

# At the ranges that `start` asks for, ±16 g and ±2000 degree/s.
_ACC_SCALE = scales(STANDARD_GRAVITY / 2048)
_GYR_SCALE = scales(DEGREE / 16.4)


class Chip(Struct, frozen=True):
    """Settings and registers in which the boards' two sensing elements differ."""

    acc_settings: tuple[int, int]
    """Acceleration at 50 Hz, ±16 g."""
    gyr_settings: tuple[int, int]
    """Angular rate at 50 Hz, ±2000 degree/s."""
    acc: tuple[int, int]
    """Registers that send acceleration, one sample and three."""
    gyr: tuple[int, int]
    """Registers that send angular rate, one sample and three."""


BMI160 = Chip(acc_settings=(0x27, 0x0C), gyr_settings=(0x27, 0x00), acc=(0x04, 0x1C), gyr=(0x05, 0x07))
BMI270 = Chip(acc_settings=(0xA7, 0x03), gyr_settings=(0x27, 0x00), acc=(0x04, 0x05), gyr=(0x04, 0x05))


class MetaMotionReader(SensorReader):
    """A reader that gives packets of acceleration and packets of angular rate."""

    def __init__(self, device: str, chip: Chip) -> None:
        super().__init__(device)
        acc, gyr = (ACCELERATION, _ACC_SCALE), (ANGULAR_RATE, _GYR_SCALE)
        self._channels_and_scales: Mapping[bytes, tuple[tuple[str, ...], FloatArray]] = {
            bytes((_ACC_MODULE, register)): acc for register in chip.acc
        } | {bytes((_GYR_MODULE, register)): gyr for register in chip.gyr}

    def _read(self, body: bytes) -> list[Packet]:
        channels_and_scale = self._channels_and_scales.get(body[:2])
        if channels_and_scale is None:
            # One of the board's other modules, a switch perhaps.
            return []
        if len(body) not in {8, 20}:
            raise FrameError(f"{len(body)} bytes")
        channels, scale = channels_and_scale
        values = np.frombuffer(body, "<i2", offset=2).reshape(-1, 3).astype(np.int16)
        return [Packet(self._device, None, None, 1_000_000 // RATE_HZ, channels, values, scale)]


def _commands(module: int, packed: int, *, on: bool) -> tuple[bytes, ...]:
    """Return the switches of report, sample and power: on in this order, off in the other."""
    report = bytes((module, packed, on))
    sample = bytes((module, _SAMPLING, on, not on))
    power = bytes((module, _POWER, on))
    return (report, sample, power) if on else (power, sample, report)


def _profile(name: str, title: str, chip: Chip, prefixes: tuple[str, ...]) -> Profile:
    modules = ((_ACC_MODULE, chip.acc), (_GYR_MODULE, chip.gyr))
    settings = tuple(
        bytes((module, _SETTINGS, *values))
        for module, values in ((_ACC_MODULE, chip.acc_settings), (_GYR_MODULE, chip.gyr_settings))
    )
    on, off = (
        tuple(command for module, (_, packed) in modules for command in _commands(module, packed, on=on))
        for on in (True, False)
    )
    return Profile(
        name=name,
        title=title,
        services=(SERVICE,),
        name_prefixes=prefixes,
        notify=(NOTIFY,),
        rate_hz=RATE_HZ,
        reader=partial(MetaMotionReader, chip=chip),
        start=tuple(Write(COMMAND, payload) for payload in settings + on),
        stop=tuple(Write(COMMAND, payload) for payload in off),
    )


METAMOTION = _profile("metamotion", "MbientLab MetaMotion R, RL, C", BMI160, ("MetaWear",))
METAMOTION_S = _profile("metamotion_s", "MbientLab MetaMotion S", BMI270, ("MetaWear",))
