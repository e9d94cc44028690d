"""The guide, the unit and the example of `deploy/`, tried as far as that goes without systemd."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, lacking
from mosquitto import Listener, Mosquitto, free_port, program
from shell import run as edgehar

from edgehar.config.edit import assign
from edgehar.config.read import leaves, load, parse
from edgehar.config.schema import json_schema
from edgehar.daemon.run import check
from edgehar.errors import ConfigError

DEPLOY = ROOT / "deploy"
EXAMPLE, UNIT = ((DEPLOY / name).read_text() for name in ("edgehar.toml", "edgehar.service"))
GUIDE = "\n".join(page.read_text() for page in sorted(DEPLOY.glob("*.md")))
COMMENTED_OUT = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)
PROGRAM = (sys.executable, "-m", "edgehar")
DOT = {"profile": "movella_dot", "address": "D4:CA:6E:F1:00:01"}


def run(*command: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **settings)


def test_the_example_as_it_is_wants_a_sensor_and_says_where() -> None:
    with pytest.raises(ConfigError) as caught:
        load(DEPLOY / "edgehar.toml")
    line = EXAMPLE.split("[[wearer]]")[0].count("\n") + 1
    assert f"deploy/edgehar.toml:{line}: wearer `anna` needs sensors" in str(caught.value)
    assert "`edgehar devices assign` adds one" in str(caught.value)


@pytest.mark.parametrize("password", [False, True], ids=["no password", "a credential"])
def test_a_sensor_is_assigned_in_the_example_without_deleting_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, password: bool
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "edgehar.toml"
    path.write_text(
        re.sub(r"^# (?=username|password_file)", "", EXAMPLE, flags=re.MULTILINE) if password else EXAMPLE
    )
    assign(path, "anna", "wrist_left", DOT, check=check)
    report = check(load(path))
    assert report["wearers"] == {"anna": ["wrist_left"]}
    assert report["password"].startswith("systemd credential" if password else "none")


def test_what_is_commented_out_in_the_example_is_true(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Path
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    # Where `edgehar models pull` puts it.
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    shutil.copy(weights, tmp_path / "movenet-lightning.tflite")
    text = COMMENTED_OUT.sub("", EXAMPLE)
    with pytest.raises(ConfigError, match=r"usb-EDIT-ME\" is the example's; write your sensor's port"):
        parse(text)
    report = check(parse(text.replace("EDIT-ME", "Maker_IMU")))
    assert report["wearers"] == {"anna": ["trouser_pocket", "wrist_left", "chest", "camera"]}
    assert report["password"].startswith("systemd credential mqtt-password")


def test_the_example_names_the_schema_that_the_guide_writes_beside_it() -> None:
    assert EXAMPLE.splitlines()[0] == "#:schema ./edgehar.schema.json"
    assert "edgehar config schema > /etc/edgehar/edgehar.schema.json" in GUIDE


def test_the_schema_describes_every_key_of_the_example() -> None:
    tables = json_schema()["$defs"]
    paths = [path for path, _ in leaves(tomllib.loads(COMMENTED_OUT.sub("", EXAMPLE)))]
    assert len(paths) >= 15
    for path in paths:
        table = "Config"
        *above, key = re.sub(r"\[\d+\]", "", path).split(".")
        for name in above:
            [table] = re.findall(r"#/\$defs/(\w+)", json.dumps(tables[table]["properties"][name]))
        assert "description" in json.dumps(tables[table]["properties"][key]), path


def test_what_the_guide_installs_is_here() -> None:
    sources = re.findall(r"deploy/[\w.-]*\w", GUIDE)
    assert {"deploy/edgehar.toml", "deploy/edgehar.service"} <= set(sources)
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_every_command_of_the_guide_is_one() -> None:
    blocks = "\n".join(re.findall(r"^ *```\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL))
    command = r"^ *(?:\$ )?(?:sudo )?(?:/opt/edgehar/bin/)?edgehar ([a-z]+(?: [a-z]+)?)"
    commands = re.findall(command, blocks, re.MULTILINE)
    assert {"init", "status", "config check", "config schema", "devices scan", "devices assign"} <= {
        *commands
    }
    for verb in {*commands}:
        code, _, err = edgehar(*verb.split(), "--help")
        assert code == 0, err


def exec_start() -> list[str]:
    """Return the unit's command with this checkout's program in the place of the installed one."""
    [line] = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    words = shlex.split(line)
    assert words[0] == "/opt/edgehar/bin/edgehar"
    return [*PROGRAM, *words[1:]]


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze") or lacking("systemd-analyze (apt install systemd)")
    unit = tmp_path / "edgehar.service"
    unit.write_text(UNIT.replace("/opt/edgehar/bin/edgehar", "/bin/true"))
    done = run(analyze, "verify", unit)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "edgehar" in line]) == (0, [])


def test_the_unit_is_as_closed_as_the_guide_says() -> None:
    analyze = shutil.which("systemd-analyze") or lacking("systemd-analyze (apt install systemd)")
    done = run(analyze, "security", "--offline=true", "--no-pager", DEPLOY / "edgehar.service")
    [score] = re.findall(r"Overall exposure level for edgehar.service: ([\d.]+)", done.stdout)
    [told] = re.findall(
        r"`systemd-analyze security --offline=true deploy/edgehar.service` says ([\d.]+)", GUIDE
    )
    assert float(score) <= float(told)


def test_rules_for_devices_are_well_formed() -> None:
    """udevadm verifies rules from systemd 254 on; Debian 12 has 252."""
    term = r'(?:ATTRS\{\w+\}|ENV\{\w+\}|[A-Z]+)(?:==|=)"[\w*|]+"'
    lines = [
        line for line in (DEPLOY / "60-edgehar.rules").read_text().splitlines() if line and line[0] != "#"
    ]
    assert [line for line in lines if not re.fullmatch(rf"{term}(?:, {term})*", line)] == []
    labels, jumps = (set(re.findall(rf'{key}="(\w+)"', "\n".join(lines))) for key in ("LABEL", "GOTO"))
    assert labels == jumps
    devices = re.findall(
        r'idVendor\}=="([0-9a-f]{4})", ATTRS\{idProduct\}=="([0-9a-f]{4})"', "\n".join(lines)
    )
    assert len(devices) == len({*devices}) == sum("idVendor" in line for line in lines)


async def test_the_service_reads_its_password_from_the_credential_and_a_check_by_hand_does_not(
    tmp_path: Path,
) -> None:
    folder, credentials = tmp_path / "etc", tmp_path / "credentials"
    folder.mkdir()
    credentials.mkdir()
    (credentials / "mqtt-password").write_text("s3cret\n")
    users = tmp_path / "users"
    run(program("mosquitto_passwd"), "-c", "-b", users, "edgehar", "s3cret").check_returncode()
    access = f"allow_anonymous false\npassword_file {users}"
    with Mosquitto(free_port(), tmp_path, access=access) as broker:
        config = folder / "edgehar.toml"
        config.write_text(
            COMMENTED_OUT.sub("", EXAMPLE)
            .replace("port = 1883", f"port = {broker.port}")
            .replace("[mqtt.tls]", "")
            .replace('listen = "0.0.0.0:8000"', 'topic = "sensor-logger"')
            .replace('"/dev/serial/by-id/usb-EDIT-ME"', '"/dev/ttyNOWHERE"')
            .split("# A Bluetooth sensor")[0]
        )
        environment = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
        checked = run(*PROGRAM, "config", "check", "-c", config, env=environment)
        assert checked.returncode == 0, checked.stderr
        assert "password: systemd credential mqtt-password, which the service will read" in checked.stdout
        command = [str(config) if word == "/etc/edgehar/edgehar.toml" else word for word in exec_start()]
        assert str(config) in command
        listener = Listener(broker.port, username="edgehar", password="s3cret")
        daemon = await asyncio.create_subprocess_exec(
            *command,
            cwd="/",
            env={**environment, "CREDENTIALS_DIRECTORY": str(credentials)},
            stderr=subprocess.PIPE,
        )
        try:
            await listener.until(lambda: listener.on("edgehar/pi-kitchen/status") == ["online"])
            daemon.send_signal(signal.SIGTERM)
            _, errors = await daemon.communicate()
            await listener.until(lambda: listener.on("edgehar/pi-kitchen/status")[-1] == "offline")
        finally:
            listener.close()
            if daemon.returncode is None:
                daemon.kill()
    assert daemon.returncode == 0, errors.decode()
