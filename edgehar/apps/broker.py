"""`edgehar mqtt test`: the way to the broker, stage by stage, each with its time and, where it fails, what to do.

Two clients of their own names go this way, so that a gateway that runs meanwhile loses nothing. What is left on the
broker is nothing.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from paho.mqtt.reasoncodes import ReasonCode

from edgehar.brokers.mqtt import WRONG_PASSWORD, Connection, Received, connected
from edgehar.brokers.mqtt_client import VERSION_NAMES, Version, new_client
from edgehar.brokers.mqtt_errors import (
    MAY_NOT_READ,
    NO_TLS,
    SEE_ITS_LOG,
    WRONG_PORT,
    RefusedError,
    VersionError,
    certificate_remedy,
)
from edgehar.brokers.mqtt_text import client_id
from edgehar.config.credentials import broker_password
from edgehar.config.schema import Config, Mqtt
from edgehar.daemon.wiring import make_tls
from edgehar.errors import ConfigError, EdgeharError, link_failure
from edgehar.publishers.payloads import Message

STAGE_S = 10.0
"""A stage that has not succeeded within this time has failed, s."""


class StageError(EdgeharError):
    """Failure of one stage; `fix` says what to do."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


class BrokerTest:
    """The stages to one broker, in their order; each rests on those before it."""

    def __init__(self, config: Config, password: str | None = None) -> None:
        """Open nothing yet; ConfigError if there is no broker, or password and certificates cannot be used.

        `password` takes the place of that in the configuration's file.
        """
        if config.mqtt is None:
            raise ConfigError("there is no broker to test: give its `host` in [mqtt]")
        self._broker: Mqtt = config.mqtt
        self._password = password or broker_password(config.mqtt)
        tls = make_tls(config.mqtt)
        self._tls = tls.load() if tls else None
        self._root = f"{config.mqtt.prefix}/{config.gateway.id}"
        self._client_id = client_id(self._root)
        self._prefix = config.homeassistant.prefix if config.homeassistant else None
        self._version: Version = config.mqtt.version
        self.wants_account = False
        """The broker has refused user name and password, or that there are none."""
        self._socket: socket.socket | None = None
        self._sender: Connection | None = None
        self._hearer: Connection | None = None
        self._verdicts: dict[int, asyncio.Future[ReasonCode]] = {}
        self._heard: asyncio.Queue[Received] = asyncio.Queue(100)

    async def run(self) -> list[dict[str, Any]]:
        """Return a row for each stage; after one that failed only those that do not rest on it."""
        stages: list[tuple[str, Callable[[], Awaitable[str | None]], bool]] = [
            ("name", self._resolve, True),
            ("connection", self._open, True),
            ("encryption", self._encrypt, True),
            ("welcome", self._welcome, True),
            ("publish", self._publish, False),
            ("echo", self._echo, False),
            ("retained", self._retain, False),
            ("discovery", self._discover, False),
        ]
        rows: list[dict[str, Any]] = []
        try:
            for name, stage, is_needed in stages:
                row = await _timed(name, stage)
                rows.append(row)
                if row["result"] == "failed" and is_needed:
                    break
        finally:
            for connection in (self._sender, self._hearer):
                if connection:
                    await connection.disconnect(1.0)
                    connection.close()
            if self._socket:
                self._socket.close()
        return rows

    async def _resolve(self) -> str:
        host = self._broker.host
        try:
            loop = asyncio.get_running_loop()
            addresses = await loop.getaddrinfo(host, self._broker.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            local = (
                " A name in .local needs mDNS on both sides (avahi-daemon)."
                if host.endswith(".local")
                else ""
            )
            raise StageError(
                f"nobody knows the name {host} ({link_failure(error)})",
                f"check `host` of [mqtt], or give the broker's address instead.{local}",
            ) from error
        return ", ".join(dict.fromkeys(str(address[0]) for *_, address in addresses))

    async def _open(self) -> str:
        broker = self._broker
        at = f"{broker.host}:{broker.port}"
        try:
            self._socket = await asyncio.to_thread(
                socket.create_connection, (broker.host, broker.port), STAGE_S
            )
        except ConnectionRefusedError as error:
            raise StageError(
                f"nothing listens at {at}",
                "check `port` of [mqtt] and that the broker runs; a mosquitto without a `listener` line takes "
                "connections from its own machine alone",
            ) from error
        except OSError as error:
            raise StageError(
                f"no answer from {at}: {link_failure(error)}",
                "check the network between, and the firewall of the broker's machine",
            ) from error
        return f"TCP port {broker.port}"

    async def _encrypt(self) -> str | None:
        if self._tls is None:
            return None
        assert self._socket is not None
        tls, host = self._tls, self._broker.host
        try:
            self._socket = await asyncio.to_thread(tls.wrap_socket, self._socket, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise StageError(
                f"the broker's certificate: {error.verify_message}", certificate_remedy(error)
            ) from error
        except OSError as error:
            raise StageError(
                f"no encryption: {link_failure(error)}",
                NO_TLS,
            ) from error
        version = self._socket.version() if isinstance(self._socket, ssl.SSLSocket) else None
        return f"{version}, certificate for {host} is good"

    async def _welcome(self) -> str:
        if self._socket:
            self._socket.close()
        try:
            self._sender = await self._connected("sender")
        except VersionError as error:
            raise StageError("what listens there does not answer as a broker does", WRONG_PORT) from error
        except RefusedError as error:
            self.wants_account = error.reason in WRONG_PASSWORD
            raise StageError(
                # Its own words on an account say what the remedy does.
                f"the broker refuses: {error.reason}" if error.reason else str(error),
                "check `username` and the password's file of [mqtt], and the broker's access list",
            ) from error
        self._hearer = await self._connected("hearer")
        losses = "; ".join(self._sender.limits.losses())
        return VERSION_NAMES[self._version] + (f"; it {losses}" if losses else "")

    async def _publish(self) -> str:
        topic = f"{self._root}/test"
        await self._send(Message(topic, b"edgehar", retain=False))
        return f"acknowledged on {topic}"

    async def _echo(self) -> str:
        await self._pass_on(f"{self._root}/test")
        return "heard by another client"

    async def _retain(self) -> str:
        assert self._sender is not None
        assert self._hearer is not None
        topic = f"{self._root}/test"
        if not self._sender.limits.retains:
            raise StageError(
                "the broker keeps no retained messages",
                "Home Assistant and others will know nothing until the next state; set retain_available in its configuration",
            )
        await self._send(Message(topic, b"edgehar", retain=True))
        try:
            await self._hearer.subscribe(topic)
            await self._hear(topic, is_retained=True)
        finally:
            await self._send(Message(topic, b"", retain=True))
        return "kept, and removed again"

    async def _discover(self) -> str | None:
        if self._prefix is None:
            return None
        # Beside our devices, and no topic of which Home Assistant makes anything.
        await self._pass_on(f"{self._prefix}/device/{self._client_id}/test")
        return f"{self._prefix}/device takes what we announce"

    async def _pass_on(self, topic: str) -> None:
        """Have the other client hear a message."""
        assert self._hearer is not None
        try:
            await self._hearer.subscribe(topic)
        except RefusedError as error:
            raise StageError(str(error), MAY_NOT_READ.format(topic=topic)) from error
        await self._send(Message(topic, b"edgehar", retain=False))
        await self._hear(topic, is_retained=False)

    async def _connected(self, who: str) -> Connection:
        make, broker = partial(self._make, f"{self._client_id}-test-{who}"), self._broker
        connection, self._version = await connected(make, broker.host, broker.port, self._version)
        return connection

    def _make(self, name: str, version: Version) -> Connection:
        client = new_client(name, version, self._broker.username, self._password, self._tls)
        return Connection(client, on_acknowledged=self._acknowledged, on_message=self._take, answer_s=STAGE_S)

    def _acknowledged(self, number: int, reason: ReasonCode) -> None:
        verdict = self._verdicts.setdefault(number, asyncio.get_running_loop().create_future())
        if not verdict.done():
            verdict.set_result(reason)

    def _take(self, message: Received) -> None:
        with suppress(asyncio.QueueFull):
            self._heard.put_nowait(message)

    async def _send(self, message: Message) -> None:
        assert self._sender is not None
        if self._sender.lost.done():
            self._sender.close()
            self._sender = await self._connected("sender")
        sender = self._sender
        number = sender.publish(message.topic, message.payload, retain=message.retain)
        verdict = self._verdicts[number] = self._verdicts.get(number) or asyncio.Future()
        either: tuple[asyncio.Future[Any], ...] = (verdict, sender.lost)
        await asyncio.wait(either, timeout=STAGE_S, return_when=asyncio.FIRST_COMPLETED)
        del self._verdicts[number]
        if not verdict.done():
            hangs_up = "the broker hangs up over" if sender.lost.done() else "the broker never acknowledges"
            raise StageError(f"{hangs_up} {message.topic}", SEE_ITS_LOG)
        if (reason := verdict.result()).is_failure:
            raise StageError(
                f"the broker refuses {message.topic}: {reason}",
                f"let this account write {message.topic.rpartition('/')[0]}/# in the broker's access list",
            )

    async def _hear(self, topic: str, *, is_retained: bool) -> None:
        try:
            async with asyncio.timeout(STAGE_S):
                while True:
                    message = await self._heard.get()
                    if message.topic == topic and message.is_retained == is_retained:
                        return
        except TimeoutError as error:
            what = "kept" if is_retained else "passed on"
            raise StageError(
                f"{topic} was taken, but is not {what}", MAY_NOT_READ.format(topic=topic)
            ) from error


async def _timed(name: str, stage: Callable[[], Awaitable[str | None]]) -> dict[str, Any]:
    began = time.perf_counter()
    row: dict[str, Any] = {"stage": name, "result": "ok", "ms": None, "says": None, "fix": None}
    try:
        row["says"] = await stage()
        row["result"] = "ok" if row["says"] else "not configured"
    except StageError as error:
        row |= {"result": "failed", "says": str(error), "fix": error.fix}
    except OSError as error:
        row |= {"result": "failed", "says": link_failure(error), "fix": SEE_ITS_LOG}
    row["ms"] = round((time.perf_counter() - began) * 1000, 1)
    return row
