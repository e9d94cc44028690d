"""deploy/install.sh on a machine with this one's files: run for real, by pip and systemd, and taken away again."""

import asyncio
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bluez import Bluetoothd
from conftest import ROOT, lacking
from machine import Machine
from mosquitto import Mosquitto, free_port, program
from peripherals import sensor
from published import int8_file

SCRIPT = ROOT / "deploy" / "install.sh"
CONFIG = """
[gateway]
id = "pi"

[mqtt]
host = "127.0.0.1"
port = {port}
username = "edgehar"
password_file = "mqtt-password"

[[wearer]]
id = "anna"

[wearer.simulator]
placements = ["wrist_left"]
"""
LEAVINGS = (
    "etc/.pwd.lock",
    *(f"etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow")),
    "run",
    "srv",
    "tmp",
    "wheels",
    "var/log",
    "var/cache/ldconfig",
    "root",
)
"""What the tests themselves put there, and shadow's own copies."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with wheels of edgehar, of all that it needs to run and of what builds it, for Debian's Python."""
    folder = tmp_path_factory.mktemp("wheels")
    environment = folder / "venv"
    for command in (
        ["/usr/bin/python3", "-m", "venv", str(environment)],
        [
            f"{environment}/bin/pip",
            "wheel",
            "--quiet",
            "--wheel-dir",
            str(folder),
            f"{ROOT}[camera]",
            "hatchling",
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "ensurepip" in done.stdout:
            lacking("/usr/bin/python3 with venv (apt install python3-venv)")
        assert done.returncode == 0, done.stderr
    shutil.rmtree(environment)
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    folder.mkdir()
    with Machine(folder) as machine:
        machine.copy_checkout()
        yield machine


def install(machine: Machine, *options: str | Path, wheels: Path | None = None) -> tuple[int, str, str]:
    """Run the script there; with `wheels` pip has these alone."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_NO_COMPILE": "1"} if wheels else {}
    if wheels and not (machine.root / "wheels").exists():
        shutil.copytree(wheels, machine.root / "wheels")
    done = machine.run("bash", "/srv/edgehar/deploy/install.sh", *options, **offline)
    return done.returncode, done.stdout, done.stderr


def changed(machine: Machine) -> dict[str, object]:
    """Return all that is not as on this machine, by path: what a file holds, or its type."""
    differs: dict[str, object] = {}
    for path in sorted(machine.changes.rglob("*")):
        name = str(path.relative_to(machine.changes))
        if any(name == left or name.startswith(f"{left}/") for left in LEAVINGS):
            continue
        mode = path.lstat().st_mode
        here = Path("/") / name
        if stat.S_ISDIR(mode):
            if not here.is_dir():
                differs[name] = "a folder"
        elif stat.S_ISCHR(mode):
            # What is deleted in an overlay; the rest was never here.
            if os.path.lexists(here):
                differs[name] = "deleted"
        elif stat.S_ISLNK(mode):
            differs[name] = f"to {path.readlink()}"
        elif not here.is_file() or here.read_bytes() != path.read_bytes():
            differs[name] = path.read_bytes()
    return differs


def test_shellcheck_has_nothing_to_say() -> None:
    shellcheck = shutil.which("shellcheck") or lacking("shellcheck (apt install shellcheck)")
    scripts = list((ROOT / "deploy").rglob("*.sh"))
    assert SCRIPT in scripts
    done = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_dry_run_tells_every_step_and_changes_nothing(machine: Machine) -> None:
    before = changed(machine)
    code, out, errors = install(machine, "--dry-run")
    assert (code, errors) == (0, "")
    for step in (
        "/usr/bin/python3 -m venv /opt/edgehar.1",
        "pip install --quiet --no-input --disable-pip-version-check --upgrade /srv/edgehar\\[camera\\]\n",
        "useradd --system",
        "/srv/edgehar/deploy/edgehar.toml /etc/edgehar/edgehar.example.toml",
        "ln -sfn /opt/edgehar/bin/edgehar /usr/local/bin/edgehar",
        "/etc/systemd/system/edgehar.service",
        "/etc/udev/rules.d/60-edgehar.rules",
        "systemctl enable",
        "config check",
    ):
        assert step in out, step
    code, out, _ = install(machine, "--from-index", "--dry-run")
    assert (code, "--upgrade edgehar\\[camera\\]\n" in out) == (0, True)
    assert changed(machine) == before


def test_a_dry_run_of_a_removal_names_what_would_go_and_says_that_nothing_went(machine: Machine) -> None:
    (machine.root / "opt/edgehar.1").mkdir()
    before = changed(machine)
    code, out, errors = install(machine, "--uninstall", "--purge", "--dry-run")
    assert (code, errors) == (0, "")
    assert "+ rm -rf /etc/edgehar" in out
    assert " /opt/edgehar /opt/edgehar.1 " in out
    assert "*" not in out
    assert out.endswith("\nNothing was removed.\n")
    assert changed(machine) == before


def test_a_dry_run_needs_no_root(machine: Machine) -> None:
    script = "/srv/edgehar/deploy/install.sh"
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert machine.run(*as_nobody, "bash", script, "--dry-run").returncode == 0
    refused = machine.run(*as_nobody, "bash", script)
    assert refused.returncode == 1
    assert refused.stderr == f"install.sh: needs root: sudo bash {script}\n"


def make_python(machine: Machine, body: str) -> Path:
    path = machine.root / "usr/local/bin/some-python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Path("/usr/local/bin/some-python")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--form"], "unknown option --form; see --help"),
        (["--from"], "--from needs a path"),
        (["--from", "/etc"], "/etc is neither a wheel nor a checkout"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--python", "/nowhere"], "/nowhere does not run: apt install python3 python3-venv"),
    ],
)
def test_options_that_do_not_fit_are_refused(machine: Machine, options: list[str], says: str) -> None:
    code, _, errors = install(machine, *options)
    assert code == 1
    assert says in errors


def test_another_system_is_refused(machine: Machine) -> None:
    (machine.root / "etc/os-release").unlink()
    (machine.root / "etc/os-release").write_text("ID=fedora\n")
    code, _, errors = install(machine)
    assert code == 1
    assert "made for Raspberry Pi OS, Debian and Ubuntu, and this is  fedora" in errors


def test_a_system_without_systemd_is_refused(machine: Machine) -> None:
    (machine.root / "usr/bin/systemctl").unlink()
    code, _, errors = install(machine)
    assert code == 1
    assert "needs systemd, and there is no systemctl" in errors


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('echo "3.9 False"', "needs Python 3.11 or newer, and /usr/local/bin/some-python is 3.9;"),
        (
            '[ "$2" = "import venv, ensurepip" ] && exit 1; exec /usr/bin/python3 "$@"',
            "apt install python3-venv",
        ),
    ],
    ids=["too old", "no venv"],
)
def test_a_python_that_does_not_do_is_refused_before_anything_changes(
    machine: Machine, body: str, says: str
) -> None:
    python = make_python(machine, body)
    before = changed(machine)
    code, _, errors = install(machine, "--python", python)
    assert code == 1
    assert says in errors
    assert changed(machine) == before


def state_of(machine: Machine) -> dict[str, str]:
    properties = "MainPID,ActiveState,SubState,StatusText,NRestarts,User,UnitFileState"
    shown = machine.run("systemctl", "show", "edgehar", f"--property={properties}").stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def put_settings(machine: Machine, config: str) -> Path:
    """Write the configuration, and the broker's password where the service gets it from; return the former's path."""
    path, password = (
        machine.root / name for name in ("etc/edgehar/edgehar.toml", "etc/credstore/edgehar.mqtt-password")
    )
    for file, text in ((path, config), (password, "s3cret\n")):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    password.chmod(0o600)
    return path


def heard(broker: Mosquitto, topic: str) -> str:
    """Return the next payload on a topic, or what is retained there."""
    command = [program("mosquitto_sub"), "-p", str(broker.port), "-u", "edgehar", "-P", "s3cret"]
    done = subprocess.run(
        [*command, "-t", topic, "-C", "1", "-W", "60"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def heard_but(broker: Mosquitto, topic: str, passing: str) -> str:
    """Return what is told on a topic, once that is something else."""
    until = time.monotonic() + 60
    while (told := heard(broker, topic)) == passing:
        assert time.monotonic() < until, told
    return told


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    users = tmp_path / "users"
    passwords = [program("mosquitto_passwd"), "-c", "-b", str(users), "edgehar", "s3cret"]
    subprocess.run(passwords, check=True, capture_output=True)
    access = f"allow_anonymous false\npassword_file {users}"
    with Mosquitto(free_port(), tmp_path, access=access) as broker:
        yield broker


@pytest.fixture
def booted(tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "booted"
    folder.mkdir()
    with Machine(folder, boots=True) as machine:
        machine.copy_checkout()
        yield machine


@pytest.mark.timeout(600)
def test_a_machine_is_installed_updated_and_left_as_it_was(
    booted: Machine, broker: Mosquitto, wheels: Path, data: Path
) -> None:
    """One machine through its life, as each installation takes some ten seconds."""
    (booted.root / "etc/udev/rules.d").mkdir(parents=True, exist_ok=True)
    before = changed(booted)
    config = put_settings(booted, CONFIG.format(port=broker.port))
    first = installs_and_runs(booted, broker, wheels)
    is_ready_for_a_camera(booted, data)
    survives_what_pip_cannot_build(booted, wheels, first)
    is_updated(booted, wheels, first, config)
    code, _, errors = install(booted, "--uninstall")
    assert (code, errors) == (0, "")
    assert config.exists()
    assert state_of(booted)["ActiveState"] == "inactive"
    assert heard(broker, "edgehar/pi/status") == "offline"
    code, _, errors = install(booted, "--uninstall", "--purge")
    assert (code, errors) == (0, "")
    (booted.root / "etc/credstore").rmdir()
    assert changed(booted) == before


def installs_and_runs(machine: Machine, broker: Mosquitto, wheels: Path) -> dict[str, str]:
    code, out, errors = install(machine, "--from-index", wheels=wheels)
    log = machine.run("journalctl", "-u", "edgehar").stdout
    assert code == 0, errors + log
    assert "edgehar runs. Next: `systemctl status edgehar`" in out
    state = state_of(machine)
    assert (state["ActiveState"], state["User"], state["UnitFileState"]) == (
        "active",
        "edgehar",
        "enabled",
    ), log
    # The password came, and the network answers where nothing may be both written and executed.
    assert heard(broker, "edgehar/pi/status") == "online"
    assert heard(broker, "edgehar/pi/anna/activity")
    assert machine.run("stat", "-c", "%U %a", "/var/lib/edgehar").stdout == "edgehar 700\n"
    assert {"dialout", "video"} <= {*machine.run("id", "-nG", "edgehar").stdout.split()}
    return state


def is_ready_for_a_camera(machine: Machine, data: Path) -> None:
    """Check that the service reads frames and the weights that root has pulled."""
    shutil.copy(int8_file(data), machine.root / "srv/weights.tflite")
    pulled = machine.run(
        "/usr/local/bin/edgehar", "models", "pull", "movenet-lightning", "--from-file", "/srv/weights.tflite"
    )
    assert pulled.returncode == 0, pulled.stderr
    as_service = ("runuser", "-u", "edgehar", "--")
    told = machine.run(*as_service, "/usr/local/bin/edgehar", "models", "info", "movenet-lightning")
    assert "path: /var/cache/edgehar/movenet-lightning.tflite\n" in told.stdout, told.stderr
    assert machine.run("stat", "-c", "%U", "/var/cache/edgehar").stdout == "edgehar\n"
    reads = machine.run(*as_service, "/opt/edgehar/bin/python", "-W", "error", "-c", "import cv2")
    assert reads.returncode == 0, reads.stderr


def survives_what_pip_cannot_build(machine: Machine, wheels: Path, first: dict[str, str]) -> None:
    (machine.root / "srv/edgehar-9-py3-none-any.whl").write_bytes(b"no wheel")
    code, _, errors = install(machine, "--from", "/srv/edgehar-9-py3-none-any.whl", wheels=wheels)
    assert code == 1
    assert "pip could not install /srv/edgehar-9-py3-none-any.whl" in errors
    assert "what was installed before is in use" in errors
    assert state_of(machine)["MainPID"] == first["MainPID"]


def is_updated(machine: Machine, wheels: Path, first: dict[str, str], config: Path) -> None:
    text = config.read_text()
    code, out, errors = install(machine, wheels=wheels)
    assert code == 0, errors
    assert "Keeping /etc/edgehar/edgehar.toml." in out
    assert config.read_text() == text
    second = state_of(machine)
    assert (second["ActiveState"], second["NRestarts"]) == ("active", "0")
    assert second["MainPID"] != first["MainPID"]
    assert (machine.root / "opt/edgehar").readlink() == Path("/opt/edgehar.2")
    assert not (machine.root / "opt/edgehar.1").exists()


def runs_as_it_was_once(machine: Machine) -> None:
    """Start the service as a user that systemd makes up, and give it some state."""
    unit = machine.root / "etc/systemd/system/edgehar.service"
    keeping = "ExecStart=/bin/sh -c 'touch /var/lib/edgehar/kept && exec sleep infinity'"
    unit.write_text(f"[Service]\nType=exec\nDynamicUser=yes\nStateDirectory=edgehar\n{keeping}\n")
    started = machine.run("systemctl", "start", "edgehar")
    assert started.returncode == 0, started.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_update_that_does_not_start_goes_back_to_what_ran(
    booted: Machine, broker: Mosquitto, wheels: Path
) -> None:
    config = booted.root / "etc/edgehar/edgehar.toml"
    config.parent.mkdir()
    # The file where the password lay before there was a script.
    (config.parent / "mqtt-password").write_text("s3cret\n")
    config.write_text(CONFIG.format(port=broker.port))
    runs_as_it_was_once(booted)
    first = installs_and_runs(booted, broker, wheels)
    assert booted.run("stat", "-c", "%U", "/var/lib/edgehar/kept").stdout == "edgehar\n"
    moved = booted.root / "etc/credstore/edgehar.mqtt-password"
    assert (moved.read_text(), moved.stat().st_mode & 0o777) == ("s3cret\n", 0o600)
    assert not (config.parent / "mqtt-password").exists()
    unit = booted.root / "srv/edgehar/deploy/edgehar.service"
    unit.write_text(unit.read_text().replace("edgehar run", "edgehar walk"))
    code, _, errors = install(booted, "--from", "/srv/edgehar", wheels=wheels)
    assert code == 1
    assert "the new edgehar did not start: journalctl -u edgehar says why" in errors
    assert "in use again" in errors
    state = state_of(booted)
    assert state["ActiveState"] == "active"
    assert state["MainPID"] != first["MainPID"]
    assert (booted.root / "opt/edgehar").readlink() == Path("/opt/edgehar.1")
    # An update that refuses the configuration never takes the place of what runs.
    newer = booted.root / "srv/edgehar/edgehar/config/schema.py"
    newer.write_text(newer.read_text().replace("    simulator: Annot", "    simulated: Annot"))
    code, _, errors = install(booted, "--from", "/srv/edgehar", wheels=wheels)
    assert code == 1
    assert "the new edgehar refuses /etc/edgehar/edgehar.toml" in errors
    assert state_of(booted)["MainPID"] == state["MainPID"]


BLUEZ_POLICY = """<busconfig>
  <policy user="root"><allow own="org.bluez"/></policy>
  <policy group="bluetooth"><allow send_destination="org.bluez"/></policy>
  <policy context="default"><deny send_destination="org.bluez"/></policy>
</busconfig>
"""


class SystemBus(NamedTuple):
    """Bus of another machine, for an org.bluez there."""

    path: Path
    is_running: bool = True


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_service_hears_a_sensor_where_only_the_group_bluetooth_may_speak_with_bluez(
    booted: Machine, broker: Mosquitto, wheels: Path
) -> None:
    (booted.root / "etc/dbus-1/system.d/bluetooth.conf").write_text(BLUEZ_POLICY)
    for command in ("groupadd --system bluetooth", "systemctl reload dbus"):
        assert (await asyncio.to_thread(booted.run, *command.split())).returncode == 0
    bus = SystemBus(Path(f"/proc/{booted.first}/root/run/dbus/system_bus_socket"))
    bluetoothd = Bluetoothd(bus)  # type: ignore[arg-type] # of a bus it wants to know where it is
    await bluetoothd.start()
    bluetoothd.add(sensor("edgehar", 1))
    config = CONFIG.format(port=broker.port).partition("[wearer.simulator]")[0]
    config += '[[wearer.ble]]\nplacement = "wrist_left"\nprofile = "edgehar"\n'
    await asyncio.to_thread(put_settings, booted, config)
    try:
        code, _, errors = await asyncio.to_thread(install, booted, wheels=wheels)
        assert code == 0, errors
        assert "bluetooth" in (await asyncio.to_thread(booted.run, "id", "-nG", "edgehar")).stdout.split()
        told = await asyncio.to_thread(heard_but, broker, "edgehar/pi/anna/activity", "no_signal")
        assert told
    finally:
        await bluetoothd.take_away()
        await bluetoothd.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_systemd_running_it_is_enabled_and_in_the_place_of_an_environment_made_by_hand(
    machine: Machine, wheels: Path
) -> None:
    by_hand = machine.root / "opt/edgehar"
    by_hand.mkdir()
    (by_hand / "hint").write_text("made by hand")
    code, out, errors = install(machine, wheels=wheels)
    assert code == 0, errors
    assert "Next: `sudo edgehar init /etc/edgehar/edgehar.toml`" in out
    assert not (machine.root / "etc/edgehar/edgehar.toml").exists()
    assert (machine.root / "usr/local/bin/edgehar").readlink() == Path("/opt/edgehar/bin/edgehar")
    assert machine.run("/usr/local/bin/edgehar", "--version").returncode == 0
    assert (machine.root / "etc/systemd/system/multi-user.target.wants/edgehar.service").is_symlink()
    assert by_hand.readlink() == Path("/opt/edgehar.1")
    assert not (machine.root / "opt/edgehar.by-hand").exists()
    example = machine.root / "etc/edgehar/edgehar.example.toml"
    (machine.root / "etc/edgehar/edgehar.toml").write_text(example.read_text())
    code, out, errors = install(machine, wheels=wheels)
    assert "Next: edit /etc/edgehar/edgehar.toml" in out
    assert "wearer `anna` needs sensors" in errors
    (machine.root / "etc/edgehar/edgehar.toml").write_text(CONFIG.format(port=1883))
    code, out, errors = install(machine, wheels=wheels)
    assert code == 0, errors
    assert "edgehar starts with the next boot" in out
