"""A listener to a source that runs, and the fixture `nothing_left`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S

from edgehar.backoff import Delays
from edgehar.sources import Deliver, Source
from edgehar.sources.reconnect import keep_open

QUICK = Delays(first_s=0.01, longest_s=0.01)


class Listener:
    """Collects bodies and lets a test wait for the n-th."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()

    def deliver(self, t: float, stream: int, body: bytes) -> None:
        assert stream == 0
        self.times.append(t)
        self.bodies.append(body)
        self._changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.bodies) < count:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def running(source: Source, deliver: Deliver) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(source.run(deliver))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
    # What ends it is looked at by the test, or it was the cancel.
    assert task.cancelled() or task.exception() is not None


@contextlib.asynccontextmanager
async def kept(source: Source, deliver: Deliver, states: list[bool]) -> AsyncIterator[None]:
    task = asyncio.create_task(
        keep_open(source, deliver, name="pocket", on_state=states.append, delays=QUICK)
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the kernel or a library makes it true, and tells nobody
            await asyncio.sleep(0.001)


def open_sockets() -> set[str]:
    links = (file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
    return {str(link) for link in links if str(link).startswith("socket:")}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Check that neither a socket nor a task outlives the test."""
    before, tasks = open_sockets(), asyncio.all_tasks()
    yield
    await until(lambda: open_sockets() <= before)
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= tasks)
