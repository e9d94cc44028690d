"""Reconnecting to an MQTT broker: back-off between attempts, and the version that the broker speaks.

The bounds of the pauses are `edgehar.backoff`. One connection is `brokers.mqtt`; what goes over it, and again over the next one, is `publishers.mqtt`.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgehar.backoff import Delays
from edgehar.brokers.mqtt import Connection, Received
from edgehar.brokers.mqtt_client import ANSWER_S, VERSION_NAMES, Version, new_client
from edgehar.brokers.mqtt_errors import (
    NO_TLS,
    WRONG_PORT,
    OversizeError,
    RefusedError,
    TakenOverError,
    VersionError,
    certificate_remedy,
)
from edgehar.errors import link_failure
from edgehar.publishers.payloads import Message
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

STABLE_S = 30.0
"""A connection that held for this long starts the pauses anew, s."""

WILL_DELAY_S = 10
"""With MQTT 5 the broker holds the last will back for so long, s: most links that break are back after a pause or two."""

SHORT_LIVES = 3
"""From so many connections on that were lost sooner, another one is no news, and has a likely cause if nothing was sent."""


class _Terms(Struct, frozen=True):
    """Demands on a broker, of which it gets fewer where it refuses some."""

    version: Version
    will_qos: int = 1
    will_retain: bool = True

    def lowered(self, error: Exception) -> "_Terms | None":
        """Return what to try at once after a refusal; None if nothing is left to give in to."""
        if isinstance(error, VersionError) and self.version == 5:
            return replace(self, version=4)
        reason = error.reason if isinstance(error, RefusedError) else ""
        if reason == "Retain not supported" and self.will_retain:
            return replace(self, will_retain=False)
        if reason == "QoS not supported" and self.will_qos:
            return replace(self, will_qos=0)
        return None


class _Outage:
    """Failures in a row, and what of them is worth a line in the log."""

    def __init__(self, broker: "Broker") -> None:
        self.failures = 0
        self._broker = broker
        self._warn = WarnOnce(_LOGGER)
        self._short_lives = self._idle_losses = 0
        self._connected_at: float | None = None

    def connected(self, version: Version) -> None:
        """Take note of a welcome; it is news unless the connections before it did not last."""
        self._connected_at = time.monotonic()
        level = logging.INFO if self._short_lives < SHORT_LIVES else logging.DEBUG
        _LOGGER.log(level, "%s connected, %s", self._broker, VERSION_NAMES[version])

    def failed(self, error: Exception, *, is_idle: bool) -> None:
        """Take note of a failure to connect, or of a loss, while nothing was on its way or something was."""
        connected_at, self._connected_at = self._connected_at, None
        if connected_at is not None and time.monotonic() - connected_at > STABLE_S:
            self._warn.forget()
            self.failures = self._short_lives = self._idle_losses = 0
        elif connected_at is not None:
            self._short_lives += 1
            self._idle_losses += is_idle and not isinstance(error, OversizeError)
        self.failures += 1
        cause = self._broker.cause_of(error)
        self._warn((connected_at is None, type(error)), "%s: %s; trying again", self._broker, cause)
        if self._idle_losses >= SHORT_LIVES and not isinstance(error, TakenOverError):
            self._warn(
                "clash",
                "%s: the connection is lost again and again soon after it is made; perhaps %s",
                self._broker,
                self._broker.id_clash,
            )


class Broker(Struct, frozen=True, kw_only=True):
    """A broker, as whom a publisher is connected to it, and how patiently it is reconnected."""

    host: str
    port: int
    client_id: str
    will: Callable[[], Message]
    """Makes the last will of one connection: the broker publishes it when it has lost us. Each reaches it at most once."""
    name: str = "MQTT broker"
    """Beginning of its lines in the log."""
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    version: Version = 5
    """The newest version to try."""
    delays: Delays = Delays()
    """Bounds of the pauses between attempts."""
    answer_s: float = ANSWER_S
    """Time that an answer may take, s, as in `Connection`."""
    will_delay_s: int = WILL_DELAY_S
    """Time for which the broker holds the last will back, and keeps the session, s; not with 3.1.1."""

    def __repr__(self) -> str:
        # Wherever it is logged, the password is not.
        return f"{self.name} {self.host}:{self.port}"

    @property
    def id_clash(self) -> str:
        """The likely cause of connections that are ended again and again, in words."""
        return (
            f"another client uses the client id {self.client_id} too: "
            "give each gateway a name of its own, `id` of [gateway] in edgehar.toml"
        )

    def cause_of(self, error: Exception) -> str:
        """Return why a connection failed or was lost, in words, and what the operator can do about it, if anything."""
        if isinstance(error, TakenOverError):
            return f"{error}, {self.id_clash}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the broker's certificate: {error.verify_message}: {certificate_remedy(error)}"
        if isinstance(error, VersionError):
            return f"{error}: {WRONG_PORT}"
        if self.tls and isinstance(error, ConnectionResetError | ssl.SSLError):
            return f"{link_failure(error)}: {NO_TLS}"
        return link_failure(error)

    async def keep_connected(
        self,
        use: Callable[[Connection], Awaitable[None]],
        on_acknowledged: Callable[[int, ReasonCode], None],
        on_message: Callable[[Received], None],
    ) -> NoReturn:
        """Connect, and after a failure or a loss, or when `use` has ended it, connect again, until cancelled.

        A broker that does not speak version 5 is at once tried with 4, and one that cannot have the last will as
        it is meant gets a lesser one. The first failure to connect and the first loss since a connection held are
        WARNINGs, and so is the first refusal, which needs the operator; the others are DEBUG.

        Args:
            use: Works with an open connection until that is lost, which raises OSError, or until it wants another.
            on_acknowledged: As in `Connection`.
            on_message: As in `Connection`.
        """
        terms, outage = _Terms(self.version), _Outage(self)
        will: Message | None = None
        while True:
            will = will or self.will()
            connection = self._new_connection(terms, will, on_acknowledged, on_message)
            try:
                await connection.connect(self.host, self.port)
                outage.connected(terms.version)
                await use(connection)
                pause_s = random.uniform(0.0, self.delays.first_s)  # noqa: S311  # no secret
            except (OSError, UnicodeError) as error:
                if lowered := terms.lowered(error):
                    terms = lowered
                    continue
                if isinstance(error, VersionError):
                    terms = _Terms(self.version)
                outage.failed(error, is_idle=not connection.unacknowledged)
                pause_s = self._pause_s(error, outage.failures)
            finally:
                connection.close()
                will = None if connection.was_opened else will
            await asyncio.sleep(pause_s)

    def _new_connection(
        self,
        terms: _Terms,
        will: Message,
        on_acknowledged: Callable[[int, ReasonCode], None],
        on_message: Callable[[Received], None],
    ) -> Connection:
        delay_s = self.will_delay_s if terms.version == 5 else 0
        client = new_client(
            self.client_id, terms.version, self.username, self.password, self.tls, session_s=delay_s
        )
        properties = None
        if delay_s:
            properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            properties.WillDelayInterval = delay_s
        client.will_set(
            will.topic,
            will.payload,
            qos=terms.will_qos,
            retain=will.retain and terms.will_retain,
            properties=properties,
        )
        # The outbox keeps to the limit; a second one in paho costs a search per message.
        client.max_inflight_messages_set(0)
        return Connection(
            client, on_acknowledged=on_acknowledged, on_message=on_message, answer_s=self.answer_s
        )

    def _pause_s(self, error: Exception, failures: int) -> float:
        """Draw the pause before the next attempt, s; after a refusal it is long from the first on."""
        longest_s = self.delays.longest_s
        if isinstance(error, RefusedError):
            return random.uniform(longest_s / 2, longest_s)  # noqa: S311  # no secret
        return random.uniform(0.0, self.delays.ceiling_s(failures))  # noqa: S311  # nor here
