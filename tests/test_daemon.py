"""The whole daemon as users run it: a process with a configuration, a real broker, and what goes wrong."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import aiohttp
import psutil
import pytest
from listening import until
from mosquitto import PATIENCE_S, Listener, Mosquitto, free_port
from phones import TURNING, recording as pushes
from test_phone_http import is_open

from edgehar.daemon import systemd
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.ehr import Header, read
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Event, Stream

SPEED = 160
SCRIPT = [("walking", 20.0), ("standing", 20.0), ("running", 20.0), ("sitting", 20.0)] * 6
"""480 s of stream time are 3 s of a test."""

HASTY = """
from functools import partial
from edgehar import cli
from edgehar.daemon import run as daemon

daemon.run = partial(daemon.run, drain_s=0.1)
cli.main()
"""
"""`edgehar`, but a broker that takes nothing is waited for only for a moment."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a simulated wearer's recording."""
    path = tmp_path_factory.mktemp("recording") / "wearer.ehr"
    with Writer(path, Header("anna", (Stream("trouser_pocket"),), epoch=1_700_000_000.0)) as writer:
        for item in Simulator(placements=["trouser_pocket"], script=SCRIPT, seed=3).packets():
            writer.push(*item)
    return path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(free_port(), tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Be the service manager of every daemon that is started."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def configuration(tmp_path: Path, recording: Path, port: int, speed: float = SPEED) -> Path:
    path = tmp_path / "edgehar.toml"
    path.write_text(
        f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[[wearer]]\nid = "anna"\n[wearer.replay]\npath = "{recording}"\nspeed = {speed}\n'
    )
    return path


def expected_events(recording: Path) -> list[tuple[str, str]]:
    opened = read(recording)
    recognizer = load(find("imu_tcn"))
    pipeline = Pipeline(
        "anna", opened.header.streams, recognizer, recognizer.spec.decision, epoch=opened.header.epoch
    )
    answers = [answer for item in opened for answer in pipeline.push(*item)] + pipeline.finish()
    return [(answer.id, answer.kind) for answer in answers if isinstance(answer, Event)]


def start(
    config: Path,
    *more: str,
    program: tuple[str, str] = ("-m", "edgehar"),
    terminal: int | None = None,
) -> subprocess.Popen[str]:
    """Start a daemon; `finished` waits for it and closes its pipes. Without a `terminal` it has none, as a service."""
    setsid = ["setsid"] if terminal is None else ["setsid", "--ctty"]
    return subprocess.Popen(
        [*setsid, sys.executable, *program, "run", "--log", "text", "--config", str(config), *more],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def finished(daemon: subprocess.Popen[str]) -> tuple[str, str]:
    return await asyncio.to_thread(daemon.communicate, timeout=60)


async def test_a_killed_broker_costs_no_event_and_gets_its_states_back(
    tmp_path: Path, recording: Path, broker: Mosquitto
) -> None:
    listeners = [Listener(broker.port)]
    daemon = start(configuration(tmp_path, recording, broker.port))
    try:
        await listeners[0].until(lambda: len(listeners[0].on("edgehar/gw/anna/event")) >= 4)
        before = psutil.Process(daemon.pid).memory_info().rss
        # Frozen first: what a broker has acknowledged and not yet passed on is lost with it, and not the daemon's.
        broker.freeze()
        broker.kill9()
        await asyncio.sleep(80 / SPEED)  # of the recording 80 s
        # Held, the daemon cannot tell a broker to which nobody listens yet.
        daemon.send_signal(signal.SIGSTOP)
        broker.start()
        listeners.append(Listener(broker.port))
        daemon.send_signal(signal.SIGCONT)
        states = {
            f"edgehar/gw/{topic}" for topic in ("status", "info", "health", "anna/activity", "anna/status")
        }
        await listeners[1].until(lambda: states <= {topic for topic, _, _ in listeners[1].heard})
        await listeners[1].until(lambda: len(listeners[1].on("edgehar/gw/anna/event")) >= 12)
        after = psutil.Process(daemon.pid).memory_info().rss
        _, errors = await finished(daemon)
        await listeners[1].until(lambda: listeners[1].on("edgehar/gw/status")[-1] == "offline")
    finally:
        daemon.kill()
        for listener in listeners:
            listener.close()
    assert daemon.returncode == 0, errors
    assert after - before < 8 * 2**20
    events = [json.loads(payload) for heard in listeners for payload in heard.on("edgehar/gw/anna/event")]
    published = list(dict.fromkeys((event["id"], event["event_type"]) for event in events))
    assert published == expected_events(recording)
    assert events[0]["started_at"].startswith("2023-11-14T22:13")


@pytest.mark.parametrize("has_terminal", [False, True], ids=["stopped service", "closed terminal"])
async def test_a_stop_and_a_closed_terminal_are_a_clean_end(
    tmp_path: Path,
    recording: Path,
    broker: Mosquitto,
    has_terminal: bool,  # noqa: FBT001
) -> None:
    # What runs is ended, nobody is said to be heard, and the exit code is a success.
    listener = Listener(broker.port)
    window, terminal = os.openpty()
    daemon = start(
        configuration(tmp_path, recording, broker.port, speed=4), terminal=terminal if has_terminal else None
    )
    os.close(terminal)
    try:
        await listener.until(lambda: bool(listener.on("edgehar/gw/anna/event")))
        if not has_terminal:
            daemon.terminate()
        os.close(window)
        await listener.until(lambda: listener.on("edgehar/gw/status")[-1:] == ["offline"])
        kinds = [json.loads(event)["event_type"] for event in listener.on("edgehar/gw/anna/event")]
        assert kinds == ["activity_started", "activity_ended"] * (len(kinds) // 2)
        assert listener.on("edgehar/gw/anna/activity")[-1] == "no_signal"
        attributes = json.loads(listener.on("edgehar/gw/anna/activity/attributes")[-1])
        assert attributes["reason"] == "edgehar was stopped."
        assert listener.on("edgehar/gw/anna/status")[-1] == "offline"
        await finished(daemon)
    finally:
        daemon.kill()
        listener.close()
    assert daemon.returncode == 0


async def test_a_service_reads_its_configuration_again_at_sighup(tmp_path: Path, broker: Mosquitto) -> None:
    listener, path = Listener(broker.port), tmp_path / "edgehar.toml"

    def write(*wearers: str) -> None:
        simulated = "".join(
            f'[[wearer]]\nid = "{name}"\n[wearer.simulator]\nplacements = ["wrist"]\n' for name in wearers
        )
        mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        path.write_text(f'[gateway]\nid = "gw"\n{mqtt}{simulated}')

    write("anna")
    daemon = start(path)
    try:
        await listener.until(lambda: listener.on("edgehar/gw/anna/status")[-1:] == ["online"])
        write("ben", "anna")
        daemon.send_signal(signal.SIGHUP)
        await listener.until(lambda: listener.on("edgehar/gw/ben/status")[-1:] == ["online"])
        path.write_text("[[wearer]]\n")
        daemon.send_signal(signal.SIGHUP)
        listener.publish("edgehar/gw/request/reload", "{}")
        await listener.until(lambda: bool(listener.on("edgehar/gw/response/reload")))
        daemon.terminate()
        _, errors = await finished(daemon)
    finally:
        daemon.kill()
        listener.close()
    assert daemon.returncode == 0
    assert "edgehar.toml:1" in listener.on("edgehar/gw/response/reload")[0]
    assert f"all goes on as it was: {path}:1" in errors
    assert "wearers that begin: 1, that are gone: 0, that go on: 1" in errors


async def test_a_phone_that_sends_nothing_of_use_is_online_and_said_to_be_wrong(
    tmp_path: Path, broker: Mosquitto, manager: socket.socket
) -> None:
    port = free_port()
    config = tmp_path / "edgehar.toml"
    config.write_text(
        f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[[wearer]]\nid = "anna"\n'
        f'[[wearer.phone]]\nplacement = "waist"\nlisten = "127.0.0.1:{port}"\n'
    )
    listener = Listener(broker.port)
    daemon = start(config)
    problems = "edgehar/gw/anna/status/attributes"
    try:
        await listener.until(lambda: bool(listener.on(problems)))
        assert json.loads(listener.on(problems)[-1]) == {"waist": "no packet yet"}
        await until(lambda: is_open(port))
        async with aiohttp.ClientSession() as phone:
            for push in pushes(5, {"accelerometer": (0.0, 0.1, 0.0), "gyroscope": TURNING}):
                await phone.post(f"http://127.0.0.1:{port}/data", data=push)
        await listener.until(lambda: "without gravity" in listener.on(problems)[-1])
        assert listener.on("edgehar/gw/anna/status")[-1] == "online"
        while "anna/waist: sends acceleration without gravity" not in (status := manager.recv(2000).decode()):
            assert "0 of 1 wearers heard" in status or "anna/waist" in status
        daemon.send_signal(signal.SIGTERM)
        await listener.until(
            lambda: json.loads(listener.on(problems)[-1]) == {"waist": "edgehar was stopped."}
        )
        assert all(before != after for before, after in pairwise(listener.on(problems)))
        await finished(daemon)
        # Not that there is too little signal, though the state was the same before.
        attributes = json.loads(listener.on("edgehar/gw/anna/activity/attributes")[-1])
        assert attributes["reason"] == "edgehar was stopped."
    finally:
        daemon.kill()
        listener.close()


async def test_the_log_says_what_begins_and_who_is_first_heard(tmp_path: Path, recording: Path) -> None:
    config = configuration(tmp_path, recording, free_port(), speed=0)
    daemon = start(config, program=("-c", HASTY))
    _, errors = await finished(daemon)
    for fact in (
        "edgehar 0.",
        "model imu_tcn@",
        f"wearer anna: trouser_pocket (recording {recording})",
        "topics edgehar/gw/#",
        "anna/trouser_pocket: first packet",
    ):
        assert errors.count(fact) == 1, errors
    assert "nobody is told" not in errors


async def test_who_publishes_nothing_is_told_so(tmp_path: Path, recording: Path) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(f'[[wearer]]\nid = "anna"\n[wearer.replay]\npath = "{recording}"\nspeed = 0\n')
    _, errors = await finished(start(config))
    assert "there is neither [mqtt] nor --stdout" in errors


async def test_the_first_health_message_tells_of_packets(
    tmp_path: Path, recording: Path, broker: Mosquitto
) -> None:
    listener = Listener(broker.port)
    daemon = start(configuration(tmp_path, recording, broker.port))
    try:
        await listener.until(lambda: bool(listener.on("edgehar/gw/health")))
        [sensor] = json.loads(listener.on("edgehar/gw/health")[0])["wearers"]["anna"]["sensors"].values()
        assert sensor["packets"] > 0
        await finished(daemon)
    finally:
        daemon.kill()
        listener.close()


async def test_a_service_manager_that_was_busy_still_learns_that_all_is_ready(
    tmp_path: Path, manager: socket.socket
) -> None:
    while systemd.notify("STATUS=another service is starting"):
        pass
    config = tmp_path / "edgehar.toml"
    config.write_text('[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["wrist"]\n')
    daemon = start(config)
    try:
        assert daemon.stderr is not None
        assert any("anna/wrist: first packet" in line for line in daemon.stderr)
        while not (note := manager.recv(2000)).startswith(b"READY=1\n"):
            assert note.startswith(b"STATUS=another")
        daemon.send_signal(signal.SIGTERM)
        await finished(daemon)
    finally:
        daemon.kill()


async def test_without_a_broker_the_answers_come_as_json_lines(tmp_path: Path, recording: Path) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(f'[[wearer]]\nid = "anna"\n[wearer.replay]\npath = "{recording}"\nspeed = 0\n')
    out, errors = await finished(start(config, "--stdout"))
    lines = [json.loads(line) for line in out.splitlines()]
    reported = [(line["id"], line["event_type"]) for line in lines if line["type"] == "event"]
    assert reported == expected_events(recording)
    assert lines[-1]["activity"] == "no_signal", errors


async def test_events_that_no_broker_took_are_told(tmp_path: Path, recording: Path) -> None:
    config = configuration(tmp_path, recording, free_port(), speed=0)
    config.write_text(config.read_text().replace("[mqtt]", "[mqtt]\nqueue = 3"))
    daemon = start(config, program=("-c", HASTY))
    _, errors = await finished(daemon)
    assert daemon.returncode == 1
    assert "the oldest events are dropped" in errors
    assert f"{len(expected_events(recording))} events did not reach the MQTT broker" in errors
    assert errors.splitlines()[-1].startswith("edgehar: the replay ended")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_events_that_no_broker_took_wait_on_the_disk_for_the_next_start(
    tmp_path: Path, recording: Path, broker: Mosquitto, end: signal.Signals
) -> None:
    config, log = configuration(tmp_path, recording, free_port()), tmp_path / "state" / "events.sqlite-wal"
    config.write_text(config.read_text().replace("[mqtt]", 'state_dir = "state"\n[mqtt]'))
    daemon = start(config)
    try:
        await until(lambda: log.exists() and log.stat().st_size > 60_000)
        daemon.send_signal(end)
        _, errors = await finished(daemon)
        assert "Traceback" not in errors
        if end == signal.SIGTERM:
            assert re.search(r"\d+ events are kept until the MQTT broker takes them", errors)
    finally:
        daemon.kill()
    # Nobody of this life is called anna.
    config.write_text(
        f'[gateway]\nid = "gw"\nstate_dir = "state"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        '[[wearer]]\nid = "bob"\n[wearer.simulator]\nplacements = ["trouser_pocket"]\n'
    )
    listener, expected = Listener(broker.port), expected_events(recording)
    daemon = start(config)
    try:
        await listener.until(lambda: len(listener.on("edgehar/gw/anna/event")) >= 6)
        heard = [json.loads(payload) for payload in listener.on("edgehar/gw/anna/event")]
        assert [(event["id"], event["event_type"]) for event in heard] == expected[: len(heard)]
    finally:
        daemon.kill()
        daemon.communicate()
        listener.close()


@pytest.mark.parametrize("port", ["socket://localhost", "foo://localhost:1"])
async def test_a_port_that_can_never_be_opened_is_refused(tmp_path: Path, port: str) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(f'[[wearer]]\nid = "anna"\n[[wearer.serial]]\nplacement = "wrist"\nport = "{port}"\n')
    daemon = start(config)
    _, errors = await finished(daemon)
    assert daemon.returncode == 78
    assert port in errors.splitlines()[-1]
    assert "Traceback" not in errors


async def test_a_refused_configuration_ends_with_78_and_one_line(tmp_path: Path, recording: Path) -> None:
    config = configuration(tmp_path, recording, 1)
    config.write_text(config.read_text() + '[model]\npath = "nothing"\n')
    daemon = start(config)
    out, errors = await finished(daemon)
    assert (daemon.returncode, out) == (78, "")
    assert errors.splitlines() == [errors.strip()]
    assert f"model.path: no model '{tmp_path / 'nothing'}'" in errors


async def test_an_unplugged_sensor_is_waited_for_and_said(tmp_path: Path, broker: Mosquitto) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(
        f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        '[[wearer]]\nid = "anna"\n[[wearer.serial]]\nplacement = "wrist"\nport = "/dev/ttyNOWHERE"\n'
    )
    listener = Listener(broker.port)
    daemon = start(config)
    try:
        await listener.until(lambda: listener.on("edgehar/gw/anna/activity") == ["no_signal"])
        assert listener.on("edgehar/gw/anna/status")[-1] == "offline"
        daemon.send_signal(signal.SIGTERM)
        _, errors = await finished(daemon)
    finally:
        daemon.kill()
        listener.close()
    warnings = [line for line in errors.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert "/dev/ttyNOWHERE does not exist" in warnings[0]
