"""`edgehar record` as a shell starts it: a sensor on a port, over Bluetooth and a phone; disks that refuse."""

import asyncio
import contextlib
import json
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bluez import Bluetoothd
from mosquitto import free_port
from peripherals import sensor
from phones import ANDROID, recording
from sensors import at_rest
from shell import edgehar, ended, run, start
from test_phone_http import poster

from edgehar.recordings.ehr import read
from edgehar.types import Stream
from edgehar.wire.framing import frame

PERIOD_S = 0.02


@contextlib.asynccontextmanager
async def sensor_on_a_port() -> AsyncIterator[str]:
    """Serve a sensor at rest to whoever connects; yield its URL."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for i in range(10_000):
                writer.writelines(frame(body) for _, body in at_rest("edgehar", i))
                await writer.drain()
                await asyncio.sleep(PERIOD_S)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def packets_in(path: Path) -> int:
    return sum(bool(body) for _, _, body in read(path))


@pytest.mark.parametrize(
    ("placement", "says"),
    [("pocket", "did you mean `trouser_pocket`?"), ("wrist_lefft", "did you mean `wrist_left`?")],
)
async def test_a_place_that_the_model_does_not_know_is_named_before_anything_is_waited_for(
    tmp_path: Path, placement: str, says: str
) -> None:
    process = await start(
        "record", str(tmp_path / "a.ehr"), "--port", "/dev/ttyNOWHERE", "--placement", placement
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        warning, waiting = (await process.stderr.readline()).decode(), await process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    code, out, _ = await ended(process)
    assert warning.startswith("WARNING")
    assert f"`{placement}`" in warning
    assert says in warning
    assert f"waits for {placement} (/dev/ttyNOWHERE)" in waiting.decode()
    # Told to end it counts, and nothing came.
    assert (code, "packets: 0" in out) == (1, True)


async def test_a_place_that_the_model_knows_is_not_remarked_on(tmp_path: Path) -> None:
    async with sensor_on_a_port() as url:
        code, out, err = await edgehar(
            "record",
            str(tmp_path / "a.ehr"),
            "--port",
            url,
            "--placement",
            "chest",
            "--seconds",
            "1",
            "--json",
        )
    assert (code, "WARNING" in err) == (0, False)
    assert "chest: first packet" in err
    assert json.loads(out)["packets"] == packets_in(tmp_path / "a.ehr") > 0


async def test_a_full_disk_ends_it_with_the_counts_and_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"

    def leave_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))

    async with sensor_on_a_port() as url:
        process = await start("record", str(path), "--port", url, "--json", before=leave_little_room)
        code, out, err = await ended(process)
    counts = json.loads(out)
    assert code == 78
    assert err.splitlines()[-1] == f"edgehar: {path}: File too large"
    assert "Traceback" not in err
    assert 0 < counts["packets"] <= packets_in(path)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    target = Path("/dev/null")
    if kind == "pipe":
        target = tmp_path / "pipe"
        os.mkfifo(target)
    code, out, err = run("record", target, "--port", "/dev/ttyNOWHERE")
    assert (code, out) == (78, "")
    assert err.splitlines()[-1].startswith(f"edgehar: {target}: expected a file")


def test_a_name_that_no_replay_takes_is_refused(tmp_path: Path) -> None:
    code, _, err = run("record", tmp_path / "a.npz", "--port", "/dev/ttyNOWHERE")
    assert (code, "expected a name that ends in .ehr; .npz is that of a set" in err) == (78, True)
    assert not (tmp_path / "a.npz").exists()


async def test_the_second_recorder_of_a_file_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with sensor_on_a_port() as url:
        first = await start("record", str(path), "--port", url, "--json")
        assert first.stderr is not None
        async with asyncio.timeout(60):
            while b"first packet" not in await first.stderr.readline():
                pass
        code, out, err = await edgehar("record", str(path), "--port", url)
        first.send_signal(signal.SIGTERM)
        _, counted, _ = await ended(first)
    assert (code, out) == (78, "")
    assert err.splitlines()[-1].startswith(f"edgehar: {path}: is being recorded to by another program")
    assert json.loads(counted)["packets"] == packets_in(path) > 0


async def test_a_sensor_over_bluetooth_is_recorded_by_its_name_or_address(
    bluez: Bluetoothd, tmp_path: Path
) -> None:
    dot = sensor("movella_dot", 1)
    bluez.add(dot)
    path = tmp_path / "a.ehr"
    for whom in (dot.address, "Movella DOT 0001"):
        code, out, _ = await edgehar(
            "record", str(path), "--ble", whom, "--placement", "chest", "--seconds", "0.5", "--json"
        )
        assert (code, json.loads(out)["packets"] > 0) == (0, True)
    assert read(path).header.streams == (Stream("chest", "movella_dot"),)


async def test_a_phone_is_recorded(tmp_path: Path) -> None:
    path, port = tmp_path / "a.ehr", free_port()
    process = await start("record", str(path), "--phone", f"127.0.0.1:{port}", "--placement", "thigh")
    async with poster(port) as app:
        for message in recording(5, ANDROID):
            assert await app.post(message) == (200, "ok\n")
    process.send_signal(signal.SIGTERM)
    code, _, err = await ended(process)
    assert code == 0
    assert f"waits for thigh (phone, 127.0.0.1:{port})" in err
    assert read(path).header.streams == (Stream("thigh", "sensor_logger"),)
    assert packets_in(path) == 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "record needs one of --port, --ble, --phone, --camera and --config; none came"),
        (["--port", "p", "--phone", "ws://h:1"], "--port and --phone came"),
        (["--phone", "ws://h:1", "-c", "x.toml"], "record takes --phone or --config, not both"),
        (["--phone", "sensor-logger"], "sensor-logger"),
        (["--port", "/dev/null", "--wearer", "a b"], "--wearer: expected 1 to 64 letters"),
        (["--port", ""], "--port: expected"),
    ],
)
def test_what_does_not_say_one_sensor_is_refused_in_a_line(
    tmp_path: Path, options: list[str], says: str
) -> None:
    code, out, err = run("record", tmp_path / "a.ehr", *options)
    assert (code, out) == (78, "")
    assert says in err.splitlines()[-1]
    assert not (tmp_path / "a.ehr").exists()
