"""Phones over real sockets: a WebSocket server as SensorServer is one, real posts, the real mosquitto."""

import asyncio
import contextlib
import io
import json
import logging
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mosquitto import PATIENCE_S, Mosquitto, free_port, program
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from phones import BEGIN_NS, FACE_UP, IPHONE, TURNING, event, push, reading, recording
from test_sensor_logger import TEST_PUSH

from edgehar.clock import Clock
from edgehar.devices.sensor_logger import SensorLoggerReader
from edgehar.devices.sensor_logger_json import LARGEST, LONGEST
from edgehar.devices.sensor_server import ACCELEROMETER, GYROSCOPE, SensorServerReader
from edgehar.errors import ConfigError, SourceLostError
from edgehar.publishers.broker import EmbeddedBroker
from edgehar.sources import Deliver, Source, phone_http, phone_socket
from edgehar.sources.phone_http import SensorLoggerHttp
from edgehar.sources.phone_mqtt import SensorLoggerMqtt
from edgehar.sources.phone_socket import SensorServer
from edgehar.sources.reopen import Delays, keep_open
from edgehar.sources.watched import Watched
from edgehar.types import ACCELERATION

ANDROID = {"totalacceleration": FACE_UP, "gyroscope": TURNING}
QUICK = Delays(first_s=0.01, longest_s=0.01)


class Listener:
    """Collects bodies and lets a test wait for the n-th."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.times: list[float] = []
        self._changed = asyncio.Event()

    def deliver(self, t: float, stream: int, body: bytes) -> None:
        assert stream == 0
        self.times.append(t)
        self.bodies.append(body)
        self._changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.bodies) < count:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def running(source: Source, deliver: Deliver) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(source.run(deliver))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
    # What ends it is looked at by the test, or it was the cancel.
    assert task.cancelled() or task.exception() is not None


@contextlib.asynccontextmanager
async def kept(source: Source, deliver: Deliver, states: list[bool]) -> AsyncIterator[None]:
    task = asyncio.create_task(
        keep_open(source, deliver, name="pocket", on_state=states.append, delays=QUICK)
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the kernel or a library makes it true, and tells nobody
            await asyncio.sleep(0.001)


def open_sockets() -> set[str]:
    links = (file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink())
    return {str(link) for link in links if str(link).startswith("socket:")}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Neither a socket nor a task outlives the test."""
    before, tasks = open_sockets(), asyncio.all_tasks()
    yield
    await until(lambda: open_sockets() <= before)
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= tasks)


# SensorServer: the phone is the server


