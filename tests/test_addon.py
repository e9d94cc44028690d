"""The add-on for Home Assistant, as far as it goes without a Supervisor: its files, and its options as edgehar.toml."""

import http.server
import importlib.util
import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from shell import run

from edgehar import __version__
from edgehar.config.read import load, parse
from edgehar.daemon.run import check
from edgehar.devices import PROFILES

ADDON = ROOT / "deploy" / "home_assistant" / "addon"
ABOUT = yaml.safe_load((ADDON / "edgehar/config.yaml").read_text())
SCRIPT = ADDON / "edgehar" / "configure.py"
TOKEN = "a token of the Supervisor"
BROKER = {
    "addon": "core_mosquitto",
    "host": "core-mosquitto",
    "port": 1883,
    "ssl": False,
    "protocol": "3.1.1",
}
ACCOUNT = {"username": "addons", "password": "s3cret"}
SENSORS = [
    {"wearer": "anna", "link": "ble", "placement": "wrist_left", "profile": "movella_dot"},
    {"wearer": "bert", "link": "serial", "placement": "waist", "port": "/dev/serial/by-id/usb-Maker_IMU"},
    {"wearer": "anna", "link": "phone", "placement": "trouser_pocket"},
    {"wearer": "bert", "link": "phone", "placement": "chest", "topic": "sensor-logger", "device": "x"},
]

# developers.home-assistant.io, "Options / Schema".
TYPE = re.compile(
    r"""(str|int|float)(\(-?[\d.]*,-?[\d.]*\))? | bool | email | url | password | port
      | match\(.+\) | list\([^|]+(\|[^|]+)*\) | device(\(subsystem=\w+\))?""",
    re.VERBOSE,
)

_spec = importlib.util.spec_from_file_location("configure", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
configure = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(configure)


class Supervisor(http.server.BaseHTTPRequestHandler):
    """What the Supervisor answers to who asks for the service mqtt."""

    answer: dict[str, Any]

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}" and self.path == "/services/mqtt"
        body = json.dumps(self.answer if allowed else {"result": "error", "message": "forbidden"}).encode()
        self.send_response(200 if allowed and self.answer["result"] == "ok" else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("SUPERVISOR_TOKEN", TOKEN)
    Supervisor.answer = {"result": "ok", "data": {**BROKER, **ACCOUNT}}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Supervisor) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def options(**chosen: Any) -> dict[str, Any]:
    return {**ABOUT["options"], **chosen}


def write(tmp_path: Path, host: str, chosen: dict[str, Any]) -> Path:
    given, config = tmp_path / "options.json", tmp_path / "run" / "edgehar.toml"
    given.write_text(json.dumps(chosen))
    configure.write(given, config, host)
    return config


def test_sensors_become_wearers_that_edgehar_takes(tmp_path: Path, supervisor: str) -> None:
    config = write(tmp_path, supervisor, options(sensors=SENSORS, labels=["still", "falling"], metrics=True))
    code, _, err = run("config", "check", "--config", config)
    assert code == 0, err
    report = check(load(config))
    assert report["wearers"] == {"anna": ["wrist_left", "trouser_pocket"], "bert": ["waist", "chest"]}
    raw = tomllib.loads(config.read_text())
    assert raw["gateway"] == {"id": "home", "state_dir": "/data"}
    assert raw["mqtt"]["host"] == "core-mosquitto"
    assert raw["homeassistant"] == {}
    assert raw["model"]["labels"] == ["still", "falling"]
    assert raw["decision"]["operating_point"] == "normal"
    assert raw["wearer"][0]["phone"] == [{"placement": "trouser_pocket", "listen": "0.0.0.0:8000"}]


