"""A publisher that is killed a hundred times, at random points, with the broker there and away: no event is lost."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import re
import sys
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S, Listener, Mosquitto, free_port
from test_mqtt import ids, listening, publisher, running
from test_payloads import started

from edgehar.backoff import Delays
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.mqtt import Mqtt

DEATHS = 100

LONGEST_LIFE_S = 0.15


def new_publisher(port: int, file: EventFile) -> Mqtt:
    return publisher(port, kept=KeptEvents(file), delays=Delays(longest_s=0.02), will_delay_s=0)


def live(folder: Path, port: int, first: int, journal: Path, seed: int) -> None:
    """Push events from `first` on until killed; note each, and that all so far are on the disk or at the broker."""
    chance = random.Random(seed)

    async def push() -> None:
        file, number = EventFile(folder), first
        with journal.open("a", buffering=1, encoding="ascii") as notes:
            async with running(new_publisher(port, file)) as mqtt:
                while True:
                    for _ in range(chance.randint(1, 6)):
                        notes.write(f"pushed {number}\n")
                        mqtt.push(started(number))
                        number += 1
                    await asyncio.sleep(chance.choice((0, 0, 0.001, 0.005)))
                    if chance.random() < 0.5:
                        await asyncio.to_thread(file.flush)
                        notes.write(f"safe {number - 1}\n")

    asyncio.run(push())


def noted(journal: Path, what: str) -> list[int]:
    return [
        int(number) for number in re.findall(rf"^{what} (\d+)$", journal.read_text("ascii"), re.MULTILINE)
    ]


@pytest.mark.timeout(300)
async def test_of_a_hundred_kills_none_costs_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, chance = tmp_path / "journal", random.Random(11)
    journal.touch()
    # Who has imported all that a life needs is copied a hundred times; the server of forks gets no other path.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["test_crash"])
    first_copy = forks.Process(target=bool)
    first_copy.start()
    first_copy.join()
    with Mosquitto(free_port(), tmp_path) as broker, listening(broker.port) as listener:
        nowhere, safe = free_port(), set[int]()
        for death in range(DEATHS):
            first = 1 + max(noted(journal, "pushed"), default=0)
            port = nowhere if death % 3 == 1 else broker.port
            life = forks.Process(target=live, args=(tmp_path / "state", port, first, journal, death))
            life.start()
            if death % 10:
                # Most are in the middle of it; some have hardly begun.
                await begun(journal, first)
            await asyncio.sleep(chance.uniform(0.0, LONGEST_LIFE_S))
            life.kill()
            life.join()
            latest = max(noted(journal, "safe"), default=0)
            safe |= {number for number in noted(journal, "pushed") if first <= number <= latest}
        left = await drain(tmp_path / "state", broker.port)
        await everything_heard(listener)
    received, pushed = ids(listener), noted(journal, "pushed")
    figures = f"pushed {len(pushed)}, safe {len(safe)}, received {len(received)}, once {len(set(received))}"
    print(f"{DEATHS} kills: {figures}; left for the last life {left}")  # noqa: T201 - figures
    assert safe - set(received) == set()
    assert set(received) <= set(pushed)
    first_heard = list(dict.fromkeys(received))
    assert first_heard == sorted(first_heard)
    assert len(safe) > 5 * DEATHS
    assert left > 0


async def begun(journal: Path, first: int) -> None:
    """Wait until a life has pushed its first event."""
    async with asyncio.timeout(PATIENCE_S):
        while max(noted(journal, "pushed"), default=0) < first:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.001)


async def drain(folder: Path, port: int) -> int:
    """Let one more life hand over what is kept; return how much that was."""
    file = EventFile(folder)
    with contextlib.closing(file):
        mqtt = new_publisher(port, file)
        kept = mqtt.waiting
        async with running(mqtt):
            assert await mqtt.drained()
    file = EventFile(folder)
    assert file.rows() == []
    file.close()
    return kept


async def everything_heard(listener: Listener) -> None:
    listener.publish("edgehar/end", "")
    await listener.until(lambda: bool(listener.on("edgehar/end")))
