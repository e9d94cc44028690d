"""The serial source over real pseudo-terminals and real sockets."""

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import re
import socket
import termios
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import serial as pyserial
from hypothesis import HealthCheck, given, settings, strategies as st
from listening import Listener, running, until
from retained import retained_bytes
from serial.rfc2217 import PortManager

from edgehar.backoff import Delays
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources.reconnect import keep_open
from edgehar.sources.serial import Serial, explain_open_error
from edgehar.wire.framing import frame
from edgehar.wire.protocol import encode_data

BODIES = [encode_data(i, i * 200_000, np.full((10, 6), i, np.int16)) for i in range(20)]
STREAM = b"".join(frame(body) for body in BODIES)


class Plug:
    """A device that can be unplugged and plugged in again under the same name."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._fd: int | None = None

    def put_in(self) -> None:
        self._fd, end = os.openpty()
        tty.setraw(end)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(end))
        os.close(end)

    def pull_out(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def send(self, data: bytes) -> int:
        assert self._fd is not None
        return os.write(self._fd, data)


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    plug = Plug(tmp_path / "ttyIMU")
    plug.put_in()
    yield plug
    plug.pull_out()


async def opened(link: Path) -> None:
    """Wait until this process has the device open."""
    await until(lambda: link.resolve() in {file.resolve() for file in open_files()})


def open_files() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_cut_of_the_stream_gives_the_same_packets(plug: Plug, cuts: list[int]) -> None:
    async def listen() -> None:
        listener = Listener()
        # A limit of its own: hypothesis would take pytest's for an ordinary failure and try again without one.
        async with asyncio.timeout(5), running(Serial(str(plug.link)), listener.deliver):
            await opened(plug.link)
            edges = [0, *sorted(cuts), len(STREAM)]
            for begin, end in itertools.pairwise(edges):
                plug.send(STREAM[begin:end])
                await asyncio.sleep(0)
            await listener.until(len(BODIES))
        assert listener.bodies == BODIES
        assert listener.times == sorted(listener.times)

    asyncio.run(listen())


async def test_a_damaged_frame_is_counted_and_the_rest_comes(plug: Plug) -> None:
    source, listener = Serial(str(plug.link)), Listener()
    async with running(source, listener.deliver):
        await opened(plug.link)
        plug.send(frame(BODIES[0]) + frame(BODIES[1])[5:] + frame(BODIES[2]))
        await listener.until(2)
    assert listener.bodies == [BODIES[0], BODIES[2]]
    assert source.link.damaged == 1


@pytest.mark.parametrize(
    "chunk", [bytes(range(256)) * 16, b"\xff" * 4096, bytes(4096)], ids=["anything", "no end", "ends alone"]
)
async def test_a_flood_of_garbage_is_not_kept_and_a_packet_behind_it_comes(plug: Plug, chunk: bytes) -> None:
    source, listener = Serial(str(plug.link)), Listener()

    def flood() -> None:
        for _ in range(1000):
            assert plug.send(chunk) == len(chunk)
        plug.send(b"\0" + STREAM)

    async with running(source, listener.deliver):
        await opened(plug.link)
        with retained_bytes() as retained:
            await asyncio.to_thread(flood)
            await listener.until(len(BODIES))
            assert retained() < 1_000_000  # of 4 MB that came
    assert listener.bodies == BODIES


async def test_unplugging_loses_the_source(plug: Plug) -> None:
    source, listener = Serial(str(plug.link)), Listener()
    async with running(source, listener.deliver) as task:
        await opened(plug.link)
        plug.send(STREAM)
        await listener.until(len(BODIES))
        plug.pull_out()
        with pytest.raises(SourceLostError, match="ttyIMU"):
            await task


async def test_plugged_in_again_under_the_same_name_it_resumes(plug: Plug) -> None:
    source, listener, states = Serial(str(plug.link)), Listener(), list[bool]()
    quick = Delays(first_s=0.01, longest_s=0.01)
    keeping = asyncio.create_task(
        keep_open(source, listener.deliver, name="wrist", on_state=states.append, delays=quick)
    )
    for plugged_in in range(1, 4):
        await opened(plug.link)
        plug.send(STREAM + STREAM[:7])
        await listener.until(plugged_in * len(BODIES))
        plug.pull_out()
        await until(lambda: not states[-1])
        plug.put_in()
    keeping.cancel()
    await asyncio.wait([keeping])
    assert listener.bodies == BODIES * 3
    assert states == [True, False] * 3
    assert source.link.damaged == 0


async def test_an_exception_of_deliver_leaves_run(plug: Plug) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise OSError("the disk is full")

    async with running(Serial(str(plug.link)), deliver) as task:
        await opened(plug.link)
        plug.send(STREAM)
        with pytest.raises(OSError, match="the disk is full"):
            await task


async def test_a_new_life_may_begin_at_once(plug: Plug) -> None:
    source, listener = Serial(str(plug.link)), Listener()

    def fail(_t: float, _stream: int, _body: bytes) -> None:
        raise ZeroDivisionError

    async def lives() -> None:
        with pytest.raises(ZeroDivisionError):
            await source.run(fail)
        await source.run(listener.deliver)

    task = asyncio.create_task(lives())
    await opened(plug.link)
    await until(lambda: task.done() or bool(plug.send(frame(BODIES[0])) and listener.bodies))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_leaves_no_file_open(plug: Plug) -> None:
    before = open_files()
    async with running(Serial(str(plug.link)), Listener().deliver):
        await opened(plug.link)
        assert open_files() > before
    assert open_files() == before


async def test_a_second_opener_is_told_who_has_the_port(plug: Plug) -> None:
    async with running(Serial(str(plug.link)), Listener().deliver):
        await opened(plug.link)
        with pytest.raises(SourceLostError, match=rf"in use by .*\(process {os.getpid()}\)"):
            await Serial(str(plug.link)).run(Listener().deliver)


async def test_a_missing_device_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(SourceLostError, match=r"ttyACM7 does not exist: is the sensor plugged in\?"):
        await Serial(str(tmp_path / "ttyACM7")).run(Listener().deliver)


async def test_a_file_that_is_no_device_is_told_as_such(tmp_path: Path) -> None:
    port = Serial(str(tmp_path / "notes.txt"))
    (tmp_path / "notes.txt").write_text("no device")
    with pytest.raises(SourceLostError, match=r"notes.txt cannot be opened"):
        await port.run(Listener().deliver)
    with pytest.raises(ConfigError, match=r"is a file and no serial port"):
        Serial(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize(
    ("present", "named"),
    [
        ([], "no serial port is there"),
        (["ttyUSB0", "ttyACM1", "tty0"], "there is {0}/ttyACM1, {0}/ttyUSB0"),
        (["ttyUSB0", "serial/by-id/usb-Maker_IMU"], "there is {0}/serial/by-id/usb-Maker_IMU"),
    ],
)
def test_what_is_plugged_in_is_named(tmp_path: Path, present: list[str], named: str) -> None:
    for name in present:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    message = explain_open_error("/dev/ttyACM0", FileNotFoundError(errno.ENOENT, "gone"), tmp_path)
    assert message.endswith(f"({named.format(tmp_path)})")


def test_who_may_not_open_it_is_sent_to_the_group() -> None:
    assert "group dialout" in explain_open_error("/dev/ttyACM0", PermissionError(errno.EACCES, "no"))


async def test_an_open_but_silent_port_is_worth_one_line(
    plug: Plug, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "edgehar")
    async with running(Serial(str(plug.link), 9600, quiet_s=0.3), Listener().deliver):
        await opened(plug.link)
        plug.send(b"hello, this is a console\r\n\0")
        await until(lambda: bool(caplog.messages))
    assert "27 bytes came but no intact frame" in caplog.text
    assert "9600" in caplog.text


async def test_a_port_that_falls_silent_is_lost(plug: Plug) -> None:
    source, listener = Serial(str(plug.link), silence_s=0.2), Listener()
    async with running(source, listener.deliver) as task:
        await opened(plug.link)
        plug.send(STREAM)
        with pytest.raises(SourceLostError, match="nothing came for 0 s; is the sensor on"):
            await task
    assert listener.bodies == BODIES


async def test_what_came_while_the_loop_was_held_up_is_no_silence(
    plug: Plug, hold_up: Callable[[float], None]
) -> None:
    source, listener = Serial(str(plug.link)), Listener()
    async with running(source, listener.deliver):
        await opened(plug.link)
        for times in range(1, 5):
            plug.send(STREAM)
            hold_up(2 * source.link.silence_s)
            await listener.until(times * len(BODIES))


async def test_silence_is_news_once_until_a_packet_comes(
    plug: Plug, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")
    source, listener = Serial(str(plug.link), quiet_s=0.05), Listener()

    async def silent_lives(*levels: int) -> None:
        for level in levels:
            caplog.clear()
            async with running(source, listener.deliver):
                await until(lambda: bool(caplog.records))
            assert [record.levelno for record in caplog.records] == [level]

    await silent_lives(logging.WARNING, logging.DEBUG, logging.DEBUG)
    async with running(source, listener.deliver):
        await opened(plug.link)
        plug.send(STREAM)
        await listener.until(len(BODIES))
    await silent_lives(logging.WARNING, logging.DEBUG)


@contextlib.asynccontextmanager
async def tcp(*pieces: bytes) -> AsyncIterator[str]:
    """Serve: send the pieces to each client and then close; without pieces stay silent. Yields the URL."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if not pieces:
            await _reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_tcp_delivers_all_that_came_before_the_other_side_closed() -> None:
    listener = Listener()
    async with tcp(STREAM[:100], STREAM[100:]) as url:
        with pytest.raises(SourceLostError, match="closed by the other side"):
            await Serial(url).run(listener.deliver)
    assert listener.bodies == BODIES


