"""Sensor Logger, an app for iOS and Android: batches of samples as JSON, pushed over HTTP or MQTT.

All from tszheichoi/awesome-sensor-logger. Messages, names and ns since 1970: PUSHING.md ("Typescript
Payload Schema"); that they may come out of order, and what `messageId` is for: README.md ("Live Data
Streaming"). Units: UNITS.md. Signs: CROSSPLATFORM.md and COORDINATES.md. Names of switches:
translations/en.json. What is pushed of acceleration:

- `accelerometer`: m/s² without gravity; useless here, as it tells neither posture nor fall;
- `totalacceleration`: m/s² with gravity, +9.81 upwards; Android alone, beside `accelerometer` wherever
  that is switched on (UNITS.md, "TotalAcceleration"; the schema does not list it);
- `accelerometeruncalibrated`, behind a switch: with gravity. On Android, and on iOS once its units are
  standardised, m/s² and +9.81 upwards; otherwise on iOS in g, and -1 upwards.

So the unit of the last one tells its sign, and how long it is tells the unit: no message says from which
platform it comes. Gravity and `accelerometer` added up would do on neither, as they are m/s² with either
sign. `gyroscope` is rad/s with the same signs everywhere.
"""

import logging
import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from edgehar.devices.reader import SensorReader
from edgehar.devices.sensor_logger_json import GYROSCOPE, LINEAR, LONGEST, TOTAL, UNCALIBRATED, parse
from edgehar.devices.timestamped import TimestampedChannels, TimestampedSample
from edgehar.errors import FrameError
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY, Packet
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

_SET_BACK_NS = 5_000_000_000
"""Step back in time, of messages in their order, that shows that the phone's clock was set."""

_MOST_AHEAD = 1
"""Messages that wait for another before them. Each costs a push interval, for which the grid waits too."""
_MOST_WAITING = 32
"""Parts of messages that wait."""

_WITHOUT_GRAVITY = 3
"""Messages without acceleration that is of use; fewer are an accident of how the first was filled."""

_LACKS_GRAVITY = (
    "sends acceleration without gravity, which tells neither posture nor fall: switch on Settings > Sensor "
    "Configuration > Uncalibrated Values in the app, then start its recording anew"
)
_LACKS_ACCELERATION = (
    "sends no acceleration: switch on Accelerometer in the app, then start its recording anew"
)


class _Batch(Struct, frozen=True):
    """The parts of one message that a reader needs."""

    session: str
    number: int | None
    more: bool
    samples: Mapping[str, Sequence[TimestampedSample]]


class _Order:
    """A queue that brings messages into the order of their sending, as far as waiting briefly does it."""

    def __init__(self) -> None:
        self.lost = 0
        """Messages that never came, or too late."""
        self._session = self._before = ""
        self._next: int | None = None
        self._waiting: list[tuple[int, _Batch]] = []

    def push(self, batch: _Batch) -> list[tuple[_Batch, bool]]:
        """Return the batches that can be used now, each with True if in order; others came late or twice."""
        number = batch.number
        if number is None:
            return [(batch, True)]
        ended: list[tuple[_Batch, bool]] = []
        if self._next is None or batch.session not in {self._session, self._before}:
            ended = [(waiting, True) for _, waiting in self._waiting]
            self._before, self._session = self._session, batch.session
            self._next, self._waiting = number, []
        if batch.session != self._session or number < self._next:
            return [(batch, False)]
        self._waiting.append((number, batch))
        # Stable: parts of one message stay in the order in which they came.
        self._waiting.sort(key=lambda numbered: numbered[0])
        return ended + [(ready, True) for ready in self._ready(self._next)]

    def _ready(self, following: int) -> list[_Batch]:
        ahead = len({number for number, _ in self._waiting if number > following})
        if ahead > _MOST_AHEAD or len(self._waiting) > _MOST_WAITING:
            # The one that they wait for does not come, or its end does not.
            first = next((number for number, _ in self._waiting if number > following), following)
            self.lost += first - following
            following = first
        ready = []
        while self._waiting and self._waiting[0][0] <= following:
            number, batch = self._waiting.pop(0)
            ready.append(batch)
            if not batch.more:
                following = number + 1
        self._next = following
        return ready


