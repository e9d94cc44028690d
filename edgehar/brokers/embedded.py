"""A small MQTT broker inside the process, on loopback and open to every program of this host.

For `edgehar demo`: somebody without a broker sees the topics too. It is amqtt, which speaks MQTT
3.1.1 only and keeps nothing for clients that are away.
"""

import asyncio
import errno
import logging
from types import TracebackType
from typing import Any, Self

from edgehar.errors import ConfigError

HOST = "127.0.0.1"

_LENGTH_TO_VERSION = 7
"""Bytes of CONNECT after its length, up to the version: two, `MQTT`, and the version itself."""

_CONNACK_WRONG_VERSION = bytes((0x20, 3, 0, 0x84, 0))
"""CONNACK of MQTT 5: no session, unsupported protocol version, no properties."""

_LIBRARIES = ("amqtt", "transitions")


class EmbeddedBroker:
    """Broker as long as the `async with` block lasts; then everything it retained is gone."""

    def __init__(self, port: int = 1883) -> None:
        """Prepare to listen on `port`; 0 takes any free one, and the attribute `port` says which."""
        self.port = port
        self._broker: Any = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._levels: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        """Listen; ConfigError if the port is taken."""
        self._server = await self._bind()
        self.port = self._server.sockets[0].getsockname()[1]
        self._silence_libraries()
        # The library takes longer to load than all of edgehar: only who wants a broker waits for it.
        from amqtt.broker import Broker  # noqa: PLC0415

        self._broker = Broker(
            {
                # External: the sockets are ours, so that the port is known and every task ends with us.
                "listeners": {"default": {"type": "external"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await self._broker.start()
        try:
            await self._server.start_serving()
        except OSError as error:
            # Another program has bound the same port meanwhile, and is the first that listens there.
            await self.__aexit__(None, None, None)
            raise self._refusal(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and wait for every task."""
        assert self._server is not None
        self._server.close()
        await self._broker.shutdown()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)

    async def _bind(self) -> asyncio.Server:
        try:
            return await asyncio.start_server(self._accept, HOST, self.port, start_serving=False)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> Exception:
        """Return what a port that cannot be had means; an error of another kind as it is."""
        if error.errno != errno.EADDRINUSE:
            return error
        return ConfigError(
            f"port {self.port} is taken, perhaps by another MQTT broker: choose another one, or 0 for any"
        )

    def _silence_libraries(self) -> None:
        """Keep the libraries out of the log: a client that vanishes is an error to them."""
        for name in _LIBRARIES:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.setLevel(logging.CRITICAL)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="MQTT client")
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client, from its first byte to its last."""
        from amqtt.adapters import StreamWriterAdapter  # noqa: PLC0415  # see __aenter__

        try:
            start = await _read_connect_start(reader)
            if start[-1] == 5:
                writer.write(_CONNACK_WRONG_VERSION)
                await writer.drain()
            else:
                await self._broker.external_connected(
                    _PrefixedReader(start, reader), StreamWriterAdapter(writer), "default"
                )
        except (OSError, asyncio.IncompleteReadError):
            pass  # it vanished
        finally:
            writer.close()


class _PrefixedReader:
    """Stream of which the start was read already, as amqtt's reader adapters are."""

    def __init__(self, start: bytes, reader: asyncio.StreamReader) -> None:
        self._start = start
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        """Read exactly `n` bytes, or with -1 all that comes."""
        if n < 0:
            return await self._reader.read()
        start, self._start = self._start[:n], self._start[n:]
        return start + await self._reader.readexactly(n - len(start))

    def feed_eof(self) -> None:
        """Let nothing more come."""
        self._reader.feed_eof()


async def _read_connect_start(reader: asyncio.StreamReader) -> bytes:
    """Read the first packet up to its version, which stands last."""
    start = await reader.readexactly(2)
    while start[-1] & 0x80 and len(start) < 5:
        start += await reader.readexactly(1)
    return start + await reader.readexactly(_LENGTH_TO_VERSION)