async def test_tcp_resumes_when_the_server_is_back() -> None:
    listener = Listener()
    async with tcp(STREAM) as url:
        keeping = asyncio.create_task(
            keep_open(Serial(url), listener.deliver, name="wrist", delays=Delays(first_s=0.001))
        )
        await listener.until(3 * len(BODIES))
    keeping.cancel()
    await asyncio.wait([keeping])
    assert listener.bodies[: 3 * len(BODIES)] == BODIES * 3


async def test_cancelling_a_tcp_source_closes_its_socket() -> None:
    before = open_files()
    async with tcp() as url:
        listening = open_files()
        async with running(Serial(url), Listener().deliver):
            await until(lambda: len(open_files()) == len(listening) + 2)
        await until(lambda: len(open_files()) == len(listening))
    assert open_files() == before


async def test_a_refused_connection_is_a_lost_source() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceLostError, match="cannot be reached: Connection refused; is the other side on"):
        await Serial(f"socket://127.0.0.1:{port}").run(Listener().deliver)


async def test_pulled_out_while_it_is_opened_it_is_a_lost_source(
    plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = termios.tcflush

    def pull_out_first(fd: int, queue: int) -> None:
        plug.pull_out()
        flush(fd, queue)

    monkeypatch.setattr(termios, "tcflush", pull_out_first)
    with pytest.raises(SourceLostError, match=r"ttyIMU cannot be opened: .*Input/output error"):
        await Serial(str(plug.link)).run(Listener().deliver)


async def test_whatever_pyserial_raises_of_a_url_is_a_lost_source() -> None:
    with pytest.raises(SourceLostError, match=r"cannot be opened: .*; is the URL right\?$"):
        await Serial("loop://?logging=loud").run(Listener().deliver)


@pytest.mark.parametrize(
    "url",
    [
        "socket://",
        "socket://host",
        "socket://host:port",
        "socket://[::1:80",
        "socket://a..b:1",
        "hwgrep://[(",
        "nonsense://host:1",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_before_it_is_opened(url: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(url)):
        Serial(url)


@pytest.mark.parametrize("url", ["socket://host:1", "rfc2217://host:1", "LOOP://", "spy:///dev/ttyACM0"])
def test_a_url_of_a_known_kind_is_taken(url: str) -> None:
    assert Serial(url).port == url


async def test_what_pyserial_does_not_take_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="loop://"):
        await Serial("loop://", baud=0).run(Listener().deliver)


@contextlib.contextmanager
def rfc2217() -> Iterator[tuple[str, Any]]:
    """Run pyserial's own server in front of a loop; yields its URL, and the loop's open end."""
    device = pyserial.serial_for_url("loop://", timeout=0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve_rfc2217, args=(server, device))
        thread.start()
        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}", device
    thread.join()
    device.close()


def _serve_rfc2217(server: socket.socket, device: Any) -> None:
    client, _ = server.accept()
    with client:
        client.settimeout(0.01)
        ports = PortManager(device, SimpleNamespace(write=client.sendall))
        with contextlib.suppress(OSError):
            while True:
                client.sendall(b"".join(ports.escape(device.read(device.in_waiting))))
                with contextlib.suppress(TimeoutError):
                    requests = client.recv(1024)
                    if not requests:
                        return
                    b"".join(ports.filter(requests))


# pyserial 3.5 names its threads in a way that Python 3.10 deprecated.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name)\\(\\) is deprecated:DeprecationWarning")
async def test_rfc2217_delivers_sets_the_far_baud_rate_and_cancels_cleanly() -> None:
    threads, files = threading.active_count(), open_files()
    listener = Listener()
    with rfc2217() as (url, device):
        async with running(Serial(url, 57600), listener.deliver):
            # What comes before the port is open on the far side is discarded.
            await until(lambda: bool(device.write(frame(BODIES[0])) and listener.bodies))
            device.write(STREAM)
            await until(lambda: BODIES[-1] in listener.bodies)
        assert listener.bodies[-len(BODIES) :] == BODIES
        assert device.baudrate == 57600
    assert threading.active_count() == threads
    assert open_files() == files


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)\\(\\) is deprecated:DeprecationWarning")
async def test_cancelling_while_a_url_opens_leaves_nothing_behind() -> None:
    threads, files = threading.active_count(), open_files()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}?timeout=0.1"
        async with running(Serial(url), Listener().deliver):
            client, _ = await asyncio.get_running_loop().sock_accept(server)
        client.close()
    assert threading.active_count() == threads
    assert open_files() == files
