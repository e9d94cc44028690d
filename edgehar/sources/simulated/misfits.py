"""Faults of a simulated sensor itself, and of who put it on: what it reads is not what it says it reads.

Counts are changed, and the descriptions say what they said.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY, Item
from edgehar.validation import did_you_mean, explain, shown
from edgehar.wire.protocol import FULL_SCALE, Counts, Data, Description, decode, encode_data

Array = NDArray[np.float64]

_NOISE = 0.02
"""Rms of a sample of a device that nobody wears, m/s² and, a tenth of it, rad/s: the middle of `motion.imu.draw_hardware`."""

Axes = Annotated[list[str], Meta(max_length=6)]


class Misfits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kinds and amounts; none by default. Axes are `acc_x` to `gyr_z`."""

    swap: Annotated[
        tuple[str, str] | None,
        Meta(description="Two axes that come in each other's place, e.g. acc_x and acc_y."),
    ] = None
    mirror: Annotated[Axes, Meta(description="Axes that come with the wrong sign, e.g. gyr_z.")] = []
    stuck: Annotated[Axes, Meta(description="Axes that stay at the first number they read.")] = []
    acc_factor: Annotated[
        float,
        Meta(
            gt=0, le=1000, description="Acceleration is sent so many times too large; 9.81 is a wrong unit."
        ),
    ] = 1.0
    gyr_factor: Annotated[
        float, Meta(gt=0, le=1000, description="The same of the angular rate; 57.3 sends degree/s for rad/s.")
    ] = 1.0
    acc_range_g: Annotated[
        float, Meta(gt=0, le=16, description="Acceleration beyond so many g is cut off.")
    ] = 16.0
    gyr_bias: Annotated[
        float, Meta(ge=-10, le=10, description="Angular rate that its z axis reads at rest, rad/s.")
    ] = 0.0
    upside_down: Annotated[
        bool, Meta(description="true: turned by half a turn about the axis out of its face.")
    ] = False
    put_on_s: Annotated[
        float, Meta(ge=0, description="Time from which it is worn, s; before, it is turned slowly by hand.")
    ] = 0.0
    taken_off_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Time after which it lies on a table, s; unset: never."),
    ] = None


NO_MISFITS = Misfits()

_LISTS = ("swap", "mirror", "stuck")


def _check_axes(misfits: Misfits) -> None:
    """Refuse, by ConfigError, a name that is no axis, and an axis in its own place."""
    for axis in (*(misfits.swap or ()), *misfits.mirror, *misfits.stuck):
        if axis not in IMU_CHANNELS:
            hint = did_you_mean(axis, IMU_CHANNELS, f"there are {', '.join(IMU_CHANNELS)}")
            raise ConfigError(f"no axis is called {shown(axis)}; {hint}")
    if misfits.swap and misfits.swap[0] == misfits.swap[1]:
        raise ConfigError(f"swap: expected two axes, got {misfits.swap[0]} twice")


def parse_misfits(options: Sequence[str]) -> Misfits:
    """Read faults from `KEY=VALUE`, lists with commas; ConfigError says which is none."""
    raw = dict[str, object]()
    for option in options:
        key, _, value = option.partition("=")
        if key not in Misfits.__struct_fields__:
            hint = did_you_mean(
                key, Misfits.__struct_fields__, f"there are {', '.join(Misfits.__struct_fields__)}"
            )
            raise ConfigError(f"no fault of a sensor is called {shown(key)}; {hint}")
        raw[key] = value.split(",") if key in _LISTS else value
    try:
        misfits = msgspec.convert(raw, Misfits, strict=False)
    except msgspec.ValidationError as error:
        misfit = explain(error, raw)
        raise ConfigError(f"--misfit {misfit.path}: expected {misfit.expected}, got {misfit.got}") from error
    _check_axes(misfits)
    return misfits


def misread(misfits: Misfits, items: Iterable[Item], seed: int = 0) -> Iterator[Item]:
    """Return packets as sensors with these faults send them; ConfigError names an axis that is none."""
    _check_axes(misfits)
    return _misread(misfits, items, seed)


def _misread(misfits: Misfits, items: Iterable[Item], seed: int) -> Iterator[Item]:
    sensors = dict[int, _Sensor]()
    for t, stream, body in items:
        if stream not in sensors:
            sensors[stream] = _Sensor(misfits, np.random.default_rng((seed, stream)))
        yield t, stream, sensors[stream].push(t, body)


_LYING = np.array([0.0, 0.0, STANDARD_GRAVITY, 0.0, 0.0, 0.0])
"""A device on a table, face up, m/s² and rad/s."""


class _Sensor:
    """One sensor with faults."""

    def __init__(self, misfits: Misfits, rng: np.random.Generator) -> None:
        self._misfits, self._rng = misfits, rng
        self._turn = _turn(misfits)
        self._factor = np.repeat([misfits.acc_factor, misfits.gyr_factor], 3)
        self._scale = np.ones(6)
        self._limit = np.full(6, float(FULL_SCALE))
        self._period_s = 0.02
        self._first: Array | None = None

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
        self._period_s = description.period_us * 1e-6
        scale = dict(zip(description.channels, np.asarray(description.scale(), np.float64), strict=True))
        self._scale = np.array([scale.get(name, 1.0) for name in IMU_CHANNELS])
        most = np.rint(self._misfits.acc_range_g * STANDARD_GRAVITY / self._scale[:3])
        self._limit[:3] = np.minimum(FULL_SCALE, most)

    def _read(self, t: float, counts: Counts) -> Counts:
        misfits, x = self._misfits, counts.astype(np.float64)
        if t < misfits.put_on_s:
            x = self._by_hand(t, len(x)) / self._scale
        elif misfits.taken_off_s is not None and t >= misfits.taken_off_s:
            x = (self._noise(len(x)) + _LYING) / self._scale
        x = (x @ self._turn.T) * self._factor
        x[:, 5] += misfits.gyr_bias / self._scale[5]
        self._first = x[0].copy() if self._first is None else self._first
        columns = [IMU_CHANNELS.index(axis) for axis in misfits.stuck]
        x[:, columns] = self._first[columns]
        x = np.clip(np.rint(x), -self._limit, self._limit)
        return np.asarray(np.clip(x, -FULL_SCALE, FULL_SCALE - 1), np.int16)

    def _by_hand(self, t: float, rows: int) -> Array:
        from edgehar.motion.handled import turned_by_hand  # noqa: PLC0415 - only a simulation needs it

        times = t - self._period_s * np.arange(rows - 1, -1, -1, dtype=np.float64)
        return turned_by_hand(times) + self._noise(rows)

    def _noise(self, rows: int) -> Array:
        return np.asarray(self._rng.standard_normal((rows, 6)) * np.repeat([_NOISE, 0.1 * _NOISE], 3))


def _turn(misfits: Misfits) -> Array:
    """Return (6, 6), what its axes read of the true ones."""
    turn = np.diag([-1.0, -1.0, 1.0] * 2 if misfits.upside_down else [1.0] * 6)
    for axis in misfits.mirror:
        turn[IMU_CHANNELS.index(axis)] *= -1.0
    if misfits.swap:
        i, j = (IMU_CHANNELS.index(axis) for axis in misfits.swap)
        turn[[i, j]] = turn[[j, i]]
    return turn
