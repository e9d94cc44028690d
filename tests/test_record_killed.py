"""A recording whose writer is killed a hundred times, each time in the middle of something."""

import asyncio
import os
import random
import signal
import sys
from bisect import bisect_right
from collections import Counter
from pathlib import Path

import msgspec
from killed_writer import SPEED, Written

from edgehar.recordings.ehr import read
from edgehar.sources.simulated.serve import serve_tcp
from edgehar.sources.simulated.simulator import Simulator

KILLS = 100


async def until_killed(writer: asyncio.subprocess.Process, after: int) -> list[Written]:
    """Have a child record, and kill it once it has acknowledged so much; return all that it acknowledged."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(b"\n")
    pid, came = int(await writer.stdout.readline()), list[Written]()
    while (line := await writer.stdout.readline()) != b"null\n":
        came.append(msgspec.json.decode(line, type=Written))
        if len(came) == after:
            os.kill(pid, signal.SIGKILL)
    return came


async def recorded(path: Path) -> list[list[Written]]:
    """Record a simulated sensor by writers that are killed; return what each acknowledged."""
    urls: asyncio.Queue[str] = asyncio.Queue()
    simulator = Simulator(placements=["wrist_left"], seed=4, speed=SPEED)
    serving = asyncio.create_task(serve_tcp(simulator, "127.0.0.1", 0, announce=urls.put_nowait))
    port = (await urls.get()).rpartition(":")[2]
    command = (sys.executable, str(Path(__file__).with_name("killed_writer.py")), str(path), port)
    writer = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    rng = random.Random(4)
    parts = [await until_killed(writer, rng.randint(1, 20)) for _ in range(KILLS)]
    writer.stdin.close()  # type: ignore[union-attr]
    await writer.wait()
    serving.cancel()
    await asyncio.wait([serving])
    return parts


async def test_a_writer_that_is_killed_a_hundred_times_loses_its_last_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with asyncio.timeout(120):
        parts = await recorded(path)
    recording = read(path)
    written = [(t, body) for t, _, body in recording if body]
    # A description comes again and again; a packet once.
    times = Counter(each.body for part in parts for each in part)
    packets = [[each for each in part if times[each.body] == 1] for part in parts]
    assert sum(map(len, packets)) > 500

    bodies = {body for _, body in written}
    lost = [part[-1].t - each.t for part in packets for each in part if each.body not in bodies]
    assert lost  # else nobody was killed in the middle
    assert max(lost) <= 1.0
    marks = {mark.label for _, mark in recording.marks()}
    acknowledged = {each.label for part in parts for each in part}
    assert acknowledged <= marks
    # A writer may be killed between a mark and its acknowledgement.
    unacknowledged = Counter(label.split("_")[1] for label in marks - acknowledged)
    assert set(unacknowledged.values()) <= {1}

    labels = {each.body: each.label for part in packets for each in part}
    truth = recording.truth()
    starts = [start for start, _, _ in truth]
    told = list[tuple[str, str]]()
    for t, body in written:
        newest = bisect_right(starts, t) - 1
        if newest < 0:
            continue  # the first label, if its writer was killed at once, lasted for no time
        _, end, label = truth[newest]
        # Of a packet that came with its mark, as the last, nobody knows how long its label held.
        if body in labels and t < end:
            told.append((labels[body], label))
    assert len(told) > 400
    assert [pair for pair in told if pair[0] != pair[1]] == []
