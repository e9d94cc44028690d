"""One connection to an MQTT broker: paho's client, driven by the event loop instead of a thread.

Only name resolution, TCP and TLS, which paho cannot do without waiting, happen in a thread, before
the loop takes the socket over; no callback is set until then, so none can run there.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgehar.errors import ConfigError

Version = Literal[4, 5]
"""MQTT 3.1.1 or 5, by its number on the wire."""

NAMES: dict[Version, str] = {4: "MQTT 3.1.1", 5: "MQTT 5"}

KEEPALIVE_S = 20
"""A broker tells the last will after 1.5 times this silence; a silent broker is given up after twice."""

ANSWER_S = 5.0
"""A broker that did not answer CONNECT within this time never will, s."""

TICK_S = 5.0
"""How often the keep-alive is looked after, s."""

WINDOW = 20
"""Messages on their way at once; what mosquitto takes unless it is told otherwise."""


_CREDENTIALS = ("Bad user name or password", "Not authorized")
"""What brokers say to a wrong password; mosquitto says the second."""


class VersionError(ConnectionError):
    """The broker does not speak this version of MQTT, or does not answer at all."""


class RefusedError(ConnectionError):
    """The broker answered that it does not want us; only its operator or ours can mend that."""


class Tls(Struct, frozen=True):
    """Files of an encrypted connection, PEM."""

    ca: Path | None = None
    """Whom to trust; None: whom the system trusts."""
    cert: Path | None = None
    """Certificate of this gateway, if the broker asks for one."""
    key: Path | None = None
    """Its private key, not encrypted; None if it stands in `cert`."""

    def load(self) -> ssl.SSLContext:
        """Load the files; ConfigError if they cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            # From Python 3.13 on the default refuses what `openssl req -x509` makes, as on most private brokers.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if self.cert:
                # Given a password, even an empty one, OpenSSL does not ask for one on the terminal.
                context.load_cert_chain(self.cert, self.key, password="")
        except OSError as error:
            files = ", ".join(str(path) for path in (self.ca, self.cert, self.key) if path)
            raise ConfigError(f"TLS: {files} cannot be used: {error}") from error
        return context


