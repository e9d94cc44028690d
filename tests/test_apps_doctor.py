"""`edgehar doctor` as a user runs it: on a recording, live, beside a broker and a daemon; and what it says of machine and links."""

import asyncio
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bluez import Bluetoothd
from mosquitto import Mosquitto, free_port
from peripherals import sensor
from shell import edgehar, run

from edgehar.apps.doctor import links, machine
from edgehar.apps.doctor.doctor import Wish, doctor
from edgehar.apps.doctor.links import check_links
from edgehar.apps.doctor.machine import check_machine
from edgehar.apps.doctor.software import check_software
from edgehar.config.read import parse
from edgehar.daemon.daemon import Daemon
from edgehar.pipeline import manifest
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.faults import Faults
from edgehar.sources.simulated.misfits import Misfits
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream

SIMULATED = """
[[wearer]]
id = "anna"
[wearer.simulator]
placements = ["chest"]
"""


def recorded(path: Path, misfits: Misfits) -> Path:
    faults = Faults(misfits=misfits, seed=3)
    script = [("standing", 4.0), ("walking", 16.0)]
    with Writer(path, Header("anna", (Stream("waist"),), epoch=0.0)) as writer:
        for item in Simulator(placements=["waist"], script=script, seed=3, faults=faults).packets():
            writer.push(*item)
    return path


def levels(report: dict[str, Any], check: str) -> list[str]:
    return [finding["level"] for finding in report["findings"] if finding["check"] == check]


