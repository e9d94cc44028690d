"""Connections to a small HTTP server: who is silent, who asks slowly, and how many there may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from listening import until
from mosquitto import free_port

from edgehar.daemon import connections as module
from edgehar.daemon.connections import Connections

SLOW_S = 0.6


@asynccontextmanager
async def served(most: int, idle_s: float, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Run a server that answers at once, but /slow after SLOW_S."""
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    connections = Connections(most, idle_s)
    application = web.Application(middlewares=[connections.watched])

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(SLOW_S if request.path == "/slow" else 0.0)
        return web.Response(text="ok")

    application.router.add_get("/{path:.*}", answer)
    runner, port = web.AppRunner(application, shutdown_timeout=0.1), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with connections.bounded(runner.server):
            yield port
    finally:
        await runner.cleanup()


async def test_who_never_asks_or_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(10, 0.2, monkeypatch) as port:
        for beginning in (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(beginning)
            assert await reader.read() == b""
            writer.close()


async def test_who_has_had_an_answer_is_cut_off_after_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(10, 0.2, monkeypatch) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        writer.close()


async def test_an_answer_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        served(1, 0.1, monkeypatch) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        answers = await asyncio.gather(*[session.get("/slow") for _ in range(3)])
        assert [answer.status for answer in answers] == [200, 200, 200]


async def test_of_too_many_those_go_that_are_idle_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(3, 60.0, monkeypatch) as port:
        links = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
        for count in range(1, 7):
            links.append(await asyncio.open_connection("127.0.0.1", port))
            await until(lambda n=count: sum(reader.at_eof() for reader, _ in links) == max(0, n - 3))  # type: ignore[misc]
        assert [reader.at_eof() for reader, _ in links] == [True, True, True, False, False, False]
        for _, writer in links:
            writer.close()
