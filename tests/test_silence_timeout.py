"""A life that falls silent ends; whoever hears something only notes when."""

import asyncio
import time

import pytest

from edgehar.errors import SourceLostError
from edgehar.sources import LinkState
from edgehar.sources.silence_timeout import SilenceError, silence_timeout

pytestmark = pytest.mark.usefixtures("leaping_clock")


async def test_silence_ends_the_block_with_its_message() -> None:
    with pytest.raises(SilenceError, match="nothing came"):
        async with silence_timeout(LinkState(silence_s=30.0), "nothing came"):
            await asyncio.Event().wait()
    assert issubclass(SilenceError, SourceLostError)


async def test_what_is_heard_puts_the_end_off() -> None:
    link = LinkState(silence_s=30.0)
    began = time.monotonic()

    async def hear() -> None:
        async with silence_timeout(link, ""):
            for _ in range(8):
                await asyncio.sleep(20.0)
                link.heard_at = time.monotonic()
            await asyncio.Event().wait()

    with pytest.raises(SilenceError):
        await hear()
    assert time.monotonic() - link.heard_at >= link.silence_s
    assert link.heard_at - began > link.silence_s


async def test_what_was_heard_in_an_earlier_life_does_not_count() -> None:
    link = LinkState(silence_s=30.0, heard_at=time.monotonic() - 1000)
    began = time.monotonic()
    with pytest.raises(SilenceError):
        async with silence_timeout(link, ""):
            await asyncio.Event().wait()
    assert time.monotonic() - began >= link.silence_s


async def test_a_block_that_ends_in_time_ends_as_it_does() -> None:
    link = LinkState(silence_s=30.0)
    async with silence_timeout(link, ""):
        pass
    await asyncio.sleep(3 * link.silence_s)


async def test_a_time_out_of_the_source_itself_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with silence_timeout(LinkState(silence_s=60.0), ""):
            raise TimeoutError("mine")


async def test_a_cancel_stays_a_cancel() -> None:
    async def live() -> None:
        async with silence_timeout(LinkState(silence_s=60.0), ""):
            await asyncio.Event().wait()

    task = asyncio.create_task(live())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_where_silence_is_as_good_as_packets_nothing_ends() -> None:
    async with silence_timeout(LinkState(), ""):
        await asyncio.sleep(0)
