"""The whole daemon with Bluetooth sensors: labels come out, a lost link comes back, and the end sets them free."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from bluez import Bluetoothd
from radio import Characteristic, Peripheral

from edgehar.apps.record import OneSensor, record_wearer
from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY
from edgehar.recordings.ehr import read
from edgehar.sources.simulated.simulator import Simulator

PLACEMENTS = ("wrist_left", "trouser_pocket")
SIMULATOR = Simulator(placements=PLACEMENTS, script=[("walking", 120.0)], seed=3)


class Worn(Peripheral):
    """Own firmware on somebody who walks."""

    def __init__(self, stream: int) -> None:
        gatt = {NORDIC_UART: [Characteristic(NORDIC_UART_NOTIFY, ("notify",))]}
        super().__init__(
            f"C0:FF:EE:00:00:0{stream}", "edgehar", services=[NORDIC_UART], gatt=gatt, battery=55
        )
        self._packets = [(t, body) for t, i, body in SIMULATOR.packets() if i == stream]

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for t, body in self._packets:
            await asyncio.sleep(start + t - loop.time())
            self.notify(NORDIC_UART_NOTIFY, body)


class Run:
    """`edgehar` as a process, and its lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls, *arguments: str) -> "Run":
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edgehar", *arguments, stdout=pipe, stderr=pipe
            )
        )

    async def until(self, key: str, value: str) -> dict[str, Any]:
        """Return the first line to come that says so."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            async for line in self.process.stdout:
                answer: dict[str, Any] = json.loads(line)
                if answer.get(key) == value:
                    return answer
        raise AssertionError(f"it ended without {key} {value}")

    async def until_logged(self, beginning: str) -> None:
        """Return at the next message that begins so."""
        assert self.process.stderr is not None
        async with asyncio.timeout(60):
            async for line in self.process.stderr:
                if line.decode().startswith(beginning):
                    return
        raise AssertionError(f"it ended without {beginning}")

    async def end(self) -> None:
        """Stop it as a service is stopped."""
        self.process.send_signal(signal.SIGTERM)
        await self.process.communicate()


def configuration(tmp_path: Path, worn: list[Worn]) -> Path:
    sensors = (
        f'[[wearer.ble]]\nplacement = "{placement}"\nprofile = "edgehar"\naddress = "{each.address}"\n'
        for placement, each in zip(PLACEMENTS, worn, strict=True)
    )
    path = tmp_path / "edgehar.toml"
    path.write_text('[[wearer]]\nid = "anna"\n' + "".join(sensors))
    return path


async def test_labels_come_out_a_lost_link_comes_back_and_the_end_sets_sensors_free(
    bluez: Bluetoothd, tmp_path: Path
) -> None:
    worn = [Worn(i) for i in range(2)]
    bluez.add(*worn)
    run = await Run.begin("run", "-c", str(configuration(tmp_path, worn)), "--stdout", "--log", "text")
    try:
        walking = await run.until("activity", "walking")
        assert walking["wearer"] == "anna"
        for placement, each in zip(PLACEMENTS, worn, strict=True):
            each.drop()
            log = f"edgehar.sources.reconnect: anna/{placement}:"
            await run.until_logged(f"WARNING {log} the link to {each.address} was lost")
            await run.until_logged(f"INFO {log} back after")
        await run.end()
    finally:
        if run.process.returncode is None:
            run.process.kill()
            await run.process.wait()
    assert run.process.returncode == 0
    assert not any(each.is_subscribed(NORDIC_UART_NOTIFY) for each in worn)


@pytest.mark.usefixtures("fast_clock")
async def test_a_recording_of_bluetooth_sensors_can_be_replayed(bluez: Bluetoothd, tmp_path: Path) -> None:
    worn = [Worn(i) for i in range(2)]
    bluez.add(*worn)
    path = tmp_path / "walk.ehr"
    config = configuration(tmp_path, worn)
    counted, failure = await record_wearer(path, OneSensor("wrist"), config=config, seconds=12)
    assert failure is None
    assert counted["packets"] > 100
    assert [(s.placement, s.profile) for s in read(path).header.streams] == [
        (p, "edgehar") for p in PLACEMENTS
    ]
    replay = await Run.begin("replay", str(path), "--json")
    await replay.until("type", "activity_started")
    await replay.process.communicate()
