"""A broker on loopback that speaks the bytes of MQTT 5 or 3.1.1 and misbehaves as no real one can be told to."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x20, 0x30, 0x40, 0x80, 0x90
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0


@dataclass(frozen=True)
class Published:
    """One PUBLISH as it came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    number: int = field(compare=False)


@dataclass(frozen=True)
class Connect:
    """One CONNECT as it came."""

    version: int
    will_qos: int
    will_retain: bool
    client_id: str
    properties: bytes


def packet(kind: int, body: bytes) -> bytes:
    """Return a packet with its length in front."""
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes((digit | (0x80 if rest else 0),))
        if not rest:
            return bytes((kind,)) + length + body


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the first byte of a packet and all after its length."""
    kind = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return kind, await reader.readexactly(length)


def puback(message: Published, reason: int = 0) -> bytes:
    """Acknowledge; with a reason other than 0 in MQTT 5."""
    return packet(PUBACK, message.number.to_bytes(2, "big") + (bytes((reason,)) if reason else b""))


def welcome(_connect: Connect) -> tuple[int, bytes]:
    """Take everybody, and name no limits."""
    return 0, b""


class Peer:
    """Broker that answers as it is told, and keeps what came."""

    def __init__(
        self,
        answer: Callable[[Published], bytes | None] = puback,
        connack: Callable[[Connect], tuple[int, bytes]] = welcome,
        *,
        connack_delay_s: float = 0.0,
        silence_s: float | None = None,
        granted: int | None = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Listen on no port yet.

        Args:
            answer: Returns what to send for a message; None ends the connection instead.
            connack: Returns reason code and properties.
            connack_delay_s: Time that everybody is kept waiting for it, s.
            silence_s: Who sends nothing for so long is hung up on, s.
            granted: Reason code of the answer to who subscribes; None ends the connection instead.
            tls: Encrypts every connection.
        """
        self.connects: list[Connect] = []
        self.came: list[Published] = []
        """Messages that did not end their connection."""
        self.pings = 0
        self.port = 0
        self._answer, self._connack, self._connack_delay_s = answer, connack, connack_delay_s
        self._silence_s, self._granted, self._tls = silence_s, granted, tls
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def hang_up(self) -> None:
        """End every connection without a word."""
        for client in self._clients:
            client.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            connect = _connect(await read_packet(reader))
            self.connects.append(connect)
            if self._connack_delay_s:
                await asyncio.sleep(self._connack_delay_s)
            reason, properties = self._connack(connect)
            tail = packet(0, properties)[1:] if connect.version == 5 else b""
            writer.write(packet(CONNACK, bytes((0, reason)) + tail))
            while not reason:
                async with asyncio.timeout(self._silence_s):
                    kind, body = await read_packet(reader)
                if kind & 0xF0 == PUBLISH:
                    message = _published(kind, body, connect.version)
                    if (answer := self._answer(message)) is None:
                        return
                    self.came.append(message)
                    writer.write(answer if message.qos else b"")
                elif kind & 0xF0 == SUBSCRIBE:
                    if self._granted is None:
                        return
                    properties = b"\0" if connect.version == 5 else b""
                    writer.write(packet(SUBACK, body[:2] + properties + bytes((self._granted,))))
                elif kind == PINGREQ:
                    self.pings += 1
                    writer.write(packet(PINGRESP, b""))
                elif kind == DISCONNECT:
                    return


def _connect(came: tuple[int, bytes]) -> Connect:
    _, body = came
    version, flags = body[6], body[7]
    rest = body[10:]
    properties = b""
    if version == 5:
        properties, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
    size = int.from_bytes(rest[:2], "big")
    client_id = rest[2 : 2 + size].decode()
    return Connect(version, flags >> 3 & 3, bool(flags & 0x20), client_id, properties)


def _published(kind: int, body: bytes, version: int) -> Published:
    size = int.from_bytes(body[:2], "big")
    topic, rest = body[2 : 2 + size].decode(), body[2 + size :]
    qos = kind >> 1 & 3
    number = 0
    if qos:
        number, rest = int.from_bytes(rest[:2], "big"), rest[2:]
    return Published(topic, rest[1:] if version == 5 else rest, qos, bool(kind & 1), number)
