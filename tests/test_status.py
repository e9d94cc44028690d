"""`edgehar status` against a real daemon, a real broker, and who else writes there."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from mosquitto import Listener, Mosquitto, free_port, guarded
from shell import edgehar, run
from test_daemon import finished, start

from edgehar.apps import retained, status as apps_status, systemd_unit
from edgehar.apps.gateway_topics import Topics
from edgehar.apps.retained import LARGEST_PACKET, Listener as Client, UnreachableError
from edgehar.apps.status import MOST_WEARERS, STALE_S, in_words, status
from edgehar.apps.systemd_unit import unit_state
from edgehar.cli import status as cli_status
from edgehar.config.read import load
from edgehar.config.schema import Config, Gateway, Mqtt
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.errors import ConfigError
from edgehar.publishers.payloads import iso_utc

ROOT = "edgehar/gw"
ANNA = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


@pytest.fixture
async def listener(broker: Mosquitto) -> AsyncIterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture(autouse=True)
def no_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no service of this machine be seen, and a broker on loopback be quick."""
    monkeypatch.setattr(retained, "QUIET_S", 0.2)
    service(tmp_path, monkeypatch, "echo LoadState=not-found")


def service(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Be systemctl."""
    program = folder / "bin" / "systemctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    if not os.environ["PATH"].startswith(str(program.parent)):
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def written(folder: Path, port: int, more: str = "") -> Path:
    path = folder / "edgehar.toml"
    path.write_text(
        f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["wrist"]\nbattery = 80\n{more}'
    )
    return path


def config(port: int, **mqtt: Any) -> Config:
    return Config(gateway=Gateway(id="gw"), mqtt=Mqtt(host="127.0.0.1", port=port, **mqtt), wearer=[ANNA])


async def leave(listener: Listener, **payloads: str | bytes) -> None:
    """Leave retained payloads on topics of the gateway, of which `__` stands for `/`, and wait until they are there."""
    for name, payload in payloads.items():
        listener.publish(f"{ROOT}/{name.replace('__', '/')}", payload, retain=True)
    listener.publish(f"{ROOT}/left", "")
    await listener.until(lambda: bool(listener.on(f"{ROOT}/left")))


# A real daemon


async def test_a_gateway_that_does_well_is_told_so_and_one_that_is_killed_is_offline(
    tmp_path: Path, broker: Mosquitto, listener: Listener
) -> None:
    # With MQTT 5 the last will would wait for ten seconds.
    path = written(tmp_path, broker.port)
    path.write_text(path.read_text().replace("[mqtt]", "[mqtt]\nversion = 4"))
    daemon = start(path)
    try:
        activity = f"{ROOT}/anna/activity"
        await listener.until(lambda: listener.on(activity)[-1:] not in ([], ["no_signal"]))
        await listener.until(lambda: bool(listener.on(f"{ROOT}/health")))
        code, out, err = await edgehar("status", str(path))
        assert (code, err) == (0, "")
        facts = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
        assert facts["gateway"].startswith("gw, online since 20")
        assert "imu_tcn@" in facts["gateway"]
        assert facts["broker"] == f"127.0.0.1:{broker.port}"
        assert "events dropped: 0, messages refused: 0, " in facts["health"]
        assert out.endswith("\nall is well\n")
        rows = [line.split() for line in out.splitlines()]
        assert [row[:2] for row in rows if row[:1] == ["anna"]] == [["anna", "online"]]
        assert [row[1:3] for row in rows if row[:1] == ["anna/wrist"]] == [["ok", "80%"]]
        listener.publish(f"{ROOT}/request/pause", json.dumps({"wearer": "anna", "paused": True}))
        await listener.until(lambda: listener.on(f"{ROOT}/anna/paused")[-1:] == ["ON"])
        report = await status(load(path))
        assert report["wrong"] == []
        assert report["wearers"][0]["paused"]
        assert report["sensors"][0]["state"] == "paused"
        assert report["gateway"]["memory_mb"] > 10
        daemon.kill()
        await listener.until(lambda: listener.on(f"{ROOT}/status")[-1] == "offline")
        report = await status(load(path))
        assert report["wrong"] == ["the gateway gw is offline"]
        assert (report["gateway"]["since"], report["wearers"][0]["status"]) == (None, "offline")
        await finished(daemon)
    finally:
        daemon.kill()


async def test_what_is_wrong_with_a_sensor_is_told_in_its_words(
    tmp_path: Path, broker: Mosquitto, listener: Listener
) -> None:
    lost = '[[wearer]]\nid = "ben"\n[[wearer.serial]]\nplacement = "chest"\nport = "/dev/ttyNOWHERE"\n'
    path = written(tmp_path, broker.port, lost)
    daemon = start(path)
    try:
        await listener.until(
            lambda: (
                "does not exist" in "".join(listener.on(f"{ROOT}/ben/status/attributes"))
                and '{"wrist":"ok"}' in listener.on(f"{ROOT}/anna/status/attributes")
            )
        )
        path.write_text(
            path.read_text() + '[[wearer]]\nid = "cleo"\nsimulator = { placements = ["waist"] }\n'
        )
        sensor, absent = (await status(load(path)))["wrong"]
        daemon.send_signal(signal.SIGTERM)
        await finished(daemon)
    finally:
        daemon.kill()
    assert sensor.startswith("ben/chest: /dev/ttyNOWHERE does not exist")
    assert absent == "the gateway does not have cleo of this file"


# The broker


def test_a_broker_that_is_away_is_wrong_and_the_service_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = "LoadState=loaded\\nActiveState=failed\\nSubState=failed\\nNRestarts=3\\nStatusText=a\\033[2Jb"
    service(tmp_path, monkeypatch, f'printf "{states}\\n"')
    port = free_port()
    code, out, err = run("status", str(written(tmp_path, port)))
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        f"broker: 127.0.0.1:{port}, no way to it",
        r"service: failed (failed), restarts: 3: a\u001b[2Jb",
        "",
        f"wrong: MQTT broker 127.0.0.1:{port}: Connection refused; `edgehar mqtt test` goes the way there stage by stage",
        "wrong: the service edgehar.service has failed",
    ]


async def test_a_broker_that_wants_another_password_says_so(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    with guarded(tmp_path) as broker:
        refused = config(broker.port, username="pi", password_file=str(tmp_path / "password"))
        [wrong] = (await status(refused))["wrong"]
        assert "the broker refuses: Not authorized: check `username` and `password_file` of [mqtt]" in wrong
        (tmp_path / "password").write_text("right")
        report = await status(refused)
    assert report["broker"]["answers"]
    assert report["wrong"] == [
        (
            "the broker tells nothing of a gateway gw: has it run, is its `id` the one of [gateway] here, "
            "and may this account read its topics?"
        )
    ]


def test_by_hand_a_credential_is_the_file_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with guarded(tmp_path) as broker:
        path = written(tmp_path, broker.port)
        path.write_text(
            path.read_text().replace("[mqtt]", '[mqtt]\nusername = "pi"\npassword_file = "mqtt-password"')
        )
        code, _, err = run("status", "-c", str(path))
        assert code == 78
        assert "is a systemd credential, which the service alone gets" in err
        (tmp_path / "mqtt-password").write_text("right\n")
        code, out, _ = run("status", "--config", str(path), "--json")
    assert (code, json.loads(out)["broker"]["answers"]) == (1, True)


def test_a_configuration_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    code, out, err = run("status", str(tmp_path / "nowhere.toml"))
    assert (code, out) == (78, "")
    assert "nowhere.toml: cannot be read" in err
    with pytest.raises(ConfigError, match=r"give its `host` in \[mqtt\]"):
        asyncio.run(status(Config(wearer=[ANNA])))


async def test_a_topic_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("topic write #\n")
    access = f"allow_anonymous true\nacl_file {tmp_path / 'access'}"
    with Mosquitto(free_port(), tmp_path, access=access) as broker:
        report = await status(config(broker.port))
    # Mosquitto lets everybody ask, and tells nothing.
    assert report["wrong"][0].startswith("the broker tells nothing of a gateway gw")


# Whoever else writes there


def test_what_is_of_another_form_is_told_bounded_and_escaped(tmp_path: Path, broker: Mosquitto) -> None:
    async def write(**payloads: str | bytes) -> None:
        listener = Listener(broker.port)
        await leave(listener, **payloads)
        listener.close()

    writing = write(
        status="on\x1b[2Jline" * 100,
        info=json.dumps({"version": "1\x1b[31m", "wearers": {"anna": ["wrist\n"]}}),
        health="[" * 100_000,
        anna__status=b"\xff\xfe",
        anna__status__attributes=json.dumps({"wrist\n": "ok\x1b]0;" + "x" * 100_000}),
        anna__activity="walk\u202e\n" * 50,
        anna__activity__attributes='{"confidence": 7}',
        anna__paused="perhaps",
    )
    asyncio.run(writing)
    code, out, err = run("status", str(written(tmp_path, broker.port)))
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert all(line.isprintable() and len(line) < 800 for line in lines)
    wrong = [
        line.removeprefix("wrong: topic edgehar/gw/") for line in lines if line.startswith("wrong: topic ")
    ]
    assert {line.partition(":")[0] for line in wrong} == {
        "status",
        "health",
        "anna/status",
        "anna/activity/attributes",
        "anna/paused",
    }
    assert 'expected online or offline, got "on\\u001b[2Jline' in "".join(wrong)
    assert "who else writes there?" in wrong[0]


async def test_a_message_that_is_larger_than_any_of_ours_is_not_taken(
    broker: Mosquitto, listener: Listener
) -> None:
    await leave(listener, status="online", health="x" * (LARGEST_PACKET + 1))
    report = await status(config(broker.port))
    # Told how much we take, the broker leaves it out.
    assert report["gateway"]["status"] == "online"
    [wrong] = (await status(config(broker.port, version=4)))["wrong"]
    assert "the broker sends a packet of 1,048,596 bytes, of which 1,048,576 are taken" in wrong


async def test_of_very_many_wearers_only_some_are_read(broker: Mosquitto, listener: Listener) -> None:
    names = [f"w{i}" for i in range(MOST_WEARERS + 7)]
    await leave(listener, status="online", info=json.dumps({"wearers": {name: [] for name in names}}))
    report = await status(config(broker.port))
    assert len(report["wearers"]) == MOST_WEARERS
    assert "7 more wearers, of whom nothing was read" in report["wrong"]


async def test_health_of_long_ago_says_that_it_hangs(broker: Mosquitto, listener: Listener) -> None:
    def health(age_s: float) -> str:
        return json.dumps({"time": iso_utc(time.time() - age_s), "uptime_s": 100})

    for age_s, words in ((STALE_S + 120, "5 min old: it hangs"), (-900, "15 min ahead of this clock")):
        await leave(listener, status="online", health=health(age_s))
        wrong = (await status(config(broker.port)))["wrong"]
        assert any(words in each for each in wrong), wrong
    await leave(listener, status="online", health=health(STALE_S - 60))
    report = await status(config(broker.port))
    assert not any("health" in each for each in report["wrong"])
    assert report["gateway"]["health_age_s"] == pytest.approx(STALE_S - 60, abs=20)


@pytest.mark.parametrize("is_born", [False, True])
async def test_an_edge_node_that_no_host_hears_is_wrong(
    broker: Mosquitto, listener: Listener, *, is_born: bool
) -> None:
    health = {"time": iso_utc(time.time()), "sparkplug": {"is_born": is_born, "waiting": 4, "dropped": 0}}
    await leave(listener, status="online", health=json.dumps(health))
    report = await status(config(broker.port))
    assert report["gateway"]["sparkplug"] == ("heard" if is_born else "not heard")
    assert any("no Sparkplug host hears gw" in each for each in report["wrong"]) == (not is_born)


# What it rests on


@given(
    payload=st.binary(max_size=60)
    | st.from_regex(r'\{"(time|uptime_s|wearers)": [0-9eE."{}\[\]:-]*\}').map(str.encode)
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_on_the_topics_is_told_and_breaks_nothing(payload: bytes) -> None:
    suffixes = ("status", "info", "health", *(f"anna/{suffix}" for suffix in apps_status._OF_WEARER))
    topics = Topics(ROOT, {f"{ROOT}/{suffix}": payload for suffix in suffixes})
    report = apps_status._report(config(1), topics, ["anna"], 1.8e9)
    text = msgspec.json.encode(report).decode()
    assert len(text) < 20_000
    assert all(line.isprintable() for line in report["wrong"])


@pytest.fixture(params=["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be elsewhere: as far east as one can, where the days begin, and as far west."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+12:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_a_time_at_the_edge_of_all_times_breaks_nothing(
    moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    health = json.dumps({"time": moment, "uptime_s": 0}).encode()
    reasons = json.dumps({"since": moment, "time": moment, "confidence": 0.5}).encode()
    payloads = {
        f"{ROOT}/status": b"online",
        f"{ROOT}/health": health,
        f"{ROOT}/anna/activity/attributes": reasons,
    }
    report = apps_status._report(config(1), Topics(ROOT, payloads), ["anna"], 1.8e9)
    assert report["gateway"]["since"] is not None
    assert any("health" in each for each in report["wrong"])
    cli_status._print(report | {"broker": {"address": "pi:1883", "answers": True}, "service": None})
    facts, wearers = capsys.readouterr().out.split("\n\n")[:2]
    year = r"(1969|1970)" if moment.startswith("0001") else "9999"
    assert re.search(rf"^gateway: gw, online since {year}-\d\d-\d\d ", facts)
    assert re.search(rf" {year}-\d\d-\d\d ", wearers)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days"), (1e9, "11574 days")],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


async def test_a_lost_connection_ends_listening(broker: Mosquitto) -> None:
    async with Client(Mqtt(host="127.0.0.1", port=broker.port)) as client:
        await client.listen(["edgehar/x"])
        coming = asyncio.create_task(client.next())
        broker.kill9()
        with pytest.raises(UnreachableError, match="connection lost"):
            await coming


async def test_systemd_is_asked_for_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service(
        tmp_path, monkeypatch, 'echo "LoadState=loaded"; echo "ActiveState=active"; echo "StatusText=a=b, $*"'
    )
    state = await unit_state()
    assert state == {
        "unit": "edgehar.service",
        "active": "active",
        "sub": "",
        "says": "a=b, show edgehar.service -p LoadState,ActiveState,SubState,StatusText,NRestarts",
        "restarts": None,
    }


@pytest.mark.parametrize("script", ["exit 1", "echo LoadState=not-found", "echo nothing", "exec sleep 60"])
async def test_without_a_unit_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(systemd_unit, "ANSWER_S", 0.3)
    service(tmp_path, monkeypatch, script)
    assert await unit_state() is None


async def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert await unit_state() is None
