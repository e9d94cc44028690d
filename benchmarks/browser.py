"""Debian's Chromium, driven by playwright; it downloads nothing."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright


def chromium_path() -> str | None:
    """Return where Chromium is installed; None if it is not."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser without a screen."""
    # Its sandbox refuses root; whatever it loads here comes from this machine.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=options)
        try:
            yield browser
        finally:
            await browser.close()
