"""Wearers to the SCADA hosts of a factory: an edge node of Sparkplug B 3.0, over a connection of its own.

The node is the gateway, a wearer is a device. The session is a clean one, its last will the death of the node, which the
broker publishes at once. With a primary host the node says nothing until that is online, and dies and waits when it no
longer is. Hosts can ask for all births again, and for nothing else: other commands are named in the log once.

What is told, and in which order, is `node`; of what, `metrics`; the bytes, `payload`.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any

from paho.mqtt.reasoncodes import ReasonCode

from edgehar.brokers.mqtt import Connection, Received
from edgehar.publishers import payloads
from edgehar.publishers.mqtt_reconnect import Broker
from edgehar.publishers.payloads import Message
from edgehar.publishers.sparkplug import metrics
from edgehar.publishers.sparkplug.commands import Commands
from edgehar.publishers.sparkplug.farewell import Farewell
from edgehar.publishers.sparkplug.host import PrimaryHost
from edgehar.publishers.sparkplug.metrics import Worn, ZoneDevice
from edgehar.publishers.sparkplug.node import EdgeNode
from edgehar.publishers.subscriptions import Subscriptions
from edgehar.types import NO_SIGNAL, Activity, Event
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

REBIRTH_S = 1.0
"""All births are told at most once in so long, s, however many hosts ask."""


class Sparkplug:
    """Publisher to the Sparkplug hosts at one broker; `run` lives as a task beside the pipeline, in the same thread."""

    def __init__(
        self,
        broker: Broker,
        node: EdgeNode,
        *,
        primary_host: str | None = None,
        heartbeat_s: float = 60.0,
        to_unix: payloads.ToUnixTime = payloads.monotonic_to_unix,
    ) -> None:
        """Connect to nothing yet.

        Args:
            broker: Its last wills are those of `node`, and not delayed.
            node: Says what is told and when.
            primary_host: Id of the host without which nothing is told; None: whoever listens will do.
            heartbeat_s: What an unchanged state rests on is told again after so long, s.
            to_unix: Turns stream time into Unix time.
        """
        self._broker, self._node = broker, node
        node.fits = self._fits
        self._to_unix = to_unix
        self._states = payloads.StateFilter(heartbeat_s)
        self._host = PrimaryHost(primary_host) if primary_host else None
        self._commands = Commands(node.topic("NCMD"))
        self._subscriptions = Subscriptions(repr(broker))
        self._subscriptions.add(node.topic("NCMD"), self._hear_command)
        self._subscriptions.add(node.topic("DCMD", "+"), self._hear_command)
        if self._host:
            self._subscriptions.add(self._host.topic, self._hear_host, is_needed=True)
        self._connection: Connection | None = None
        self._wants_to_leave = asyncio.Event()
        self._is_drained = asyncio.Event()
        self._farewell: Farewell | None = None
        self._rebirth: asyncio.TimerHandle | None = None
        self._born_at = -REBIRTH_S
        self._warn = WarnOnce(_LOGGER, most=100)
        self._warn_of_drops = WarnOnce(_LOGGER)

    @property
    def topics(self) -> str:
        """Topics of the node, for people."""
        return self._node.topic("+")

    @property
    def is_born(self) -> bool:
        """True while hosts can hear what changes."""
        return self._node.is_born

    @property
    def dropped(self) -> int:
        """Changes that were lost, because too many waited."""
        return self._node.dropped

    @property
    def waiting(self) -> int:
        """Changes that wait for somebody who listens."""
        return self._node.waiting

    def health(self) -> dict[str, Any]:
        """Return counters since the start, for people and dashboards."""
        return {"is_born": self.is_born, "waiting": self.waiting, "dropped": self.dropped}

    def push(self, item: Activity | Event) -> None:
        """Tell an event, or a state if it changed or was not told for long; return at once."""
        node, wearer = self._node, item.wearer
        if not node.has(wearer):
            return
        if isinstance(item, Event):
            ended_ms = None if item.ended_at is None else self._unix_ms(item.ended_at)
            values = metrics.of_event(item, self._unix_ms(item.started_at), ended_ms)
            t = item.detected_at
            # Who has just fallen lives, though the sensor may not.
            self._publish(node.set_alive(wearer, now_ms(), is_alive=True))
        else:
            is_same = node.value(wearer, metrics.LABEL) == item.state and not item.is_last
            if (is_same and not node.is_born) or not self._states.passes(item):
                return
            values, t = metrics.of_activity(item, self._unix_ms(item.since)), item.t
        self._change(wearer, values, self._unix_ms(t))

    def update(self, worn: Worn) -> None:
        """Tell what has changed of a wearer: a device from when a sensor is heard until none is, and that was told."""
        node, t_ms = self._node, now_ms()
        self._publish(node.define(worn.id, metrics.types_of(worn), t_ms))
        self._change(worn.id, metrics.of_sensors(worn), t_ms)
        is_told = node.value(worn.id, metrics.LABEL) in {NO_SIGNAL, None}
        is_alive = worn.is_heard or (node.is_alive(worn.id) and not is_told)
        self._publish(node.set_alive(worn.id, t_ms, is_alive=is_alive))
        self._publish(self._node.count(now_ms()))

    def count(self, zone: ZoneDevice) -> None:
        """Tell the counts of a zone, a device that lives from then on."""
        t_ms = now_ms()
        self._publish(self._node.define(zone.id, metrics.types_of_zone(zone), t_ms))
        self._change(zone.id, metrics.of_zone(zone), zone.counted_ms)
        self._publish(self._node.set_alive(zone.id, t_ms, is_alive=True))

    def forget(self, wearer: str) -> None:
        """Have the device of a wearer who is gone die."""
        self._states.forget(wearer)
        if self._node.has(wearer):
            self._publish(self._node.remove(wearer, now_ms()))
            self._publish(self._node.count(now_ms()))

    def take_over(self, former: "Sparkplug") -> None:
        """Go on where another one has stopped; before `run`."""
        self._node.succeed(former._node)  # noqa: SLF001  # one of its kind

    async def drained(self, timeout_s: float = 10.0) -> bool:
        """Wait until nothing waits for somebody who listens; False if something still did after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_drained.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Stay connected until cancelled; then die and disconnect."""
        await self._broker.keep_connected(self._use, self._acknowledged, self._subscriptions.take)

    def log_losses(self) -> None:
        """Log at the end how many changes no host has heard."""
        if self.waiting + self.dropped:
            _LOGGER.warning("%d changes did not reach a Sparkplug host", self.waiting + self.dropped)

    async def _use(self, connection: Connection) -> None:
        """Work with one connection until it is lost, which raises ConnectionError, or the primary host is gone."""
        self._connection = connection
        farewell = self._farewell = Farewell(connection)
        self._wants_to_leave.clear()
        # Before any birth, so that no request for another one is missed.
        asking = self._subscriptions.ask(connection)
        keeping = asyncio.ensure_future(self._subscriptions.keep(connection, asking))
        leaving = asyncio.ensure_future(self._wants_to_leave.wait())
        is_delivered = False
        try:
            if self._host:
                self._host.begin_session()
            else:
                self._bear()
            await asyncio.wait((keeping, leaving), return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            await self._leave(farewell)
        except asyncio.CancelledError:
            # What the primary host missed just before it went the broker does not know.
            is_delivered = await self._leave(farewell) and not leaving.done()
            raise
        finally:
            self._close_session(is_delivered=is_delivered)
            keeping.cancel()
            leaving.cancel()
            await asyncio.gather(keeping, leaving, return_exceptions=True)

    async def _leave(self, farewell: Farewell) -> bool:
        """Die and disconnect; True if the broker has all that was sent."""
        self._hold()
        self._connection = None  # whatever a host says by now, nothing comes after the death
        return await farewell.say(lambda: self._node.death(now_ms()))

    def _acknowledged(self, number: int, _reason: ReasonCode) -> None:
        if self._farewell:
            self._farewell.note_acknowledged(number)
        self._go_on()

    def _close_session(self, *, is_delivered: bool) -> None:
        if self._host:
            self._host.end_session()
        self._hold()
        self._connection = self._farewell = None
        self._node.close_session(now_ms(), is_delivered=is_delivered)

    def _hold(self) -> None:
        """Tell nothing more until the next births."""
        if self._rebirth:
            self._rebirth.cancel()
        self._rebirth = None
        self._node.hold()
        self._note_drained()

    def _bear(self) -> None:
        """Tell all births, and begin with what waited."""
        self._hold()
        self._born_at = asyncio.get_running_loop().time()
        self._warn_of_drops.forget()
        self._publish(self._node.births(now_ms()))
        self._note_drained()
        self._go_on()

    def _go_on(self) -> None:
        """Have more told of what waited, in another turn of the loop, once the kernel has all that was sent."""
        if self._node.is_telling and self._connection and not self._connection.unacknowledged:
            asyncio.get_running_loop().call_soon(self._tell_history)

    def _tell_history(self) -> None:
        if self._node.is_telling:
            self._publish(self._node.history(now_ms()))
            self._note_drained()
            self._go_on()

    def _hear_host(self, message: Received) -> None:
        """Be born when the primary host comes online, and die when it goes."""
        assert self._host
        self._host.hear(message.payload)
        if self._connection is None:
            return
        if self._host.is_online and not self._node.is_born and not self._rebirth:
            self._bear()
        elif not self._host.is_online and (self._node.is_born or self._rebirth):
            self._hold()
            self._wants_to_leave.set()

    def _hear_command(self, message: Received) -> None:
        if self._commands.wants_rebirth(message):
            self._ask_for_rebirth()

    def _ask_for_rebirth(self) -> None:
        """Tell all births again, now or once REBIRTH_S have passed since the last; until then what changes is kept."""
        if not self._node.is_born:
            return
        loop = asyncio.get_running_loop()
        due = self._born_at + REBIRTH_S
        if loop.time() >= due:
            self._bear()
        else:
            self._hold()
            self._rebirth = loop.call_at(due, self._bear)

    def _change(self, wearer: str, values: metrics.Values, t_ms: int) -> None:
        dropped = self._node.dropped
        self._publish(self._node.change(wearer, values, t_ms, now_ms()))
        if self._node.dropped > dropped and not self._node.is_born:
            self._warn_of_drops(
                "queue",
                "%s: nobody listens and the queue is full: the oldest changes are dropped",
                self._broker,
            )
        self._note_drained()

    def _note_drained(self) -> None:
        if self._node.is_born and not self._node.is_telling:
            self._is_drained.set()
        else:
            self._is_drained.clear()

    def _publish(self, messages: Iterable[Message]) -> None:
        """Send with QoS 0, as the specification wants it."""
        for message in messages:
            assert self._connection
            self._connection.publish(message.topic, message.payload, retain=False, qos=0)

    def _fits(self, topic: str, payload: bytes) -> bool:
        """Tell whether the broker takes so large a message; of each topic that is refused the first is named."""
        assert self._connection
        limits = self._connection.limits
        if fits := limits.fits(topic, payload):
            return fits
        cause = f"it takes packets of at most {limits.packet_size:,} bytes"
        self._warn(topic, "%s refuses %s: %s", self._broker, topic, cause)
        return False

    def _unix_ms(self, t: float) -> int:
        return max(0, round(self._to_unix(t) * 1000))


def now_ms() -> int:
    """Return the time, Unix, ms."""
    return round(time.time() * 1000)
