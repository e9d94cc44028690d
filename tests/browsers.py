"""A real browser for the tests of pages, and what every page owes to who reads it."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from conftest import lacking
from playwright.async_api import Browser, Page as Tab, ViewportSize

from benchmarks.browser import chromium, chromium_path

Scheme = Literal["light", "dark"]

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1440, "height": 900}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if chromium_path() is None:
        lacking("chromium (apt install chromium)")
    async with chromium() as browser:
        yield browser


async def require_no_violations(tab: Tab) -> None:
    """Fail if axe-core complains."""
    violations = (await Axe().run(tab)).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []


async def require_accessible(tab: Tab) -> None:
    """Fail if axe-core complains, or if anything is cut off at the side, on the smallest telephone either."""
    await require_no_violations(tab)
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await tab.set_viewport_size({"width": 320, "height": 568})
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


class Seen:
    """Addresses that a tab asked for, and what its console complained of."""

    def __init__(self, tab: Tab) -> None:
        self.addresses: list[str] = []
        self.complaints: list[str] = []
        tab.on("request", lambda request: self.addresses.append(request.url))
        tab.on("websocket", lambda link: self.addresses.append(link.url))
        tab.on("console", self._note)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)
