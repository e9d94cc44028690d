"""Simulated sensors behind real ports: each speaks the byte stream of `wire.framing` to whoever opens its port."""

import asyncio
import contextlib
import os
import tempfile
import tty
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from edgehar.backoff import Delays
from edgehar.errors import ConfigError
from edgehar.sources.reconnect import keep_open
from edgehar.sources.simulated.faults import wire
from edgehar.sources.simulated.simulator import Simulator

_BACKLOG = 65536  # bytes that a client may leave unread before it loses frames
# The link is back when the faults say so, not when a back-off is over.
_RETRY = Delays(first_s=0.05, longest_s=0.05)

Announce = Callable[[str], None]


class _Port(Protocol):
    """One sensor's end of a link."""

    def write(self, framed: bytes) -> None:
        """Send to whoever listens; what nobody takes is lost."""

    def plug(self) -> None:
        """Let it be there."""

    def unplug(self) -> None:
        """Let it be gone for whoever has it open."""


async def serve_tcp(simulator: Simulator, host: str, port: int, *, announce: Announce) -> None:
    """Serve sensor `i` on TCP port `port + i`, or each on a free one if `port` is 0, until the script ends.

    Args:
        simulator: Begins now, whether somebody listens or not.
        host: Address to listen on.
        port: Port of the first sensor.
        announce: Called with each sensor's `socket://` URL once all of them can be opened.

    Raises:
        ConfigError: A port cannot be served on, as when another program does.
    """
    loop = asyncio.get_running_loop()
    clients = [TcpClients() for _ in simulator.placements]
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for i, served in enumerate(clients):
            number = port + i if port else 0
            try:
                server = await loop.create_server(partial(TcpClient, served), host, number)
            except (OSError, OverflowError) as error:
                raise ConfigError(f"TCP port {number} cannot be served on: {error}") from error
            stack.push_async_callback(server.wait_closed)
            stack.callback(served.unplug)
            stack.callback(server.close)
            urls.append(f"socket://{host}:{server.sockets[0].getsockname()[1]}")
        for url in urls:
            announce(url)
        await _feed(simulator, clients)


async def serve_pty(simulator: Simulator, links: Sequence[Path] | None = None, *, announce: Announce) -> None:
    """Serve each sensor on a pseudo-terminal until the script ends.

    Args:
        simulator: Begins now, whether somebody reads or not.
        links: Names under which the terminals are found, also after the link was lost and is back;
            by default the placements, in a new folder.
        announce: Called with each sensor's name once all of them can be opened.
    """
    with contextlib.ExitStack() as stack:
        if links is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgehar-")))
            links = [folder / placement for placement in simulator.placements]
        terminals = [_Terminal(link) for link in links]
        for terminal in terminals:
            stack.callback(terminal.unplug)
            terminal.plug()
        for link in links:
            announce(str(link))
        await _feed(simulator, terminals)


async def _feed(simulator: Simulator, ports: Sequence[_Port]) -> None:
    wires = [wire(simulator.faults, i) for i in range(len(ports))]

    def deliver(_t: float, stream: int, body: bytes) -> None:
        ports[stream].write(wires[stream](body))

    def plug_all(up: bool) -> None:  # noqa: FBT001 - the one thing it says
        for port in ports:
            (port.plug if up else port.unplug)()

    await keep_open(simulator, deliver, name="simulator", on_state=plug_all, delays=_RETRY)


class TcpClients:
    """Clients that are connected to one sensor's TCP port."""

    def __init__(self) -> None:
        self.connected: set[asyncio.WriteTransport] = set()

    def write(self, framed: bytes) -> None:
        """Send to all who read fast enough."""
        for client in self.connected:
            if client.get_write_buffer_size() < _BACKLOG:
                client.write(framed)

    def plug(self) -> None:
        """Do nothing: the server listens all the time."""

    def unplug(self) -> None:
        """Cut all connections."""
        while self.connected:
            # A client that does not read would hold up a close(), and who waits for it, for ever.
            self.connected.pop().abort()


class TcpClient(asyncio.Protocol):
    """One connection; nothing is expected of it but its end."""

    def __init__(self, clients: TcpClients) -> None:
        self._clients = clients

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the client in."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._clients.connected.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let the client go."""
        self._clients.connected.discard(self._transport)


class _Terminal:
    """One sensor's pseudo-terminal, found under a name that outlives it."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._fds: tuple[int, int] | None = None

    def write(self, framed: bytes) -> None:
        if self._fds:
            with contextlib.suppress(BlockingIOError):
                os.write(self._fds[0], framed)

    def plug(self) -> None:
        if self._fds:
            return
        self._fds = device, end = os.openpty()
        tty.setraw(end)
        os.set_blocking(device, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(end))

    def unplug(self) -> None:
        if self._fds:
            for fd in self._fds:
                os.close(fd)
            self._fds = None
            self._link.unlink(missing_ok=True)
