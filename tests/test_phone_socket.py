"""SensorServer over real sockets: the phone is a WebSocket server."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from listening import Listener, kept, running, until
from mosquitto import free_port
from phones import BEGIN_NS, FACE_UP, TURNING, event

from edgehar.devices.sensor_logger_json import LONGEST
from edgehar.devices.sensor_server import ACCELEROMETER, GYROSCOPE, SensorServerReader
from edgehar.errors import ConfigError, SourceLostError
from edgehar.pipeline.clock import Clock
from edgehar.sources.phone.websocket import SensorServer
from edgehar.types import ACCELERATION


class Phone:
    """Android's SensorServer as its README describes it; it serves one connection at a time here."""

    def __init__(self) -> None:
        self.port = free_port()
        self.requests: list[tuple[str, list[str]]] = []
        self.link: web.WebSocketResponse | None = None
        self.pongs = True
        self._runner: web.AppRunner | None = None

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
        self.requests.append((request.path, json.loads(request.query["types"])))
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
    assert phone.requests == [("/sensors/connect", [ACCELEROMETER, GYROSCOPE])]
    x = [
        clock.push(t, packet).x[-1].tolist()
        for t, body in zip(listener.times, listener.bodies, strict=True)
        for packet in reader.push(body)
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
    # It comes and goes, which is logged once.
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
async def test_what_the_phone_says_commands_no_terminal(phone: Phone) -> None:
    async with running(SensorServer(phone.url), Listener().deliver) as task:
        link = await phone.connected()
        await link.close(code=4004, message="\x1b]0;mine\x07\x9b2J\u202e".encode())
        with pytest.raises(SourceLostError) as caught:
            await task
    assert r"closed the connection (\u001b]0;mine\u0007\u009b2J\u202e); is" in str(caught.value)


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_vanished_is_noticed(phone: Phone) -> None:
    phone.pongs = False
    async with running(SensorServer(phone.url, heartbeat_s=0.05), Listener().deliver) as task:
        await phone.connected()
        with pytest.raises(SourceLostError, match=r"was lost.* still in reach"):
            await task


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_answers_but_measures_nothing_is_lost(phone: Phone) -> None:
    async with running(SensorServer(phone.url, silence_s=0.05), Listener().deliver) as task:
        with pytest.raises(SourceLostError, match=r"is connected but sent nothing for .* is the phone awake"):
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
    with pytest.raises(
        SourceLostError, match="cannot be reached: Connection refused; is the app's server started"
    ) as caught:
        await SensorServer(f"ws://127.0.0.1:{free_port()}").run(Listener().deliver)
    assert "\n" not in str(caught.value)


async def test_a_host_that_takes_the_connection_and_says_nothing_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(SourceLostError, match="no answer"),
    ):
        await SensorServer(f"ws://127.0.0.1:{deaf.getsockname()[1]}", connect_s=0.05).run(Listener().deliver)


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
        "ws://[fe80::1",
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
    assert SensorServer(url).full_url.startswith(begins)
