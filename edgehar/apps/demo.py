"""`edgehar demo`: a simulated wearer or a camera, the shipped model, an embedded broker and a live page."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from edgehar.apps.page import demo_page
from edgehar.apps.screen import Screen, run_on_screen
from edgehar.apps.skeleton import Skeleton
from edgehar.brokers.embedded import EmbeddedBroker
from edgehar.config.schema import Config, Gateway, Model, Mqtt
from edgehar.config.worn import Camera, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError
from edgehar.publishers.jsonl import JsonLines
from edgehar.sources import Source
from edgehar.sources.simulated.simulator import Simulator

_LOGGER = logging.getLogger(__name__)

LONGEST_S = 15.0
"""Longest activity of the demo, s: who watches wants to see something happen."""

SKELETON_LINES = 12
"""A terminal of 24 lines has room for them, for the answer and for some events."""


def simulated(placement: str, seed: int) -> Wearer:
    """Return a simulated wearer of one sensor."""
    simulator = SimulatedWearer(placements=[placement], seed=seed, longest_s=LONGEST_S)
    return Wearer(id="wearer", simulator=simulator)


def seen_by(camera: str) -> Wearer:
    """Return whoever stands before a camera, or is in a video file."""
    return Wearer(id="wearer", camera=[Camera(device=camera)])


async def show_demo(
    wearer: Wearer,
    *,
    seconds: float | None,
    model: Model,
    port: int,
    with_page: bool = True,
    as_json: bool = False,
) -> None:
    """Show the whole chain until `seconds` are over, a video has ended, or Ctrl-C."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await _broker(stack, port)
        config = Config(
            gateway=Gateway(id="demo"),
            mqtt=Mqtt(host="127.0.0.1", port=broker.port, version=4),
            model=model,
            wearer=[wearer],
        )
        daemon = Daemon(config)
        address = await stack.enter_async_context(demo_page(daemon, config)) if with_page else None
        if not as_json:
            await run_on_screen(daemon, _screen(daemon, broker.port, address), seconds)
            return
        if address:
            _LOGGER.info("the live page is at %s", address)
        lines = JsonLines(sys.stdout)
        stack.callback(lines.close)
        daemon.publishers.append(lines)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await daemon.run()


def _screen(daemon: Daemon, port: int, page: str | None) -> Screen:
    (feed,) = daemon.feeds
    (source,) = feed.sources
    if isinstance(source, Simulator):
        title, whom = "a simulated wearer", lambda: _really(source)
    else:
        skeleton = Skeleton()
        feed.pipeline.watchers.append(skeleton.watch)
        title, whom = "you before a camera", lambda: _drawn(skeleton, source)
    return Screen(
        Console(),
        daemon,
        title=f"edgehar demo: {title}, recognized live",
        footer=lambda: (
            *([f"in a browser: {page}"] if page else []),
            f"beside this, try: mosquitto_sub -p {port} -t 'edgehar/#' -v",
            "Ctrl-C ends it",
        ),
        beneath=whom,
    )


def _really(simulator: Simulator) -> Sequence[RenderableType]:
    return [Text(f"(the simulated wearer is really: {simulator.now})", "dim")]


def _drawn(skeleton: Skeleton, camera: Source) -> Sequence[RenderableType]:
    age_s = camera.link.age_s
    age = [] if age_s is None else [Text(f"(a picture is {age_s:.2f} s old when it is judged)", "dim")]
    return [Text("\n".join(skeleton.lines(SKELETON_LINES, time.monotonic())), "cyan"), *age]


async def _broker(stack: contextlib.AsyncExitStack, port: int) -> EmbeddedBroker:
    """Start the broker on `port`, or on a free one where that is taken."""
    try:
        return await stack.enter_async_context(EmbeddedBroker(port=port))
    except ConfigError:
        return await stack.enter_async_context(EmbeddedBroker(port=0))
