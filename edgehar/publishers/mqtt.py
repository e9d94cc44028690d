"""Activities and events to an MQTT broker, without ever holding up the pipeline.

Every new connection carries `online` first, then all retained topics, then the events that wait:
a broker that forgot everything has everything again. Messages go with QoS 1 and are kept until
they are acknowledged, so a broker that dies with events on the way gets them once more, under the
same id: some may come twice, none is lost. A broker that takes less (no QoS 1, nothing retained, small
packets) gets what it can take; what it refuses, or ends its connections over, is counted and named once.
With MQTT 5 the broker keeps the session for some seconds after a loss, and the last will waits for as long: who is
back by then was never offline, and commands of that time are obeyed. States expire when nothing renews them.

Reconnecting with back-off is `mqtt_reconnect`, what waits and what is on its way `outbox`, what is listened to
`subscriptions`, one connection and its keep-alive `brokers.mqtt`.
"""

import asyncio
import logging
from typing import Any

from paho.mqtt.reasoncodes import ReasonCode

from edgehar.backoff import Delays
from edgehar.brokers.mqtt import Connection, Received
from edgehar.brokers.mqtt_client import ANSWER_S, Version
from edgehar.brokers.mqtt_text import client_id
from edgehar.brokers.mqtt_tls import Tls
from edgehar.publishers import payloads
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.mqtt_reconnect import WILL_DELAY_S, Broker
from edgehar.publishers.outbox import TRIES, Bounds, Outbox
from edgehar.publishers.payloads import Message
from edgehar.publishers.subscriptions import Subscriptions, Take
from edgehar.types import Activity, Event
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

STOP_S = 2.0
"""A clean stop waits so long for the broker to take what is left, s."""


LONGEST_EXPIRY_S = 2**32 - 1
"""MQTT 5 can carry no more, s."""

EXPIRY_BYTES = 5
"""Bytes that the expiry of a message takes in its packet."""


