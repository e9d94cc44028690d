"""The live page in a real browser, of a daemon whose broker is a real mosquitto."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import pytest_asyncio
from browsers import DESKTOP, PHONE, Scheme, Seen, require_accessible, require_no_violations
from conftest import ROOT
from listening import until
from mosquitto import PATIENCE_S, Listener, Mosquitto, free_port
from msgspec.structs import replace
from playwright.async_api import Browser, Page as Tab, ViewportSize, expect
from test_daemon_requests import running

from edgehar.apps.page import page_beside
from edgehar.config.schema import Config, Dashboard, Gateway, Keep, Mqtt
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.devices.keypoints import PROFILE
from edgehar.recordings.ehr import read
from edgehar.sources.replay import open_recording
from edgehar.types import KEYPOINT_CHANNELS, Activity, Samples, Stream

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATIC = ROOT / "edgehar" / "dashboard" / "static"
LARGEST = 200_000
"""Bytes of all files of the page."""

expect.set_options(timeout=PATIENCE_S * 1000)


class Gatehouse:
    """A broker, and the configuration of a daemon with a page; the daemon can be run again and again."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        simulated = SimulatedWearer(placements=["trouser_pocket", "wrist_left"], seed=349, longest_s=15.0)
        self.config = Config(
            gateway=Gateway(id="gw", state_dir=str(folder / "state")),
            mqtt=Mqtt(host="127.0.0.1", port=broker.port),
            dashboard=Dashboard(listen=f"127.0.0.1:{free_port()}"),
            wearer=[Wearer(id="anna", simulator=simulated)],
        )

    @property
    def address(self) -> str:
        assert self.config.dashboard
        return f"http://{self.config.dashboard.listen}/"

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Daemon]:
        daemon = Daemon(self.config)
        async with page_beside(daemon, self.config), running(daemon):
            yield daemon


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gatehouse]:
    folder = tmp_path_factory.mktemp("house")
    with Mosquitto(free_port(), folder) as broker:
        house = Gatehouse(folder, broker)
        async with house.daemon():
            yield house


@asynccontextmanager
async def tab_of(
    browser: Browser, address: str, size: ViewportSize = PHONE, scheme: Scheme = "light"
) -> AsyncIterator[tuple[Tab, Seen]]:
    window = await browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    window.set_default_timeout(PATIENCE_S * 1000)
    try:
        tab = await window.new_page()
        seen = Seen(tab)
        # It may not be served yet.
        while True:
            with contextlib.suppress(Exception):
                await tab.goto(address)
                break
            await asyncio.sleep(0.02)
        await expect(tab.locator("#link-text")).to_have_text("live")
        yield tab, seen
    finally:
        await window.close()


async def label_of(tab: Tab) -> str:
    return await tab.locator(".now .label").inner_text()


async def test_the_label_on_the_page_is_the_state_that_the_broker_retains(
    browser: Browser, house: Gatehouse
) -> None:
    listener = Listener(house.broker.port)
    topic = "edgehar/gw/anna/activity"

    def retained() -> str:
        return listener.on(topic)[-1] if listener.on(topic) else ""

    async def follows() -> str:
        async with asyncio.timeout(PATIENCE_S):
            while await label_of(tab) != retained().replace("_", " "):  # noqa: ASYNC110 - the browser tells nobody
                await asyncio.sleep(0.02)
        return retained()

    try:
        async with tab_of(browser, house.address) as (tab, _):
            await listener.until(lambda: retained() not in {"", "no_signal"})
            states = [await follows()]
            pause = tab.get_by_role("button", name="Pause")
            await pause.focus()
            await tab.keyboard.press("Enter")
            await listener.until(lambda: retained() == "no_signal")
            states.append(await follows())
            await expect(tab.locator(".now .reason")).to_have_text("Paused by a request.")
            assert listener.on("edgehar/gw/anna/paused")[-1] == "ON"
            await tab.keyboard.press("Space")
            await listener.until(lambda: retained() != "no_signal")
            states.append(await follows())
            # Who does not see it hears of each.
            await expect(tab.locator("[aria-live=polite]#spoken")).to_have_text(
                f"anna: {await label_of(tab)}"
            )
    finally:
        listener.close()
    assert states[1] == "no_signal"
    assert "no_signal" not in {states[0], states[2]}


