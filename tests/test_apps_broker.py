"""`edgehar mqtt test` against real brokers and what only looks like one: the stage that fails says what to do."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import listener_of, make_certificates
from mosquitto import Listener, Mosquitto, free_port, guarded
from mqtt_peer import Connect, Peer
from msgspec.structs import replace
from shell import run

from edgehar.apps import broker as apps_broker
from edgehar.apps.broker import BrokerTest
from edgehar.config.schema import Config, Gateway, HomeAssistant, Mqtt, Tls
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.errors import ConfigError

ANNA = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def config(port: int, host: str = "127.0.0.1", **mqtt: Any) -> Config:
    return Config(
        gateway=Gateway(id="pi"),
        mqtt=Mqtt(host=host, port=port, **mqtt),
        homeassistant=HomeAssistant(),
        wearer=[ANNA],
    )


async def results(tested: Config) -> tuple[dict[str, str], dict[str, Any]]:
    """Return each stage's result, and the last row."""
    rows = await BrokerTest(tested).run()
    return {row["stage"]: row["result"] for row in rows}, rows[-1]


@pytest.mark.parametrize("version", [4, 5])
async def test_a_broker_that_does_all_of_it_passes_and_keeps_nothing(broker: Mosquitto, version: int) -> None:
    passed, _ = await results(config(broker.port, version=version))
    assert passed.pop("encryption") == "not configured"
    assert set(passed.values()) == {"ok"}
    assert [*passed] == ["name", "connection", "welcome", "publish", "echo", "retained", "discovery"]
    listener = Listener(broker.port)
    try:
        listener.publish("edgehar/end", "")
        await listener.until(lambda: bool(listener.heard))
    finally:
        listener.close()
    assert [topic for topic, _, _ in listener.heard] == ["edgehar/end"]


async def test_a_name_that_nobody_knows() -> None:
    _, last = await results(config(1883, host="no-such-host.invalid"))
    assert (last["stage"], last["result"]) == ("name", "failed")
    assert "nobody knows the name no-such-host.invalid" in last["says"]


async def test_nothing_listens_there() -> None:
    _, last = await results(config(free_port()))
    assert (last["stage"], last["result"]) == ("connection", "failed")
    assert "a mosquitto without a `listener` line" in last["fix"]


async def test_a_wrong_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    with guarded(tmp_path) as guarded_broker:
        wrong = config(guarded_broker.port, username="pi", password_file=str(tmp_path / "password"))
        _, last = await results(wrong)
        assert (last["stage"], last["result"]) == ("welcome", "failed")
        assert "access list" in last["fix"]
        (tmp_path / "password").write_text("right")
        passed, _ = await results(wrong)
        assert "failed" not in passed.values()


async def test_a_broker_of_the_older_version_that_wants_an_account_says_so() -> None:
    def refuse(connect: Connect) -> tuple[int, bytes]:
        # Unsupported protocol version; and of MQTT 3.1.1: not authorized.
        return (0x84, b"") if connect.version == 5 else (5, b"")

    async with Peer(connack=refuse) as peer:
        test = BrokerTest(config(peer.port))
        *_, last = await test.run()
    assert (last["stage"], last["result"]) == ("welcome", "failed")
    assert "check `username` and the password's file" in last["fix"]
    assert test.wants_account


async def test_what_listens_there_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps_broker, "STAGE_S", 0.3)

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        _, last = await results(config(server.sockets[0].getsockname()[1]))
    assert (last["stage"], last["result"]) == ("welcome", "failed")
    assert "1883 is usual" in last["fix"]


async def test_an_access_list_that_lets_nothing_be_written(tmp_path: Path) -> None:
    access = tmp_path / "access"
    access.write_text("topic read #\n")
    with Mosquitto(free_port(), tmp_path, access=f"allow_anonymous true\nacl_file {access}") as broker:
        passed, _ = await results(config(broker.port))
        rows = await BrokerTest(config(broker.port)).run()
    assert passed["welcome"] == "ok"
    assert {passed[stage] for stage in ("publish", "echo", "retained", "discovery")} == {"failed"}
    [publish] = [row for row in rows if row["stage"] == "publish"]
    assert publish["says"] == "the broker refuses edgehar/pi/test: Not authorized"
    assert publish["fix"] == "let this account write edgehar/pi/# in the broker's access list"


async def test_an_access_list_without_home_assistants_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps_broker, "STAGE_S", 0.5)
    access = tmp_path / "access"
    access.write_text("topic readwrite edgehar/pi/#\n")
    with Mosquitto(free_port(), tmp_path, access=f"allow_anonymous true\nacl_file {access}") as broker:
        for version in (4, 5):
            passed, last = await results(config(broker.port, version=version))
            assert passed["retained"] == "ok"
            assert (last["stage"], last["result"]) == ("discovery", "failed")
            assert "homeassistant/device/edgehar-pi" in last["fix"]


async def test_encryption_says_whose_fault_it_is(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    trusted = Tls(ca_file=str(tmp_path / "authority.crt"))
    with Mosquitto(free_port(), tmp_path, listener=listener_of(tmp_path)) as broker:
        passed, _ = await results(config(broker.port, host="localhost", tls=trusted))
        assert passed["encryption"] == passed["echo"] == "ok"
        _, last = await results(config(broker.port, host="localhost", tls=Tls()))
        assert (last["stage"], last["result"]) == ("encryption", "failed")
        assert "ca_file" in last["fix"]
        _, last = await results(config(broker.port, host="127.0.0.2", tls=trusted))
        assert (last["stage"], last["result"]) in {("encryption", "failed"), ("connection", "failed")}
        _, last = await results(config(broker.port, host="localhost"))
        assert (last["stage"], last["result"]) == ("welcome", "failed")


async def test_encryption_at_a_port_without(broker: Mosquitto) -> None:
    _, last = await results(config(broker.port, tls=Tls()))
    assert (last["stage"], last["result"]) == ("encryption", "failed")
    assert "8883 usually does" in last["fix"]


def test_without_a_broker_there_is_nothing_to_test() -> None:
    with pytest.raises(ConfigError, match=r"give its `host` in \[mqtt\]"):
        BrokerTest(replace(config(1883), mqtt=None))


def test_the_verb_prints_a_line_for_each_stage_and_fails_if_one_did(
    broker: Mosquitto, tmp_path: Path
) -> None:
    path = tmp_path / "edgehar.toml"
    simulated = '[[wearer]]\nid = "anna"\nsimulator = { placements = ["wrist"] }\n'

    def verb(port: int, *more: str) -> tuple[int, str, str]:
        path.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n{simulated}')
        return run("mqtt", "test", "--config", path, *more)

    code, out, err = verb(broker.port)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()][:3] == ["stage", "name", "connection"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, out, _ = verb(port, "--json")
    assert code == 1
    assert json.loads(out)[-1]["stage"] == "connection"
