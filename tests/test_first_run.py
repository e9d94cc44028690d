"""`edgehar init` as a person and as a script meet it: a real pty, a real broker, an emulated radio."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bluez import Bluetoothd
from certificates import make_certificates
from mosquitto import PATIENCE_S, Listener, Mosquitto, free_port, guarded
from peripherals import sensor
from serial.tools.list_ports_common import ListPortInfo
from shell import edgehar, run
from terminals import Terminal
from typer.testing import CliRunner

from edgehar import cli
from edgehar.apps import first_run
from edgehar.apps.first_run import (
    Placements,
    address_of,
    broker_at,
    gateway_name,
    prove,
    usb_ports,
    wearer_name,
)
from edgehar.config import credentials
from edgehar.config.read import load
from edgehar.config.schema import Config, Gateway, Mqtt, Tls
from edgehar.config.worn import Serial, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError, ModelError
from edgehar.sources.simulated.serve import serve_tcp
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Event

NO_RADIO = "unix:path=/nowhere/bus"
"""Where no D-Bus is, and so no Bluetooth."""

HASTY = """
from edgehar import cli
from edgehar.apps import first_run

first_run.SCAN_S = 0.3
cli.main()
"""
"""`edgehar`, but sensors are listened for for a moment."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "edgehar.toml"


@pytest.fixture
def no_radio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", NO_RADIO)


def reply(terminal: Terminal, question: str, answer: str) -> list[str]:
    """Wait until the last line asks something, and answer; return what was in view."""
    lines = terminal.until(lambda lines: bool(lines) and lines[-1].startswith(question))
    terminal.type(answer.encode() + b"\n")
    terminal.until(lambda now: now[len(lines) - 1 :] != lines[-1:] or not now[-1].startswith(question))
    return lines


