"""`python -m benchmarks.zone [WEARERS]`: CPU and memory of one gateway that counts a zone of 200 wearers.

Each is a replay, at its own pace, of a simulated wearer with a sensor at the wrist, 50 Hz and 10 samples a packet; they begin at
different times, so that windows do not fall due at once. Counted are thirty seconds after all were heard; a minute together.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from edgehar.config.schema import Config, Gateway
from edgehar.config.worn import Replay, Wearer
from edgehar.config.zone import Zone
from edgehar.daemon.daemon import Daemon
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream

DIFFERENT = 10
"""Recordings; each is of so many wearers that together there are all."""
SECONDS = 30.0
LEAD_S = 10.0


def record(folder: Path, i: int) -> Path:
    """Write a recording of a simulated wearer, long enough."""
    path = folder / f"{i}.ehr"
    script = [("standing", 1.0 + 0.1 * i), ("walking", 20.0), ("sitting", 2 * SECONDS)]
    simulator = Simulator(placements=["wrist_left"], script=script, seed=i)
    with Writer(path, Header("w", (Stream("wrist_left"),), epoch=1_700_000_000.0)) as writer:
        for item in simulator.packets():
            writer.push(*item)
    return path


async def measure(wearers: int, folder: Path) -> None:
    """Print what a daemon with a zone of so many takes."""
    paths = [record(folder, i) for i in range(DIFFERENT)]
    config = Config(
        gateway=Gateway(id="gw"),
        wearer=[Wearer(f"w{i}", replay=Replay(str(paths[i % DIFFERENT]))) for i in range(wearers)],
        zone=[Zone("z", [f"w{i}" for i in range(wearers)], every_s=5.0)],
    )
    daemon = Daemon(config)
    running = asyncio.create_task(daemon.run())
    await asyncio.sleep(LEAD_S)
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    share = (time.process_time() - cpu) / (time.monotonic() - wall)
    table, heard = daemon.zones.each["z"].table, sum(feed.is_up for feed in daemon.feeds)
    print(
        f"{wearers} wearers, {heard} heard: {100 * share:.0f} % of a core, {daemon.figures.gateway()['rss_mb']} MB"
    )
    print(f"told: {table}")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(int(sys.argv[1]) if sys.argv[1:] else 200, Path(temporary)))