class Phone:
    """Android's SensorServer as its README describes it; it serves one connection at a time here."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[tuple[str, list[str]]] = []
        self.link: web.WebSocketResponse | None = None
        self.pongs = True
        self._runner: web.AppRunner | None = None
        self._ended = asyncio.Event()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/sensors/connect", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        link = web.WebSocketResponse(autoping=self.pongs)
        await link.prepare(request)
        self.asked.append((request.path, json.loads(request.query["types"])))
        self.link = link
        async for _ in link:
            pass
        self.link = None
        return link

    async def connected(self) -> web.WebSocketResponse:
        await until(lambda: self.link is not None)
        assert self.link is not None
        return self.link

    async def send(self, *messages: bytes) -> None:
        link = await self.connected()
        for message in messages:
            await link.send_str(message.decode())

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
            self.link = None


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    phone = Phone()
    await phone.start()
    yield phone
    await phone.stop()


EVENTS = [
    event(kind, BEGIN_NS + i * 20_000_000, values)
    for i in range(25)
    for kind, values in ((ACCELEROMETER, FACE_UP), (GYROSCOPE, TURNING))
]


@pytest.mark.usefixtures("nothing_left")
async def test_sensor_server_sends_what_its_reader_reads(phone: Phone) -> None:
    listener, reader, clock = Listener(), SensorServerReader("c0ffee"), Clock("pocket")
    async with running(SensorServer(phone.url), listener.deliver):
        await phone.send(*EVENTS)
        await listener.until(len(EVENTS))
    assert listener.bodies == EVENTS
    assert listener.times == sorted(listener.times)
    assert phone.asked == [("/sensors/connect", [ACCELEROMETER, GYROSCOPE])]
    x = [
        clock.push(t, packet).x[-1].tolist()
        for t, body in zip(listener.times, listener.bodies, strict=True)
        for packet in reader.push(0, body)
        if packet.channels == ACCELERATION
    ]
    assert x[-1] == pytest.approx(FACE_UP, rel=1e-6)
    assert reader.malformed == 0


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_goes_and_comes_back_is_taken_up_again(
    phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    listener, states = Listener(), list[bool]()
    async with kept(SensorServer(phone.url), listener.deliver, states):
        for time in range(1, 4):
            await phone.send(*EVENTS[:4])
            await listener.until(4 * time)
            await phone.stop()
            await until(lambda: not states[-1])
            await phone.start()
    assert listener.bodies == EVENTS[:4] * 3
    assert states == [True, False] * 3
    # It comes and goes, which is said once.
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 1


@pytest.mark.usefixtures("nothing_left")
async def test_a_close_is_told_with_the_apps_own_words(phone: Phone) -> None:
    async with running(SensorServer(phone.url), Listener().deliver) as task:
        link = await phone.connected()
        # As imvickykumar999/Android-Sensors, SensorServer/sensor.py saw it.
        await link.close(code=4004, message=b"Server\nstopped")
        with pytest.raises(
            SourceLostError, match=r"closed the connection \(Server stopped\); is the app's server"
        ):
            await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_vanished_is_noticed(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_socket, "HEARTBEAT_S", 0.05)
    phone.pongs = False
    async with running(SensorServer(phone.url), Listener().deliver) as task:
        await phone.connected()
        with pytest.raises(SourceLostError, match=r"was lost.* still in reach"):
            await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_answers_but_measures_nothing_is_left_to_who_watches(phone: Phone) -> None:
    quick = SensorServer(phone.url)
    quick.silence_s = 0.05
    async with running(Watched(quick), Listener().deliver) as task:
        with pytest.raises(SourceLostError, match="nothing came"):
            await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_message_larger_than_any_sample_loses_the_link(phone: Phone) -> None:
    listener = Listener()
    async with running(SensorServer(phone.url), listener.deliver) as task:
        await phone.send(b"x" * (LONGEST + 10))
        with pytest.raises(SourceLostError):
            await task
    assert listener.bodies == []


@pytest.mark.usefixtures("nothing_left")
async def test_an_exception_of_deliver_leaves_sensor_server(phone: Phone) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise OSError("the disk is full")

    async with running(SensorServer(phone.url), deliver) as task:
        await phone.send(EVENTS[0])
        with pytest.raises(OSError, match="the disk is full"):
            await task


async def test_no_phone_at_the_address_is_one_line_that_says_what_to_look_at() -> None:
    with pytest.raises(SourceLostError, match=r"cannot be reached.*server started") as caught:
        await SensorServer(f"ws://127.0.0.1:{free_port()}").run(Listener().deliver)
    assert "\n" not in str(caught.value)


async def test_a_host_that_takes_the_connection_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phone_socket, "CONNECT_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(SourceLostError, match="no answer"),
    ):
        await SensorServer(f"ws://127.0.0.1:{deaf.getsockname()[1]}").run(Listener().deliver)


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_web_server_is_told_from_a_phone(status: int) -> None:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text="hello")

    async with await asyncio.get_running_loop().create_server(
        server := web.Server(answer), "127.0.0.1", 0
    ) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(SourceLostError, match=rf"not as SensorServer does \(HTTP {status}\)"):
            await SensorServer(f"ws://127.0.0.1:{port}").run(Listener().deliver)
        await server.shutdown(0.1)


async def test_what_is_no_web_server_at_all_is_a_lost_source() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 3)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        with pytest.raises(SourceLostError):
            await SensorServer(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}").run(Listener().deliver)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "192.168.1.5:8080",
        "http://192.168.1.5:8080",
        "ws://",
        "ws://phone:nine",
        "ws://phone:0",
        "ws://phone:99999",
        "ws://phone:8080/sensor/connect?type=android.sensor.accelerometer",
        "ws://phone?x",
        "ws://me@phone",
    ],
)
def test_a_url_that_cannot_be_a_phones_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match="expected ws://address:port"):
        SensorServer(url)


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("ws://192.168.1.5", "ws://192.168.1.5:8080/sensors/connect?types="),
        ("ws://pixel.local:81/", "ws://pixel.local:81/sensors/connect?types="),
        ("ws://[fe80::1]:8081", "ws://[fe80::1]:8081/sensors/connect?types="),
    ],
)
def test_the_rest_of_the_url_is_added(url: str, begins: str) -> None:
    assert SensorServer(url)._url.startswith(begins)


# Sensor Logger over HTTP: the phone posts


class Poster:
    """A phone's HTTP client."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self._session = session

    async def post(self, body: bytes, path: str = "data") -> tuple[int, str]:
        async with self._session.post(self.url + path, data=io.BytesIO(body)) as answer:
            return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def poster(port: int) -> AsyncIterator[Poster]:
    async with aiohttp.ClientSession() as session:
        await until(lambda: is_open(port))
        yield Poster(port, session)


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def http(port: int, device: str | None = None, **settings: Any) -> SensorLoggerHttp:
    return SensorLoggerHttp(f"127.0.0.1:{port}", device, **settings)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("device", [None, IPHONE])