def test_a_recording_is_measured_and_compared_with_another(tmp_path: Path) -> None:
    good = recorded(tmp_path / "good.ehr", Misfits(put_on_s=9.0))
    bad = recorded(tmp_path / "bad.ehr", Misfits(put_on_s=9.0, upside_down=True, mirror=["gyr_y"]))
    code, out, _ = run("doctor", "--recording", str(good), "--like", str(good))
    assert code == 0
    assert "anna/waist:" in out
    assert out.splitlines()[-1].endswith("ok, 0 to look at, 0 failed")
    code, out, _ = run("doctor", "--recording", str(bad), "--like", str(good), "--json")
    report = json.loads(out)
    assert code == 1
    assert (levels(report, "axes"), levels(report, "orientation")) == (["fail"], ["warn"])
    assert report["fail"] == 1
    assert report["sensors"]["anna/waist"]["lost"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recording", "nowhere.ehr"], "nowhere.ehr: No such file"),
        (["--recording", "nowhere.ehr", "--wearer", "anna"], "--wearer chooses among those of --config"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--config", "edgehar.toml", "--wearer", "ben"], "there is no ben; there are anna"),
        (["--config", "edgehar.toml", "--like", "nowhere.ehr"], "nowhere.ehr: No such file"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edgehar.toml").write_text(SIMULATED)
    code, _, err = run("doctor", *arguments)
    assert code == 78
    assert message in err


async def test_live_sensors_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(f"{SIMULATED}battery = 3\n[dashboard]\n")
    code, out, err = await edgehar("doctor", "-c", str(path), "--seconds", "3", "--json")
    report = json.loads(out)
    assert code == 1, err
    assert levels(report, "battery") == ["fail"]
    assert len(levels(report, "rate")) == 1
    # Five come in a second, however late a busy machine takes them.
    assert report["sensors"]["anna/chest"]["packets"] >= 10
    assert levels(report, "model") == levels(report, "configuration") == ["ok"]


async def test_a_port_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    text = f'[[wearer]]\nid = "a"\n[[wearer.serial]]\nplacement = "chest"\nport = "{tmp_path}/no"\n'
    report = await doctor(parse(text), Wish(seconds=0))
    [port] = [finding for finding in report["findings"] if finding["check"] == "port"]
    assert (port["level"], "plug the sensor in" in port["fix"]) == ("fail", True)


async def test_the_sensors_of_a_daemon_that_runs_are_left_to_it(tmp_path: Path) -> None:
    with Mosquitto(free_port(), tmp_path) as broker:
        where = f'[gateway]\nid = "pi"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[homeassistant]\n'
        config = parse(where + SIMULATED)
        before = await doctor(config, Wish(seconds=0))
        assert levels(before, "broker echo") == levels(before, "discovery") == ["ok"]
        daemon = Daemon(config)
        running = asyncio.create_task(daemon.run())
        async with asyncio.timeout(30):
            while not (daemon.mqtt and daemon.mqtt.connected and not any(f.unheard for f in daemon.feeds)):
                await asyncio.wait([running], timeout=0.05)
            report = await doctor(config, Wish(seconds=30))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert report["sensors"] == {}
    assert levels(report, "daemon")[0] == "ok"
    [discovery] = [finding for finding in report["findings"] if finding["check"] == "discovery"]
    assert discovery["says"].startswith("1 of 1 wearers")


async def test_a_broker_that_is_not_there_fails_with_the_stage_and_the_fix() -> None:
    config = parse(f'[mqtt]\nhost = "127.0.0.1"\nport = {free_port()}\n{SIMULATED}')
    report = await doctor(config, Wish(seconds=0))
    [stage] = [finding for finding in report["findings"] if finding["check"] == "broker connection"]
    assert (stage["level"], "check `port`" in stage["fix"]) == ("fail", True)


async def test_the_radio_is_tried(bluez: Bluetoothd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SCAN_S", 0.5)
    bluez.add(sensor("movella_dot", 1))
    config = parse('[[wearer]]\nid = "a"\n[[wearer.ble]]\nplacement = "chest"\nprofile = "movella_dot"\n')
    [finding] = await check_links(config, is_in_use=False, sys=tmp_path)
    assert (finding.level, finding.says) == ("ok", "1 devices are heard within 0.5 s")
    [finding] = await check_links(config, is_in_use=True, sys=tmp_path)
    assert finding.says == "is left to the daemon that runs"
    switch = tmp_path / "class/rfkill/rfkill0"
    switch.mkdir(parents=True)
    for name, text in (("type", "bluetooth"), ("hard", "0"), ("soft", "1")):
        (switch / name).write_text(text)
    [finding] = await check_links(config, is_in_use=False, sys=tmp_path)
    assert (finding.level, finding.fix) == ("fail", "rfkill unblock bluetooth, then bluetoothctl power on")


def test_heat_throttling_memory_and_disk_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone, firmware = tmp_path / "class/thermal/thermal_zone0", tmp_path / "devices/platform/soc/soc:firmware"
    for folder in (zone, firmware):
        folder.mkdir(parents=True)
    (zone / "temp").write_text("84300\n")
    (firmware / "get_throttled").write_text("50005\n")
    (tmp_path / "meminfo").write_text("MemTotal: 900000 kB\nMemAvailable:   40960 kB\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50 * 2**20))
    findings = {f.check: f for f in check_machine(tmp_path, tmp_path, tmp_path)}
    assert {check: f.level for check, f in findings.items() if check != "clock"} == {
        "state": "ok",
        "disk": "fail",
        "memory": "warn",
        "temperature": "warn",
        "power": "fail",
    }
    assert findings["power"].says.startswith("its voltage is too low now and it is throttled now")
    (firmware / "get_throttled").write_text("0\n")
    assert {f.check: f.level for f in check_machine(tmp_path, tmp_path, tmp_path)}["power"] == "ok"


def test_the_clock_is_kept_or_not_and_not_of_before_the_installation() -> None:
    assert [f.level for f in machine._check_clock(1e9, synchronized=True)] == ["fail"]
    assert [f.level for f in machine._check_clock(2e9, synchronized=False)] == ["warn"]
    assert [f.level for f in machine._check_clock(2e9, synchronized=True)] == ["ok"]


def test_a_network_that_is_another_than_its_manifest_names(tmp_path: Path) -> None:
    source = manifest.find("imu_tcn")
    for suffix in (".json", ".tflite"):
        shutil.copy(source.with_suffix(suffix), tmp_path / f"imu_tcn{suffix}")
    with (tmp_path / "imu_tcn.tflite").open("ab") as file:
        file.write(b"\0")
    config = parse(f'[model]\npath = "{tmp_path}/imu_tcn.json"\n{SIMULATED}')
    [model] = [f for f in check_software(config, None) if f.check == "model"]
    assert (model.level, "is another than its manifest names" in model.says) == ("fail", True)


def test_a_service_that_is_restarted_again_and_again() -> None:
    service = {"unit": "edgehar.service", "active": "active", "sub": "running", "says": None, "restarts": 7}
    [finding] = [f for f in check_software(parse(SIMULATED), service) if f.check == "service"]
    assert (finding.level, finding.fix) == ("warn", "journalctl -u edgehar -n 50 says why")
