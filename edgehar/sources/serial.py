"""Framed packets from a serial port, or from one that is reached over the network.

Three kinds of port, one behaviour:

- a device, such as `/dev/serial/by-id/usb-...` or `/dev/ttyACM0`: pyserial opens it, the event
  loop reads it;
- `socket://host:port`, raw TCP: the event loop connects and reads;
- every other URL of pyserial, such as `rfc2217://host:port`: pyserial blocks, so it has a thread,
  which reads the next piece only after the last one was delivered.

DTR and RTS are raised, as pyserial and Linux do: boards with USB of their own send nothing without
DTR, and the reset circuit of ESP boards acts only while the two lines differ.
"""

import asyncio
import errno
import logging
import os
import socket
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import serial

from edgehar.errors import ConfigError, SourceLostError, link_failure
from edgehar.sources import Deliver, LinkState
from edgehar.sources.addresses import DEFAULT_BAUD, check_serial_port, host_and_port
from edgehar.sources.device_user import user_of
from edgehar.sources.silence_timeout import silence_timeout
from edgehar.warn_once import WarnOnce
from edgehar.wire.framing import Deframer, frame

_LOGGER = logging.getLogger(__name__)

CONNECT_S = 5.0
"""A TCP port that has not answered by then is taken as lost, s."""

QUIET_S = 5.0
"""A port that is open and has given no packet by then is worth a warning, s."""

SILENCE_S = 30.0
"""Time without a packet until the link counts as lost, s: a sensor at rest describes itself every 10 s."""

_CHUNK = 65536
_POLL_S = 0.2  # how long a thread may be deaf to its end
# A peer that lost power sends no goodbye: ask after 10 s of silence, give up after three asks 5 s apart.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))


class _OpenPort(NamedTuple):
    """An open port; both verbs raise OSError when it is lost."""

    read: Callable[[], Awaitable[bytes]]
    write: Callable[[bytes], Awaitable[None]]


