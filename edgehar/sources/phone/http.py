"""The app Sensor Logger, pushing over HTTP: a server that takes POSTs on any path.

Phones that push to one port are told apart by their `deviceId`. What the app does with an answer:
tszheichoi/awesome-sensor-logger, README.md ("Setting Up Server"): 200 is what it likes to hear, and it
shows its user the text of a 499, once in a recording.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from edgehar.devices.sensor_logger_json import LARGEST, Push, read_push
from edgehar.errors import ConfigError, FrameError, SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.addresses import listening_address
from edgehar.sources.phone import SILENCE_S
from edgehar.sources.phone.push_receiver import PushReceiver
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

# To the library it is an error with a traceback if somebody sends what is no HTTP.
_LIBRARY = logging.getLogger(f"{__name__}.library")
_LIBRARY.setLevel(logging.CRITICAL)

BODY_S = 10.0
"""A push that has not come as a whole by then never will, s."""

_MOST_HEARD = 8 * LARGEST
"""Bytes of a push that is too large and is passed over; what unpacks to more gets no answer."""

_SHOWN_ON_THE_PHONE = 499
_TURNS_TO_ACCEPT = 3
"""Turns of the loop until a connection that was accepted is known to the server, and closed with it."""

_MOST_STRANGERS = 32
"""Phones that nobody asked for and that get a warning in the log; later ones get none."""


class PushServer:
    """The server of one address, for all sources that wait for a phone there; it listens while one of them runs."""

    def __init__(
        self, listen: str, *, body_s: float = BODY_S, read_push: Callable[[bytes], Push] = read_push
    ) -> None:
        """Name the address; nothing is opened yet. ConfigError if it cannot be one.

        Args:
            listen: Address and port of this host, such as `0.0.0.0:8000` for all of its networks.
            body_s: A push that has not come as a whole by then never will, s.
            read_push: Reads what was posted; FrameError if it cannot be read.
        """
        self.listen = listen
        self.named: set[str] = set()
        """Devices that a source has named, also one that is just not running."""
        self._address = listening_address(listen)
        self._body_s, self._read_push = body_s, read_push
        self._receivers: dict[str | None, PushReceiver] = {}
        self._warn_of_stranger, self._warn = WarnOnce(_LOGGER, _MOST_STRANGERS), WarnOnce(_LOGGER)
        self._port: _BoundPort | None = None

    @asynccontextmanager
    async def joined(self, receiver: PushReceiver) -> AsyncIterator[None]:
        """Hand on what its phone posts: who comes first opens the port, who leaves last closes it.

        SourceLostError if it cannot be opened, ConfigError if another source waits for the same phone.
        """
        device = receiver.device
        if device in self._receivers:
            which = f"name the device {device}" if device else "name no device"
            raise ConfigError(f"{self.listen}: two sources {which}; give each the deviceId of its own phone")
        port = self._port
        if port is None:
            port = self._port = _BoundPort(self.listen, _bound(self.listen, *self._address), self._answer)
        self._receivers[device] = receiver
        try:
            await port.open()
            yield
        finally:
            del self._receivers[device]
            if not self._receivers:
                self._port = None
                await port.close()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return _text(405, "edgehar takes what Sensor Logger posts here, and has nothing to show")
        try:
            async with asyncio.timeout(self._body_s):
                raw = await _body(request)
        except TimeoutError:
            return _text(408, f"a push has to come within {self._body_s:.0f} s")
        except web.HTTPRequestEntityTooLarge:
            most = LARGEST >> 20
            return _text(413, f"a push has at most {most} MiB: shorten the push interval, and send no images")
        except Exception as error:  # noqa: BLE001  # the library has many for a body that breaks off or is none
            return _text(400, f"the push cannot be read: {error}")
        try:
            return self._hand_over(self._read_push(raw))
        except FrameError as error:
            status, sentence = 400, f"this is {error}"
        except Exception as error:  # noqa: BLE001  # the library would keep it to itself
            self._warn.log_fault(f"port {self.listen}", error, "the push is dropped")
            status, sentence = 500, "edgehar failed by a fault of its own; its log says where"
        return _text(status, sentence)

    def _hand_over(self, push: Push) -> web.Response:
        if not push.bodies:
            return _text(200, "edgehar hears you; acceleration and angular rate are what it waits for")
        receiver = self._receiver_of(push.device)
        if receiver is None and push.device not in self.named:
            return self._turn_away(push.device)
        if receiver is None or not receiver.push(push):
            return _text(503, "edgehar is about to open anew; try again")
        return _text(200, "ok")

    def _receiver_of(self, device: str) -> PushReceiver | None:
        if device in self.named:
            return self._receivers.get(device)
        anyone = self._receivers.get(None)
        return anyone if anyone and anyone.accepts(device) else None

    def _turn_away(self, device: str) -> web.Response:
        quoted = msgspec.json.encode(device).decode()
        self._warn_of_stranger(
            device,
            "port %s: a phone posts that no [[wearer.phone]] of this address names; to take it, write device = %s",
            self.listen,
            quoted,
        )
        return _text(
            _SHOWN_ON_THE_PHONE, f"edgehar does not take this phone: no device = {quoted} is configured"
        )


class SensorLoggerHttp:
    """A phone with Sensor Logger that posts to this host; delivers stream 0."""

    def __init__(
        self, server: PushServer, device: str | None = None, *, silence_s: float = SILENCE_S
    ) -> None:
        """Say which phone; nothing is opened yet.

        Args:
            server: Shared by all sources of its address.
            device: The phone's `deviceId`; None: the first one to post that no other source names.
            silence_s: A phone that posted and then does not for so long is lost, s.
        """
        self.device = device
        # Of what is damaged it counts only parts: a post that cannot be read says not whose it is.
        self.link = LinkState(silence_s=silence_s)
        self._server = server
        self.claim()

    def claim(self) -> None:
        """Let nobody who names no phone take this one."""
        if self.device is not None:
            self._server.named.add(self.device)

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`; waits for the first post without end.

        ConfigError if another source waits for the same phone.
        """
        receiver = PushReceiver(f"port {self._server.listen}", self.device, deliver, self.link)
        async with self._server.joined(receiver):
            await receiver.wait()