class _UnitOfForce:
    """The unit of force, told by most of the lengths: g, of a phone that reads -1 upwards, or m/s²."""

    _EDGE = math.sqrt(STANDARD_GRAVITY)
    _SURE, _MOST = 10, 100

    def __init__(self) -> None:
        self._balance = 0
        self._waiting: list[TimestampedSample] = []
        self._scale: float | None = None

    def push(self, samples: Sequence[TimestampedSample]) -> list[TimestampedSample]:
        """Return specific force, m/s²; samples wait until the unit is clear."""
        for _, x, y, z in samples:
            step = 1 if math.hypot(x, y, z) > self._EDGE else -1
            self._balance = min(max(self._balance + step, -self._MOST), self._MOST)
        if abs(self._balance) >= self._SURE:
            self._scale = 1.0 if self._balance > 0 else -STANDARD_GRAVITY
        waiting = [*self._waiting, *samples]
        self._waiting = waiting[-self._MOST :] if self._scale is None else []
        if (scale := self._scale) is None:
            return []
        return [(time_ns, scale * x, scale * y, scale * z) for time_ns, x, y, z in waiting]


class SensorLoggerReader(SensorReader):
    """A reader of messages, which gives packets of acceleration and packets of angular rate.

    Lost are messages, by their numbers. Angular rate is held back while no acceleration with gravity
    comes: alone it would be taken for a sensor that has nothing else.
    """

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._order = _Order()
        self._force = TimestampedChannels(device, ACCELERATION)
        self._rate = TimestampedChannels(device, ANGULAR_RATE)
        self._warn = WarnOnce(_LOGGER)
        self._begin_recording("")

    @property
    def stale(self) -> int:
        """Samples dropped, because they came twice or behind a newer one."""
        return self._force.stale + self._rate.stale

    def _begin_recording(self, session: str) -> None:
        """Begin a new recording: it may be of another phone, or with other switches."""
        self._session = session
        self._unit = _UnitOfForce()
        self._has_total = self._has_force = False
        self._without_gravity = 0
        self.problem = None

    def _read(self, body: bytes) -> list[Packet]:
        if len(body) > LONGEST:
            raise FrameError(f"{len(body)} bytes")
        message, named, damaged = parse(body)
        self.malformed += damaged
        samples: dict[str, list[TimestampedSample]] = {}
        for name, sample in named:
            samples.setdefault(name, []).append(sample)
        batch = _Batch(message.session_id, message.message_id, message.more, samples)
        packets = []
        for ready, in_order in self._order.push(batch):
            packets += self._take(ready, in_order=in_order)
        self.lost = self._order.lost
        return packets

    def _take(self, batch: _Batch, *, in_order: bool) -> list[Packet]:
        if in_order and batch.session != self._session:
            self._begin_recording(batch.session)
        force, rate = self._specific_force(batch), batch.samples.get(GYROSCOPE, ())
        packets = []
        for channels, samples in ((self._force, force), (self._rate, rate if self._has_force else ())):
            if in_order and samples and channels.newest - max(samples)[0] > _SET_BACK_NS:
                channels.restart()
            packets += channels.push(samples)
        return packets

    def _specific_force(self, batch: _Batch) -> Sequence[TimestampedSample]:
        samples = batch.samples
        if total := samples.get(TOTAL):
            self._has_total = self._has_force = True
            return total
        if self._has_total:
            return ()
        if uncalibrated := samples.get(UNCALIBRATED):
            force = self._unit.push(uncalibrated)
            self._has_force = self._has_force or bool(force)
            return force
        if samples and not self._has_force:
            self._count_missing_gravity(has_linear=LINEAR in samples)
        return ()

    def _count_missing_gravity(self, *, has_linear: bool) -> None:
        self._without_gravity += 1
        if self._without_gravity < _WITHOUT_GRAVITY:
            return
        self.problem = _LACKS_GRAVITY if has_linear else _LACKS_ACCELERATION
        self._warn(self.problem, "Sensor Logger %s %s", self._device, self.problem)
