"""A client of its own at a configuration's broker: what is retained there, and what is heard while one listens.

A gateway that runs meanwhile loses nothing, and nothing is left on the broker.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Collection
from typing import Any, Self

from edgehar.brokers.mqtt import Connection, Received, connected
from edgehar.brokers.mqtt_client import Version, new_client
from edgehar.brokers.mqtt_text import client_id
from edgehar.config.credentials import broker_password
from edgehar.config.schema import Config, Mqtt
from edgehar.daemon.wiring import make_tls
from edgehar.errors import EdgeharError, link_failure

ANSWER_S = 10.0
"""A broker that has not answered within this time never will, s."""

QUIET_S = 1.0
"""Silence after which nothing more is retained, s: MQTT has no word for the end."""

READ_S = 5.0
"""Whoever publishes all the time is not listened to for longer, s."""

LARGEST_PACKET = 2**20
"""Bytes; the health of a hundred wearers has fewer."""

GOODBYE_S = 1.0

RETAINED = ("activity", "activity/attributes", "status", "status/attributes", "paused", "operating_point")
"""Topics of a wearer that are retained."""


class UnreachableError(EdgeharError):
    """No way to the broker, or none to a topic of it."""


class Listener:
    """One connection to a broker, for as long as the context is open; UnreachableError if there is none."""

    def __init__(self, broker: Mqtt, password: str | None = None) -> None:
        """Connect to nothing yet; ConfigError if password or certificates cannot be used.

        `password` takes the place of that in the password's file.
        """
        self._broker = broker
        self._password = password or broker_password(broker)
        tls = make_tls(broker)
        self._tls = tls.load() if tls else None
        self._payloads: dict[str, bytes] = {}
        self._wanted: set[str] = set()
        self._has_come = asyncio.Event()
        self._connection: Connection | None = None
        self._staying: asyncio.Future[None] | None = None
        self.live: asyncio.Queue[Received] = asyncio.Queue(100)
        """Messages on topics that are listened to; of more than fit the newest is dropped."""

    async def __aenter__(self) -> Self:
        """Connect, with MQTT 3.1.1 where the broker speaks no other."""
        broker = self._broker
        try:
            self._connection, _ = await connected(self._make, broker.host, broker.port, broker.version)
        except (OSError, UnicodeError) as error:
            raise UnreachableError(
                f"MQTT broker {broker.host}:{broker.port}: {link_failure(error)}"
            ) from error
        self._staying = asyncio.ensure_future(self._connection.keep_alive())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection and self._staying:
            self._staying.cancel()
            await asyncio.gather(self._staying, return_exceptions=True)
            await self._connection.disconnect(GOODBYE_S)
            self._connection.close()

    async def read(self, topics: Collection[str]) -> dict[str, bytes]:
        """Return what is retained, or published in this moment, on each of some topics that has anything."""
        self._wanted.update(topics)
        await self.listen(topics)
        until = asyncio.get_running_loop().time() + READ_S
        while self._wanted - self._payloads.keys():
            self._has_come.clear()
            wait_s = min(QUIET_S, until - asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await self._has_come.wait()
            except TimeoutError:
                break
        self._check()
        return {topic: self._payloads[topic] for topic in topics if self._payloads.get(topic)}

    async def remove(self, topics: Collection[str]) -> list[str]:
        """Remove what is retained on topics; return those on which anything was. UnreachableError if it stays."""
        assert self._connection is not None
        retained = [*await self.read(topics)]
        for topic in retained:
            self._connection.publish(topic, b"", retain=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_S):
                while any(self._payloads[topic] for topic in retained):
                    self._has_come.clear()
                    await self._has_come.wait()
        self._check()
        if left := [topic for topic in retained if self._payloads[topic]]:
            raise UnreachableError(f"the broker does not let {', '.join(left)} be removed")
        return retained

    async def listen(self, topics: Collection[str]) -> None:
        """Subscribe to topics, whose messages come in `live` from now on."""
        assert self._connection is not None
        try:
            await asyncio.gather(*[self._connection.subscribe(topic) for topic in topics])
        except OSError as error:
            raise UnreachableError(str(error)) from error

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message, not retained."""
        assert self._connection is not None
        self._connection.publish(topic, payload, retain=False)

    async def next(self) -> Received:
        """Return the next message of `live`; UnreachableError once the connection is lost."""
        assert self._connection is not None
        coming = asyncio.ensure_future(self.live.get())
        try:
            either: tuple[asyncio.Future[Any], ...] = (coming, self._connection.lost)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                self._check()
            return coming.result()
        finally:
            coming.cancel()

    def _check(self) -> None:
        assert self._connection is not None
        if self._connection.lost.done():
            raise UnreachableError(
                f"MQTT broker {self._broker.host}:{self._broker.port}: {self._connection.lost.result()}"
            )

    def _make(self, version: Version) -> Connection:
        # A name of its own: two clients of one name drive each other out.
        name, account = f"edgehar-listener-{secrets.token_hex(4)}", self._broker.username
        client = new_client(name, version, account, self._password, self._tls, LARGEST_PACKET)
        return Connection(client, on_message=self._take, answer_s=ANSWER_S)

    def _take(self, message: Received) -> None:
        if message.topic in self._wanted:
            self._payloads[message.topic] = message.payload
            self._has_come.set()
        if not message.is_retained:
            with contextlib.suppress(asyncio.QueueFull):
                self.live.put_nowait(message)


async def remove_wearer(config: Config, wearer: str) -> list[str]:
    """Remove what the broker of a configuration retains of a wearer; return the topics that had anything."""
    if config.mqtt is None:
        return []
    root = f"{config.mqtt.prefix}/{config.gateway.id}"
    topics = [f"{root}/{wearer}/{suffix}" for suffix in RETAINED]
    if config.homeassistant:
        topics.append(f"{config.homeassistant.prefix}/device/{client_id(root)}/{wearer}/config")
    async with Listener(config.mqtt) as listener:
        return await listener.remove(topics)
