"""`edgehar devices` against sensors that lie still, through real bleak, a fake BlueZ and a real pty."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from bluez import Bluetoothd
from msgspec.structs import replace
from peripherals import sensor
from radio import Characteristic, Peripheral
from shell import edgehar, run

from edgehar.apps.devices import run_trial
from edgehar.config.read import load
from edgehar.devices import PROFILES
from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY, NORDIC_UART_WRITE
from edgehar.errors import SourceLostError
from edgehar.wire.commands import Kind
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import Description, encode_data, encode_description


async def test_scan_lists_what_fits_and_the_strongest_first(bluez: Bluetoothd) -> None:
    near, far, other = (
        sensor("movella_dot", 1),
        sensor("witmotion", 2),
        Peripheral("C0:FF:EE:00:00:09", "TV", gatt={}),
    )
    near.rssi, far.rssi, other.rssi = -50, -80, -30
    bluez.add(far, other, near)
    code, out, _ = await edgehar("devices", "scan", "--seconds", "1", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["address"], row["profiles"]) for row in rows] == [
        (near.address, ["movella_dot"]),
        (far.address, ["witmotion", "witmotion_dual"]),
    ]
    # The fake radio's signal flickers.
    assert [row["signal_dbm"] for row in rows] == pytest.approx([-50, -80], abs=2)
    code, out, _ = await edgehar("devices", "scan", "--seconds", "1", "--all")
    header, *lines = out.splitlines()
    assert header.split() == ["address", "name", "signal", "dbm", "profiles"]
    assert [line.split()[0] for line in lines] == [near.address, far.address, other.address]


async def test_scan_prints_a_name_on_its_own_line_whatever_it_is(bluez: Bluetoothd) -> None:
    rude = sensor("edgehar", 1)
    rude.name = "edgehar\x1b[2J\nC0:FF:EE:00:00:02\u202e ö"
    bluez.add(rude)
    code, out, _ = await edgehar("devices", "scan", "--seconds", "1")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert r"edgehar\u001b[2J\u000aC0:FF:EE:00:00:02\u202e ö" in out


@pytest.mark.parametrize("verb", [["scan"], ["test", "nobody"], ["command", "nobody", "identify"]])
async def test_told_to_end_before_it_has_an_answer_it_says_so(bluez: Bluetoothd, verb: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edgehar",
        "devices",
        *verb,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    # Once it is on the bus, it searches.
    await bluez.until_guests(1)
    process.terminate()
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.endswith(b"\nedgehar: told to end before there was an answer\n")


async def test_scan_of_an_empty_room_says_what_to_look_at(bluez: Bluetoothd) -> None:
    assert bluez
    code, out, err = await edgehar("devices", "scan", "--seconds", "0.5")
    assert (code, out) == (1, "")
    assert "listens for Bluetooth devices for 0.5 s" in err.splitlines()[0]
    assert "no sensor is heard: is it charged" in err


async def test_scan_without_an_adapter_is_one_line(bluez: Bluetoothd) -> None:
    bluez.unplug()
    code, _, err = await edgehar("devices", "scan", "--seconds", "0.5")
    assert code == 1
    assert err.endswith("\nedgehar: there is no Bluetooth adapter: plug one in, or enable the board's own\n")


async def test_a_good_sensor_passes_the_test(bluez: Bluetoothd) -> None:
    bluez.add(sensor("movella_dot", 1))
    code, out, err = await edgehar("devices", "test", "Movella DOT 0001", "--seconds", "3", "--json")
    findings = json.loads(out)
    assert code == 0
    assert re.findall(r"^INFO edgehar\.apps\.\w+: (.*)$", err, re.MULTILINE) == [
        "looks for Movella DOT 0001, for 20 s at most",
        "waits for the first packet of Movella DOT 0001, the Movella DOT (Xsens DOT)",
        "hears it, and listens for 3 s",
    ]
    assert (findings["profile"], findings["battery"], findings["wrong"]) == ("movella_dot", 80, [])
    assert findings["samples_per_s"]["both"] == pytest.approx(60, rel=0.05)
    assert findings["at_rest_m_s2"] == pytest.approx(9.81, rel=0.03)
    assert (findings["lost"], findings["malformed"]) == (0, 0)
    assert findings["longest_pause_s"] < 1


async def test_a_sensor_that_takes_long_to_connect_is_waited_for(
    bluez: Bluetoothd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILES, "thingy52", replace(PROFILES["thingy52"], silence_s=0.25))
    slow = sensor("thingy52", 1)
    slow.connect_delay_s = 0.5
    bluez.add(slow)
    findings = await run_trial(slow.address, profile=None, adapter=None, baud=115200, seconds=0.2)
    assert findings["packets"]


async def test_what_is_told_with_verbose_does_not_grow_with_every_notification(bluez: Bluetoothd) -> None:
    bluez.add(sensor("thingy52", 1))
    address = "C0:FF:EE:00:00:01"
    code, _, err = await edgehar("--verbose", "devices", "test", address, "--seconds", "1")
    assert code == 0
    assert len(err.splitlines()) < 20


async def test_a_sensor_of_another_kind_fails_it(bluez: Bluetoothd) -> None:
    wrong = sensor("thingy52", 1)
    bluez.add(wrong)
    code, _, err = await edgehar("devices", "test", wrong.address, "--profile", "bluest", "--seconds", "2")
    assert code == 1
    assert "it has no characteristic" in err
    assert "is its profile another one?" in err


async def test_of_two_kinds_of_one_name_the_other_is_named(bluez: Bluetoothd) -> None:
    dual = sensor("witmotion_dual", 1)
    bluez.add(dual)
    code, _, err = await edgehar("devices", "test", dual.address, "--seconds", "1")
    assert code == 1
    assert "may be a WitMotion, dual mode too: --profile witmotion_dual" in err
    assert err.splitlines()[-1].endswith("is its profile another one, such as witmotion_dual?")
    code, _, err = await edgehar(
        "devices", "test", dual.address, "--profile", "witmotion_dual", "--seconds", "1"
    )
    assert code == 0, err
    assert "may be a" not in err


class Described(Peripheral):
    """A sensor with edgehar's firmware that may claim another range and rate than it has, and obeys commands."""

    def __init__(self, acc_range_g: int = 16, period_us: int = 20_000) -> None:
        command = Characteristic(NORDIC_UART_WRITE, ("write",), on_write=self._answer)
        gatt = {NORDIC_UART: [Characteristic(NORDIC_UART_NOTIFY, ("notify",)), command]}
        super().__init__("C0:FF:EE:00:00:01", "edgehar", services=[NORDIC_UART], gatt=gatt)
        self._described = encode_description(
            Description("c0ffee000001", period_us, acc_range_g, 2000, battery=41)
        )
        self.deaf = 0

    def bodies(self, i: int) -> list[bytes]:
        counts = np.array([[0, 0, 2048, 0, 0, 0]] * 5, np.int16)
        return [self._described, encode_data(i, i * 100_000, counts)]

    async def live(self) -> None:
        i = 0
        while True:
            for body in self.bodies(i):
                self.notify(NORDIC_UART_NOTIFY, body)
            i += 1
            await asyncio.sleep(0.1)

    def _answer(self, body: bytes) -> None:
        if self.deaf:
            self.deaf -= 1
            return
        asyncio.get_running_loop().call_soon(self.notify, NORDIC_UART_NOTIFY, answer_to(body))


