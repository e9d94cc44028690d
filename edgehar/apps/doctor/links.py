"""The ways to sensors, before any of them is listened to: the radio, serial ports, cameras."""

import os
from collections.abc import Iterator
from pathlib import Path

from edgehar.config.schema import Config
from edgehar.errors import EdgeharError, SourceLostError
from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn
from edgehar.sources.device_user import user_of

SCAN_S = 3.0
"""Time for which the adapter is tried, s."""

_RADIO_FIX = "bring a sensor near and switch it on; `edgehar devices scan --all` shows all that is heard"


async def check_links(config: Config, *, is_in_use: bool, sys: Path = Path("/sys")) -> list[Finding]:
    """Return what is to be said of the ways to all sensors; with `is_in_use` by a daemon nothing is opened."""
    findings = [*await _check_radio(config, is_in_use=is_in_use, sys=sys)]
    for wearer in config.wearer:
        findings += [*_check_ports([sensor.port for sensor in wearer.serial], is_in_use=is_in_use)]
        for camera in wearer.camera:
            findings.append(_check_camera(camera.device, camera.weights, is_in_use=is_in_use))
    return findings


async def _check_radio(config: Config, *, is_in_use: bool, sys: Path) -> list[Finding]:
    if not any(wearer.ble for wearer in config.wearer):
        return []
    blocked = [*_blocks(sys)]
    if blocked:
        return blocked
    if is_in_use:
        return [ok("bluetooth", "is left to the daemon that runs")]
    from edgehar.sources.bluetooth.radio import Radio, Sighting  # noqa: PLC0415 - loaded by who has such a sensor

    heard = set[str]()

    def note(sighting: Sighting) -> None:
        heard.add(sighting.address)

    try:
        await Radio(config.bluetooth.adapter).listen(note, SCAN_S)
    except SourceLostError as error:
        what, _, fix = str(error).partition(": ")
        return [fail("bluetooth", what, fix or "see `bluetoothctl list` and `systemctl status bluetooth`")]
    says = f"{len(heard)} devices are heard within {SCAN_S:g} s"
    return [ok("bluetooth", says) if heard else warn("bluetooth", says, _RADIO_FIX)]


def _blocks(sys: Path) -> Iterator[Finding]:
    """Yield a finding for each switch that keeps Bluetooth off (rfkill), and one if there is no adapter."""
    for switch in sorted(sys.glob("class/rfkill/*")):
        if _text(switch / "type") == "bluetooth":
            if _text(switch / "hard") == "1":
                yield fail(
                    "bluetooth",
                    "a switch of the machine keeps it off",
                    "turn on the machine's radio switch or key",
                )
            elif _text(switch / "soft") == "1":
                yield fail(
                    "bluetooth", "it is blocked", "rfkill unblock bluetooth, then bluetoothctl power on"
                )


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except OSError:
        return ""


def _check_ports(ports: list[str], *, is_in_use: bool) -> Iterator[Finding]:
    for port in ports:
        if "://" in port:
            continue
        path = Path(port)
        if not path.exists():
            yield fail(
                "port",
                f"{port} does not exist",
                "plug the sensor in; `ls /dev/serial/by-id` shows what is there",
            )
        elif not os.access(path, os.R_OK | os.W_OK):
            yield fail(
                "port", f"this user may not open {port}", "sudo usermod -aG dialout NAME, then log in again"
            )
        elif not is_in_use and (user := user_of(port)):
            yield fail("port", f"{port} is in use by {user}", "close that first")
        else:
            yield ok("port", f"{port} is there, and may be opened")


def _check_camera(device: str, weights: str | None, *, is_in_use: bool) -> Finding:
    from edgehar.sources.camera.address import parse, refuse_misfit  # noqa: PLC0415 - loaded by who has a camera
    from edgehar.sources.camera.weights import find_weights  # noqa: PLC0415 - the same

    try:
        address = parse(device)
        if not is_in_use:
            refuse_misfit(address)
        path = find_weights(Path(weights) if weights else None)
    except EdgeharError as error:
        what, _, fix = str(error).partition(": ")
        return fail("camera", what, fix or "see deploy/sensors.md, A webcam")
    return ok("camera", f"{address.name} is there, and so are MoveNet's weights ({path})")
