"""One connection to an MQTT broker: welcome, keep-alive, publish, subscribe, and errors by cause.

Who wants another one after a loss makes it: `publishers.mqtt_reconnect` for what is published,
`sources.reconnect` for a phone. It is paho's client, driven by the event loop (`mqtt_socket`) instead of a thread.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgehar.brokers.mqtt_client import ANSWER_S, BoundedClient, Version
from edgehar.brokers.mqtt_errors import OversizeError, RefusedError, TakenOverError, VersionError
from edgehar.brokers.mqtt_limits import Limits
from edgehar.brokers.mqtt_socket import ClientSocket

KEEPALIVE_S = 20
"""A broker publishes the last will after 1.5 times this silence; a silent broker is given up after twice."""

KEEPALIVE_CHECK_S = 5.0
"""Time between two looks whether a ping or an acknowledgement is overdue, s."""

_ANSWER_PROPERTIES = 16
"""Bytes that the properties of an answer take beside its correlation data, at most."""

WRONG_PASSWORD = ("Bad user name or password", "Not authorized")
"""Refusals of a wrong password; mosquitto says the second."""


class Received(Struct, frozen=True):
    """One message that was subscribed to."""

    topic: str
    payload: bytes
    is_retained: bool = False
    """It was published before we subscribed."""
    response_topic: str | None = None
    """Topic on which the sender wants to read an answer; MQTT 5 alone can say so."""
    correlation: bytes | None = None
    """Bytes that the answer has to carry, by which the sender tells which request it answers."""


class Connection:
    """One connection of one client: connect, publish or subscribe, keep alive until it is lost."""

    def __init__(
        self,
        client: BoundedClient,
        *,
        on_acknowledged: Callable[[int, ReasonCode], None] | None = None,
        on_message: Callable[[Received], None] | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Connect to nothing yet; neither callback may raise.

        Args:
            client: From `new_client`.
            on_acknowledged: Gets the number of a message that the broker has, and its verdict on it.
            on_message: Gets every message that was subscribed to.
            answer_s: A broker that did not answer within this time never will, s; nor acknowledge anything.
        """
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._on_acknowledged = on_acknowledged
        self._on_message = on_message
        self._subacks: dict[int, asyncio.Future[ReasonCode]] = {}
        self._connack: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self.lost: asyncio.Future[ConnectionError] = self._loop.create_future()
        """Done, with the reason, once the connection is lost."""
        self._socket = ClientSocket(client, on_open=self._set_callbacks, on_garbage=self._lose)
        self._answer_s = answer_s
        self.limits = Limits()
        """Limits that the broker names when it welcomes us; until then the usual ones."""
        self.unacknowledged = 0
        """Messages that were published and that the broker has not acknowledged."""
        self._acknowledged_at = 0.0

    @property
    def was_opened(self) -> bool:
        """True if the broker may have our CONNECT, and with it the last will."""
        return self._socket.was_opened

    async def connect(self, host: str, port: int) -> None:
        """Connect, and wait until the broker welcomes us.

        Raises OSError, or UnicodeError for an impossible host name; VersionError and RefusedError
        if the broker is there.
        """
        await self._socket.open(host, port, KEEPALIVE_S)
        await asyncio.wait([self._connack], timeout=self._answer_s)
        reason = self._connack.result() if self._connack.done() else None
        if reason is None or reason == "Unsupported protocol version":
            raise VersionError(
                f"no answer that can be understood ({reason or 'silence or a closed connection'})"
            )
        if reason.is_failure:
            hint = ": check `username` and `password_file` of [mqtt]" if reason in WRONG_PASSWORD else ""
            raise RefusedError(f"the broker refuses: {reason}{hint}", str(reason))

    def _set_callbacks(self) -> None:
        client = self._client
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_subscribe = self._subscription_answered
        client.on_message = self._message_came

    def _connected(
        self,
        _client: Client,
        _user: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.limits = Limits.from_connack(properties)
        if not self._connack.done():
            self._connack.set_result(reason)

    def _disconnected(
        self,
        _client: Client,
        _user: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._lose(self._cause(flags, reason))

    def _lose(self, cause: ConnectionError) -> None:
        if not self._connack.done():
            self._connack.set_result(None)
        if not self.lost.done():
            self.lost.set_result(cause)

    def _cause(self, flags: DisconnectFlags, reason: ReasonCode) -> ConnectionError:
        if self._client.oversize:
            return OversizeError(self._client.oversize, self._client.largest_packet)
        if not flags.is_disconnect_packet_from_server:
            return ConnectionError("connection lost")
        if reason == "Session taken over":
            return TakenOverError(f"the broker said: {reason}", str(reason))
        return ConnectionError(f"the broker said: {reason}")

    def _acknowledged(
        self, _client: Client, _user: Any, number: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.unacknowledged -= 1
        self._acknowledged_at = self._loop.time()
        if self._on_acknowledged:
            self._on_acknowledged(number, reason)

    def _subscription_answered(
        self,
        _client: Client,
        _user: Any,
        number: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        suback = self._subacks.pop(number, None)
        if suback and not suback.done():
            suback.set_result(reasons[0])

    def _message_came(self, _client: Client, _user: Any, message: MQTTMessage) -> None:
        if self._on_message:
            self._on_message(_received(message))

    def publish(
        self, topic: str, payload: bytes, *, retain: bool, expires_s: int | None = None, qos: int = 1
    ) -> int:
        """Send, with QoS 1 and retained if the broker can that; return the number that will be acknowledged.

        Of what goes with QoS 0 the kernel's acceptance counts as the acknowledgement. With MQTT 5 the broker drops
        what is older than `expires_s`, s.
        """
        limits, properties = self.limits, None
        if expires_s is not None and self._client.connect_properties:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expires_s
        return self._publish(
            topic, payload, min(qos, limits.qos), retain=retain and limits.retains, properties=properties
        )

    def answer(self, request: Received, topic: str, payload: bytes) -> None:
        """Send an answer once, with QoS 0: where its sender asked for it, else on `topic`.

        A topic that is none is not answered, nor is what makes a packet larger than the broker takes.
        """
        topic = request.response_topic or topic
        properties = None
        if request.correlation is not None and self._client.connect_properties:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = request.correlation
        more = len(request.correlation or b"") + _ANSWER_PROPERTIES
        # paho refuses what no topic can be.
        with contextlib.suppress(ValueError):
            if self.limits.fits(topic, payload, more):
                self._publish(topic, payload, 0, retain=False, properties=properties)

    def _publish(
        self, topic: str, payload: bytes, qos: int, *, retain: bool, properties: Properties | None = None
    ) -> int:
        number = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties).mid
        if not self.unacknowledged:
            self._acknowledged_at = self._loop.time()
        self.unacknowledged += 1
        return number

    def subscribe(self, topic: str, *, qos: int = 0) -> Coroutine[Any, Any, None]:
        """Ask at once for the messages of one topic, our own among them; await the answer.

        Awaited, it raises RefusedError if the broker does not give it, ConnectionError if it does not answer.
        A topic that breaks the rules of MQTT raises ValueError.
        """
        _, number = self._client.subscribe(topic, qos)
        suback: asyncio.Future[ReasonCode] = self._loop.create_future()
        # Without a number the connection is lost, and nobody answers.
        self._subacks[number or 0] = suback
        return self._subscribed(topic, suback)

    async def _subscribed(self, topic: str, suback: "asyncio.Future[ReasonCode]") -> None:
        answers: tuple[asyncio.Future[Any], ...] = (suback, self.lost)
        await asyncio.wait(answers, timeout=self._answer_s, return_when=asyncio.FIRST_COMPLETED)
        if not suback.done():
            raise self.lost.result() if self.lost.done() else ConnectionError("no answer to a subscription")
        if (reason := suback.result()).is_failure:
            raise RefusedError(f"the broker refuses the topic {topic}: {reason}", str(reason))

    async def keep_alive(self) -> None:
        """Send pings when they are due until the connection is lost or of no use, which raises ConnectionError."""
        # The broker may have asked for more pings than CONNECT promised.
        check_s = min(KEEPALIVE_CHECK_S, self._client.keepalive / 4 or KEEPALIVE_CHECK_S, self._answer_s)
        while not self.lost.done():
            await asyncio.wait([self.lost], timeout=check_s)
            self._client.loop_misc()
            if self.unacknowledged and self._loop.time() - self._acknowledged_at > self._answer_s:
                raise ConnectionError(f"nothing was acknowledged for {self._answer_s:.0f} s")
        raise self.lost.result()

    @property
    def can_disconnect_with_will(self) -> bool:
        """True if the broker can be told to publish the last will: MQTT 5."""
        return self._client.protocol == MQTTProtocolVersion.MQTTv5

    async def disconnect(self, timeout_s: float, *, with_will: bool = False) -> None:
        """Disconnect such that the broker publishes no last will, or does, and wait at most `timeout_s` for it."""
        reason = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message") if with_will else None
        self._client.disconnect(reason)
        await asyncio.wait([self.lost], timeout=timeout_s)

    def close(self) -> None:
        """Close the socket, if it is still open, without DISCONNECT."""
        self._socket.close()


async def connected(
    make: Callable[[Version], Connection], host: str, port: int, version: Version
) -> tuple[Connection, Version]:
    """Return a connection in a version of MQTT, or in 3.1.1 where the broker does not speak that, and its version.

    Raises what `Connection.connect` does; nothing is open then.
    """
    connection = make(version)
    try:
        await connection.connect(host, port)
    except BaseException as error:
        connection.close()
        if isinstance(error, VersionError) and version == 5:
            return await connected(make, host, port, 4)
        raise
    return connection, version


def _received(message: MQTTMessage) -> Received:
    properties = message.properties
    return Received(
        message.topic,
        bytes(message.payload),
        message.retain,
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
    )