def answer_to(body: bytes) -> bytes:
    """Return an answer as firmware_bridge/README.md lays it out: a rate of 7 µs is refused, all else accepted."""
    refused = body[2] == Kind.SET_RATE and body[3:7] == (7).to_bytes(4, "little")
    echo = body[3:7] if body[2] == Kind.ECHO else bytes(4)
    return bytes((0x12, body[1], body[2], refused)) + bytes(4) + echo


async def test_a_wrong_range_and_a_wrong_rate_fail_it(bluez: Bluetoothd) -> None:
    bluez.add(Described(acc_range_g=4, period_us=10_000))
    code, out, _ = await edgehar("devices", "test", "C0:FF:EE:00:00:01", "--seconds", "3", "--json")
    findings = json.loads(out)
    assert code == 1
    rate, range_ = findings["wrong"]
    assert "samples came per second where 100 are declared" in rate
    assert "a factor of 0.25" in range_
    assert findings["battery"] == 41


async def test_one_that_nobody_hears_is_one_line(bluez: Bluetoothd) -> None:
    assert bluez
    with pytest.raises(SourceLostError, match=r"^nobody is not heard: is it charged, on, near"):
        await run_trial("nobody", profile=None, adapter=None, baud=115200, seconds=1, search_s=0.2)


async def test_assign_writes_what_the_daemon_reads(bluez: Bluetoothd, tmp_path: Path) -> None:
    bluez.add(sensor("movella_dot", 1))
    path = tmp_path / "edgehar.toml"
    assign = ("devices", "assign", "c0:ff:ee:00:00:01", "--wearer", "anna", "-c", str(path), "--placement")
    code, out, _ = await edgehar(*assign, "wrist_left")
    assert code == 0
    assert out in path.read_text()
    [worn] = load(path).wearer[0].ble
    assert (worn.placement, worn.profile, worn.address) == ("wrist_left", "movella_dot", "C0:FF:EE:00:00:01")
    code, _, err = await edgehar(*assign, "tail")
    assert code == 78
    assert "tail" in err
    assert load(path).wearer[0].ble == [worn]


