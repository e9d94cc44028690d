"""Every kind of sensor at rest, through real bleak and a fake BlueZ: one g, and the rate that is declared."""

import asyncio

import numpy as np
import pytest
from bluez import Bluetoothd
from peripherals import sensor

from edgehar.devices import PROFILES
from edgehar.pipeline.diagnosis.link import rates
from edgehar.pipeline.diagnosis.measurement import Measurement
from edgehar.pipeline.intake import Intake
from edgehar.sources.bluetooth.ble import Ble
from edgehar.sources.bluetooth.radio import Radio
from edgehar.types import ACCELERATION, Stream

SECONDS = 6.0
"""Time for which all sensors are heard at once, s: a heart belt sends every 0.7 s."""


class Heard(Measurement):
    """All that came of one sensor."""

    def __init__(self, profile: str) -> None:
        super().__init__(Stream("wrist", profile))
        self.force: list[float] = []
        self.span_s = 0.0
        self._first: float | None = None
        self._second = Intake(Stream("wrist", profile))

    def push(self, t: float, body: bytes) -> None:
        super().push(t, body)
        for samples in self._second.push(t, body):
            self._first = t if self._first is None else self._first
            self.span_s = t - self._first
            if samples.channels[:3] == ACCELERATION:
                self.force += np.linalg.norm(samples.x[:, :3], axis=1).tolist()


@pytest.mark.usefixtures("fast_clock")
async def test_every_profile_starts_and_streams_at_rest(bluez: Bluetoothd) -> None:
    sensors = {name: sensor(name, i) for i, name in enumerate(PROFILES)}
    bluez.add(*sensors.values())
    radio = Radio()
    heard = {name: Heard(name) for name in PROFILES}
    sources = {name: Ble(radio, PROFILES[name], address=sensors[name].address) for name in PROFILES}

    def into(name: str) -> asyncio.Task[None]:
        return asyncio.create_task(sources[name].run(lambda t, _, body: heard[name].push(t, body)))

    running = {name: into(name) for name in PROFILES}
    async with asyncio.timeout(60):
        while not all(each.span_s > SECONDS for each in heard.values()):
            broken = [task for task in running.values() if task.done()]
            for task in broken:
                task.result()
            await asyncio.sleep(0.1)
    assert all(each.is_started for each in sensors.values())
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)
    assert {name for name, each in sensors.items() if each.is_started and PROFILES[name].stop} == set()
    for name, each in heard.items():
        assert each.force == pytest.approx([9.81] * len(each.force), rel=0.03), name
        sent = rates(each)
        assert set(sent) & {"acceleration", "both"}, name
        for rate in sent.values():
            assert rate == pytest.approx(PROFILES[name].rate_hz, rel=0.03), name
        health = each.intake.health()
        assert (health["lost"], health["misfit"], health["clock_restarts"]) == (0, None, 0), name