class Mqtt:
    """Publisher to one broker; `run` lives as a task beside the pipeline, in the same thread."""

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
        bounds: Bounds = Bounds(),  # noqa: B008  # it is frozen
        kept: KeptEvents | None = None,
        to_unix: payloads.ToUnixTime = payloads.monotonic_to_unix,
        delays: Delays = Delays(),  # noqa: B008  # it is frozen
        answer_s: float = ANSWER_S,
        stop_s: float = STOP_S,
        will_delay_s: int = WILL_DELAY_S,
    ) -> None:
        """Connect to nothing yet; ConfigError if the files of `tls` cannot be used.

        Version 5 falls back to 4 where the broker does not speak it. An unchanged state is published again after
        `heartbeat_s`. Events wait within `bounds`, where `kept` are, first of all those that are there.
        """
        self.root = f"{prefix}/{gateway}"
        """First part of all topics."""
        self._broker = Broker(
            host=host,
            port=port,
            client_id=client_id(self.root),
            will=lambda: self._offline,
            username=username,
            password=password,
            tls=tls.load() if tls else None,
            version=version,
            delays=delays,
            answer_s=answer_s,
            will_delay_s=will_delay_s,
        )
        self.heartbeat_s = heartbeat_s
        expires_s = payloads.EXPIRES_HEARTBEATS * heartbeat_s
        self._expires_s = round(expires_s) if expires_s <= LONGEST_EXPIRY_S else None
        self._stop_s = stop_s
        self._to_unix = to_unix
        self._states = payloads.StateFilter(heartbeat_s)
        self._kept = KeptEvents() if kept is None else kept
        self._outbox = Outbox(bounds, self._kept)
        self._subscriptions = Subscriptions(repr(self._broker))
        self._is_drained = asyncio.Event()
        self._connection: Connection | None = None
        self._connects = 0
        self._warn = WarnOnce(_LOGGER, most=1000)  # topics, a few for each wearer
        self._warn_of_drops = WarnOnce(_LOGGER)
        self.retain("status", "online")

    @property
    def client_id(self) -> str:
        """The name that the broker knows us by."""
        return self._broker.client_id

    @property
    def connected(self) -> bool:
        """True while the broker takes messages."""
        return self._connection is not None

    @property
    def reconnects(self) -> int:
        """Times that the broker took messages again after the connection was lost."""
        return max(self._connects - 1, 0)

    @property
    def dropped(self) -> int:
        """Events that were lost, because too many waited or because the broker does not take them."""
        return self._outbox.dropped

    @property
    def refused(self) -> int:
        """Messages, events and others, that the broker does not take."""
        return self._outbox.refused

    @property
    def waiting(self) -> int:
        """Events that the broker has not acknowledged."""
        return self._outbox.events

    @property
    def disk_problem(self) -> str | None:
        """Reason why events are in memory alone although they should be on the disk; None: they are not."""
        return self._kept.problem

    @property
    def _offline(self) -> Message:
        return Message(f"{self.root}/status", b"offline", retain=True)

    def push(self, item: Activity | Event) -> None:
        """Publish an event, or a state if it changed or was not published for long; return at once."""
        if isinstance(item, Event) or self._states.passes(item):
            for message in payloads.mqtt_messages(item, self.root, self._to_unix, self._expires_s):
                if not self._outbox.push(message):
                    state = "takes too little" if self.connected else "is away"
                    self._warn_of_drops(
                        "queue",
                        "%s %s and the queue is full: the oldest events are dropped; `queue`, `queue_mb` and `queue_days` of [mqtt] bound it",
                        self._broker,
                        state,
                    )
            self._send_due()

    def retain(self, suffix: str, payload: str) -> None:
        """Publish `payload` retained on the topic `<prefix>/<gateway>/<suffix>`; return at once."""
        self.send(Message(f"{self.root}/{suffix}", payload.encode(), retain=True))

    def send(self, message: Message) -> None:
        """Publish a message, on whatever topic; return at once."""
        self._outbox.push(message)
        self._send_due()

    def forget(self, wearer: str) -> None:
        """Remove the retained states of a wearer from the broker; return at once."""
        self._states.forget(wearer)
        for message in payloads.mqtt_removals(wearer, self.root):
            self.send(message)

    def discard(self, wearer: str, before: float | None = None) -> int:
        """Drop the events of a wearer that wait, all or those that came before a Unix time, s; return how many. Return at once.

        `written` says when the disk has them no longer.
        """
        events = payloads.events_of(wearer, self._kept)
        events = [event for event in events if before is None or self._kept.came_at(event) < before]
        self._outbox.discard(events)
        self._kept.scrub()
        self._send_due()
        return len(events)

    def written(self) -> bool:
        """Wait until the disk has what waits, and nothing else, but not for ever; not in the loop's thread."""
        return self._kept.written()

    def repeat(self) -> None:
        """Publish all that is retained once more; return at once."""
        self._outbox.repeat()
        self._send_due()

    def listen(self, topic: str, take: Take) -> None:
        """Have `take` called with what others publish on a topic, whose last level may be `+`; before `run`."""
        self._subscriptions.add(topic, take)

    def answer(self, request: Received, suffix: str, payload: bytes) -> None:
        """Answer a request where it wants that, else on `<prefix>/<gateway>/<suffix>`; nowhere if its sender is gone."""
        if self._connection:
            self._connection.answer(request, f"{self.root}/{suffix}", payload)

    async def drained(self, timeout_s: float = 10.0) -> bool:
        """Wait until the broker has acknowledged everything; False if it had not within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_drained.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Stay connected until cancelled; then hand over what waits, publish `offline` and disconnect."""
        await self._broker.keep_connected(self._use, self._acknowledged, self._subscriptions.take)

    def log_losses(self) -> None:
        """Log at the end how many events the broker did not get, and how many it will get from the next start on."""
        waiting = self.waiting
        if waiting and self._kept.outlive:
            _LOGGER.info("%d events are kept until the MQTT broker takes them", waiting)
            waiting = 0
        if waiting + self.dropped:
            _LOGGER.warning("%d events did not reach the MQTT broker", waiting + self.dropped)

    async def _use(self, connection: Connection) -> None:
        """Send over one connection until it is lost, which raises ConnectionError."""
        self._warn_of_drops.forget()
        if losses := "; ".join(connection.limits.losses()):
            self._warn(losses, "%s %s", self._broker, losses)
        asking = self._subscriptions.ask(connection)
        self._connection = connection
        self._connects += 1
        try:
            self._send_due()
            await self._subscriptions.keep(connection, asking)
        except asyncio.CancelledError:
            await self._stop(connection)
            raise
        finally:
            self._connection = None
            if message := self._outbox.requeue():
                self._give_up(message, f"it ended {TRIES} connections over this message")
            self._send_due()

    def _send_due(self) -> None:
        """Send as much as may be on its way at once."""
        connection, outbox = self._connection, self._outbox
        while connection and outbox.in_flight < connection.limits.in_flight and (message := outbox.take()):
            properties = 0 if message.expires_s is None else EXPIRY_BYTES
            if connection.limits.fits(message.topic, message.payload, properties):
                outbox.mark_sent(_send(connection, message), message)
            else:
                self._give_up(message, f"it takes packets of at most {connection.limits.packet_size:,} bytes")
        if outbox.is_empty:
            self._is_drained.set()
        else:
            self._is_drained.clear()

    def _acknowledged(self, number: int, reason: ReasonCode) -> None:
        message = self._outbox.acknowledge(number)
        if message and reason.is_failure:
            self._give_up(message, str(reason))
        self._send_due()

    def _give_up(self, message: Message, cause: str) -> None:
        """Count a message that the broker does not take: sent again, it would fare the same."""
        self._outbox.count_refused(message)
        self._warn((message.topic, cause), "%s refuses %s: %s", self._broker, message.topic, cause)

    async def _stop(self, connection: Connection) -> None:
        """Hand over what waits and publish `offline`; if that does not work the last will does."""
        leaving = asyncio.create_task(self._publish_offline(connection))
        either: tuple[asyncio.Future[Any], ...] = (leaving, connection.lost)
        await asyncio.wait(either, timeout=self._stop_s, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            await connection.disconnect(self._stop_s)
        else:
            leaving.cancel()
            await asyncio.wait([leaving])

    async def _publish_offline(self, connection: Connection) -> None:
        await self._is_drained.wait()
        self._outbox.mark_sent(_send(connection, self._offline), self._offline)
        self._is_drained.clear()
        await self._is_drained.wait()


def _send(connection: Connection, message: Message) -> int:
    return connection.publish(
        message.topic, message.payload, retain=message.retain, expires_s=message.expires_s
    )