async def test_posts_come_as_bodies_that_the_reader_reads(port: int, device: str | None) -> None:
    listener, reader = Listener(), SensorLoggerReader("c0ffee")
    messages = recording(5, ANDROID)
    async with running(http(port, device), listener.deliver), poster(port) as app:
        for message in messages:
            assert await app.post(message) == (200, "ok\n")
    packets = [packet for body in listener.bodies for packet in reader.push(0, body)]
    assert sum(len(packet.values) for packet in packets) == 2 * 100
    assert reader.malformed == 0
    assert listener.times == sorted(listener.times)


@pytest.mark.usefixtures("nothing_left")
async def test_a_post_larger_than_a_record_comes_in_parts(port: int) -> None:
    listener, reader = Listener(), SensorLoggerReader("c0ffee")
    (message,) = recording(1, ANDROID, per_push=1500)
    assert len(message) > 3 * LONGEST
    async with running(http(port), listener.deliver), poster(port) as app:
        assert (await app.post(message))[0] == 200
    assert len(listener.bodies) > 3
    assert max(map(len, listener.bodies)) <= LONGEST
    for body in listener.bodies:
        reader.push(0, body)
    assert (reader.malformed, reader.lost) == (0, 0)


@pytest.mark.usefixtures("nothing_left")
async def test_two_phones_at_one_port_are_told_apart(port: int, caplog: pytest.LogCaptureFixture) -> None:
    anna, ben = Listener(), Listener()
    async with running(http(port, "anna"), anna.deliver) as first, poster(port) as app:
        async with running(http(port, "ben"), ben.deliver):
            for who in ("anna", "ben", "anna"):
                for message in recording(1, ANDROID, device=who):
                    assert (await app.post(message))[0] == 200
        assert {json.loads(body)["deviceId"] for body in anna.bodies} == {"anna"}
        assert {json.loads(body)["deviceId"] for body in ben.bodies} == {"ben"}
        assert (len(anna.bodies), len(ben.bodies)) == (2, 1)
        # The server lives on without the one who left, and does not take its phone for a stranger.
        (message,) = recording(1, ANDROID, device="ben")
        assert (await app.post(message))[0] == 503
        assert not caplog.messages
        assert not first.done()