class _BoundPort:
    """A port that is bound; it takes connections from `open` to `close`."""

    def __init__(
        self, listen: str, sock: socket.socket, answer: Callable[[web.Request], Awaitable[web.Response]]
    ) -> None:
        self._listen, self._sock = listen, sock
        application = web.Application(client_max_size=LARGEST)
        application.router.add_route("*", "/{path:.*}", answer)
        # A post that is on its way when the last source leaves has nobody to go to.
        self._runner = web.AppRunner(
            application, access_log=None, logger=_LIBRARY, shutdown_timeout=0.1, lingering_time=0.0
        )
        self._opening: asyncio.Future[None] | None = None
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen, if it does not yet."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        # Cut short it would leave a socket that nobody closes.
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await self._runner.setup()
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._runner.server, sock=self._sock)
        _LOGGER.info("%s: waiting for what Sensor Logger pushes", self._listen)

    async def close(self) -> None:
        """Free the port and end all connections. A cancel does not stop it."""
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        if self._opening:
            await self._opening
        if self._listening:
            # asyncio loses a connection that is accepted in the turn in which its server closes.
            asyncio.get_running_loop().remove_reader(self._sock)
            for _ in range(_TURNS_TO_ACCEPT):
                await asyncio.sleep(0)
            self._listening.close()
        await self._runner.cleanup()


def _bound(listen: str, host: str, port: int) -> socket.socket:
    """Bind a socket to the address; SourceLostError says why it cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise SourceLostError(explain_bind_error(listen, error)) from error


def explain_bind_error(listen: str, error: OSError) -> str:
    """Say what a person should do about an address that cannot be bound."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {listen} is in use by another program: close that, or choose another port here and in the app"
        case errno.EACCES | errno.EPERM:
            return f"port {listen} may not be opened: those below 1024 are the system's, choose one above"
        case errno.EADDRNOTAVAIL:
            return f"port {listen} cannot be opened: this host has no such address now; 0.0.0.0 is all it has"
    return f"port {listen} cannot be opened: {error}"


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        # Unless it is heard to its end, the phone does not hear the answer.
        heard = 0
        while heard < _MOST_HEARD and (chunk := await request.content.readany()):
            heard += len(chunk)
        raise


def _text(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n")
