"""A wearer who does not exist, with sensors whose bytes are real.

The motion comes from `edgehar.motion`; the packets are made by the encoder that a sensor's
firmware has a twin of, and go the way of all packets.
"""

import hashlib
import math
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.pace import Pace
from edgehar.sources.simulated.faults import Faults, inject, outages
from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY, FloatArray, Item
from edgehar.validation import did_you_mean
from edgehar.wire.protocol import FULL_SCALE, Description, encode_data, encode_description

if TYPE_CHECKING:
    from edgehar.motion.wearer import Wearer

ACC_RANGE_G = 16
"""Full scale of the simulated accelerometers, g."""

GYR_RANGE_DPS = 2000
"""Full scale of the simulated gyroscopes, degree/s."""

SILENCE_S = 30.0
"""A link that is silent for longer is dead, s, as of the sensors that it stands for."""

_REMEMBERED = 10_000  # activities of a day without end
_STEP_S = 0.5  # motion made at a time: little enough that the loop does not notice
_COUNTS_PER_SI = np.array(
    [
        FULL_SCALE / (ACC_RANGE_G * STANDARD_GRAVITY if name in ACCELERATION else math.radians(GYR_RANGE_DPS))
        for name in IMU_CHANNELS
    ],
    np.float32,
)

TRANSITIONS = {
    "lying": ("sitting",),
    "sitting": ("standing", "standing", "lying"),
    "standing": ("walking", "walking", "sitting", "cycling", "jumping"),
    "walking": ("standing", "stairs_up", "stairs_down", "running"),
    "stairs_up": ("walking", "standing"),
    "stairs_down": ("walking", "standing"),
    "running": ("walking", "standing"),
    "jumping": ("standing",),
    "cycling": ("standing",),
}
"""Activities that may follow one."""

DURATIONS_S = {
    "lying": (30, 120),
    "sitting": (20, 120),
    "standing": (8, 30),
    "walking": (20, 90),
    "stairs_up": (10, 20),
    "stairs_down": (10, 20),
    "running": (20, 60),
    "jumping": (8, 15),
    "cycling": (30, 120),
}
"""Shortest and longest time that one lasts, s."""


def some_day(seed: int, longest_s: float = math.inf) -> Iterator[tuple[str, float]]:
    """Yield activities and how long they last, s, one after another as people do them, without end."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
    activity = "walking"
    while True:
        yield activity, min(float(rng.randint(*DURATIONS_S[activity])), longest_s)
        activity = rng.choice(TRANSITIONS[activity])


class Simulator:
    """A simulated wearer; stream `i` is the sensor at `placements[i]`.

    In real time the packets carry host monotonic time, as those of a real sensor do; at any other
    speed stream time begins at 0. The wearer goes on while the link is lost.
    """

    def __init__(
        self,
        *,
        placements: Sequence[str],
        script: Sequence[tuple[str, float]] | None = None,
        longest_s: float = math.inf,
        seed: int = 1,
        rate_hz: float = 50.0,
        samples_per_packet: int = 10,
        faults: Faults = Faults(),  # noqa: B008 - it is frozen
        speed: float = 1.0,
    ) -> None:
        """Describe the simulation; it begins with the first `run`.

        ConfigError if a sensor cannot be worn at one of the placements.

        Args:
            placements: Where the wearer wears sensors.
            script: Activities and how long each lasts, s; without one an endless random day.
            longest_s: No activity of the random day lasts longer, s.
            seed: Same seed, same wearer, same bytes.
            rate_hz: Samples per second of every sensor.
            samples_per_packet: 1..19.
            faults: What goes wrong on the way.
            speed: 1 is real time, N is N times as fast, 0 as fast as it goes.
        """
        self.link = LinkState(silence_s=SILENCE_S)
        self.placements = tuple(placements)
        self.faults = faults
        self._script = script
        self._longest_s = longest_s
        self._seed = seed
        self._rate_hz = rate_hz
        self._samples = samples_per_packet
        self._speed = speed
        self._truth: deque[tuple[float, float, str]] = deque(maxlen=_REMEMBERED)
        self._broadcast: _Broadcast | None = None
        self._wearer()  # refuses a wrong placement before anything runs

    @property
    def truth(self) -> list[tuple[float, float, str]]:
        """(start, end, activity) up to the one under way, stream time in s."""
        origin = self._broadcast.origin if self._broadcast else 0.0
        return [(start + origin, end + origin, activity) for start, end, activity in self._truth]

    @property
    def now(self) -> str | None:
        """Activity of the wearer at the packet delivered last; None before the first."""
        t = self._broadcast.t if self._broadcast else -math.inf
        return next((activity for start, _, activity in reversed(self._truth) if start <= t), None)

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`: SourceLostError where the faults take the link away."""
        if self._broadcast is None or self._broadcast.over:
            self._broadcast = _Broadcast(self.packets(), self.link, self.faults, self._speed)
        await self._broadcast.run(deliver)

    def packets(self) -> Iterator[Item]:
        """Begin anew, at stream time 0 and without any waiting: the packets as the faulty link delivers them."""
        return inject(self.faults, self._ideal())

    def _ideal(self) -> Iterator[Item]:
        """Yield packets that arrive with their last sample; descriptions come at the start and every second."""
        sensors = [_Sensor(f"{self._seed} {placement}", self._rate_hz) for placement in self.placements]
        row, describe_at = 0, 0.0
        for counts in self._motion():
            if row >= describe_at:
                describe_at += self._rate_hz
                yield from ((row / self._rate_hz, i, sensor.description) for i, sensor in enumerate(sensors))
            t = (row + counts.shape[1] - 1) / self._rate_hz
            yield from ((t, i, sensor.data(row, counts[i])) for i, sensor in enumerate(sensors))
            row += counts.shape[1]

    def _wearer(self) -> "Wearer":
        from edgehar.motion.wearer import PLACES, Wearer  # noqa: PLC0415 - only a simulation needs a body

        try:
            return Wearer(seed=self._seed, placements=self.placements, rate_hz=self._rate_hz)
        except KeyError as error:
            places = f"choose of {', '.join(PLACES)}, with or without _left or _right"
            hint = did_you_mean(str(error.args[0]), PLACES, places)
            raise ConfigError(f"no simulated sensor can be worn at {error}; {hint}") from error

    def _motion(self) -> Iterator[NDArray[np.int16]]:
        """Yield the counts of one packet after the other, (sensors, samples, 6)."""
        self._truth.clear()
        wearer = self._wearer()
        row, step = 0, math.ceil(_STEP_S * self._rate_hz)
        rest = np.empty((len(self.placements), 0, len(IMU_CHANNELS)), np.int16)
        for activity, seconds in self._script or some_day(self._seed, self._longest_s):
            end = row + round(seconds * self._rate_hz)
            self._truth.append((row / self._rate_hz, end / self._rate_hz, activity))
            while row < end:
                rows = min(step, end - row)
                made = {
                    samples.placement: samples.x for samples in wearer.perform(activity, rows / self._rate_hz)
                }
                rest = np.concatenate((rest, _counts([made[p] for p in self.placements])), axis=1)
                while rest.shape[1] >= self._samples:
                    yield rest[:, : self._samples]
                    rest = rest[:, self._samples :]
                row += rows
        if rest.shape[1]:
            yield rest


