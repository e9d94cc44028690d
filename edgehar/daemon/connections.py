"""Bounds of the connections to a small HTTP server: who is silent for too long is cut off, and so is the idlest of too many.

The library bounds neither: a connection on which no request ever comes as a whole stays for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Middleware

MOST = 128
"""Connections at once, of which pages that are open are some."""

IDLE_S = 75.0
"""A connection on which nobody asks for anything for so long is cut off, s; nginx does it after as long."""

LOOK_S = 1.0

NOT_IDLE = inf

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """The connections of one server; `watched` stands in front of all that its application does."""

    def __init__(self, most: int = MOST, idle_s: float = IDLE_S) -> None:
        self._most, self._idle_s = most, idle_s
        self._idle_since: dict[web.RequestHandler, float] = {}
        """Loop time, s; NOT_IDLE while a request is answered."""

    @property
    def watched(self) -> Middleware:
        """The application's first middleware."""

        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._idle_since[request.protocol] = NOT_IDLE
            try:
                return await handler(request)
            finally:
                self._idle_since[request.protocol] = asyncio.get_running_loop().time()

        return watched

    @asynccontextmanager
    async def bounded(self, server: web.Server | None) -> AsyncIterator[None]:
        """Bound the connections of a server that has begun."""
        assert server
        looking = asyncio.create_task(self._look(server), name="connections")
        try:
            yield
        finally:
            looking.cancel()

    async def _look(self, server: web.Server) -> NoReturn:
        while True:
            self._cut_off(server.connections)
            await asyncio.sleep(LOOK_S)

    def _cut_off(self, connections: Sequence[web.RequestHandler]) -> None:
        now = asyncio.get_running_loop().time()
        self._idle_since = {each: self._idle_since.get(each, now) for each in connections}
        too_many = len(connections) - self._most
        idlest = sorted(connections, key=lambda each: self._idle_since[each])
        for n, each in enumerate(idlest):
            since = self._idle_since[each]
            if since < NOT_IDLE and (n < too_many or now - since > self._idle_s):
                each.force_close()
