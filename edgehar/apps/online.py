"""`edgehar config check --online`: what only shows when it is tried, the broker and every sensor."""

import asyncio
import time
from typing import Any

from edgehar.apps.broker import BrokerTest
from edgehar.config.schema import Config
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.wearer import WearerFeed
from edgehar.sources.serial import Serial

LISTEN_S = 20.0
"""Every sensor is listened to until all were heard, for so long at most, s: one over Bluetooth has to be found first.
For a port that cannot be opened nobody waits."""

LOOK_S = 0.1


async def check_online(config: Config, listen_s: float = LISTEN_S) -> dict[str, Any]:
    """Return the stages to the broker, and of each wearer's sensors `ok` or what is wrong; "problems" counts them.

    OperatorError says what does not fit in the configuration itself.
    """
    feeds = Daemon(config).feeds
    broker = await BrokerTest(config).run() if config.mqtt else []
    sensors = await _listen(feeds, listen_s)
    failures = [row for row in broker if row["result"] == "failed"]
    ailing = [state for wearer in sensors.values() for state in wearer.values() if state != "ok"]
    return {"broker": broker, "wearers": sensors, "problems": len(failures) + len(ailing)}


async def _listen(feeds: list[WearerFeed], listen_s: float) -> dict[str, dict[str, str]]:
    """Keep every sensor open until all were heard; recordings are none, and are as they were read."""
    live = [feed for feed in feeds if feed.is_live]
    tasks = [asyncio.create_task(feed.run(lambda _: None, lambda: None), name=feed.id) for feed in live]
    began = time.monotonic()
    try:
        while any(map(_may_come, live)) and time.monotonic() - began < listen_s:
            await asyncio.wait(tasks, timeout=LOOK_S)
        now = time.monotonic()
        problems = {feed.id: feed.problems(now) for feed in live}
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
    return {
        feed.id: {place: problems.get(feed.id, {}).get(place, "ok") for place in feed.placements}
        for feed in feeds
    }


def _may_come(feed: WearerFeed) -> bool:
    """Tell whether a sensor was not heard yet that may be; those on ports that cannot be opened will not."""
    return any(not (isinstance(source, Serial) and source.link.lost) for source in feed.unheard)
