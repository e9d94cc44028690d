"""The daemon and a real broker: who is announced, what requests do, and what is left of those who are gone."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from listening import until
from mosquitto import Listener, Mosquitto, free_port
from msgspec.structs import replace
from test_daemon_wearer import replayed

from edgehar.config.schema import Config, Gateway, HomeAssistant, Mqtt
from edgehar.config.worn import Replay, SimulatedWearer, Wearer
from edgehar.daemon import announcement
from edgehar.daemon.control import WearerControl
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.requests import Sensitivity, obey
from edgehar.daemon.run import run, run_daemons
from edgehar.daemon.wearer import WearerFeed
from edgehar.errors import ConfigError
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.publishers import event_file
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import Message

ROOT = "edgehar/gw"
DEVICE = "homeassistant/device/edgehar-gw/{}/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def wearer(name: str, seed: int = 5) -> Wearer:
    return Wearer(id=name, simulator=SimulatedWearer(placements=["trouser_pocket"], seed=seed))


def config(broker: Mosquitto, *names: str, **more: Any) -> Config:
    return Config(
        gateway=Gateway(id="gw"),
        mqtt=Mqtt(host="127.0.0.1", port=broker.port),
        homeassistant=HomeAssistant(),
        wearer=[wearer(name) for name in names],
        **more,
    )


@contextlib.asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[None]:
    task = asyncio.create_task(daemon.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def listening(broker: Mosquitto) -> Iterator[Listener]:
    listener = Listener(broker.port)
    try:
        yield listener
    finally:
        listener.close()


def is_last(listener: Listener, topic: str, payload: str) -> Callable[[], bool]:
    return lambda: listener.on(topic)[-1:] == [payload]


async def ask(listener: Listener, verb: str, **request: Any) -> dict[str, Any]:
    topic = f"{ROOT}/response/{verb}"
    before = len(listener.on(topic))
    listener.publish(f"{ROOT}/request/{verb}", json.dumps(request))
    await listener.until(lambda: len(listener.on(topic)) > before)
    answer: dict[str, Any] = json.loads(listener.on(topic)[-1])
    return answer


async def test_who_is_watched_is_announced_and_told_again_when_home_assistant_begins_to_listen(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "GREETED_S", 0.0)
    with listening(broker) as listener:
        async with running(Daemon(config(broker, "anna"))):
            device = DEVICE.format("anna")
            await listener.until(lambda: bool(listener.on(device)) and bool(listener.on(f"{ROOT}/info")))
            announced = json.loads(listener.on(device)[0])
            states = announced["components"]["activity"]["options"]
            assert {"walking", "still", "other", "not_worn", "no_signal"} <= set(states)
            listener.publish("homeassistant/status", "offline")
            listener.publish("homeassistant/status", "online")
            await listener.until(
                lambda: len(listener.on(device)) == 2 and len(listener.on(f"{ROOT}/info")) == 2
            )


async def test_the_battery_is_announced_once_the_sensor_tells_it(broker: Mosquitto) -> None:
    device = DEVICE.format("anna")

    def batteries(listener: Listener) -> list[list[str]]:
        parts = [json.loads(payload)["components"] for payload in listener.on(device)]
        return [[name for name in components if name.startswith("battery_")] for components in parts]

    with listening(broker) as listener:
        async with running(Daemon(config(broker, "anna"))):
            await listener.until(lambda: batteries(listener)[-1:] == [["battery_trouser_pocket"]])
            # Begun anew, it has not told it yet: what is known of it stays.
            await ask(listener, "recalibrate")
            await listener.until(lambda: listener.on(f"{ROOT}/anna/status")[-2:] == ["offline", "online"])
    assert batteries(listener) == [[], ["battery_trouser_pocket"]]


async def test_a_pause_closes_the_links_and_ends_by_itself_or_by_a_request(broker: Mosquitto) -> None:
    with listening(broker) as listener:
        daemon = Daemon(config(broker, "anna", "ben"))
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert await ask(listener, "pause", wearer="anna", transaction=[7]) == {
                "status": "ok",
                "transaction": [7],
            }
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "offline"))
            assert listener.on(f"{ROOT}/anna/paused") == ["OFF", "ON"]
            assert json.loads(listener.on(f"{ROOT}/anna/status/attributes")[-1]) == {
                "trouser_pocket": "paused"
            }
            reason = json.loads(listener.on(f"{ROOT}/anna/activity/attributes")[-1])["reason"]
            assert reason == "Paused by a request."
            assert listener.on(f"{ROOT}/ben/paused") == ["OFF"]
            await ask(listener, "pause", wearer="anna", paused=False)
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert await ask(listener, "pause", for_s=0.3) == {"status": "ok"}
            await listener.until(lambda: listener.on(f"{ROOT}/ben/paused") == ["OFF", "ON"])
            await until(lambda: not any(control.is_paused for control in daemon.controls))
            await listener.until(is_last(listener, f"{ROOT}/ben/status", "online"))
            await listener.until(lambda: listener.on(f"{ROOT}/ben/paused") == ["OFF", "ON", "OFF"])


async def test_another_operating_point_leaves_what_is_told_as_it_is(broker: Mosquitto) -> None:
    with listening(broker) as listener:
        daemon = Daemon(config(broker, "anna"))
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            feed = daemon.feeds[0]
            answer = await ask(listener, "sensitivity", wearer="anna", operating_point="quiet")
            assert answer == {"status": "ok"}
            await listener.until(is_last(listener, f"{ROOT}/anna/operating_point", "quiet"))
            assert daemon.feeds[0] is feed
            assert listener.on(f"{ROOT}/anna/status")[-1] == "online"


def test_what_is_chosen_for_all_is_chosen_for_those_whose_model_has_it() -> None:
    def control(name: str, model: str) -> WearerControl:
        recognizer = load(find(model))
        settings = recognizer.spec.decision
        return WearerControl(lambda _: WearerFeed(wearer(name), recognizer, settings), "normal")

    able, unable = control("anna", "imu_tcn"), control("ben", "imu_tcn_synthetic")
    assert unable.feed.points == ()
    obey(Sensitivity(operating_point="quiet"), [unable, able], lambda: None)
    assert [able.point, unable.point] == ["quiet", "normal"]
    for request in (Sensitivity(operating_point="quiet", wearer="ben"), Sensitivity(operating_point="quiet")):
        with pytest.raises(ConfigError, match="has no operating points"):
            obey(request, [unable], lambda: None)


async def test_what_is_recalibrated_begins_anew(broker: Mosquitto) -> None:
    with listening(broker) as listener:
        daemon = Daemon(config(broker, "anna"))
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            feed = daemon.feeds[0]
            assert await ask(listener, "recalibrate") == {"status": "ok"}
            await until(lambda: daemon.feeds[0] is not feed and daemon.feeds[0].is_up)


@pytest.mark.parametrize(
    ("verb", "payload", "words"),
    [
        ("dance", "{}", "there are pause, recalibrate, sensitivity, correct, reload"),
        ("pause", '{"wearer": "ana"}', "did you mean `anna`?"),
        ("pause", '{"wearer": "zo"}', 'nobody here is called \\"zo\\"; here are anna'),
        ("pause", "ON", "malformed"),
        ("pause", '{"for": 3, "transaction": 7}', 'unknown field `for`, in \\"'),
        ("pause", '{"for": 3, "transaction": 7}', '"transaction":7'),
        ("sensitivity", '{"operating_point": "loud"}', "Invalid enum value"),
        ("reload", "{}", "no file to read again"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_what_to_write(
    broker: Mosquitto, verb: str, payload: str, words: str
) -> None:
    with listening(broker) as listener:
        async with running(Daemon(config(broker, "anna"))):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            listener.publish(f"{ROOT}/request/{verb}", payload)
            await listener.until(lambda: bool(listener.on(f"{ROOT}/response/{verb}")))
    [answer] = listener.on(f"{ROOT}/response/{verb}")
    assert json.loads(answer)["status"] == "error"
    assert words in answer


async def test_a_retained_request_is_refused(broker: Mosquitto) -> None:
    with listening(broker) as listener:
        listener.publish(f"{ROOT}/request/pause", "{}", retain=True)
        await listener.until(lambda: bool(listener.on(f"{ROOT}/request/pause")))
        async with running(daemon := Daemon(config(broker, "anna"))):
            await listener.until(lambda: bool(listener.on(f"{ROOT}/response/pause")))
            assert not daemon.controls[0].is_paused
    assert "do not retain it" in listener.on(f"{ROOT}/response/pause")[0]


async def test_a_recording_is_not_paused(broker: Mosquitto, tmp_path: Path) -> None:
    replayed(tmp_path / "w.ehr", [(0.0, 0, b"x"), (1000.0, 0, b"x")])
    recorded = Wearer(id="anna", replay=Replay(path=str(tmp_path / "w.ehr")))
    with listening(broker) as listener:
        async with running(Daemon(replace(config(broker), wearer=[recorded]))):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert await ask(listener, "pause") == {"status": "ok"}  # of all who can be
            answer = await ask(listener, "pause", wearer="anna")
    assert answer["error"] == "anna is a recording, which cannot be paused"


async def test_who_is_gone_from_the_configuration_is_gone_from_the_broker_and_the_others_go_on(
    broker: Mosquitto,
) -> None:
    now = config(broker, "anna", "ben")
    with listening(broker) as listener:
        daemon = Daemon(now, reread=lambda: now)
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/ben/status", "online"))
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            feed = daemon.feeds[0]
            now = replace(now, wearer=[wearer("anna"), wearer("cleo")])
            assert await ask(listener, "reload") == {"status": "ok"}
            await listener.until(is_last(listener, DEVICE.format("ben"), ""))
            await listener.until(is_last(listener, f"{ROOT}/cleo/status", "online"))
            assert [control.id for control in daemon.controls] == ["anna", "cleo"]
            assert daemon.feeds[0] is feed
    with listening(broker) as later:
        await later.until(lambda: bool(later.on(DEVICE.format("cleo"))))
        left = [topic for topic, _, _ in later.heard if "/ben" in topic]
    assert left == []


async def test_a_wearer_that_is_configured_otherwise_begins_anew(broker: Mosquitto) -> None:
    now = config(broker, "anna")
    with listening(broker) as listener:
        daemon = Daemon(now, reread=lambda: now)
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            feed = daemon.feeds[0]
            now = replace(now, wearer=[wearer("anna", seed=6)])
            await ask(listener, "reload")
            await until(lambda: daemon.feeds[0] is not feed and daemon.feeds[0].is_up)
            assert not feed.is_up


async def test_a_configuration_that_cannot_be_used_changes_nothing(broker: Mosquitto) -> None:
    now = config(broker, "anna")

    later = [replace(now, wearer=[replace(wearer("anna"), labels=["walkin"])])]

    def reread() -> Config:
        if later:
            return later.pop()
        raise ConfigError("edgehar.toml:3: expected a number")

    with listening(broker) as listener:
        daemon = Daemon(now, reread=reread)
        async with running(daemon):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert "did you mean `walking`" in (await ask(listener, "reload"))["error"]
            answer = await ask(listener, "reload")
            assert answer == {"status": "error", "error": "edgehar.toml:3: expected a number"}
            assert daemon.feeds[0].is_up


async def test_what_another_gateway_of_this_name_left_is_removed_at_the_start(broker: Mosquitto) -> None:
    with listening(broker) as listener:
        async with running(Daemon(config(broker, "anna", "ben"))):
            await listener.until(is_last(listener, f"{ROOT}/ben/status", "online"))
        later = replace(config(broker, "anna"), homeassistant=None)
        async with running(Daemon(later)):
            await listener.until(is_last(listener, DEVICE.format("ben"), ""))
            await listener.until(is_last(listener, DEVICE.format("anna"), ""))
            await listener.until(is_last(listener, "homeassistant/device/edgehar-gw/config", ""))
            await listener.until(is_last(listener, f"{ROOT}/ben/activity", ""))
            assert listener.on(f"{ROOT}/anna/status")[-1] != ""


async def test_a_changed_broker_begins_all_anew(broker: Mosquitto) -> None:
    now = config(broker, "anna")
    with listening(broker) as listener:
        task = asyncio.create_task(run(now, reread=lambda: now))
        try:
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            now = replace(now, gateway=Gateway(id="gw2"))
            listener.publish(f"{ROOT}/request/reload", "{}")
            await listener.until(is_last(listener, "edgehar/gw2/anna/status", "online"))
            assert listener.on(f"{ROOT}/status")[-1] == "offline"
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("state_dir", [None, "state"], ids=["memory", "disk"])
async def test_events_that_wait_are_neither_lost_nor_doubled_when_all_begins_anew(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state_dir: str | None
) -> None:
    daemons = list[Daemon]()

    class Known(Daemon):
        def __init__(self, *values: Any, **settings: Any) -> None:
            super().__init__(*values, **settings)
            daemons.append(self)

    monkeypatch.setattr("edgehar.daemon.run.Daemon", Known)
    now = replace(config(broker, "anna"), decision={"threshold": 0.7})
    if state_dir:
        now = replace(now, gateway=replace(now.gateway, state_dir=str(tmp_path / state_dir)))
    broker.stop()
    task = asyncio.create_task(run(now, reread=lambda: now))
    try:
        await until(lambda: bool(daemons) and daemons[0].mqtt is not None and daemons[0].mqtt.waiting > 0)
        assert daemons[0].mqtt is not None
        waiting = {message.payload.decode() for message in daemons[0].mqtt._kept}
        now = replace(now, decision={"threshold": 0.8})
        daemons[0].reload()
        await until(lambda: bool(daemons[1:]))
        broker.start()
        with listening(broker) as listener:
            topic = f"{ROOT}/anna/event"
            await listener.until(lambda: set(listener.on(topic)) >= waiting)
            assert sum(payload in waiting for payload in listener.on(topic)) == len(waiting)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_disk_that_fails_is_named_where_people_look(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "RETRY_S", 0.1)
    file = EventFile(tmp_path)
    kept = KeptEvents(file)
    assert file._connection
    daemon = Daemon(config(broker, "anna"), kept=kept)
    assert "disk" not in daemon.status()
    file._connection.execute("PRAGMA query_only = 1")
    kept.keep(Message("event", b"1", retain=False))
    await until(lambda: "; events are in memory alone: attempt to write a readonly" in daemon.status())
    file._connection.execute("PRAGMA query_only = 0")
    kept.close()


async def test_another_folder_for_events_is_refused_if_it_cannot_be_used_and_else_has_all_of_them(
    broker: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    now = replace(config(broker, "anna"), gateway=Gateway(id="gw", state_dir=str(tmp_path / "a")))
    broker.stop()
    files = {name: tmp_path / name / "events.sqlite" for name in "ab"}
    daemons = list[Daemon]()

    async def work(daemon: Daemon, _: Config) -> Config | None:
        daemons.append(daemon)
        return await daemon.run()

    task = asyncio.create_task(run_daemons(now, work=work, reread=lambda: now))
    try:
        await until(lambda: bool(daemons) and daemons[0].mqtt is not None and daemons[0].mqtt.waiting > 0)
        now = replace(now, gateway=Gateway(id="gw", state_dir=str(tmp_path / "file" / "below")))
        with pytest.raises(ConfigError, match=r"events cannot be kept in .*: Not a directory"):
            daemons[0].reload()
        now = replace(now, gateway=Gateway(id="gw", state_dir=str(tmp_path / "b")))
        daemons[0].reload()
        await until(lambda: len(daemons) == 2)
        assert daemons[1].mqtt is not None
        assert daemons[1].mqtt.waiting > 0
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    kept = {name: [*KeptEvents(EventFile(file.parent))] for name, file in files.items()}
    assert kept["a"] == []
    assert kept["b"]


@pytest.mark.parametrize(
    "left", [b"[1]", b"\xff", b"[" * 5000, b'{"wearers":{"a/#":[]}}', b'{"homeassistant":"x\\u0001y"}']
)
async def test_what_somebody_left_as_info_costs_no_connection(broker: Mosquitto, left: bytes) -> None:
    with listening(broker) as listener:
        listener.publish(f"{ROOT}/info", left, retain=True)
        await listener.until(lambda: bool(listener.heard))
        async with running(Daemon(config(broker, "anna"))):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert (await ask(listener, "recalibrate"))["status"] == "ok"
        await listener.until(is_last(listener, f"{ROOT}/status", "offline"))
    assert listener.on(f"{ROOT}/status") == ["online", "offline"]