async def test_what_each_sensor_measures_is_shown(browser: Browser, house: Gatehouse) -> None:
    async with tab_of(browser, house.address) as (tab, _):
        sensors = tab.locator(".sensor")
        await expect(sensors.locator("h3")).to_have_text(["trouser pocket", "wrist left"])
        await expect(sensors.locator(".rate").first).to_have_text(re.compile(r"^(49|50|51)(\.\d)? /s$"))
        await expect(sensors.locator(".lost").first).to_have_text("0.0 %")
        await expect(sensors.locator(".battery").first).to_have_text("100 %")
        drawing = "acceleration of the last ten seconds, between"
        await expect(tab.get_by_role("img", name=re.compile(f"wrist left: {drawing}"))).to_be_visible()
        inked = "c => new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer).some(x => x)"
        async with asyncio.timeout(PATIENCE_S):
            while not await sensors.locator("canvas").first.evaluate(inked):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.02)


async def test_a_camera_shows_a_skeleton_the_age_of_its_data_and_what_is_to_be_known(
    browser: Browser, house: Gatehouse
) -> None:
    seen = Gatehouse(house.folder, house.broker)
    seen.config = replace(seen.config, mqtt=None)
    daemon = Daemon(seen.config)
    [feed] = daemon.feeds
    # As if what is in the pocket was a camera.
    feed.streams = (Stream("trouser_pocket", PROFILE), feed.streams[1])
    feed.sources[0].link.age_s = 0.084
    somebody = np.ones((1, len(KEYPOINT_CHANNELS)), np.float32)
    async with page_beside(daemon, seen.config), running(daemon), tab_of(browser, seen.address) as (tab, _):
        camera, wrist = tab.locator(".sensor").first, tab.locator(".sensor").last
        await expect(camera.locator(".words")).to_have_text("watching")
        await expect(camera.get_by_role("img", name="trouser pocket: nobody seen")).to_be_visible()
        await expect(camera.locator(".age")).to_have_text("0.08 s")
        await expect(wrist.locator(".battery")).to_be_visible()
        for hidden in (camera.locator(".battery"), camera.locator(".clock"), wrist.locator(".age")):
            await expect(hidden).to_be_hidden()
        [watch] = feed.pipeline.watchers
        watch(0, Samples("trouser_pocket", np.array([time.monotonic()]), somebody, KEYPOINT_CHANNELS))
        await expect(camera.get_by_role("img", name="skeleton, 17 of 17 joints seen")).to_be_visible()
        await expect(tab.locator(".remarks")).to_be_hidden()
        await tab.get_by_role("button", name="Pause").click()
        await expect(tab.locator(".now .reason")).to_have_text("Paused by a request.")
        now = time.monotonic()
        two = Activity(
            "anna", "walking", None, "", 0.9, now, now, 1.0, remarks=("two people are in the picture",)
        )
        daemon.publishers[-1].push(two)
        await expect(tab.locator(".remarks")).to_have_text("Two people are in the picture.")


async def test_who_joins_takes_no_focus_away_and_is_read_out(browser: Browser, house: Gatehouse) -> None:
    alone = Gatehouse(house.folder, house.broker)
    alone.config = replace(alone.config, mqtt=None)
    [anna] = alone.config.wearer
    joined = replace(alone.config, wearer=[replace(anna, id="zo"), anna])
    daemon = Daemon(alone.config, reread=lambda: joined)
    async with page_beside(daemon, alone.config), running(daemon), tab_of(browser, alone.address) as (tab, _):
        await tab.get_by_label("Label").focus()
        await tab.keyboard.type("stairs ")
        daemon.reload()
        await expect(tab.locator("article")).to_have_count(2)
        await tab.keyboard.type("up")
        field = tab.locator("article[aria-label=anna] .record input[type=text]")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("stairs up")
        await expect(tab.locator("#spoken")).to_contain_text("zo: ")
        await tab.keyboard.press("Enter")
        await expect(tab.locator("#log")).to_contain_text("Recording of stairs_up began")


