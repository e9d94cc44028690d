"""The page of a report in a real browser."""

from pathlib import Path

import pytest
import pytest_asyncio
from browsers import DESKTOP, PHONE, Scheme, Seen, require_accessible
from playwright.async_api import Browser, ViewportSize, expect
from test_apps_report import HOSTILE, recording

from edgehar.apps.report.write import write_report

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    out = folder / "page.html"
    await write_report(recording(folder / "walk.ehr", wearer=HOSTILE), out)
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_axe_complains_of_nothing_and_nothing_is_loaded(
    browser: Browser, page: Path, size: ViewportSize, scheme: Scheme
) -> None:
    window = await browser.new_context(viewport=size, color_scheme=scheme)
    try:
        tab = await window.new_page()
        seen = Seen(tab)
        await tab.goto(page.as_uri())
        for folded in await tab.locator("summary").all():
            await folded.focus()
            await tab.keyboard.press("Enter")
        await expect(tab.locator("details[open]")).to_have_count(await tab.locator("details").count())
        complaints = [*seen.complaints]
        await require_accessible(tab)
        # What draws the colours is not forbidden by the page's own rules.
        sample = tab.locator(".swatch rect").first
        fill = await sample.evaluate("rect => getComputedStyle(rect).fill")
        ground = await tab.locator("pattern .ground").first.evaluate("rect => getComputedStyle(rect).fill")
        assert fill.startswith("url(")
        assert ground.startswith("oklch(")
    finally:
        await window.close()
    assert {address.partition(":")[0] for address in seen.addresses} <= {"file", "data"}
    assert complaints == []


async def test_labels_are_whole_or_not_there_and_bars_keep_their_places(browser: Browser, page: Path) -> None:
    tab = await browser.new_page(viewport=DESKTOP)
    try:
        await tab.goto(page.as_uri())
        cut = """() => [...document.querySelectorAll('.bar text')].filter((text) => {
            const room = text.parentNode.getBoundingClientRect(), letters = text.getBoundingClientRect();
            return getComputedStyle(text).display !== 'none' && letters.width > room.width;
        }).map((text) => text.textContent)"""
        assert await tab.evaluate(cut) == []
        await tab.set_viewport_size(PHONE)
        assert await tab.evaluate(cut) == []
        edges = """() => [...document.querySelectorAll('.bar')].map((bar) => {
            const all = bar.getBoundingClientRect(), last = [...bar.querySelectorAll(':scope > rect')].at(-1).getBoundingClientRect();
            return Math.abs(all.right - last.right);
        })"""
        assert max(await tab.evaluate(edges)) < 8
    finally:
        await tab.close()


async def test_on_paper_all_tables_are_open_and_light(browser: Browser, page: Path) -> None:
    window = await browser.new_context(viewport=DESKTOP, color_scheme="dark")
    try:
        tab = await window.new_page()
        await tab.goto(page.as_uri())
        await tab.emulate_media(media="print")
        ground = await tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')")
        assert ground == "#1c2127"
        assert (await tab.pdf()).startswith(b"%PDF")
        heights = "[...document.querySelectorAll('details .frame')].map((frame) => frame.getBoundingClientRect().height)"
        assert min(await tab.evaluate(heights)) > 20
    finally:
        await window.close()
