"""`edgehar demo`: a simulated wearer, the shipped model, an embedded broker and a live page."""

import asyncio
import contextlib
import sys

from rich.console import Console

from edgehar.apps.screen import Screen, run_on_screen
from edgehar.brokers.embedded import EmbeddedBroker
from edgehar.config.schema import Config, Gateway, Model, Mqtt, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError
from edgehar.publishers.jsonl import JsonLines
from edgehar.sources.simulated.simulator import Simulator

LONGEST_S = 15.0
"""Longest activity of the demo, s: who watches wants to see something happen."""


async def show_demo(
    *, seconds: float | None, placement: str, model: str, port: int, seed: int, as_json: bool = False
) -> None:
    """Show the whole chain until `seconds` are over or Ctrl-C."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await _broker(stack, port)
        config = Config(
            gateway=Gateway(id="demo"),
            mqtt=Mqtt(host="127.0.0.1", port=broker.port, version=4),
            model=Model(path=model),
            wearer=[
                Wearer(
                    id="wearer",
                    simulator=SimulatedWearer(placements=[placement], seed=seed, longest_s=LONGEST_S),
                )
            ],
        )
        daemon = Daemon(config)
        if not as_json:
            await run_on_screen(daemon, _screen(daemon, broker.port), seconds)
            return
        lines = JsonLines(sys.stdout)
        stack.callback(lines.close)
        daemon.publishers.append(lines)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await daemon.run()


def _screen(daemon: Daemon, port: int) -> Screen:
    (simulator,) = daemon.feeds[0].sources
    assert isinstance(simulator, Simulator)
    return Screen(
        Console(),
        daemon,
        title="edgehar demo: a simulated wearer, recognized live",
        footer=lambda: (f"beside this, try: mosquitto_sub -p {port} -t 'edgehar/#' -v", "Ctrl-C ends it"),
        truth=lambda: simulator.now,
    )


async def _broker(stack: contextlib.AsyncExitStack, port: int) -> EmbeddedBroker:
    """Start the broker on `port`, or on a free one where that is taken."""
    try:
        return await stack.enter_async_context(EmbeddedBroker(port=port))
    except ConfigError:
        return await stack.enter_async_context(EmbeddedBroker(port=0))
