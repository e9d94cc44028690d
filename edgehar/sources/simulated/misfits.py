"""Faults of a simulated sensor itself, and of who put it on: what it reads is not what it says it reads.

Counts are changed, and the descriptions say what they said.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, STANDARD_GRAVITY, Item
from edgehar.validation import did_you_mean, shown
from edgehar.wire.protocol import FULL_SCALE, Counts, Data, Description, decode, encode_data

_TABLE_NOISE = 0.02
"""Rms of a sample of a device on a table, m/s² and, a tenth of it, rad/s: the middle of `motion.imu.draw_hardware`."""

Axes = Annotated[list[str], Meta(max_length=6)]


class Misfits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kinds and amounts; none by default. Axes are `acc_x` to `gyr_z`."""

    swap: Annotated[
        tuple[str, str] | None, Meta(description="Two axes that come in each other's place, e.g. acc_x and acc_y.")
    ] = None
    mirror: Annotated[Axes, Meta(description="Axes that come with the wrong sign, e.g. gyr_z.")] = []
    stuck: Annotated[Axes, Meta(description="Axes that stay at the first number they read.")] = []
    acc_factor: Annotated[
        float, Meta(gt=0, le=1000, description="Acceleration is sent so many times too large; 9.81 is a wrong unit.")
    ] = 1.0
    gyr_factor: Annotated[
        float, Meta(gt=0, le=1000, description="The same of the angular rate; 57.3 sends degree/s for rad/s.")
    ] = 1.0
    acc_range_g: Annotated[
        float | None, Meta(gt=0, le=16, description="Acceleration beyond so many g is cut off; unset: 16.")
    ] = None
    gyr_bias: Annotated[
        float, Meta(ge=-10, le=10, description="Angular rate that its z axis reads at rest, rad/s.")
    ] = 0.0
    upside_down: Annotated[bool, Meta(description="true: turned by half a turn about the axis out of its face.")] = False
    taken_off_s: Annotated[
        float | None, Meta(ge=0, description="Time after which it lies on a table, s; unset: never.")
    ] = None


NO_MISFITS = Misfits()


def check_axes(axes: Sequence[str]) -> None:
    """Refuse, by ConfigError, a name that is no axis."""
    for axis in axes:
        if axis not in IMU_CHANNELS:
            hint = did_you_mean(axis, IMU_CHANNELS, f"there are {', '.join(IMU_CHANNELS)}")
            raise ConfigError(f"no axis is called {shown(axis)}; {hint}")


def misread(misfits: Misfits, items: Iterable[Item], seed: int = 0) -> Iterator[Item]:
    """Return packets as sensors with these faults send them; ConfigError names an axis that is none."""
    check_axes([*(misfits.swap or ()), *misfits.mirror, *misfits.stuck])
    return _misread(misfits, items, seed)


def _misread(misfits: Misfits, items: Iterable[Item], seed: int) -> Iterator[Item]:
    sensors = dict[int, _Sensor]()
    for t, stream, body in items:
        if stream not in sensors:
            sensors[stream] = _Sensor(misfits, np.random.default_rng((seed, stream)))
        yield t, stream, sensors[stream].push(t, body)


class _Sensor:
    """One sensor with faults."""

    def __init__(self, misfits: Misfits, rng: np.random.Generator) -> None:
        self._misfits, self._rng = misfits, rng
        self._turn = _turn(misfits)
        self._factor = np.repeat([misfits.acc_factor, misfits.gyr_factor], 3)
        self._scale = np.ones(6)
        self._limit = np.full(6, float(FULL_SCALE))
        self._first: NDArray[np.float64] | None = None

    def push(self, t: float, body: bytes) -> bytes:
        """Return what it sends at stream time `t`, s, in the place of `body`."""
        item = decode(body)
        if isinstance(item, Description):
            self._describe(item)
            return body
        if not isinstance(item, Data):
            return body
        return encode_data(item.sequence, item.ticks_us, self._read(t, item.counts))

    def _describe(self, description: Description) -> None:
        scale = dict(zip(description.channels, np.asarray(description.scale(), np.float64), strict=True))
        self._scale = np.array([scale.get(name, 1.0) for name in IMU_CHANNELS])
        if (most := self._misfits.acc_range_g) is not None:
            self._limit[:3] = most * STANDARD_GRAVITY / self._scale[:3]

    def _read(self, t: float, counts: Counts) -> Counts:
        misfits, x = self._misfits, counts.astype(np.float64)
        if misfits.taken_off_s is not None and t >= misfits.taken_off_s:
            noise = np.repeat([_TABLE_NOISE, 0.1 * _TABLE_NOISE], 3)
            still = self._rng.standard_normal(x.shape) * noise + [0, 0, STANDARD_GRAVITY, 0, 0, 0]
            x = still / self._scale
        x = (x @ self._turn.T) * self._factor
        x[:, 5] += misfits.gyr_bias / self._scale[5]
        self._first = x[0].copy() if self._first is None else self._first
        columns = [IMU_CHANNELS.index(axis) for axis in misfits.stuck]
        x[:, columns] = self._first[columns]
        x = np.clip(np.rint(x), -self._limit, self._limit)
        return np.clip(x, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _turn(misfits: Misfits) -> NDArray[np.float64]:
    """Return (6, 6), what its axes read of the true ones."""
    turn = np.diag([-1.0, -1.0, 1.0] * 2 if misfits.upside_down else [1.0] * 6)
    for axis in misfits.mirror:
        turn[IMU_CHANNELS.index(axis)] *= -1.0
    if misfits.swap:
        i, j = (IMU_CHANNELS.index(axis) for axis in misfits.swap)
        turn[[i, j]] = turn[[j, i]]
    return turn


assert ACCELERATION + ANGULAR_RATE == IMU_CHANNELS