def files_of(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


# A person


@pytest.mark.usefixtures("no_radio")
def test_enter_alone_gives_a_file_that_works_and_is_proven(broker: Mosquitto, path: Path) -> None:
    with Terminal("init", str(path), columns=200, rows=60) as terminal:
        reply(terminal, "Name of this gateway [", "")
        reply(terminal, "Is there a Home Assistant", "")
        reply(terminal, "MQTT broker [localhost]", f"127.0.0.1:{broker.port}")
        reply(terminal, "Pseudonym of who wears the sensors [wearer]", "")
        reply(
            terminal, "Sensor: its number, Bluetooth address or port, or none to simulate a wearer [none]", ""
        )
        lines = terminal.until_end()
        assert terminal.program.returncode == 0, lines
    page = "\n".join(lines)
    assert "no serial port of a USB device either" in page
    assert "none is in reach" not in page
    assert "heard: event" in page
    assert '"event_type":"activity_started"' in page
    assert f"next: edgehar run --config {path}" in page
    config = load(path)
    assert config.gateway == Gateway()
    assert config.homeassistant is None
    assert config.wearer[0].simulator is not None
    assert files_of(path.parent) == ["edgehar.toml"]


@pytest.mark.usefixtures("no_radio")
def test_a_wrong_answer_is_refused_at_once_and_asked_again(broker: Mosquitto, path: Path) -> None:
    def is_said(words: str, terminal: Terminal) -> None:
        terminal.until(lambda lines: any(words in line for line in lines))

    with Terminal("init", str(path), columns=200, rows=60) as terminal:
        reply(terminal, "Name of this gateway", "my pi")
        is_said('expected 1 to 64 letters (a to z), digits, `_` and `-`, got "my pi"', terminal)
        reply(terminal, "Name of this gateway", "pi")
        reply(terminal, "Is there a Home Assistant", "maybe")
        is_said("expected yes or no, got maybe", terminal)
        reply(terminal, "Is there a Home Assistant", "yes")
        reply(terminal, "MQTT broker", "http://pi/")
        is_said("expected a host, host:port, or mqtts://host:port", terminal)
        reply(terminal, "MQTT broker", f"127.0.0.1:{free_port()}")
        is_said("connection: nothing listens at 127.0.0.1:", terminal)
        reply(terminal, "MQTT broker, the same to try it again, or skip", f"127.0.0.1:{broker.port}")
        reply(terminal, "Pseudonym", "response")
        is_said("requests have the topic `response`", terminal)
        reply(terminal, "Pseudonym", "anna")
        reply(terminal, "Sensor:", "7")
        is_said("expected a number of the list", terminal)
        reply(terminal, "Sensor:", "/dev/ttyNOWHERE")
        reply(terminal, "Where is it worn [wrist]", "wirst_left")
        is_said("did you mean `wrist_left`", terminal)
        reply(terminal, "Where is it worn [wrist]", "wrist_left")
        reply(terminal, "Another sensor: its number, address or port, or none [none]", "/dev/ttyNOWHERE")
        is_said("this one is worn already", terminal)
        reply(terminal, "Another sensor", "none")
        terminal.until(lambda lines: any("runs with it" in line for line in lines))
        terminal.type(b"\x03")
        lines = terminal.until_end()
        assert terminal.program.returncode == 130
    assert f"stopped: {path} stands as it was written, but is not proven" in lines
    assert f"next: edgehar run --config {path}" in lines
    config = load(path)
    assert (config.gateway.id, config.homeassistant is not None) == ("pi", True)
    assert config.wearer == [Wearer("anna", serial=[Serial("wrist_left", "/dev/ttyNOWHERE")])]


def test_a_broker_that_wants_a_password_is_asked_with_one_that_stands_nowhere_but_in_its_file(
    tmp_path: Path, path: Path
) -> None:
    with guarded(tmp_path) as broker:
        options = ["--gateway", "pi", "--no-home-assistant", "--simulate", "chest", "--wearer", "anna"]
        with Terminal("init", str(path), *options, columns=200, rows=60) as terminal:
            reply(terminal, "MQTT broker [localhost]", f"127.0.0.1:{broker.port}")
            terminal.until(lambda lines: any("the broker refuses: Not authorized" in line for line in lines))
            reply(terminal, "User name at the broker:", "pi")
            reply(terminal, "Password:", "wrong")
            reply(terminal, "User name at the broker [pi]", "")
            reply(terminal, "Password:", "right")
            terminal.until(lambda lines: any("runs with it" in line for line in lines))
            terminal.type(b"\x03")
            page = "\n".join(terminal.until_end())
            assert terminal.program.returncode == 130, page
    assert "wrong" not in page
    assert "right" not in page
    assert "right" not in path.read_text()
    secret = path.with_name("mqtt-password")
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("right\n", 0o600)
    assert files_of(path.parent) == ["edgehar.toml", "mqtt-password"]
    mqtt = load(path).mqtt
    assert mqtt is not None
    assert (mqtt.username, mqtt.password_file) == ("pi", str(secret))


@pytest.mark.usefixtures("fast_clock")
def test_for_the_service_the_password_is_a_credential_and_by_hand_its_file_in_systemds_store(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "SERVICE_FOLDER", path.parent)
    monkeypatch.setattr(credentials, "STORE", tmp_path / "store")
    secret = tmp_path / "store" / "edgehar.mqtt-password"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with guarded(tmp_path) as broker:
        words = [
            "init",
            str(path),
            "--broker",
            f"127.0.0.1:{broker.port}",
            "--gateway",
            "pi",
            "--wearer",
            "anna",
        ]
        words += ["--simulate", "wrist", "--no-home-assistant"]
        done = CliRunner().invoke(cli.app, words, input="pi\nright\n")
        assert done.exit_code == 0, done.stderr
        assert "heard: event" in done.stdout
        assert f"the password to {secret}" in done.stderr
        assert "next: sudo systemctl restart edgehar, then sudo edgehar status" in done.stderr
        assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("right\n", 0o600)
        mqtt = load(path).mqtt
        assert mqtt is not None
        assert mqtt.password_file == "mqtt-password"
        # What is there already is named in the same way.
        words += ["--yes", "--force", "--no-proof", "--username", "pi"]
        again = CliRunner().invoke(cli.app, [*words, "--password-file", str(secret)])
        assert again.exit_code == 0, again.stderr
        assert load(path).mqtt == mqtt
        tested = CliRunner().invoke(cli.app, ["mqtt", "test", "--config", str(path), "--json"])
        code, out = tested.exit_code, tested.stdout
        assert (code, {row["result"] for row in json.loads(out)}) == (0, {"ok", "not configured"})


def test_a_broker_that_is_away_is_tried_again_where_it_was_and_may_be_left_untried(path: Path) -> None:
    port = free_port()
    words = [
        "init",
        str(path),
        "--gateway",
        "pi",
        "--wearer",
        "anna",
        "--simulate",
        "wrist",
        "--no-home-assistant",
    ]
    done = CliRunner().invoke(cli.app, words, input=f"127.0.0.1:{port}\n\nskip\n")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count(f"tries 127.0.0.1:{port} ...") == 2
    assert "heard" not in done.stdout
    assert load(path).mqtt == Mqtt(host="127.0.0.1", port=port)


@pytest.mark.parametrize("when", ["Name of this gateway", "MQTT broker", "Pseudonym"])
def test_ctrl_c_leaves_nothing(broker: Mosquitto, path: Path, when: str) -> None:
    with Terminal("init", str(path), columns=200) as terminal:
        for question, answer in {
            "Name of this gateway": "",
            "Is there a Home Assistant": "",
            "MQTT broker": f"127.0.0.1:{broker.port}",
            "Pseudonym": "",
        }.items():
            if question == when:
                break
            reply(terminal, question, answer)
        terminal.until(lambda lines: bool(lines) and lines[-1].startswith(when))
        terminal.type(b"\x03")
        assert "Traceback" not in "\n".join(terminal.until_end())
        assert terminal.program.returncode == 130
    assert files_of(path.parent) == []


async def test_a_sensor_in_reach_is_listed_chosen_and_heard(
    bluez: Bluetoothd, broker: Mosquitto, path: Path
) -> None:
    near = sensor("movella_dot", 1)
    bluez.add(near)
    command = [sys.executable, "-c", HASTY, "init", str(path), "--broker", f"127.0.0.1:{broker.port}"]
    process = await asyncio.create_subprocess_exec(
        *command, "--gateway", "pi", "--no-home-assistant", "--wearer", "anna", "--json",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(2 * PATIENCE_S):
        out, err = await process.communicate(b"\nchest\n\n")
    assert process.returncode == 0, err
    assert f"1  {near.address}  Movella DOT 0001 (movella_dot, -".encode() in err
    [worn] = load(path).wearer[0].ble
    assert (worn.placement, worn.profile, worn.address) == ("chest", "movella_dot", near.address)
    proof = json.loads(out)["proof"]
    assert (proof["topic"].rpartition("/")[0], proof["wrong"]) == ("edgehar/pi/anna", [])


# A script


@pytest.mark.parametrize("before", ["exec <&-", "exec </dev/null"], ids=["closed", "empty"])
def test_a_script_needs_no_terminal(path: Path, before: str) -> None:
    words = [sys.executable, "-m", "edgehar", "init", str(path), "--yes", "--no-proof", "--simulate", "chest"]
    done = subprocess.run(["bash", "-c", f"{before}; {shlex.join(words)}"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load(path).wearer[0].simulator is not None


@pytest.mark.parametrize("before", ["exec <&-", "exec </dev/null"], ids=["closed", "empty"])
def test_without_anybody_to_answer_it_says_so_in_a_line(path: Path, before: str) -> None:
    words = [sys.executable, "-m", "edgehar", "init", str(path)]
    done = subprocess.run(
        ["bash", "-c", f"{before}; {shlex.join(words)}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    question, error = done.stderr.splitlines()
    assert question.startswith("Name of this gateway [")
    assert error.startswith("edgehar: nobody answers `Name of this gateway [")
    assert "or with --yes" in error
    assert files_of(path.parent) == []


def test_a_broker_that_is_away_is_named_and_nothing_is_written(path: Path) -> None:
    port = free_port()
    words = ["init", str(path), "--yes", "--broker", f"127.0.0.1:{port}"]
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert f"the broker fails at connection: nothing listens at 127.0.0.1:{port}; check `port`" in err
    assert files_of(path.parent) == []
    code, out, err = run(*words, "--no-proof")
    assert code == 0, err
    assert load(path).mqtt == Mqtt(host="127.0.0.1", port=port)


@pytest.mark.usefixtures("fast_clock")
def test_a_broker_that_wants_a_password_can_have_it_from_a_file(tmp_path: Path, path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    with guarded(tmp_path) as broker:
        words = ["init", str(path), "--yes", "--broker", f"127.0.0.1:{broker.port}"]
        code, _, err = run(*words)
        assert code == 1
        wanted = "give its account by --username and --password-file"
        assert f"the broker fails at welcome: the broker refuses: Not authorized; {wanted}; nothing" in err
        assert "[mqtt]" not in err
        code, out, err = run(*words, "--username", "pi", "--password-file", str(secret), "--json")
        assert code == 0, err
    assert json.loads(out)["proof"]["heard"] == "event"
    mqtt = load(path).mqtt
    assert mqtt is not None
    assert (mqtt.username, mqtt.password_file) == ("pi", str(secret))
    assert "right" not in path.read_text()


@pytest.mark.usefixtures("fast_clock")
def test_a_link_that_is_encrypted_is_tried_and_written_so(tmp_path: Path, path: Path) -> None:
    make_certificates(tmp_path)
    listener = "\n".join(
        f"{key} {tmp_path}/{name}"
        for key, name in {
            "cafile": "authority.crt",
            "certfile": "broker.crt",
            "keyfile": "broker.key",
        }.items()
    )
    with Mosquitto(free_port(), tmp_path, listener=listener) as broker:
        words = ["init", str(path), "--yes", "--json", "--broker", f"mqtts://localhost:{broker.port}"]
        code, _, err = run(*words)
        assert code == 1
        assert "the broker fails at encryption: the broker's certificate" in err
        code, out, err = run(*words, "--ca-file", str(tmp_path / "authority.crt"))
        assert code == 0, err
    assert json.loads(out)["proof"]["heard"] == "event"
    mqtt = load(path).mqtt
    assert mqtt is not None
    assert mqtt.tls == Tls(ca_file=str(tmp_path / "authority.crt"))


def test_a_file_that_is_there_is_kept_unless_a_new_one_is_forced(path: Path, broker: Mosquitto) -> None:
    path.parent.mkdir()
    path.write_text("# mine\n")
    words = ["init", str(path), "--yes", "--no-proof", "--broker", f"127.0.0.1:{broker.port}"]
    code, _, err = run(*words)
    assert code == 78
    assert "is there already: `edgehar devices assign` adds a sensor to it" in err
    assert path.read_text() == "# mine\n"
    for number, backups in enumerate((["edgehar.toml.bak"], ["edgehar.toml.bak", "edgehar.toml.bak1"]), 1):
        code, _, err = run(*words, "--force", "--wearer", f"anna{number}")
        assert code == 0, err
        assert files_of(path.parent) == ["edgehar.toml", *backups]
    assert path.with_name("edgehar.toml.bak").read_text() == "# mine\n"
    assert '"anna1"' in path.with_name("edgehar.toml.bak1").read_text()
    assert load(path).wearer[0].id == "anna2"


async def test_a_name_that_another_gateway_has_there_is_refused(broker: Mosquitto, path: Path) -> None:
    listener = Listener(broker.port)
    listener.publish("edgehar/pi/status", "online", retain=True)
    await listener.until(lambda: bool(listener.heard))
    listener.close()
    words = ("init", str(path), "--yes", "--broker", f"127.0.0.1:{broker.port}", "--gateway", "pi")
    code, _, err = await edgehar(*words)
    assert code == 1
    assert "a gateway called pi runs at this broker already: stop it, or choose another name" in err
    assert files_of(path.parent) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--simulate", "wirst"], "did you mean `wrist`"),
        (["--sensor", "/dev/ttyACM0"], "--sensor: expected ADDRESS=PLACEMENT"),
        (["--sensor", "/dev/ttyACM0=wirst"], "did you mean `wrist`"),
        (["--sensor", "foo://x=wrist"], "foo://x"),
        (["--sensor", "/dev/ttyACM0=wrist", "--simulate", "wrist"], "give one of them"),
        (["--gateway", "my pi"], "expected 1 to 64 letters"),
        (["--password-file", "x"], "give the account with --username"),
        (["--broker", "pi:1:2"], "pi:1:2"),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be_is_refused(path: Path, options: list[str], message: str) -> None:
    code, out, err = run("init", str(path), "--yes", "--no-proof", *options)
    assert (code, out) == (78, "")
    assert message in err
    assert "Traceback" not in err
    assert files_of(path.parent) == []


def test_a_sensor_on_a_port_is_named_by_an_option(path: Path) -> None:
    url = f"socket://127.0.0.1:{free_port()}"
    code, _, err = run("init", str(path), "--yes", "--no-proof", "--sensor", f"{url}=wrist_left")
    assert code == 0, err
    assert load(path).wearer[0].serial == [Serial("wrist_left", url)]


# What it rests on


@pytest.mark.usefixtures("fast_clock")
async def test_what_it_says_was_heard_is_what_was_published(broker: Mosquitto) -> None:
    anna = Wearer(id="anna", simulator=SimulatedWearer(placements=["chest"]))
    config = Config(gateway=Gateway(id="pi"), mqtt=Mqtt(host="127.0.0.1", port=broker.port), wearer=[anna])
    listener = Listener(broker.port)
    try:
        proof = await prove(config)
        await listener.until(lambda: proof["payload"] in listener.on(proof["topic"]))
        await listener.until(lambda: listener.on("edgehar/pi/status")[-1:] == ["offline"])
    finally:
        listener.close()
    assert (proof["heard"], proof["wrong"]) == ("event", [])


@pytest.mark.usefixtures("fast_clock")
async def test_a_daemon_that_dies_while_a_sensor_is_waited_for_is_noticed(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies:
        """Publisher that fails once an event was told."""

        has_told = False

        def push(self, item: Activity | Event) -> None:
            if self.has_told:
                raise ZeroDivisionError
            self.has_told = isinstance(item, Event)

    port = free_port()
    monkeypatch.setattr(first_run, "Daemon", partial(Daemon, publishers=[Dies()]))
    ports = {"wrist": f"socket://127.0.0.1:{port}", "chest": "/dev/ttyNOWHERE"}
    worn = [Serial(placement=place, port=at) for place, at in ports.items()]
    config = Config(
        gateway=Gateway(id="pi"),
        mqtt=Mqtt(host="127.0.0.1", port=broker.port),
        wearer=[Wearer(id="anna", serial=worn)],
    )
    simulator = Simulator(placements=["wrist"])
    coming = asyncio.create_task(serve_tcp(simulator, "127.0.0.1", port, announce=lambda _: None))
    try:
        with pytest.raises(ExceptionGroup) as caught:
            await prove(config)
    finally:
        coming.cancel()
        await asyncio.wait([coming])
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.usefixtures("fast_clock")
async def test_a_sensor_that_is_silent_is_a_state_that_was_heard_and_a_failure(broker: Mosquitto) -> None:
    silent = Wearer(id="anna", serial=[Serial(placement="wrist", port="/dev/ttyNOWHERE")])
    config = Config(gateway=Gateway(id="pi"), mqtt=Mqtt(host="127.0.0.1", port=broker.port), wearer=[silent])
    proof = await prove(config, 7.0)
    assert (proof["heard"], proof["topic"], proof["payload"]) == (
        "state",
        "edgehar/pi/anna/activity",
        "no_signal",
    )
    [problem] = proof["wrong"]
    assert problem.startswith("anna/wrist: /dev/ttyNOWHERE does not exist")
    proof = await prove(config, 0.5)
    assert (proof["heard"], proof["wrong"][-1]) == (None, "neither a state nor an event reached a subscriber")


@pytest.mark.usefixtures("fast_clock")
async def test_a_sensor_that_comes_after_the_first_event_is_waited_for(broker: Mosquitto) -> None:
    ports = {place: free_port() for place in ("wrist", "chest")}
    worn = [Serial(placement=place, port=f"socket://127.0.0.1:{port}") for place, port in ports.items()]
    config = Config(
        gateway=Gateway(id="pi"),
        mqtt=Mqtt(host="127.0.0.1", port=broker.port),
        wearer=[Wearer(id="anna", serial=worn)],
    )
    listener = Listener(broker.port)

    async def come(place: str) -> None:
        await serve_tcp(Simulator(placements=[place]), "127.0.0.1", ports[place], announce=lambda _: None)

    coming = [asyncio.create_task(come("wrist"))]
    try:
        proving = asyncio.create_task(prove(config))
        await listener.until(lambda: bool(listener.on("edgehar/pi/anna/event")))
        coming.append(asyncio.create_task(come("chest")))
        proof = await proving
    finally:
        for task in coming:
            task.cancel()
        await asyncio.wait(coming)
        listener.close()
    assert (proof["heard"], proof["wrong"]) == ("event", [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pi.local", Mqtt(host="pi.local")),
        ("pi.local:1884", Mqtt(host="pi.local", port=1884)),
        ("mqtt://10.0.0.7", Mqtt(host="10.0.0.7")),
        ("mqtts://pi.local", Mqtt(host="pi.local", port=8883, tls=Tls())),
        ("mqtts://pi.local:1/", Mqtt(host="pi.local", port=1, tls=Tls())),
        ("::1", Mqtt(host="::1")),
        ("[::1]:1884", Mqtt(host="::1", port=1884)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broker_is_written_as_people_write_it(text: str, expected: Mqtt) -> None:
    assert broker_at(text) == broker_at(address_of(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "http://pi",
        "mqtt://me@pi",
        "mqtt://pi/topic",
        "pi:0",
        "pi:65536",
        "pi:x",
        "mqtt://",
        "[::1",
        "1.2",
    ],
)
def test_what_is_no_broker_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        broker_at(text)


def test_names_are_those_of_topics() -> None:
    assert (gateway_name("pi-1"), wearer_name("anna")) == ("pi-1", "anna")
    for text in ("", "a/b", "#", "x" * 65, "a\n"):
        with pytest.raises(ConfigError, match="expected 1 to 64 letters"):
            gateway_name(text)
    with pytest.raises(ConfigError, match="requests have the topic"):
        wearer_name("request")


def test_places_are_those_that_the_model_takes_together() -> None:
    placements = Placements()
    assert placements.check("wrist_left", ["wrist_right"]) == "wrist_left"
    with pytest.raises(ModelError, match="did you mean `wrist`"):
        placements.check("wirst", [])
    with pytest.raises(ModelError, match="leave one out"):
        placements.check("thigh", ["trouser_pocket"])
    taken = list[str]()
    while place := placements.first_free(taken):
        taken.append(place)
    assert taken == ["wrist", "wrist_left", "trouser_pocket", "waist", "chest", "lower_leg", "knee"]


def test_a_usb_port_is_named_as_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = {name: ListPortInfo(str(tmp_path / name)) for name in ("ttyACM0", "ttyACM1", "ttyAMA0")}
    for name, device in devices.items():
        (tmp_path / name).touch()
        device.vid = None if name == "ttyAMA0" else 0x2341
        device.description = "Nano 33 BLE"
    link = tmp_path / "by-id" / "usb-Arduino"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "ttyACM1")
    monkeypatch.setattr(first_run, "BY_ID", link.parent)
    monkeypatch.setattr(first_run, "comports", lambda: list(devices.values()))
    assert [each["entry"]["port"] for each in usb_ports()] == [str(tmp_path / "ttyACM0"), str(link)]
    assert re.fullmatch(r".*/usb-Arduino \(Nano 33 BLE\)", usb_ports()[1]["what"])
