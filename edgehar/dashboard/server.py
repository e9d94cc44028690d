"""The page over HTTP: its files, one WebSocket, the buttons, pictures of cameras; aiohttp.

GET /, /page.css, /page.js, …       the page
GET /live                           WebSocket: `hello` once, then the newest `state` and `strips`, JSON
GET /picture/<wearer>               the camera's newest frame, JPEG; 204 in privacy mode
POST /do                            JSON, what a button asks: `verb`, `wearer`; to record and to correct `label`, to record perhaps `seconds`,
                                    to correct also `event`
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Struct

from edgehar.config.names import Name
from edgehar.daemon.connections import Connections
from edgehar.daemon.requests import Correct, Pause, Request
from edgehar.dashboard.access import HEADERS, Access
from edgehar.dashboard.page import Page
from edgehar.dashboard.recorder import LONGEST_S
from edgehar.dashboard.viewers import Viewer
from edgehar.errors import OperatorError
from edgehar.sources.addresses import listening_address
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

# To the library it is an error with a traceback if somebody sends what is no HTTP.
_LIBRARY = logging.getLogger(f"{__name__}.library")
_LIBRARY.setLevel(logging.CRITICAL)

RETRY_S = 30.0
"""A port that cannot be opened is tried again after so long, s: whoever has it may leave."""

MOST_VIEWERS = 64
"""Pages that are open at once."""

HEARTBEAT_S = 20.0
"""A browser that does not answer for so long is gone, s."""

UNSENT_BYTES = 2**16
"""Bytes that the system keeps for a browser that does not read; everything else waits as the newest of its kind."""

LARGEST_REQUEST = 4096
"""Bytes of what a button asks."""

BODY_S = 10.0
"""Time within which the request of a button has come as a whole, or never will, s."""

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """A button's request."""

    verb: Literal["pause", "resume", "mark", "record", "stop", "correct"]
    wearer: Name
    label: Annotated[Name | None, msgspec.Meta(description="What is done, or was done instead.")] = None
    seconds: Annotated[
        Annotated[float, msgspec.Meta(ge=1, le=LONGEST_S)] | None,
        msgspec.Meta(description="To record: it ends after so long, s."),
    ] = None
    event: Annotated[str | None, msgspec.Meta(description="To correct: the event that is wrong.")] = None


