"""The live page beside a daemon; who has none never loads what serves it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edgehar.config.schema import Config, Dashboard
from edgehar.daemon.daemon import Daemon


@asynccontextmanager
async def page_beside(daemon: Daemon, config: Config) -> AsyncIterator[None]:
    """Have the page that the configuration asks for, if it does, while a daemon runs."""
    if config.dashboard is None:
        yield
        return
    from edgehar.dashboard.page import Page
    from edgehar.dashboard.server import keep_serving

    page = Page(daemon, config)
    daemon.publishers.append(page)
    serving = asyncio.create_task(
        keep_serving(page, daemon.obey, config.dashboard.listen, daemon.page_token), name="page server"
    )
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await page.recorders.closed()


@asynccontextmanager
async def demo_page(daemon: Daemon, config: Config) -> AsyncIterator[str]:
    """Have a page on this host, at the usual port or at a free one where that is taken; yield its address."""
    from edgehar.dashboard.access import Access
    from edgehar.dashboard.page import Page
    from edgehar.dashboard.server import Server, serving

    page = Page(daemon, config)
    daemon.publishers.append(page)
    server = Server(page, daemon.obey, Access(None, "edgehar"))
    async with contextlib.AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(serving(server, Dashboard().listen))
        except OSError:
            address = await stack.enter_async_context(serving(server, "127.0.0.1:0"))
        yield address
        await page.recorders.closed()
