"""Activities and events to an MQTT broker, without ever holding up the pipeline.

Every new connection is told `online` first, then all retained topics, then the events that wait:
a broker that forgot everything knows everything again. Messages go with QoS 1 and are kept until
they are acknowledged, so a broker that dies with events on the way gets them once more, under the
same id: some may come twice, none is lost. The session is always a clean one, for nothing is
subscribed to.
"""

import asyncio
import logging
import random
import re
import time
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.reasoncodes import ReasonCode

from edgehar.brokers.mqtt import VERSION_NAMES, Link, RefusedError, Tls, Version, VersionError, new_client
from edgehar.publishers import payloads
from edgehar.publishers.outbox import Outbox
from edgehar.publishers.payloads import Message
from edgehar.types import Activity, Event

_LOGGER = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""The pause before a new attempt is drawn from 0 to a limit that doubles from the first to the last, s."""

STABLE_S = 30.0
"""A connection that held for this long starts the pauses anew, s."""

STOP_S = 2.0
"""A clean stop waits so long for the broker to take what is left, s."""


class Mqtt:
    """Publishes to one broker; `run` lives as a task beside the pipeline, in the same thread."""

    def __init__(  # noqa: PLR0913  # one keyword for each setting of the broker
        self,
        *,
        host: str,
        gateway: str,
        port: int = 1883,
        prefix: str = "edgehar",
        username: str | None = None,
        password: str | None = None,
        tls: Tls | None = None,
        version: Version = 5,
        heartbeat_s: float = 60.0,
        queue: int = 1000,
        to_unix: payloads.ToUnixTime = payloads.monotonic_to_unix,
    ) -> None:
        """Connects to nothing yet; ConfigError if the files of `tls` cannot be used.

        Version 5 falls back to 4 where the broker does not speak it. An unchanged state is told
        again after `heartbeat_s`; at most `queue` events wait.
        """
        self.root = f"{prefix}/{gateway}"
        self._host, self._port = host, port
        # Some brokers take neither dots nor spaces in it.
        self._client_id = re.sub(r"[^A-Za-z0-9_-]", "-", f"{prefix}-{gateway}")
        self._username, self._password = username, password
        self._tls = tls.load() if tls else None
        self._version = self._newest = version
        self._to_unix = to_unix
        self._states = payloads.StateFilter(heartbeat_s)
        self._outbox = Outbox(queue)
        self._empty = asyncio.Event()
        self._link: Link | None = None
        self._complained: set[bool] = set()
        self._refused: set[str] = set()
        self._told_dropped = 0
        self._is_dropping = False
        self.retain("status", "online")

    @property
    def connected(self) -> bool:
        """True while the broker takes messages."""
        return self._link is not None

    @property
    def dropped(self) -> int:
        """Events that were lost, because too many waited or because the broker refused them."""
        return self._outbox.dropped

    @property
    def waiting(self) -> int:
        """Events that the broker has not acknowledged."""
        return self._outbox.events

    def push(self, item: Activity | Event) -> None:
        """Publish an event, or a state if it changed or was not told for long; returns at once."""
        if isinstance(item, Event) or self._states.passes(item):
            for message in payloads.mqtt_messages(item, self.root, self._to_unix):
                self._outbox.push(message)
            self._tell_of_drops()
            self._pump()

    def retain(self, suffix: str, payload: str) -> None:
        """Publish `payload` retained on the topic `<prefix>/<gateway>/<suffix>`; returns at once."""
        self._outbox.push(Message(f"{self.root}/{suffix}", payload.encode(), retain=True))
        self._pump()

    async def drained(self, timeout_s: float = 10.0) -> bool:
        """Wait until the broker has acknowledged everything; False if it had not within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Stay connected until cancelled; then hand over what waits, say `offline` and disconnect."""
        attempts = 0
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._live()
                except (OSError, UnicodeError) as error:
                    if isinstance(error, VersionError) and self._falls_back():
                        continue
                    self._complain(error)
                    attempts = 1 if time.monotonic() - began > STABLE_S else attempts + 1
                    await asyncio.sleep(_pause_s(error, attempts))
        finally:
            if self.waiting + self.dropped:
                _LOGGER.warning("%d events did not reach the MQTT broker", self.waiting + self.dropped)

    async def _live(self) -> None:
        """One connection, from the first packet until it is lost, which raises OSError or UnicodeError."""
        link = Link(self._client(), on_acknowledged=self._acknowledged)
        try:
            await link.connect(self._host, self._port)
            _LOGGER.info(
                "MQTT broker %s:%d connected, %s", self._host, self._port, VERSION_NAMES[self._version]
            )
            self._complained.clear()
            self._is_dropping = False
            self._link = link
            self._pump()
            await link.keep_alive()
        except asyncio.CancelledError:
            if self._link:
                await self._say_goodbye(link)
            raise
        finally:
            self._link = None
            self._outbox.requeue()
            self._pump()
            link.close()

    def _client(self) -> Client:
        client = new_client(self._client_id, self._version, self._username, self._password, self._tls)
        client.will_set(f"{self.root}/status", "offline", qos=1, retain=True)
        # The outbox keeps to the window; a second one in paho costs a search per message.
        client.max_inflight_messages_set(0)
        return client

    def _pump(self) -> None:
        """Send as much as may be on its way at once."""
        link, outbox = self._link, self._outbox
        while link and outbox.in_flight < link.max_in_flight and (message := outbox.take()):
            outbox.mark_sent(_send(link, message), message)
        if outbox.is_empty:
            self._empty.set()
        else:
            self._empty.clear()

    def _tell_of_drops(self) -> None:
        """Say the first loss of an outage; the health message counts them all."""
        if self._outbox.dropped > self._told_dropped and not self._is_dropping:
            self._is_dropping = True
            _LOGGER.warning(
                "MQTT broker %s:%d is away and the queue is full: the oldest events are dropped",
                self._host,
                self._port,
            )
        self._told_dropped = self._outbox.dropped

    def _acknowledged(self, number: int, reason: ReasonCode) -> None:
        message = self._outbox.acknowledge(number)
        if message and reason.is_failure:
            self._refuse(message, reason)
        self._pump()

    def _refuse(self, message: Message, reason: ReasonCode) -> None:
        """Give a message up: sent again, it would be refused again."""
        self._outbox.dropped += not message.retain
        if message.topic not in self._refused:
            self._refused.add(message.topic)
            _LOGGER.warning("MQTT broker %s:%d refuses %s: %s", self._host, self._port, message.topic, reason)

    async def _say_goodbye(self, link: Link) -> None:
        """Hand over what waits and say `offline`; if that does not work the last will says it."""
        saying = asyncio.create_task(self._say_offline(link))
        either: tuple[asyncio.Future[Any], ...] = (saying, link.lost)
        await asyncio.wait(either, timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
        if saying.done():
            await link.disconnect(STOP_S)
        else:
            saying.cancel()
            await asyncio.wait([saying])

    async def _say_offline(self, link: Link) -> None:
        await self._empty.wait()
        offline = Message(f"{self.root}/status", b"offline", retain=True)
        self._outbox.mark_sent(_send(link, offline), offline)
        self._empty.clear()
        await self._empty.wait()

    def _complain(self, error: Exception) -> None:
        """Warn of a failure once until the next success, and of a refusal, which needs the operator, once more."""
        refused = isinstance(error, RefusedError)
        level = logging.DEBUG if refused in self._complained else logging.WARNING
        self._complained.add(refused)
        _LOGGER.log(level, "MQTT broker %s:%d: %s; trying again", self._host, self._port, error)

    def _falls_back(self) -> bool:
        """After an attempt that found no common version, take the other one; True if it is worth trying at once."""
        older = self._version == 5
        self._version = 4 if older else self._newest
        return older


def _send(link: Link, message: Message) -> int:
    return link.publish(message.topic, message.payload, retain=message.retain)


def _pause_s(error: Exception, attempts: int) -> float:
    """How long to wait before the next attempt, s: drawn, so that many gateways do not come back as one."""
    if isinstance(error, RefusedError):
        return random.uniform(LONGEST_PAUSE_S / 2, LONGEST_PAUSE_S)  # noqa: S311  # no secret
    return random.uniform(0.0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10)))  # noqa: S311  # nor here
