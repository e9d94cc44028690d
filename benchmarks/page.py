"""`python -m benchmarks.page`: how soon the page shows what MQTT says, and what those who look on cost.

Latency is from a state's arrival at another client of the broker to the word on the page in Chromium, both by this machine's
clock; the state is pushed as the pipeline pushes it. The CPU is that of a process `edgehar run` with two sensors at 50 Hz, each
simulated by another process, while 0, 1 and 20 WebSockets read all they get, round after round; the ratios say more than
the figures. `--screenshots DIR` makes the pictures of README.md instead.
"""

import argparse
import asyncio
import contextlib
import io
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import aiohttp
import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from benchmarks.broker import PORT, mosquitto
from benchmarks.browser import chromium
from edgehar.apps.page import demo_page
from edgehar.config.schema import Config, Gateway, Mqtt
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.dashboard.page import Page
from edgehar.pipeline.loop import Pipeline
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Stream

PLACEMENTS = ["trouser_pocket", "wrist_left"]
SHOTS: tuple[tuple[str, int, int, Literal["light", "dark"]], ...] = (
    ("page_phone", 390, 844, "light"),
    ("page_desktop", 1440, 900, "dark"),
)
EARLIER_S = 570.0
"""Time before the live wearer that a screenshot's timeline shows, s."""

SCRIPT = [
    ("sitting", 95.0),
    ("walking", 120.0),
    ("stairs_up", 25.0),
    ("standing", 40.0),
    ("running", 110.0),
    ("walking", 60.0),
    ("sitting", 70.0),
    ("standing", 50.0),
]
"""Activities of that time, and how long each lasts, s."""

CHANGES = 300
"""Changes of the state whose latency is taken."""

BETWEEN_S = (0.25, 0.6)
"""Time from one to the next, s, at random: none keeps step with the frames."""

VIEWERS = (0, 1, 20)
ROUNDS, ROUND_S = 4, 15.0
PAGE_PORT = 18840

WATCH_LABEL = """
window.shown = [];
const label = document.querySelector(".now .label");
new MutationObserver(() => shown.push([label.textContent, performance.timeOrigin + performance.now()]))
  .observe(label, { childList: true, characterData: true, subtree: true });
"""


def config(folder: Path, port: int | None, **gateway: str) -> Config:
    """Return what runs: a simulated wearer, a broker if there is one, and a folder to record to."""
    simulated = SimulatedWearer(placements=PLACEMENTS, seed=349, longest_s=15.0, battery=87, drift_ppm=21.0)
    return Config(
        gateway=Gateway(id=gateway.get("id", "bench"), state_dir=str(folder)),
        mqtt=Mqtt(host="127.0.0.1", port=port) if port else None,
        wearer=[Wearer(id="anna", simulator=simulated)],
    )


@contextlib.asynccontextmanager
async def shown(folder: Path, port: int | None, **gateway: str) -> AsyncIterator[tuple[Daemon, Page, str]]:
    """Run a daemon and its page in this process; yield its address too."""
    settings = config(folder, port, **gateway)
    daemon = Daemon(settings)
    async with demo_page(daemon, settings) as address:
        [page] = [each for each in daemon.publishers if isinstance(each, Page)]
        running = asyncio.create_task(daemon.run())
        try:
            yield daemon, page, address
        finally:
            running.cancel()
            await asyncio.wait([running])


def live_through(daemon: Daemon, page: Page) -> None:
    """Let the page know what the wearer did before, as the core tells it of a simulation."""
    simulator = Simulator(placements=PLACEMENTS, script=SCRIPT, seed=3)
    wearer = config(Path(), None).wearer[0]
    models = daemon.models.of(wearer)
    streams = [Stream(place) for place in PLACEMENTS]
    pipeline = Pipeline("anna", streams, models, daemon.models.settings(models))
    began = time.monotonic() - EARLIER_S
    for t, stream, body in simulator.packets():
        for item in pipeline.push(began + t, stream, body):
            page.push(item)


async def make_screenshots(folder: Path) -> None:
    """Write a picture of each size."""
    with tempfile.TemporaryDirectory() as scratch, mosquitto(Path(scratch)):
        async with (
            shown(Path(scratch), PORT, id="pi-kitchen") as (daemon, page, address),
            chromium() as browser,
        ):
            live_through(daemon, page)
            tabs = [
                await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                for _, width, height, scheme in SHOTS
            ]
            for tab in tabs:
                await tab.goto(address)
            # As long as a strip is, so that it is full.
            await asyncio.sleep(12.0)
            for tab, (name, *_) in zip(tabs, SHOTS, strict=True):
                await tab.bring_to_front()
                picture = Image.open(io.BytesIO(await tab.screenshot())).convert("RGB")
                # The page has few colours: the file is a third so large.
                few = picture.quantize(256, dither=Image.Dither.NONE)
                few.save(folder / f"{name}.png", optimize=True)


