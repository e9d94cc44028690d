"""The daemon with what a wearer has taught, before a real broker."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from labelled import record
from listening import until
from mosquitto import Mosquitto, free_port
from msgspec.structs import replace
from test_daemon_requests import DEVICE, ROOT, listening, running

from edgehar.apps import reload
from edgehar.apps.reload import ask_to_reload
from edgehar.apps.status import status
from edgehar.config.schema import Config, Gateway, HomeAssistant, Model, Mqtt
from edgehar.config.worn import Replay, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.run import check
from edgehar.errors import ConfigError, ModelError
from edgehar.personal.fit import teach
from edgehar.personal.heads import Heads
from edgehar.personal.takes import read_take
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load

PACKING = [("walking", 10.0), ("arm_work", 20.0), ("sitting", 10.0)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a recording and a head that was taught by it."""
    folder: Path = tmp_path_factory.mktemp("taught")
    recording = record(folder / "box.ehr", PACKING, {"arm_work": "tape_box"})
    Heads(folder, "anna").add(teach(load(find("imu_tcn")), [read_take(recording)]), None)
    return folder


def config_of(folder: Path, port: int | None, **more: object) -> Config:
    wearer = Wearer(
        id="anna",
        head=str(folder / "anna.1.head.json"),
        replay=Replay(path=str(folder / "box.ehr"), speed=0 if port is None else 20),
    )
    return Config(
        gateway=Gateway(id="gw"),
        mqtt=None if port is None else Mqtt(host="127.0.0.1", port=port),
        homeassistant=None if port is None else HomeAssistant(),
        wearer=[replace(wearer, **more)],
    )


def test_states_and_events_of_a_new_label_reach_the_broker(
    taught: Path,
    broker: Mosquitto,
) -> None:
    async def run() -> None:
        with listening(broker) as listener:
            async with running(Daemon(config_of(taught, broker.port))):
                await until(lambda: "tape_box" in listener.on(f"{ROOT}/anna/activity"))
                report = await status(config_of(taught, broker.port))
                other = config_of(taught, broker.port, head="anna.2.head.json")
                behind = (await status(other))["wrong"]
            info = json.loads(listener.on(f"{ROOT}/info")[-1])
            [device] = [json.loads(payload) for payload in listener.on(DEVICE.format("anna"))][-1:]
            events = [json.loads(payload) for payload in listener.on(f"{ROOT}/anna/event")]
        assert "tape_box" in info["labels"]
        assert info["models"] == {"anna": "imu_tcn@0.5.0+anna.1"}
        assert "tape_box" in json.dumps(device["components"]["activity"])
        started = [event for event in events if event.get("label") == "tape_box"]
        assert started[0]["model"] == "imu_tcn@0.5.0+anna.1"
        assert report["wearers"][0]["model"] == "imu_tcn@0.5.0+anna.1"
        assert any(wrong.startswith("anna is told without what anna.2 was taught") for wrong in behind)
        assert not any("taught" in wrong for wrong in report["wrong"])

    asyncio.run(run())


def test_a_label_that_was_taught_can_be_the_one_that_is_told(taught: Path) -> None:
    alone = config_of(taught, None, labels=["tape_box"])
    assert Daemon(alone).feeds[0].pipeline.told == ("tape_box",)
    for_all = replace(config_of(taught, None), model=Model(labels=["tape_box", "walking"]))
    assert Daemon(for_all).feeds[0].pipeline.told == ("walking", "tape_box")
    with pytest.raises(ConfigError, match='the model tells no "tape_bag"'):
        Daemon(config_of(taught, None, labels=["tape_bag"]))


@pytest.mark.parametrize("labels", [[], ["tape_box"], ["tape_box", "walking"]])
@pytest.mark.parametrize("damage", ["absent", "another network's", "no JSON", "worn elsewhere"])
def test_a_head_that_fits_no_longer_is_a_warning_at_night_and_fails_the_check(
    taught: Path, tmp_path: Path, labels: list[str], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, config = tmp_path / "anna.1.head.json", config_of(taught, None, labels=labels)
    [wearer] = config.wearer
    if damage == "no JSON":
        path.write_bytes(b"\0" * 1000)
    elif damage == "another network's":
        head = teach(load(find("imu_tcn_synthetic")), [read_take(taught / "box.ehr")])
        path = Heads(tmp_path, "anna").add(head, None)
    if damage == "worn elsewhere":
        path = taught / "anna.1.head.json"
        elsewhere = Replay(path=str(taught / "box.ehr"), placements=["wrist_right=waist"])
        wearer = replace(wearer, replay=elsewhere)
    config = replace(config, wearer=[replace(wearer, head=str(path))])
    with caplog.at_level(logging.WARNING):
        daemon = Daemon(config)
    assert caplog.text.count("goes on with imu_tcn@0.5.0 as it is") == 1
    told = daemon.feeds[0].pipeline.told
    assert "tape_box" not in told
    # Nothing is told that nobody has chosen.
    assert told == ("walking",) if labels == ["tape_box", "walking"] else bool(told) is not bool(labels)
    with pytest.raises(ModelError, match=r"anna\.1\.head\.json"):
        check(config)


def test_a_daemon_that_is_asked_to_reload_takes_a_head_up_and_lets_it_go(
    taught: Path,
    broker: Mosquitto,
) -> None:
    with_head = config_of(taught, broker.port)
    paced = Replay(path=str(taught / "box.ehr"), speed=1)
    with_head = replace(with_head, wearer=[replace(with_head.wearer[0], replay=paced)])
    without = replace(with_head, wearer=[replace(with_head.wearer[0], head=None)])
    read = [with_head, without]
    daemon = Daemon(without, reread=lambda: read.pop(0))

    async def run() -> None:
        async with running(daemon):
            await until(lambda: daemon.feeds[0].is_up and daemon.broker == "broker up")
            for expected in ("imu_tcn@0.5.0+anna.1", "imu_tcn@0.5.0"):
                assert await ask_to_reload(with_head) == ""
                assert daemon.feeds[0].model == expected
                await until(lambda: daemon.feeds[0].is_up)

    asyncio.run(run())


def test_where_nobody_answers_it_is_said_how_else(
    taught: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "ANSWER_S", 0.5)
    nobody = asyncio.run(ask_to_reload(config_of(taught, broker.port)))
    assert nobody == "no daemon answers on edgehar/gw/response/reload"
    assert asyncio.run(ask_to_reload(config_of(taught, None))) == "there is no [mqtt] to ask it by"
    absent = asyncio.run(ask_to_reload(config_of(taught, free_port())))
    assert absent
    assert "Connection refused" in absent