def test_the_password_lies_beside_it_for_its_owner_alone(tmp_path: Path, supervisor: str) -> None:
    config = write(tmp_path, supervisor, options(simulated_wearer=True))
    secret = config.parent / "mqtt-password"
    assert secret.read_text() == "s3cret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in config.read_text()
    loaded = load(config)
    assert loaded.mqtt is not None
    assert loaded.mqtt.password_file == str(secret)
    write(tmp_path, supervisor, options(simulated_wearer=True))


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_broker_without_an_account_or_with_encryption(*, is_encrypted: bool) -> None:
    config = configure.config_of(options(simulated_wearer=True), {**BROKER, "ssl": is_encrypted})
    assert ("tls" in config["mqtt"]) == is_encrypted
    assert "username" not in config["mqtt"]


def test_without_a_broker_it_says_which_addon_to_start(tmp_path: Path, supervisor: str) -> None:
    Supervisor.answer = {"result": "error", "message": "Service not enabled"}
    with pytest.raises(
        configure.OptionsError, match=r"no MQTT broker \(Service not enabled\): install and start"
    ):
        write(tmp_path, supervisor, options(simulated_wearer=True))
    with pytest.raises(configure.OptionsError, match="the Supervisor does not say where the MQTT broker is"):
        write(tmp_path, "127.0.0.1:1", options(simulated_wearer=True))


@pytest.mark.parametrize(
    ("sensor", "says"),
    [
        (None, "nobody is watched: add a sensor, or switch the simulated wearer on"),
        (
            {**SENSORS[0], "port": "/dev/ttyACM0", "url": ""},
            r"sensor 1 \(anna, wrist_left\): one by ble has no port; it has profile, address, name",
        ),
    ],
    ids=["none", "a key of another link"],
)
def test_sensors_that_make_no_sense_are_refused(sensor: dict[str, str] | None, says: str) -> None:
    with pytest.raises(configure.OptionsError, match=says):
        configure.config_of(options(sensors=[sensor] if sensor else []), BROKER)


def test_the_script_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text(json.dumps(options()))
    paths = [str(tmp_path / name) for name in ("options.json", "edgehar.toml")]
    command = [sys.executable, str(SCRIPT), *paths, "127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("edgehar: the Supervisor does not say where the MQTT broker is: ")
    assert done.stderr.count("\n") == 1


def test_what_the_supervisor_requires_is_in_its_description() -> None:
    assert {"name", "version", "slug", "description", "arch"} <= ABOUT.keys()
    assert ABOUT["slug"] == "edgehar"
    assert ABOUT["version"] == __version__
    assert ABOUT["services"] == ["mqtt:need"]
    assert {*ABOUT["arch"]} == {"aarch64", "amd64"}
    assert yaml.safe_load((ADDON / "repository.yaml").read_text())["name"]
    # The Supervisor takes every config.yaml below a repository for an add-on's.
    assert [path.parent for path in ADDON.rglob("config.yaml")] == [ADDON / "edgehar"]


def types(schema: Any) -> Iterator[str]:
    if isinstance(schema, str):
        yield schema
    else:
        for item in schema.values() if isinstance(schema, dict) else schema:
            yield from types(item)


def test_the_schema_is_of_types_that_the_supervisor_knows_and_says_what_edgehar_says() -> None:
    schema = ABOUT["schema"]
    assert [kind for kind in types(schema) if not TYPE.fullmatch(kind.removesuffix("?"))] == []
    # An option with a default is required, and one without has none.
    assert ABOUT["options"].keys() == schema.keys()
    [sensor] = schema["sensors"]
    assert re.findall(r"\w+", sensor["profile"])[1:] == [*PROFILES]
    assert re.findall(r"\w+", sensor["link"])[1:] == [*configure.KEYS]
    assert {"wearer", "link", "placement", *sum(configure.KEYS.values(), ())} == sensor.keys()
    for point in re.findall(r"\w+", schema["operating_point"])[1:]:
        text = (
            f'[decision]\noperating_point = "{point}"\n[[wearer]]\nid = "a"\nsimulator.placements = ["wrist"]'
        )
        assert check(parse(text))


def test_every_option_and_port_is_told_of_in_words() -> None:
    for path in (ADDON / "edgehar/translations").iterdir():
        words = yaml.safe_load(path.read_text())
        assert words["configuration"].keys() == ABOUT["schema"].keys()
        assert words["network"].keys() == ABOUT["ports"].keys()
