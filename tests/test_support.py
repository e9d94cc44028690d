"""The bundle for who is to help: what is in it, and that no name and no secret is."""

import json
import os
import resource
import stat
import zipfile
from pathlib import Path

import pytest
from shell import ended, run, start

from edgehar.apps.redaction import Redaction
from edgehar.config.read import parse

PLANTED = {
    "mqtt password": "hunter2-hunter2",
    "page token": "tok-3f9a77",
    "camera user": "camuser",
    "camera password": "campass",
    "camera host": "cam.kitchen.lan",
    "parameter": "sekrit99",
    "wearer": "annemarie",
    "MAC": "D4:CA:6E:F1:00:01",
    "broker": "broker.example.invalid",
    "account": "gatewayaccount",
    "address": "192.168.178.77",
    "IPv6": "fd00:12:34::beef",
    "serial number": "usb-Maker_Sensor_0042AABB",
    "phone": "pixel-of-annemarie",
    "gateway": "annes-pi",
}

CONFIG = """
[gateway]
id = "annes-pi"
[mqtt]
host = "broker.example.invalid"
username = "gatewayaccount"
password_file = "./password"
[dashboard]
listen = "0.0.0.0:8765"
token_file = "./token"
[[wearer]]
id = "annemarie"
[[wearer.serial]]
placement = "chest"
port = "/dev/serial/by-id/usb-Maker_Sensor_0042AABB"
[[wearer.ble]]
placement = "wrist_left"
profile = "movella_dot"
address = "D4:CA:6E:F1:00:01"
[[wearer.phone]]
placement = "trouser_pocket"
listen = "192.168.178.77:8000"
device = "pixel-of-annemarie"
[[wearer.camera]]
device = "rtsp://camuser:campass@cam.kitchen.lan/stream?token=sekrit99"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration full of names, on a machine whose journal tells all of them."""
    (tmp_path / "password").write_text(PLANTED["mqtt password"])
    (tmp_path / "token").write_text(PLANTED["page token"])
    journal = tmp_path / "bin/journalctl"
    journal.parent.mkdir()
    lines = "\n".join(f"2026-12-01T10:11:12+0000 edgehar[7]: saw {value}." for value in PLANTED.values())
    journal.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\n")
    journal.chmod(0o755)
    monkeypatch.setenv("PATH", f"{journal.parent}:{os.environ['PATH']}")
    path = tmp_path / "edgehar.toml"
    path.write_text(CONFIG)
    return path


def contents(bundle: Path) -> dict[str, str]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_nothing_that_names_anybody_is_in_the_bundle(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    code, listed, err = run("support", "-c", str(config), "--out", str(out), "--json")
    assert code == 0, err
    files = contents(out)
    names = ["config.json", "doctor.json", "health.json", "models.json", "service.log", "versions.json"]
    assert sorted(files) == sorted(json.loads(listed)["files"]) == names
    for name in names:
        assert name in err
    whole = "\n".join(files.values()).lower()
    leaked = [what for what, value in PLANTED.items() if value.lower() in whole]
    assert leaked == []
    assert os.uname().nodename.lower() not in whole
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_what_helps_is_in_the_bundle(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    assert run("support", "-c", str(config), "--out", str(out))[0] == 0
    files = contents(out)
    keys = json.loads(files["config.json"])
    assert keys["mqtt.port"] == {"value": 1883, "origin": "default"}
    assert keys["wearer[0].ble[0].profile"]["value"] == "movella_dot"
    assert keys["wearer[0].ble[0].address"]["value"].startswith("<")
    # The same name is the same stand-in everywhere.
    wearer = keys["wearer[0].id"]["value"]
    assert wearer in files["service.log"]
    assert "2026-12-01T10:11:12+0000 edgehar[7]: saw" in files["service.log"]
    assert "broker name" in {f["check"] for f in json.loads(files["doctor.json"])["findings"]}
    assert json.loads(files["models.json"])[0]["model"].startswith("imu_tcn@")
    assert "numpy" in json.loads(files["versions.json"])


def test_a_configuration_that_cannot_be_used_still_makes_a_bundle(config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG.replace('profile = "movella_dot"', 'profile = "annemarie"'))
    out = tmp_path / "bundle.zip"
    assert run("support", "-c", str(config), "--out", str(out))[0] == 0
    files = contents(out)
    assert "profile" in files["config.json"]
    assert set(files) == {"config.json", "versions.json", "service.log"}
    whole = "\n".join(files.values()).lower()
    # Content of secrets is nowhere in the file, and in no log.
    leaked = {what for what, value in PLANTED.items() if value.lower() in whole}
    assert leaked <= {"mqtt password", "page token"}
    assert "2026-12-01T10:11:12+0000 edgehar[7]: saw" in files["service.log"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_of_a_configuration_that_cannot_be_read_no_log_is_told(
    content: bytes | None, config: Path, tmp_path: Path
) -> None:
    config.unlink()
    if content is not None:
        config.write_bytes(content)
    out = tmp_path / "bundle.zip"
    code, _, err = run("support", "-c", str(config), "--out", str(out))
    assert (code, "edgehar.toml: cannot be read" in err) == (0, True)
    assert contents(out)["service.log"].startswith("left out: ")


async def test_a_full_disk_leaves_no_half_bundle(config: Path, tmp_path: Path) -> None:
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    out = tmp_path / "bundle.zip"
    process = await start("support", "-c", str(config), "--out", str(out), before=fill)
    code, _, err = await ended(process)
    assert (code, "bundle.zip: cannot be written: File too large" in err) == (78, True)
    assert not out.exists()


def test_a_file_that_is_there_is_not_overwritten(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    out.write_text("precious")
    code, _, err = run("support", "-c", str(config), "--out", str(out))
    assert (code, "is there already" in err) == (78, True)
    assert out.read_text() == "precious"
    code, _, err = run("support", "-c", str(config), "--out", str(tmp_path / "no" / "b.zip"))
    assert (code, "cannot be written" in err) == (78, True)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("at 10:11:12 from 10.0.0.7", "at 10:11:12 from <IP>"),
        ("loopback 127.0.0.1:1883", "loopback 127.0.0.1:1883"),
        ("fe80::1 and fd00:12:34::beef", "<IP> and <IP>"),
        ("saw aa:bb:cc:dd:ee:ff", "saw <MAC>"),
        ("http://u:p@cam/x?user=me&n=1", "http://cam/x?user=...&n=1"),
        ("wearer al, also", "wearer <WEARER-1>, also"),
        ("AL/chest", "<WEARER-1>/chest"),
        ("me@house.org", "<MAIL>"),
        ("free where /home/mueller/state is", "free where /home/<USER>/state is"),
    ],
)
def test_a_line_without_names(text: str, redacted: str) -> None:
    config = parse('[[wearer]]\nid = "al"\n[wearer.simulator]\nplacements = ["chest"]\n')
    assert Redaction(config).text(text) == redacted
