"""One wearer's feed while the daemon runs: what is paused, begun anew or stopped ends first, whatever comes meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from bleak.backends.device import BLEDevice
from listening import until
from mosquitto import free_port
from test_daemon_wearer import replayed

from edgehar.config.schema import Config
from edgehar.config.worn import Ble as BleSensor, Phone, SimulatedWearer, Wearer
from edgehar.daemon.control import WearerControl
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.wearer import Publish, Tap, WearerFeed
from edgehar.daemon.wiring import make_shared_links, make_sources, renew_claims
from edgehar.errors import ConfigError
from edgehar.pipeline.manifest import find
from edgehar.pipeline.operating_points import Point
from edgehar.pipeline.recognizer import load
from edgehar.sources.bluetooth.ble import Ble
from edgehar.sources.bluetooth.radio import Sighting
from edgehar.sources.phone.http import SensorLoggerHttp
from edgehar.types import Activity, Event

CLOSING_S = 0.2


class SlowToClose(WearerFeed):
    """A feed of sensors that take their time to part, as over a radio."""

    open: ClassVar[Counter[str]] = Counter()
    most_open: ClassVar[Counter[str]] = Counter()
    """By wearer."""

    async def run(self, publish: Publish, on_state: Callable[[], None], tap: Tap | None = None) -> None:
        self.open[self.id] += 1
        self.most_open[self.id] = max(self.most_open[self.id], self.open[self.id])
        try:
            await super().run(publish, on_state, tap)
        finally:
            await asyncio.sleep(CLOSING_S)
            self.open[self.id] -= 1


def control(kind: type[WearerFeed] = WearerFeed) -> WearerControl:
    recognizer = load(find("imu_tcn"))
    wearer = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))
    return WearerControl(lambda _: kind(wearer, recognizer, recognizer.spec.decision), "normal")


def nothing() -> None:
    pass


def start(controlled: WearerControl, answers: list[Activity | Event] | None = None) -> asyncio.Task[None]:
    told = [] if answers is None else answers
    return asyncio.create_task(controlled.run(told.append, nothing, nothing))


async def test_who_is_resumed_and_paused_in_one_breath_is_paused() -> None:
    controlled = control()
    task = start(controlled)
    await until(lambda: controlled.feed.is_up)
    controlled.pause()
    await until(lambda: not controlled.feed.is_up)
    await asyncio.sleep(0)
    controlled.resume()
    controlled.pause()
    await asyncio.sleep(0.1)
    assert controlled.is_paused
    assert not controlled.feed.is_up
    task.cancel()
    await asyncio.wait([task])


async def test_a_second_stop_leaves_nothing_open() -> None:
    controlled = control(SlowToClose)
    answers = list[Activity | Event]()
    task = start(controlled, answers)
    await until(lambda: controlled.feed.is_up)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.05)
    assert not task.done()
    await asyncio.wait([task])
    assert task.cancelled()
    assert SlowToClose.open.total() == 0
    assert isinstance(answers[-1], Activity)
    assert answers[-1].is_last


async def test_a_pause_before_the_start_is_no_reason_for_the_end() -> None:
    controlled = control()
    controlled.pause()
    answers = list[Activity | Event]()
    task = start(controlled, answers)
    await asyncio.sleep(0.05)
    assert not controlled.feed.is_up
    controlled.resume()
    await until(lambda: controlled.feed.is_up)
    task.cancel()
    await asyncio.wait([task])
    assert isinstance(answers[-1], Activity)
    assert answers[-1].reason == "edgehar was stopped."


async def test_what_could_not_begin_again_goes_on() -> None:
    recognizer = load(find("imu_tcn"))
    wearer = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))
    made = list[WearerFeed]()

    def make(_: Point) -> WearerFeed:
        if made:
            raise ConfigError("the password's file is gone")
        made.append(WearerFeed(wearer, recognizer, recognizer.spec.decision))
        return made[0]

    controlled = WearerControl(make, "normal")
    task = start(controlled)
    await until(lambda: controlled.feed.is_up)
    for ask in (controlled.begin_anew, controlled.pause):
        with pytest.raises(ConfigError, match="password"):
            ask()
    await asyncio.sleep(0.05)
    assert controlled.feed is made[0]
    assert controlled.feed.is_up
    assert not controlled.is_paused
    task.cancel()
    await asyncio.wait([task])


async def test_of_one_id_one_runs_at_a_time_however_often_it_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgehar.daemon.roster.WearerFeed", SlowToClose)
    SlowToClose.most_open.clear()

    def config(*names: str, seed: int = 1) -> Config:
        wearers = [
            Wearer(id=name, simulator=SimulatedWearer(placements=["wrist"], seed=seed)) for name in names
        ]
        return Config(wearer=wearers)

    now = config("anna")
    daemon = Daemon(now, reread=lambda: now)
    task = asyncio.create_task(daemon.run())
    await until(lambda: daemon.feeds[0].is_up)
    for later in (
        config("anna", seed=2),
        config("anna", seed=3),
        config("ben"),
        config("anna", "ben", seed=4),
    ):
        now = later
        daemon.reload()
        await asyncio.sleep(0.02)
    await until(lambda: all(feed.is_up for feed in daemon.feeds))
    assert [feed.id for feed in daemon.feeds] == ["anna", "ben"]
    assert SlowToClose.open == SlowToClose.most_open == Counter(anna=1, ben=1)
    task.cancel()
    await asyncio.wait([task])
    assert SlowToClose.open.total() == 0


async def test_a_reload_during_one_that_begins_all_anew_is_taken_by_the_next_daemon() -> None:
    def config(threshold: float) -> Config:
        wearer = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))
        return Config(wearer=[wearer], decision={"threshold": threshold})

    now = config(0.9)
    daemon = Daemon(now, reread=lambda: now)
    task = asyncio.create_task(daemon.run())
    await until(lambda: daemon.feeds[0].is_up)
    for threshold in (0.95, 0.9):
        now = config(threshold)
        daemon.reload()
    assert await asyncio.wait_for(task, 10) == config(0.9)


def test_a_sensor_of_no_name_is_free_for_the_feed_that_follows() -> None:
    config = Config(wearer=[Wearer(id="anna", ble=[BleSensor(placement="chest", profile="polar_h10")])])
    shared = make_shared_links(config)
    address = "C0:FF:EE:00:00:04"
    sighting = Sighting(address, "Polar H10 0004", (), -60, BLEDevice(address, None, None))
    ([first], _, _), ([second], _, _) = (make_sources(config.wearer[0], shared) for _ in range(2))
    assert isinstance(first, Ble)
    assert isinstance(second, Ble)
    assert first._claims(sighting)
    renew_claims(shared, config, [first])
    assert not second._claims(sighting)
    renew_claims(shared, config, [second])
    assert second._claims(sighting)


def test_a_phone_that_is_no_longer_named_may_be_anyones() -> None:
    wearer = Wearer(
        id="anna", phone=[Phone(placement="waist", listen=f"127.0.0.1:{free_port()}", device="x")]
    )
    config = Config(wearer=[wearer])
    shared = make_shared_links(config)
    [source], _, _ = make_sources(wearer, shared)
    assert isinstance(source, SensorLoggerHttp)
    [server] = shared.push_servers.values()
    renew_claims(shared, config, [source])
    assert server.named == {"x"}
    renew_claims(shared, config, [])
    assert server.named == set()


def test_of_a_recording_nothing_can_begin_anew(tmp_path: Path) -> None:
    recorded = WearerControl(lambda _: replayed(tmp_path / "w.ehr", [(0.0, 0, b"x")]), "normal")
    for ask in (recorded.begin_anew, recorded.pause):
        with pytest.raises(ConfigError, match="is a recording"):
            ask()