class Server:
    """The HTTP side of a page."""

    def __init__(self, page: Page, obey: Callable[[Request], None], access: Access) -> None:
        """Serve a page; `obey` does what a request asks."""
        self._page, self._obey, self._access = page, obey, access
        self._warn = WarnOnce(_LOGGER)
        self.connections = Connections()

    def application(self) -> web.Application:
        """Return what an aiohttp server runs."""
        application = web.Application(
            client_max_size=LARGEST_REQUEST, middlewares=[self.connections.watched, self._guard]
        )
        router = application.router
        for path, content, kind in _static():
            router.add_get(path, _sender(content, kind))
        router.add_get("/live", self._live)
        router.add_get("/picture/{wearer}", self._picture)
        router.add_post("/do", self._do)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer who may look, with the headers that every answer has."""
        response: web.StreamResponse
        try:
            response = self._access.refusal(request) or await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=f"{error.reason}\n")
        except Exception as error:  # noqa: BLE001 - the library would keep it to itself
            self._warn.log_fault("page", error, "a request is not answered")
            response = web.Response(
                status=500, text="edgehar failed by a fault of its own; its log says where\n"
            )
        if not response.prepared:
            response.headers.update(HEADERS)
            if response.status < 400:
                self._access.remember(request, response)
        return response

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if len(self._page.viewers) >= MOST_VIEWERS:
            return web.Response(status=503, text=f"{MOST_VIEWERS} pages are open already; close one\n")
        _bound_unsent(request)
        link = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_REQUEST, compress=False, writer_limit=UNSENT_BYTES
        )
        link.headers.update(HEADERS)
        await link.prepare(request)
        viewer = Viewer()
        self._page.welcome(viewer)
        sending = asyncio.create_task(_send(link, viewer), name="viewer")
        try:
            # It says nothing; this ends when it is gone.
            async for _ in link:
                pass
        finally:
            self._page.viewers.leave(viewer)
            sending.cancel()
        return link

    async def _picture(self, request: web.Request) -> web.Response:
        control = self._page.control(request.match_info["wearer"])
        picture = await self._page.picture(control) if control else None
        return (
            web.Response(status=204)
            if picture is None
            else web.Response(body=picture, content_type="image/jpeg")
        )

    async def _do(self, request: web.Request) -> web.Response:
        # A form of another website cannot send this type unasked.
        if request.content_type != "application/json":
            return _refused(415, "expected JSON, with that content type")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
            self._ask(msgspec.json.decode(body, type=Wish))
        except TimeoutError:
            return _refused(408, f"what is asked did not come within {BODY_S:g} s")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refused(400, f"{error}")
        except OperatorError as error:
            return _refused(409, f"{error}")
        self._page.touch()
        return web.json_response({"status": "ok"})

    def _ask(self, wish: Wish) -> None:
        """Do what a button asks; OperatorError if it cannot be done."""
        if wish.verb in {"pause", "resume"}:
            self._obey(Pause(wearer=wish.wearer, paused=wish.verb == "pause"))
            return
        match wish.verb:
            case "correct":
                label = wish.label or "unnamed"
                self._obey(Correct(wearer=wish.wearer, label=label, event=wish.event))
                self._page.note_correction(wish.wearer, label)
            case "mark":
                self._page.mark(wish.wearer)
            case "record":
                self._page.recorder(wish.wearer).start(wish.label or "unnamed", wish.seconds)
            case "stop":
                self._page.recorder(wish.wearer).stop()


@asynccontextmanager
async def serving(server: Server, listen: str) -> AsyncIterator[str]:
    """Serve at an address, and yield the page's own; port 0 is any free one. OSError if it cannot be opened."""
    host, _, port = listen.rpartition(":")
    runner = web.AppRunner(server.application(), access_log=None, logger=_LIBRARY, shutdown_timeout=0.1)
    try:
        await runner.setup()
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        await site.start()
        async with server.connections.bounded(runner.server):
            yield f"http://{host}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def keep_serving(page: Page, obey: Callable[[Request], None], listen: str, token: str | None) -> None:
    """Serve a page until cancelled; a port that cannot be opened is a warning, and tried again."""
    _, port = listening_address(listen)
    server = Server(page, obey, Access(token, f"edgehar-{port}"))
    warn = WarnOnce(_LOGGER)
    while True:
        try:
            async with serving(server, listen) as address:
                _LOGGER.info("the live page is at %s%s", address, " for who shows the token" if token else "")
                await asyncio.Event().wait()
        except OSError as error:
            warn("port", "the live page at %s: %s; trying again", listen, error.strerror or error)
        await asyncio.sleep(RETRY_S)


async def _send(link: web.WebSocketResponse, viewer: Viewer) -> None:
    """Send what waits for a viewer, as fast as it takes it, until it is gone."""
    with contextlib.suppress(ConnectionError):
        while True:
            await link.send_str(await viewer.next())


def _bound_unsent(request: web.Request) -> None:
    """Let the system keep little for who does not read: it would be old by then."""
    if request.transport is None:
        return
    request.transport.set_write_buffer_limits(high=UNSENT_BYTES)
    if sock := request.transport.get_extra_info("socket"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)


def _static() -> list[tuple[str, bytes, str]]:
    """Return path, content and type of each file of the page."""
    read = []
    for file in files("edgehar.dashboard").joinpath("static").iterdir():
        kind = TYPES.get(f".{file.name.rpartition('.')[2]}")
        if kind:
            read.append(("/" if file.name == "index.html" else f"/{file.name}", file.read_bytes(), kind))
    return read


def _sender(content: bytes, kind: str) -> Handler:
    async def send(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return send


def _refused(status: int, sentence: str) -> web.Response:
    return web.json_response({"status": "error", "error": sentence}, status=status)