class Serial:
    """A sensor that sends the byte stream of `wire.framing` over a serial port; delivers stream 0."""

    def __init__(
        self, port: str, baud: int = DEFAULT_BAUD, *, quiet_s: float = QUIET_S, silence_s: float = SILENCE_S
    ) -> None:
        """Name the port; nothing is opened yet. ConfigError if no port can have this name.

        Args:
            port: Path of a device, `socket://host:port`, or another URL of pyserial.
            baud: Bits per second.
            quiet_s: A port that is open and has given no packet by then is worth a warning, s.
            silence_s: Without a packet for so long the link counts as lost, s.
        """
        check_serial_port(port)
        self.port = port
        self.baud = baud
        self.link = LinkState(silence_s=silence_s)
        self._quiet_s = quiet_s
        self._bytes = 0
        self._packets = 0
        self._warn = WarnOnce(_LOGGER)
        self._open_port: _OpenPort | None = None

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`; ConfigError if no port can have this name or this baud rate."""
        # A silent port is opened again and again; only the first time since its last packet is news.
        if self._packets:
            self._warn.forget()
        self._bytes = self._packets = 0
        nothing_came = f"nothing came for {self.link.silence_s:.0f} s; is the sensor on?"
        async with silence_timeout(self.link, nothing_came), self._open() as open_port:
            quiet = asyncio.get_running_loop().call_later(self._quiet_s, self._warn_of_quiet)
            self._open_port = open_port
            try:
                await self._pump(open_port, deliver)
            finally:
                self._open_port = None
                quiet.cancel()

    async def send(self, body: bytes) -> None:
        """Write a command, framed; SourceLostError if the port is not open or does not take it."""
        if self._open_port is None:
            raise SourceLostError(f"{self.port} is not open")
        try:
            # What the other side may hold of a frame that was cut off ends first.
            await self._open_port.write(b"\0" + frame(body))
        except OSError as error:
            raise SourceLostError(f"{self.port} takes no command: {error}") from error

    async def _pump(self, open_port: _OpenPort, deliver: Deliver) -> None:
        deframer, damaged_before = Deframer(), self.link.damaged
        while True:
            try:
                chunk = await open_port.read()
            except OSError as error:
                raise SourceLostError(f"{self.port} was lost: {error}") from error
            if not chunk:
                raise SourceLostError(
                    f"{self.port} was closed by the other side: is the sensor still plugged in?"
                )
            t = time.monotonic()
            self._bytes += len(chunk)
            bodies = deframer.push(chunk)
            self.link.damaged = damaged_before + deframer.damaged
            for body in bodies:
                self._packets += 1
                self.link.heard_at = t
                deliver(t, 0, body)

    def _open(self) -> AbstractAsyncContextManager[_OpenPort]:
        if self.port.startswith("socket://"):
            return _tcp(self.port)
        if "://" in self.port:
            return _in_thread(self.port, self.baud)
        return _device(self.port, self.baud)

    def _warn_of_quiet(self) -> None:
        if self._packets:
            return
        came = f"{self._bytes} bytes came but no intact frame" if self._bytes else "nothing came"
        advice = f"is {self.baud} its baud rate?" if self._bytes else "is the sensor on, and does it send?"
        self._warn("quiet", "%s is open, but %s in %.0f s: %s", self.port, came, self._quiet_s, advice)


@asynccontextmanager
async def _device(path: str, baud: int) -> AsyncIterator[_OpenPort]:
    port = serial.Serial(baudrate=baud, exclusive=True)
    port.port = path
    try:
        port.open()
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (OSError, termios.error) as error:
        # Of a port that is pulled out while it is set up, termios tells in an error of its own.
        reason = error if isinstance(error, OSError) else OSError(*error.args)
        raise SourceLostError(explain_open_error(path, reason)) from error
    try:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), port)

        async def write(data: bytes) -> None:
            # The port does not block; a command is shorter than any port's buffer.
            os.write(port.fileno(), data)

        try:
            yield _OpenPort(lambda: reader.read(_CHUNK), write)
        finally:
            transport.close()
    finally:
        # The transport closes it one turn of the loop later: too late for a new life that wants the lock.
        port.close()


@asynccontextmanager
async def _tcp(url: str) -> AsyncIterator[_OpenPort]:
    host, port = host_and_port(url)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        reason = link_failure(error) or f"no answer in {CONNECT_S:.0f} s"
        raise SourceLostError(
            f"{url} cannot be reached: {reason}; is the other side on and listening?"
        ) from error
    try:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        yield _OpenPort(lambda: reader.read(_CHUNK), write)
    finally:
        # Nothing of worth waits to be written; abort() frees the socket in any state.
        writer.transport.abort()


@asynccontextmanager
async def _in_thread(url: str, baud: int) -> AsyncIterator[_OpenPort]:
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix=url)
    port: Any = None

    def open_port() -> None:
        nonlocal port
        port = serial.serial_for_url(url, do_not_open=True, baudrate=baud, timeout=_POLL_S)
        port.open()

    async def read() -> bytes:
        # An empty piece is a time-out; a lost link raises.
        while not (chunk := await loop.run_in_executor(thread, _next_piece, port)):
            pass
        return chunk

    async def write(data: bytes) -> None:
        await loop.run_in_executor(thread, port.write, data)

    try:
        try:
            await loop.run_in_executor(thread, open_port)
        except ValueError as error:
            raise ConfigError(f"{url}: {error}") from error
        except OSError as error:
            raise SourceLostError(f"{url} cannot be opened: {error}") from error
        except Exception as error:
            # Each kind of URL has errors of its own, some of them plain KeyErrors.
            raise SourceLostError(f"{url} cannot be opened: {error!r}; is the URL right?") from error
        yield _OpenPort(read, write)
    finally:
        # Runs after whatever the thread is at, an unfinished open_port too; a second cancel does not stop it.
        closing = loop.run_in_executor(thread, lambda: port and port.close())
        thread.shutdown(wait=False)
        await asyncio.shield(closing)
        thread.shutdown()  # it has nothing left to do: joining takes no time


def _next_piece(port: Any) -> bytes:
    return bytes(port.read(port.in_waiting or 1))


def explain_open_error(path: str, error: OSError, dev: Path = Path("/dev")) -> str:
    """Say what a person should do about a device that could not be opened."""
    match error.errno:
        case errno.ENOENT:
            ports = _ports(dev)
            present = f"there is {', '.join(ports)}" if ports else "no serial port is there"
            return f"{path} does not exist: is the sensor plugged in? ({present})"
        case errno.EACCES | errno.EPERM:
            return f"{path} may not be opened: add this user to the group dialout (sudo usermod -aG dialout NAME)"
        case errno.EBUSY | errno.EAGAIN:
            return f"{path} is in use by {user_of(path) or 'another program'}: close that first"
    return f"{path} cannot be opened: {error}"


def _ports(dev: Path) -> list[str]:
    """List the serial ports below `dev`, by their stable names where they have one."""
    by_id = sorted(str(p) for p in dev.glob("serial/by-id/*"))
    return by_id or sorted(str(p) for pattern in ("ttyACM*", "ttyUSB*") for p in dev.glob(pattern))