def _counts(x: Sequence[FloatArray]) -> NDArray[np.int16]:
    """Count m/s² and rad/s, (sensors, samples, 6), as a sensor would: it saturates."""
    counts: NDArray[np.float32] = np.rint(np.stack(x) * _COUNTS_PER_SI)
    return np.clip(counts, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


class _Sensor:
    """Id, sequence and a clock that was started some time ago: a sensor's packets are its own by them."""

    def __init__(self, name: str, rate_hz: float) -> None:
        digest = hashlib.blake2s(name.encode(), digest_size=10).digest()
        self._started_us = int.from_bytes(digest[6:])
        self._period_us = 1e6 / rate_hz
        self._sequence = 0
        self.description = encode_description(
            Description(
                device=digest[:6].hex(),
                period_us=round(self._period_us),
                acc_range_g=ACC_RANGE_G,
                gyr_range_dps=GYR_RANGE_DPS,
                battery=100,
                firmware=(1, 0),
            )
        )

    def data(self, row: int, counts: NDArray[np.int16]) -> bytes:
        """Return the next number's packet, whose first sample is the `row`-th since the start."""
        self._sequence += 1
        return encode_data(self._sequence - 1, self._started_us + round(row * self._period_us), counts)


class _Broadcast:
    """A simulation under way; it goes on from one life of its link to the next."""

    def __init__(self, packets: Iterator[Item], link: LinkState, faults: Faults, speed: float) -> None:
        self.t = -math.inf
        self.over = False
        self.origin = time.monotonic() if speed == 1 else 0.0
        self._packets = packets
        self._link = link
        self._held: Item | None = None
        self._pace = Pace(0.0, speed)
        self._outages = outages(faults)
        self._gone, self._back = next(self._outages)
        self._heard_from = -math.inf

    async def run(self, deliver: Deliver) -> None:
        if self.t >= 0 and self._pace.paced:
            self._reconnect(self._pace.now())
        while item := self._next():
            t, stream, body = item
            if t >= self._gone:
                self._held = item
                await self._lose()
            if t >= self._heard_from:
                await self._pace.until(t)
                self.t = t
                self._link.heard_at = time.monotonic()
                deliver(self.origin + t, stream, body)
        self.over = True

    def _next(self) -> Item | None:
        item, self._held = self._held, None
        return item or next(self._packets, None)

    async def _lose(self) -> NoReturn:
        await self._pace.until(self._gone)
        if not self._pace.paced:
            # As fast as it goes, the time without a link is over at once.
            self._gone, self._back = next(self._outages)
        raise SourceLostError("the simulated wearer went out of reach")

    def _reconnect(self, now: float) -> None:
        while now >= self._back:
            self._gone, self._back = next(self._outages)
        if now >= self._gone:
            raise SourceLostError(
                f"the simulated wearer is out of reach for another {self._back - now:.1f} s"
            )
        self._heard_from = now