def new_client(
    client_id: str, version: Version, username: str | None, password: str | None, tls: ssl.SSLContext | None
) -> Client:
    """A client for one `Link`; it connects to nothing yet."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=MQTTProtocolVersion(version),
        reconnect_on_failure=False,
    )
    client.username_pw_set(username, password)
    if tls:
        client.tls_set_context(tls)
    return client


class Link:
    """One life of one client: open, hear the answer, publish or subscribe, stay until it is lost."""

    def __init__(
        self,
        client: Client,
        *,
        on_acknowledged: Callable[[int, ReasonCode], None] | None = None,
        on_message: Callable[[bytes], None] | None = None,
    ) -> None:
        """Neither callback may raise.

        Args:
            client: From `new_client`.
            on_acknowledged: Gets the number of a message that the broker has, and what it said of it.
            on_message: Gets the payload of every message that was subscribed to.
        """
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._on_acknowledged = on_acknowledged
        self._on_message = on_message
        self._subscribed: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._answer: asyncio.Future[ReasonCode | None] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._is_ours = False
        self.window = WINDOW

    async def open(self, host: str, port: int) -> None:
        """Connect and be welcomed.

        Raises OSError, or UnicodeError for an impossible host name; VersionError and RefusedError
        if the broker is there.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        # Not a thread of the loop's pool: at its end the loop waits for those, and a resolver
        # without a network takes half a minute.
        threading.Thread(target=self._connect, args=(host, port, opened), daemon=True).start()
        await opened
        await asyncio.wait([self._answer], timeout=ANSWER_S)
        reason = self._answer.result() if self._answer.done() else None
        if reason is None or reason == "Unsupported protocol version":
            raise VersionError(
                f"no answer that can be understood ({reason or 'silence or a closed connection'})"
            )
        if reason.is_failure:
            hint = ", check user name and password" if reason in _CREDENTIALS else ""
            raise RefusedError(f"the broker refuses: {reason}{hint}")

    def _connect(self, host: str, port: int, opened: "asyncio.Future[None]") -> None:
        error: Exception | None = None
        try:
            self._client.connect(host, port, KEEPALIVE_S)
        except Exception as caught:  # noqa: BLE001  # raised again by whoever waits in the loop
            error = caught
        try:
            self._loop.call_soon_threadsafe(self._opened, opened, error)
        except RuntimeError:  # the loop has ended
            self._close()

    def _opened(self, opened: "asyncio.Future[None]", error: Exception | None) -> None:
        self._is_ours = True
        if opened.cancelled():
            self._close()
        elif error:
            opened.set_exception(error)
        elif self._client.socket() is None:
            opened.set_exception(ConnectionResetError("the broker closed the connection"))
        else:
            self._take_over()
            opened.set_result(None)

    def _take_over(self) -> None:
        client, loop = self._client, self._loop
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_subscribe = self._answered
        client.on_message = self._came
        client.on_socket_close = self._stop_reading
        client.on_socket_register_write = lambda _client, _user, sock: loop.add_writer(
            sock, client.loop_write
        )
        client.on_socket_unregister_write = self._stop_writing
        sock = client.socket()
        assert sock is not None
        loop.add_reader(sock, self._read)
        if client.want_write():
            loop.add_writer(sock, client.loop_write)

    def _stop_reading(self, _client: Client, _user: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)

    def _stop_writing(self, _client: Client, _user: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _read(self) -> None:
        self._client.loop_read()
        # What TLS holds decrypted does not make the socket readable once more.
        while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._client.loop_read()

    def _connected(
        self,
        _client: Client,
        _user: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        if not self._answer.done():
            self._answer.set_result(reason)

    def _disconnected(
        self,
        _client: Client,
        _user: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._answer.done():
            self._answer.set_result(None)
        if not self.lost.done():
            told = (
                f"the broker said: {reason}" if flags.is_disconnect_packet_from_server else "connection lost"
            )
            self.lost.set_result(told)

    def _acknowledged(
        self, _client: Client, _user: Any, number: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._on_acknowledged:
            self._on_acknowledged(number, reason)

    def _answered(
        self,
        _client: Client,
        _user: Any,
        _number: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(reasons[0])

    def _came(self, _client: Client, _user: Any, message: MQTTMessage) -> None:
        if self._on_message:
            self._on_message(bytes(message.payload))

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Send with QoS 1; returns the number under which it will be acknowledged."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    async def subscribe(self, topic: str) -> None:
        """Ask for one topic, at most once a message; once in a life.

        RefusedError if the broker does not give it, ConnectionError if it does not answer. A topic
        that breaks the rules of MQTT raises ValueError.
        """
        self._client.subscribe(topic, qos=0)
        answers: tuple[asyncio.Future[Any], ...] = (self._subscribed, self.lost)
        await asyncio.wait(answers, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
        if not self._subscribed.done():
            raise ConnectionError(self.lost.result() if self.lost.done() else "no answer to a subscription")
        if (reason := self._subscribed.result()).is_failure:
            raise RefusedError(f"the broker refuses the topic {topic}: {reason}")

    async def stay(self) -> None:
        """Keep the connection alive; raises ConnectionError when it is lost."""
        while not self.lost.done():
            await asyncio.wait([self.lost], timeout=TICK_S)
            self._client.loop_misc()
        raise ConnectionError(self.lost.result())

    async def say_goodbye(self, timeout_s: float) -> None:
        """Disconnect such that the broker tells no last will."""
        self._client.disconnect()
        await asyncio.wait([self.lost], timeout=timeout_s)

    def drop(self) -> None:
        """Close the socket, if there still is one, without a goodbye."""
        # Before that the thread has the client, and closes it when it is done.
        if self._is_ours:
            self._close()

    def _close(self) -> None:
        # paho's only public call that closes a socket at once; it opens nothing.
        self._client.connect_async("localhost")
