"""The boards' examples, compiled against stubs of their boards' names and run on a simulated clock and chip."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from firmware import BRIDGE, SANITIZED, STRICT, run, tool

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.types import STANDARD_GRAVITY
from edgehar.wire.commands import Answer, Kind, Result, decode_answer, encode_command, is_answer
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import Description

EXAMPLES, STUBS = BRIDGE / "examples", BRIDGE / "tests" / "stubs"
FLAGS = (*STRICT, *SANITIZED, "-I", BRIDGE, "-I", EXAMPLES)
COMMANDS = (encode_command(1, Kind.ECHO, 0xC0FFEE), encode_command(2, Kind.IDENTIFY, 1))


def program(folder: Path, main: tuple[str | Path, ...]) -> Path:
    """Build the example with the two C files that are copied beside it; return the path."""
    objects = []
    for source in (BRIDGE / "imu_link.c", EXAMPLES / "sensor.c"):
        objects.append(folder / f"{source.stem}.o")
        run([tool("gcc"), "-std=c99", *FLAGS, "-c", source, "-o", objects[-1]])
    run([*main, *FLAGS, *objects, "-o", folder / "program"])
    return folder / "program"


def sketch(name: str, *defines: str) -> tuple[str | Path, ...]:
    path = EXAMPLES / name / f"{name}.ino"
    stubs = STUBS / "arduino"
    return (tool("g++"), "-std=gnu++14", f'-DSKETCH="{path}"', *defines, "-I", stubs, stubs / "main.cpp")


def pico() -> tuple[str | Path, ...]:
    return (tool("gcc"), "-std=c99", "-I", STUBS / "pico", EXAMPLES / "pico" / "main.c")


def three_seconds(program: Path, received: bytes) -> bytes:
    """Return what the example sends until the simulated clock ends it."""
    done = subprocess.run([program], input=received, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return done.stdout


def check_at_rest(bodies: list[bytes], device: str, samples: int, gyr_counts: tuple[int, ...]) -> Description:
    """Check all that a gateway can see of a sensor at rest for three seconds; return its description."""
    reader = EdgeharReader()
    packets = [packet for body in bodies for packet in reader.push(body)]
    assert reader.description is not None
    assert reader.description.device == device
    assert (reader.malformed, reader.lost, reader.restarts, reader.undescribed) == (0, 0, 0, 0)
    assert len(packets) == 149 // samples
    assert {len(packet.values) for packet in packets} == {samples}
    at_rest = packets[-1].values * packets[-1].scale
    np.testing.assert_allclose(at_rest[:, :3], np.tile([0, 0, STANDARD_GRAVITY], (samples, 1)), rtol=1e-3)
    np.testing.assert_array_equal(packets[-1].values[:, 3:], np.tile(gyr_counts, (samples, 1)))
    steps = np.diff([packet.ticks_us or 0 for packet in packets])
    assert np.abs(steps - samples * 20_000).max() <= 1_000
    return reader.description


def answers(bodies: list[bytes]) -> list[Answer]:
    return [decode_answer(body) for body in bodies if is_answer(body)]


@pytest.mark.parametrize(
    ("name", "defines", "device", "gyr_range_dps"),
    [
        ("xiao_nrf52840_sense", [], "e65544332211", 2294),
        ("esp32", [], "112233445566", 2000),
        ("esp32", ["-DWITH_LSM6DS3"], "112233445566", 2294),
        ("pico", [], "112233445566", 2000),
    ],
    ids=["xiao", "esp32", "esp32_lsm6ds3", "pico"],
)
def test_a_board_on_a_stream_sends_what_its_chip_measures_and_answers(
    name: str, defines: list[str], device: str, gyr_range_dps: int, tmp_path: Path
) -> None:
    main = pico() if name == "pico" else sketch(name, *defines)
    stream = b"\0" + b"".join(frame(command) for command in COMMANDS)
    deframer = Deframer()

    bodies = deframer.push(three_seconds(program(tmp_path, main), stream))

    assert deframer.damaged == 0
    description = check_at_rest(bodies, device, 10, (10, -20, 30))
    assert (description.acc_range_g, description.gyr_range_dps) == (16, gyr_range_dps)
    assert [(a.number, a.result, a.echo) for a in answers(bodies)] == [
        (1, Result.ACCEPTED, 0xC0FFEE),
        (2, Result.ACCEPTED, 0),
    ]


@pytest.mark.parametrize(("defines", "gyr_range_dps"), [([], 2294), (["-DREV2"], 2000)], ids=["rev1", "rev2"])
def test_a_board_on_ble_notifies_bodies_and_answers(
    defines: list[str], gyr_range_dps: int, tmp_path: Path
) -> None:
    sent = three_seconds(program(tmp_path, sketch("nano33ble_sense", *defines)), COMMANDS[0])
    bodies = []
    while sent:
        bodies.append(sent[1 : 1 + sent[0]])
        sent = sent[1 + sent[0] :]

    # 1 and -2 of 2000; what is beyond the range is its end.
    description = check_at_rest(bodies, "e65544332211", 5, (16, -32, 32767))
    assert (description.acc_range_g, description.gyr_range_dps) == (4, gyr_range_dps)
    assert [(a.number, a.result, a.echo) for a in answers(bodies)] == [(1, Result.ACCEPTED, 0xC0FFEE)]