@pytest.mark.usefixtures("nothing_left")
async def test_who_names_no_device_takes_the_first_that_no_other_names(port: int) -> None:
    anna, anyone = Listener(), Listener()
    async with (
        running(http(port, "anna"), anna.deliver),
        running(http(port), anyone.deliver),
        poster(port) as app,
    ):
        answers = []
        for who in ("anna", "ben", "carla", "ben"):
            (message,) = recording(1, ANDROID, device=who)
            answers.append((await app.post(message))[0])
    assert answers == [200, 200, 499, 200]
    assert [json.loads(body)["deviceId"] for body in anyone.bodies] == ["ben", "ben"]
    assert len(anna.bodies) == 1


@pytest.mark.usefixtures("nothing_left")
async def test_an_unknown_phone_is_told_so_and_named_once_in_the_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    (message,) = recording(1, ANDROID, device='stran"ger\n')
    async with running(http(port, "anna"), listener.deliver), poster(port) as app:
        answers = [await app.post(message) for _ in range(3)]
    assert {status for status, _ in answers} == {499}
    assert 'device = "stran\\"ger\\n"' in answers[0][1]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 'write device = "stran\\"ger\\n"' in line
    assert listener.bodies == []


@pytest.mark.usefixtures("nothing_left")
async def test_names_in_the_log_are_bounded(
    port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_http, "_strangers", set())
    async with running(http(port, "anna"), Listener().deliver), poster(port) as app:
        for i in range(40):
            await app.post(recording(1, ANDROID, device=f"stranger {i}", per_push=1)[0])
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 32
    assert len(phone_http._strangers) == 32


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("message", [TEST_PUSH, push(0, [reading("light", BEGIN_NS, {"lux": 3})])])
async def test_the_apps_test_is_answered_and_is_nobodys_phone(
    port: int, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    async with running(http(port), listener.deliver), poster(port) as app:
        status, text = await app.post(message)
        assert (status, text.startswith("edgehar hears you")) == (200, True)
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
    assert len(listener.bodies) == 1
    assert not caplog.messages


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"nonsense", 400, "this is no message of Sensor Logger"),
        (b"", 400, "no message of Sensor Logger"),
        (b"[" * 100_000, 400, "no message of Sensor Logger"),
        (b'{"deviceId":"d","payload":[{"name":"gyroscope"}]}', 400, "no message of Sensor Logger"),
        (b" " * (LARGEST + 1), 413, "at most 4 MiB"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_sentence(
    port: int, body: bytes, status: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    async with running(http(port), listener.deliver) as task, poster(port) as app:
        answer = await app.post(body)
        assert (answer[0], says in answer[1]) == (status, True)
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
        assert not task.done()
    assert len(listener.bodies) == 1
    assert not caplog.messages


@pytest.mark.usefixtures("nothing_left")
async def test_who_sends_all_of_too_much_before_it_listens_hears_the_answer(port: int) -> None:
    async with running(http(port), Listener().deliver), poster(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        size = 5 * LARGEST
        writer.write(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // LARGEST):
            writer.write(bytes(LARGEST))
            await writer.drain()
        assert b" 413 " in await reader.readline()
        writer.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "head",
    [b"Content-Encoding: gzip\r\nContent-Length: 9", b"Transfer-Encoding: chunked"],
    ids=["no gzip", "no chunks"],
)
async def test_a_body_that_is_not_as_its_header_says_is_refused(
    port: int, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(http(port), Listener().deliver), poster(port) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\nnonsense\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("nothing_left")
async def test_a_browser_is_told_what_this_is(port: int) -> None:
    async with running(http(port), Listener().deliver), aiohttp.ClientSession() as session:
        await until(lambda: is_open(port))
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert (answer.status, "Sensor Logger" in await answer.text()) == (405, True)


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_vanishes_within_a_post_leaves_nothing(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(phone_http, "BODY_S", 0.05)
    async with running(http(port), Listener().deliver), poster(port) as app:
        for leaves in (True, False):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            await writer.drain()
            if not leaves:
                assert (await reader.readline()).startswith(b"HTTP/1.1 408")
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_falls_silent_is_lost_and_comes_back(port: int) -> None:
    listener, states = Listener(), list[bool]()
    messages = recording(3, ANDROID)
    async with (
        kept(http(port, silence_s=0.05), listener.deliver, states),
        aiohttp.ClientSession() as session,
    ):
        for message in messages:
            await until(lambda: is_open(port))
            assert (await Poster(port, session).post(message))[0] == 200
            await until(lambda: not states[-1])
    assert states == [True, False] * 3
    assert len(listener.bodies) == 3


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_has_not_spoken_yet_is_waited_for(port: int) -> None:
    async with running(http(port, silence_s=0.0), Listener().deliver) as task, poster(port) as app:
        # A post that is nobody's, to let time pass; without a phone there is no silence.
        for _ in range(20):
            await app.post(TEST_PUSH)
        assert not task.done()


@pytest.mark.usefixtures("nothing_left")
async def test_an_exception_of_deliver_leaves_the_http_source(port: int) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise OSError("the disk is full")

    other = Listener()
    async with running(http(port, "ben"), other.deliver), poster(port) as app:
        async with running(http(port, "anna"), deliver) as task:
            assert (await app.post(recording(1, ANDROID, device="anna")[0]))[0] == 503
            with pytest.raises(OSError, match="the disk is full"):
                await task
        assert (await app.post(recording(1, ANDROID, device="ben")[0]))[0] == 200


@pytest.mark.usefixtures("nothing_left")
async def test_a_fault_in_the_server_ends_its_sources_loudly(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_raw: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(phone_http, "cut", broken)
    async with running(http(port), Listener().deliver) as task, poster(port) as app:
        assert (await app.post(b"{}"))[0] == 500
        with pytest.raises(ZeroDivisionError):
            await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_life_may_follow_another_at_once(port: int) -> None:
    listener = Listener()
    for number in range(1, 4):
        async with running(http(port), listener.deliver), poster(port) as app:
            assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
            await listener.until(number)
    assert not is_open(port)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("turns", range(6))
async def test_cancelling_while_it_opens_leaves_nothing(port: int, turns: int) -> None:
    task = asyncio.create_task(http(port).run(Listener().deliver))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    async with running(http(port), Listener().deliver), poster(port) as app:
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200


async def test_a_port_that_is_taken_is_told_as_such(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SourceLostError, match=f"port 127.0.0.1:{port} is in use"),
    ):
        await http(port).run(Listener().deliver)


async def test_an_address_that_is_not_this_hosts_is_told_as_such() -> None:
    with pytest.raises(SourceLostError, match=r"no such address.*0\.0\.0\.0"):
        await SensorLoggerHttp("192.0.2.1:8000").run(Listener().deliver)


def test_a_port_of_the_system_is_told_as_such() -> None:
    assert "below 1024" in phone_http._why_not("0.0.0.0:80", PermissionError(13, "Permission denied"))


@pytest.mark.parametrize("device", [None, "anna"])
@pytest.mark.usefixtures("nothing_left")
async def test_one_phone_for_two_sources_is_the_operators_to_mend(port: int, device: str | None) -> None:
    async with running(http(port, device), Listener().deliver) as first, poster(port):
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: two sources name"):
            await http(port, device).run(Listener().deliver)
        assert not first.done()


@pytest.mark.parametrize(
    "listen",
    ["", "8000", ":8000", "pi:8000", "0.0.0.0", "0.0.0.0:", "0.0.0.0:0", "0.0.0.0:70000", "0.0.0.0:1/x"],
)
def test_what_is_no_address_is_refused_at_once(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"expected an address of this host and a port"):
        SensorLoggerHttp(listen)


async def test_ipv6_is_listened_on_too() -> None:
    listener, port = Listener(), free_port()
    async with running(SensorLoggerHttp(f"[::]:{port}"), listener.deliver), poster(port) as app:
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200


# Sensor Logger over MQTT: the phone publishes


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def mqtt(port: int, device: str | None = None, **settings: Any) -> SensorLoggerMqtt:
    topic = settings.pop("topic", "sensor-logger")
    return SensorLoggerMqtt(topic, device, host="127.0.0.1", port=port, **settings)


class App:
    """The phone's MQTT client, with QoS 0 as it has."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, payload: bytes, topic: str = "sensor-logger") -> None:
        self._client.publish(topic, payload, qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes its thread's pair of sockets only when nobody knows the client any more.
        del self._client


@contextlib.contextmanager
def publishing(port: int) -> Iterator[App]:
    app = App(port)
    try:
        yield app
    finally:
        app.close()


async def heard(app: App, listener: Listener, *messages: bytes) -> None:
    """Publish until the first one comes, for nobody tells when a source has subscribed; then the others."""
    async with asyncio.timeout(PATIENCE_S):
        while not listener.bodies:
            app.publish(messages[0])
            await asyncio.sleep(0.01)
    for message in messages[1:]:
        app.publish(message)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("version", [5, 4])
async def test_what_is_published_comes_as_bodies_that_the_reader_reads(
    broker: Mosquitto, version: int
) -> None:
    listener, reader = Listener(), SensorLoggerReader("c0ffee")
    messages = recording(10, ANDROID)
    with publishing(broker.port) as app:
        async with running(mqtt(broker.port, version=version), listener.deliver):
            await heard(app, listener, *messages)
            await until(lambda: json.loads(listener.bodies[-1])["messageId"] == 9)
    packets = [packet for body in listener.bodies for packet in reader.push(0, body)]
    assert sum(len(packet.values) for packet in packets) == 2 * 200
    assert (reader.malformed, reader.lost) == (0, 0)


@pytest.mark.usefixtures("nothing_left")
async def test_what_else_is_on_the_topic_is_counted_or_named(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    listener, source = Listener(), mqtt(broker.port, "anna")
    (mine,), (other,) = recording(1, ANDROID, device="anna"), recording(1, ANDROID, device="ben")
    with publishing(broker.port) as app:
        async with running(source, listener.deliver):
            async with asyncio.timeout(PATIENCE_S):
                while not caplog.messages:
                    app.publish(other)
                    await asyncio.sleep(0.01)
            app.publish(other)
            app.publish(b"nonsense")
            app.publish(b"x" * (LARGEST + 1))
            app.publish(TEST_PUSH)
            await heard(app, listener, mine)
    (line,) = caplog.messages
    assert 'write device = "ben"' in line
    assert source.damaged == 2
    assert {json.loads(body)["deviceId"] for body in listener.bodies} == {"anna"}


@pytest.mark.usefixtures("nothing_left")
async def test_two_phones_on_one_topic_are_told_apart(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = Listener(), Listener()
    of = {who: recording(20, ANDROID, device=who) for who in ("anna", "ben")}
    with publishing(broker.port) as app:
        async with (
            running(mqtt(broker.port, "anna"), anna.deliver),
            running(mqtt(broker.port, "ben"), ben.deliver),
        ):
            await heard(app, anna, of["anna"][0])
            await heard(app, ben, of["ben"][0])
            caplog.clear()
            for pair in zip(of["anna"][1:], of["ben"][1:], strict=True):
                for message in pair:
                    app.publish(message)
            await until(lambda: json.loads(ben.bodies[-1])["messageId"] == 19)
    assert {json.loads(body)["deviceId"] for body in anna.bodies} == {"anna"}
    assert {json.loads(body)["deviceId"] for body in ben.bodies} == {"ben"}
    # Who has heard its own phone needs no advice about others.
    assert not caplog.messages


@pytest.mark.usefixtures("nothing_left")
async def test_a_broker_that_goes_and_comes_back_is_taken_up_again(broker: Mosquitto) -> None:
    listener, states = Listener(), list[bool]()
    (message,) = recording(1, ANDROID)
    async with kept(mqtt(broker.port), listener.deliver, states):
        for _ in range(2):
            with publishing(broker.port) as app:
                listener.bodies.clear()
                await heard(app, listener, message)
            broker.kill9()
            await until(lambda: not states[-1])
            broker.start()
    assert states[:4] == [True, False, True, False]


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_stops_publishing_is_lost(broker: Mosquitto) -> None:
    listener = Listener()
    with publishing(broker.port) as app:
        async with running(mqtt(broker.port, silence_s=0.05), listener.deliver) as task:
            await heard(app, listener, *recording(1, ANDROID))
            with pytest.raises(SourceLostError, match=r"topic sensor-logger: phone .* pushed nothing"):
                await task


@pytest.mark.usefixtures("nothing_left")
async def test_an_exception_of_deliver_leaves_the_mqtt_source(broker: Mosquitto) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise ZeroDivisionError

    with publishing(broker.port) as app:
        async with running(mqtt(broker.port), deliver) as task:
            while not task.done():
                app.publish(recording(1, ANDROID)[0])
                await asyncio.sleep(0.01)
            with pytest.raises(ZeroDivisionError):
                await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1() -> None:
    listener = Listener()
    async with EmbeddedBroker(0) as broker:
        with publishing(broker.port) as app:
            async with running(mqtt(broker.port), listener.deliver):
                await heard(app, listener, *recording(2, ANDROID))
                await listener.until(2)


async def test_no_broker_is_one_line() -> None:
    port = free_port()
    with pytest.raises(SourceLostError, match=f"MQTT broker 127.0.0.1:{port}: .*refused"):
        await mqtt(port).run(Listener().deliver)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets in only who knows that `pi` has the password `right`."""
    passwords = tmp_path / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(passwords), "pi", "right"], check=True)
    access = f"allow_anonymous false\npassword_file {passwords}"
    with Mosquitto(free_port(), tmp_path, access=access) as broker:
        yield broker


async def test_a_wrong_password_is_told_as_such(guarded: Mosquitto) -> None:
    with pytest.raises(SourceLostError, match="check user name and password"):
        await mqtt(guarded.port, username="pi", password="wrong").run(Listener().deliver)


@pytest.mark.usefixtures("nothing_left")
async def test_a_topic_that_the_broker_does_not_give_is_told_as_such() -> None:
    async def grudge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """MQTT 3.1.1: welcome, but 0x80 to every subscription."""
        await reader.readuntil(b"edgehar-phone-")
        writer.write(bytes((0x20, 2, 0, 0)))
        head = await reader.readuntil(b"\x0dsensor-logger")
        number = head[-17:-15]
        writer.write(bytes((0x90, 3)) + number + bytes((0x80,)))
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(grudge, "127.0.0.1", 0) as server:
        with pytest.raises(SourceLostError, match="refuses the topic sensor-logger"):
            await mqtt(server.sockets[0].getsockname()[1], version=4).run(Listener().deliver)


@pytest.mark.parametrize("topic", ["", "a/#/b", "a+", "#x", "a\0", "x" * 65_536])
def test_what_is_no_topic_is_refused_at_once(topic: str) -> None:
    with pytest.raises(ConfigError, match="expected an MQTT topic"):
        mqtt(1883, topic=topic)


@pytest.mark.parametrize("topic", ["sensor-logger", "phones/+/motion", "phones/#", "#", "+", "/"])
def test_topics_and_patterns_are_taken(topic: str) -> None:
    assert mqtt(1883, topic=topic).topic == topic