async def test_moments_are_marked_and_labels_recorded_by_keyboard(browser: Browser, house: Gatehouse) -> None:
    folder = house.folder / "state" / "recordings"
    async with tab_of(browser, house.address) as (tab, _):
        await tab.get_by_label("Label").focus()
        await tab.keyboard.type("tape_box")
        await tab.keyboard.press("Enter")
        await expect(tab.locator(".running .what")).to_contain_text("Recording tape box")
        await expect(tab.get_by_role("button", name="Stop recording")).to_be_focused()
        await tab.get_by_role("button", name="Mark this moment").focus()
        await tab.keyboard.press("Enter")
        await expect(tab.locator("#notice")).to_have_text("This moment is marked")
        log = tab.locator("#log")
        await expect(log).to_contain_text("This moment was marked")
        await tab.get_by_role("button", name="Stop recording").focus()
        await tab.keyboard.press("Space")
        await expect(tab.get_by_label("Label")).to_be_focused()
        await expect(log).to_contain_text(re.compile(r"Recording of tape_box ended; packets: [1-9]"))
    [recording] = folder.glob("anna-*-tape_box.ehr")
    track = open_recording(recording)
    [(start, end, label)] = track.truth
    assert label == "tape_box"
    assert [stream.placement for stream in track.header.streams] == ["trouser_pocket", "wrist_left"]
    assert all(start - 1 < t < end + 1 for t, _, _ in track.packets)
    assert [mark.kind for _, mark in read(recording).marks()] == ["begin", "moment", "end"]


async def test_what_was_wrong_is_corrected_by_keyboard_and_its_seconds_are_kept(
    browser: Browser, house: Gatehouse, tmp_path: Path
) -> None:
    keeping = Gatehouse(tmp_path, house.broker)
    gateway = Gateway(id="gw2", state_dir=str(tmp_path))
    keeping.config = replace(keeping.config, gateway=gateway, keep=Keep(before_s=1.0, after_s=0.0))
    async with keeping.daemon(), tab_of(browser, keeping.address) as (tab, _):
        await tab.get_by_role("button", name="Wrong?").last.focus()
        await tab.keyboard.press("Enter")
        await expect(tab.locator(".wrong .which")).to_have_text(re.compile(r"Not .+ at \d\d:\d\d:\d\d, but"))
        await require_no_violations(tab)
        await tab.keyboard.type("tape box")
        await tab.keyboard.press("Enter")
        await expect(tab.locator("#notice")).to_have_text("Noted: it was tape box")
        await expect(tab.locator("#log")).to_contain_text("Corrected: it was tape_box")
        await tab.get_by_role("button", name="Mark this moment").click()
        await expect(tab.locator("#log")).to_contain_text("This moment was marked, and its seconds are kept")
        kept = tmp_path / "kept"
        await until(lambda: len([*kept.glob("anna-*-corrected.ehr")]) == 1)
        assert not (tmp_path / "recordings").exists()
    [recording] = kept.glob("anna-*-corrected.ehr")
    assert [label for _, _, label in read(recording).truth()] == ["tape_box"]