async def latencies(folder: Path) -> list[float]:
    """Return the time from a state's arrival over MQTT to its word on the page, ms."""
    heard: list[tuple[str, float]] = []
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda *message: heard.append((message[-1].payload.decode(), time.time() * 1000))
    client.connect("127.0.0.1", PORT)
    client.subscribe("edgehar/bench/anna/activity", qos=1)
    client.loop_start()
    async with shown(folder, PORT) as (daemon, _, address), chromium() as browser:
        tab = await browser.new_page()
        await tab.goto(address)
        await tab.locator("#link-text", has_text="live").wait_for()
        daemon.controls[0].pause()
        await asyncio.sleep(1.0)
        heard.clear()
        await tab.evaluate(WATCH_LABEL)
        for number in range(CHANGES):
            t, label = time.monotonic(), ("walking", "standing")[number % 2]
            for publisher in daemon.publishers:
                publisher.push(Activity("anna", label, None, "", 0.9, t, t, 1.0))
            await asyncio.sleep(random.uniform(*BETWEEN_S))
        await asyncio.sleep(1.0)
        on_page: list[tuple[str, float]] = await tab.evaluate("shown")
    client.loop_stop()
    assert [label for label, _ in on_page] == [label for label, _ in heard]
    return [at - came for (_, at), (_, came) in zip(on_page, heard, strict=True)]


@contextlib.contextmanager
def edgehar_run(folder: Path) -> Iterator[psutil.Process]:
    """Run the daemon with its page on PAGE_PORT, and two sensors, each in a process of its own."""
    ports = range(PAGE_PORT + 1, PAGE_PORT + 1 + len(PLACEMENTS))
    lines = [f'[dashboard]\nlisten = "127.0.0.1:{PAGE_PORT}"\n[[wearer]]\nid = "anna"']
    for place, port in zip(PLACEMENTS, ports, strict=True):
        lines.append(f'[[wearer.serial]]\nplacement = "{place}"\nport = "socket://127.0.0.1:{port}"')
    (folder / "edgehar.toml").write_text("\n".join(lines))
    verbs = [
        ["sim", "--placement", place, "--tcp", str(p)] for place, p in zip(PLACEMENTS, ports, strict=True)
    ]
    verbs.append(["run", "--config", str(folder / "edgehar.toml")])
    with contextlib.ExitStack() as stack:
        for verb in verbs:
            process = subprocess.Popen([sys.executable, "-m", "edgehar", *verb], stdout=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield psutil.Process(process.pid)


async def cpu_of_viewers(process: psutil.Process) -> dict[int, list[float]]:
    """Return the daemon's share of a core, percent, in each round, by how many look on."""
    shares: dict[int, list[float]] = {count: [] for count in VIEWERS}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PAGE_PORT}") as session:
        await _served(session)
        for _ in range(ROUNDS):
            for count in VIEWERS:
                readers = [asyncio.create_task(_read(session)) for _ in range(count)]
                await asyncio.sleep(2.0)
                before, began = sum(process.cpu_times()[:2]), time.monotonic()
                await asyncio.sleep(ROUND_S)
                used = sum(process.cpu_times()[:2]) - before
                shares[count].append(100 * used / (time.monotonic() - began))
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
    return shares


async def _served(session: aiohttp.ClientSession) -> None:
    """Wait until the page can be had, and its sensors are heard."""
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.ws_connect("/live") as link:
                state: dict[str, Any] = {}
                while state.get("type") != "state" or not all(
                    s["up"] for s in state["wearers"][0]["sensors"]
                ):
                    state = await link.receive_json()
                return
        await asyncio.sleep(0.1)


async def _read(session: aiohttp.ClientSession) -> None:
    async with session.ws_connect("/live") as link:
        async for _ in link:
            pass


def main() -> None:
    """Print the figures, or make the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="make the pictures of README.md")
    if folder := parser.parse_args().screenshots:
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(make_screenshots(folder))
        return
    with tempfile.TemporaryDirectory() as scratch:
        with mosquitto(Path(scratch)):
            ms = asyncio.run(latencies(Path(scratch)))
        p99 = statistics.quantiles(ms, n=100)[-1]
        print(
            f"from a state at a subscriber to its word on the page, {CHANGES} changes: "
            f"p50 {statistics.median(ms):.1f} ms, p99 {p99:.1f} ms, largest {max(ms):.1f} ms"
        )
        with edgehar_run(Path(scratch)) as process:
            shares = asyncio.run(cpu_of_viewers(process))
    alone = statistics.median(shares[0])
    for count, rounds in shares.items():
        share = statistics.median(rounds)
        print(
            f"CPU of the daemon, {count} viewers: {share:.2f} % of a core, {share / alone:.2f} times that of none"
        )


if __name__ == "__main__":
    main()
