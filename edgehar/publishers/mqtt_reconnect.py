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
from paho.mqtt.reasoncodes import ReasonCode

from edgehar.backoff import Delays
from edgehar.brokers.mqtt import (
    ANSWER_S,
    VERSION_NAMES,
    Connection,
    RefusedError,
    Version,
    VersionError,
    new_client,
)
from edgehar.publishers.payloads import Message
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

STABLE_S = 30.0
"""A connection that held for this long starts the pauses anew, s."""


class Broker(Struct, frozen=True, kw_only=True):
    """A broker, as whom a publisher is connected to it, and how patiently it is reconnected."""

    host: str
    port: int
    client_id: str
    will: Message
    """Last will: the broker publishes it when it has lost us."""
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    version: Version = 5
    """The newest version to try."""
    delays: Delays = Delays()
    """Bounds of the pauses between attempts."""
    answer_s: float = ANSWER_S
    """Time that an answer may take, s, as in `Connection`."""

    def __repr__(self) -> str:
        # Wherever it is logged, the password is not.
        return f"MQTT broker {self.host}:{self.port}"

    async def keep_connected(
        self,
        use: Callable[[Connection], Awaitable[None]],
        on_acknowledged: Callable[[int, ReasonCode], None],
    ) -> NoReturn:
        """Connect, and after a failure or a loss connect again, until cancelled.

        A broker that does not speak version 5 is at once tried with 4. The first failure after a success is
        a WARNING, and so is the first refusal, which needs the operator; the others are DEBUG.

        Args:
            use: Works with an open connection until that is lost, which raises OSError.
            on_acknowledged: As in `Connection`.
        """
        warn = WarnOnce(_LOGGER)
        version, failures = self.version, 0
        while True:
            began = time.monotonic()
            connection = self._new_connection(version, on_acknowledged)
            try:
                await connection.connect(self.host, self.port)
                _LOGGER.info("%s connected, %s", self, VERSION_NAMES[version])
                warn.forget()
                await use(connection)
            except (OSError, UnicodeError) as error:
                if isinstance(error, VersionError) and version == 5:
                    version = 4
                    continue
                if isinstance(error, VersionError):
                    version = self.version
                warn(isinstance(error, RefusedError), "%s: %s; trying again", self, error)
                failures = 1 if time.monotonic() - began > STABLE_S else failures + 1
                pause_s = self._pause_s(error, failures)
            finally:
                connection.close()
            await asyncio.sleep(pause_s)

    def _new_connection(
        self, version: Version, on_acknowledged: Callable[[int, ReasonCode], None]
    ) -> Connection:
        client = new_client(self.client_id, version, self.username, self.password, self.tls)
        client.will_set(self.will.topic, self.will.payload, qos=1, retain=self.will.retain)
        # The outbox keeps to the limit; a second one in paho costs a search per message.
        client.max_inflight_messages_set(0)
        return Connection(client, on_acknowledged=on_acknowledged, answer_s=self.answer_s)

    def _pause_s(self, error: Exception, failures: int) -> float:
        """Draw the pause before the next attempt, s; after a refusal it is long from the first on."""
        longest_s = self.delays.longest_s
        if isinstance(error, RefusedError):
            return random.uniform(longest_s / 2, longest_s)  # noqa: S311  # no secret
        return random.uniform(0.0, self.delays.ceiling_s(failures))  # noqa: S311  # nor here