async def test_a_recording_begins_after_a_countdown_and_ends_by_itself(
    browser: Browser, house: Gatehouse
) -> None:
    folder = house.folder / "state" / "recordings"
    async with tab_of(browser, house.address) as (tab, _):
        # As a live region has it that a screen reader follows.
        await tab.evaluate(
            """() => {
                window.heard = [];
                const notice = document.getElementById("notice");
                new MutationObserver(() => window.heard.push(notice.textContent)).observe(notice, { childList: true });
            }"""
        )
        await tab.get_by_label("Label").focus()
        await tab.keyboard.type("tighten screw")
        await tab.get_by_label("Length").select_option("10 s")
        # Nobody waits for that here.
        await tab.evaluate("document.querySelector('.record select').selectedOptions[0].value = '2'")
        await tab.get_by_label("3 s countdown").focus()
        await tab.keyboard.press("Space")
        start = tab.locator(".record button")
        await start.focus()
        await tab.keyboard.press("Enter")
        await expect(start).to_have_text("Cancel 2")
        await tab.keyboard.press("Enter")
        await expect(start).to_have_text("Start recording")
        assert not [*folder.glob("anna-*-tighten_screw.ehr")]
        await tab.keyboard.press("Enter")
        await expect(tab.locator(".running .what")).to_contain_text(
            re.compile("Recording tighten screw for . s of 2 s")
        )
        await expect(tab.get_by_role("button", name="Stop recording")).to_be_focused()
        await expect(tab.get_by_label("Label")).to_be_focused(timeout=20_000)
        await expect(tab.locator("#notice")).to_have_text("The recording has ended")
        assert await tab.evaluate("window.heard.filter((text) => text)") == [
            "tighten screw begins in 3 s",
            "The countdown was broken off",
            "tighten screw begins in 3 s",
            "Recording tighten screw",
            "The recording has ended",
        ]
    [recording] = folder.glob("anna-*-tighten_screw.ehr")
    [(start_s, end_s, label)] = read(recording).truth()
    assert label == "tighten_screw"
    assert 1.9 < end_s - start_s < 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_axe_complains_of_nothing(
    browser: Browser, house: Gatehouse, size: ViewportSize, scheme: Scheme
) -> None:
    async with tab_of(browser, house.address, size, scheme) as (tab, _):
        await expect(tab.locator(".timeline span").first).to_be_attached()
        await require_accessible(tab)


async def test_all_comes_from_the_gateway_and_nothing_breaks_its_rules(
    browser: Browser, house: Gatehouse
) -> None:
    async with tab_of(browser, house.address) as (tab, seen):
        await expect(tab.locator(".sensor")).to_have_count(2)
        await expect(tab.locator(".timeline span").first).to_be_attached()
    hosts = {urlsplit(address).netloc for address in seen.addresses}
    assert hosts == {urlsplit(house.address).netloc}
    assert seen.complaints == []
    paths = {urlsplit(address).path for address in seen.addresses}
    assert {f"/{path.name}" for path in STATIC.iterdir()} - paths == {"/index.html"}
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < LARGEST


async def test_the_page_is_live_again_after_the_daemon_has_begun_anew(
    browser: Browser, tmp_path: Path
) -> None:
    with Mosquitto(free_port(), tmp_path) as broker:
        house = Gatehouse(tmp_path, broker)
        async with contextlib.AsyncExitStack() as stack:
            async with house.daemon():
                tab, _ = await stack.enter_async_context(tab_of(browser, house.address))
                await expect(tab.locator("#uptime")).not_to_have_text("–")
                before = await tab.evaluate("performance.timeOrigin")
            await expect(tab.locator("#link-text")).to_contain_text("trying again")
            async with house.daemon():
                await expect(tab.locator("#link-text")).to_have_text("live")
                # It was not loaded anew.
                assert await tab.evaluate("performance.timeOrigin") == before


async def test_a_token_is_shown_once_and_leaves_the_address(
    browser: Browser, house: Gatehouse, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    dashboard = Dashboard(f"127.0.0.1:{free_port()}", token_file=str(tmp_path / "token"))
    guarded = Gatehouse(tmp_path, house.broker)
    guarded.config = replace(guarded.config, mqtt=None, dashboard=dashboard)
    async with guarded.daemon(), tab_of(browser, f"{guarded.address}?token=s3cret") as (tab, _):
        assert tab.url == guarded.address
        answer = await tab.reload()
        assert answer is not None
        assert answer.status == 200
        await expect(tab.locator("#link-text")).to_have_text("live")
        [cookie] = await tab.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert "s3cret" not in cookie["value"]
        await tab.context.clear_cookies()
        answer = await tab.reload()
        assert answer is not None
        assert answer.status == 401