def test_assign_of_a_port_says_who_gave_way(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"

    def assign(port: str, *more: str) -> tuple[int, str, str]:
        worn = ("--wearer", "anna", "--placement", "chest")
        return run("devices", "assign", port, *worn, "-c", path, *more)

    code, out, err = assign("socket://127.0.0.1:7777", "--baud", "9600")
    assert (code, "gave way" in err) == (0, False)
    assert out == '[[wearer.serial]]\nplacement = "chest"\nport = "socket://127.0.0.1:7777"\nbaud = 9600\n'
    code, out, err = assign("/dev/ttyNOWHERE")
    assert code == 0
    assert out in path.read_text()
    assert "there is no /dev/ttyNOWHERE now" in err
    assert "gave way: socket://127.0.0.1:7777 9600, worn by anna at chest" in err.splitlines()
    [anna] = load(path).wearer
    assert [(s.placement, s.port, s.baud) for s in anna.serial] == [("chest", "/dev/ttyNOWHERE", 115200)]
    code, _, err = assign("foo://x:1")
    assert (code, "foo://x:1" in err) == (78, True)
    code, _, err = assign("/dev/ttyNOWHERE", "--profile", "movella_dot")
    assert (code, "edgehar's wire format alone" in err) == (78, True)


@pytest.mark.parametrize(
    ("command", "code", "answer"),
    [
        (["echo", "77"], 0, {"command": "echo", "result": "accepted", "echo": 77}),
        (["set_rate", "7"], 1, {"command": "set_rate", "result": "refused", "echo": 0}),
    ],
)
async def test_a_command_over_bluetooth_is_answered(
    bluez: Bluetoothd, command: Sequence[str], code: int, answer: dict[str, object]
) -> None:
    firmware = Described()
    firmware.deaf = 1  # the first one is not heard, and sent again
    bluez.add(firmware)
    status, out, _ = await edgehar("devices", "command", "edgehar", *command, "--json")
    assert (status, json.loads(out)) == (code, answer)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["42"], 'no command is called "42"; there are start, stop, set_rate, '),
        (["identfy"], 'no command is called "identfy"; did you mean `identify`?'),
        (["set_rate", "0"], "command 0x03 with 0 and 0; 1..10000000 and 0..0 expected"),
    ],
)
def test_a_command_that_is_none_is_refused_in_a_line(command: Sequence[str], line: str) -> None:
    code, _, err = run("devices", "command", "/dev/null", *command)
    assert code == 78
    assert err.startswith(f"edgehar: {line}")


async def test_a_serial_sensor_is_tested_and_commanded() -> None:
    device, end = os.openpty()
    os.set_blocking(device, False)
    firmware, deframer, heard = Described(), Deframer(), list[bytes]()

    def read() -> None:
        for body in deframer.push(os.read(device, 4096)):
            heard.append(body)
            os.write(device, frame(answer_to(body)))

    async def live() -> None:
        i = 0
        while True:
            for body in firmware.bodies(i):
                os.write(device, frame(body))
            i += 1
            await asyncio.sleep(0.1)

    asyncio.get_running_loop().add_reader(device, read)
    living = asyncio.create_task(live())
    try:
        code, out, _ = await edgehar("devices", "test", os.ttyname(end), "--seconds", "2", "--json")
        findings = json.loads(out)
        assert (code, findings["profile"], findings["wrong"]) == (0, "edgehar", [])
        code, out, _ = await edgehar("devices", "command", os.ttyname(end), "identify", "5", "--json")
        assert (code, json.loads(out)["result"]) == (0, "accepted")
        assert [body[2] for body in heard] == [Kind.IDENTIFY]
    finally:
        living.cancel()
        asyncio.get_running_loop().remove_reader(device)
        os.close(device)
        os.close(end)
