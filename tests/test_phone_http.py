"""Sensor Logger over HTTP: a phone posts over real sockets."""

import asyncio
import contextlib
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from listening import Listener, kept, running, until
from mosquitto import free_port
from phones import ANDROID, BEGIN_NS, IPHONE, push, reading, recording
from test_sensor_logger import TEST_PUSH

from edgehar.devices.sensor_logger import SensorLoggerReader
from edgehar.devices.sensor_logger_json import LARGEST, LONGEST, Push, read_push
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources.phone.http import PushServer, SensorLoggerHttp, explain_bind_error


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


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int) -> PushServer:
    return PushServer(f"127.0.0.1:{port}")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("device", [None, IPHONE])
async def test_posts_come_as_bodies_that_the_reader_reads(
    port: int, server: PushServer, device: str | None
) -> None:
    listener, reader = Listener(), SensorLoggerReader("c0ffee")
    messages = recording(5, ANDROID)
    async with running(SensorLoggerHttp(server, device), listener.deliver), poster(port) as app:
        for message in messages:
            assert await app.post(message) == (200, "ok\n")
    packets = [packet for body in listener.bodies for packet in reader.push(body)]
    assert sum(len(packet.values) for packet in packets) == 2 * 100
    assert reader.malformed == 0
    assert listener.times == sorted(listener.times)


@pytest.mark.usefixtures("nothing_left")
async def test_a_post_with_one_reading_that_is_null_comes_without_it_and_is_counted(
    port: int, server: PushServer
) -> None:
    listener, source = Listener(), SensorLoggerHttp(server)
    (whole,) = recording(1, ANDROID)
    damaged = whole.replace(b'"x": 0.0', b'"x": null', 1)
    assert damaged != whole
    async with running(source, listener.deliver), poster(port) as app:
        assert await app.post(damaged) == (200, "ok\n")
    (body,) = listener.bodies
    assert len(json.loads(body)["payload"]) == 2 * 20 - 1
    assert source.link.damaged == 1


@pytest.mark.usefixtures("nothing_left")
async def test_a_post_larger_than_a_record_comes_in_parts(port: int, server: PushServer) -> None:
    listener, reader = Listener(), SensorLoggerReader("c0ffee")
    (message,) = recording(1, ANDROID, per_push=1500)
    assert len(message) > 3 * LONGEST
    async with running(SensorLoggerHttp(server), listener.deliver), poster(port) as app:
        assert (await app.post(message))[0] == 200
    assert len(listener.bodies) > 3
    assert max(map(len, listener.bodies)) <= LONGEST
    for body in listener.bodies:
        reader.push(body)
    assert (reader.malformed, reader.lost) == (0, 0)


@pytest.mark.usefixtures("nothing_left")
async def test_two_phones_at_one_port_are_told_apart(
    port: int, server: PushServer, caplog: pytest.LogCaptureFixture
) -> None:
    anna, ben = Listener(), Listener()
    async with running(SensorLoggerHttp(server, "anna"), anna.deliver) as first, poster(port) as app:
        async with running(SensorLoggerHttp(server, "ben"), ben.deliver):
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
async def test_who_names_no_device_takes_the_first_that_no_other_names(port: int, server: PushServer) -> None:
    anna, anyone = Listener(), Listener()
    async with (
        running(SensorLoggerHttp(server, "anna"), anna.deliver),
        running(SensorLoggerHttp(server), anyone.deliver),
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
    port: int, server: PushServer, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    (message,) = recording(1, ANDROID, device='stran"ger\n')
    async with running(SensorLoggerHttp(server, "anna"), listener.deliver), poster(port) as app:
        answers = [await app.post(message) for _ in range(3)]
    assert {status for status, _ in answers} == {499}
    assert 'device = "stran\\"ger\\n"' in answers[0][1]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 'write device = "stran\\"ger\\n"' in line
    assert listener.bodies == []


@pytest.mark.usefixtures("nothing_left")
async def test_names_in_the_log_are_bounded(
    port: int, server: PushServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(SensorLoggerHttp(server, "anna"), Listener().deliver), poster(port) as app:
        for i in range(40):
            await app.post(recording(1, ANDROID, device=f"stranger {i}", per_push=1)[0])
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 32


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("message", [TEST_PUSH, push(0, [reading("light", BEGIN_NS, {"lux": 3})])])
async def test_the_apps_test_is_answered_and_is_nobodys_phone(
    port: int, server: PushServer, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    async with running(SensorLoggerHttp(server), listener.deliver), poster(port) as app:
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
    port: int, server: PushServer, body: bytes, status: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    async with running(SensorLoggerHttp(server), listener.deliver) as task, poster(port) as app:
        answer = await app.post(body)
        assert (answer[0], says in answer[1]) == (status, True)
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
        assert not task.done()
    assert len(listener.bodies) == 1
    assert not caplog.messages


@pytest.mark.usefixtures("nothing_left")
async def test_who_sends_all_of_too_much_before_it_listens_hears_the_answer(
    port: int, server: PushServer
) -> None:
    async with running(SensorLoggerHttp(server), Listener().deliver), poster(port):
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
    port: int, server: PushServer, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(SensorLoggerHttp(server), Listener().deliver), poster(port) as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\nnonsense\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("nothing_left")
async def test_a_browser_is_told_what_this_is(port: int, server: PushServer) -> None:
    async with running(SensorLoggerHttp(server), Listener().deliver), aiohttp.ClientSession() as session:
        await until(lambda: is_open(port))
        async with session.get(f"http://127.0.0.1:{port}/") as answer:
            assert (answer.status, "Sensor Logger" in await answer.text()) == (405, True)


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_vanishes_within_a_post_leaves_nothing(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = PushServer(f"127.0.0.1:{port}", body_s=0.05)
    async with running(SensorLoggerHttp(server), Listener().deliver), poster(port) as app:
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
async def test_a_phone_that_falls_silent_is_lost_and_comes_back(port: int, server: PushServer) -> None:
    listener, states = Listener(), list[bool]()
    messages = recording(3, ANDROID)
    async with (
        kept(SensorLoggerHttp(server, silence_s=0.05), listener.deliver, states),
        aiohttp.ClientSession() as session,
    ):
        for message in messages:
            await until(lambda: is_open(port))
            assert (await Poster(port, session).post(message))[0] == 200
            await until(lambda: not states[-1])
    assert states == [True, False] * 3
    assert len(listener.bodies) == 3


@pytest.mark.usefixtures("nothing_left")
async def test_a_phone_that_has_not_spoken_yet_is_waited_for(port: int, server: PushServer) -> None:
    async with (
        running(SensorLoggerHttp(server, silence_s=0.0), Listener().deliver) as task,
        poster(port) as app,
    ):
        # A post that is nobody's, to let time pass; without a phone there is no silence.
        for _ in range(20):
            await app.post(TEST_PUSH)
        assert not task.done()


@pytest.mark.usefixtures("nothing_left")
async def test_an_exception_of_deliver_leaves_the_http_source(port: int, server: PushServer) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise OSError("the disk is full")

    other = Listener()
    async with running(SensorLoggerHttp(server, "ben"), other.deliver), poster(port) as app:
        async with running(SensorLoggerHttp(server, "anna"), deliver) as task:
            assert (await app.post(recording(1, ANDROID, device="anna")[0]))[0] == 503
            with pytest.raises(OSError, match="the disk is full"):
                await task
        assert (await app.post(recording(1, ANDROID, device="ben")[0]))[0] == 200


@pytest.mark.usefixtures("nothing_left")
async def test_a_push_that_the_program_fails_on_is_told_and_costs_no_other(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(raw: bytes) -> Push:
        if raw == b"{}":
            raise ZeroDivisionError
        return read_push(raw)

    server, listener = PushServer(f"127.0.0.1:{port}", read_push=broken), Listener()
    async with running(SensorLoggerHttp(server), listener.deliver), poster(port) as app:
        assert [(await app.post(b"{}"))[0] for _ in range(3)] == [500] * 3
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
        await listener.until(1)
    assert caplog.text.count("in broken\n    raise ZeroDivisionError") == 1


@pytest.mark.usefixtures("nothing_left")
async def test_a_post_that_waits_while_the_loop_is_held_up_is_no_silence(
    port: int, server: PushServer, hold_up: Callable[[float], None]
) -> None:
    source, listener = SensorLoggerHttp(server), Listener()
    first, second, third = recording(3, ANDROID)
    async with running(source, listener.deliver), poster(port) as app:
        assert (await app.post(first))[0] == 200
        with socket.create_connection(("127.0.0.1", port)) as waiting:
            waiting.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(second) + second
            )
            hold_up(2 * source.link.silence_s)
            await listener.until(2)
        assert (await app.post(third))[0] == 200


@pytest.mark.usefixtures("nothing_left")
async def test_a_life_may_follow_another_at_once(port: int, server: PushServer) -> None:
    listener = Listener()
    for number in range(1, 4):
        async with running(SensorLoggerHttp(server), listener.deliver), poster(port) as app:
            assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
            await listener.until(number)
    assert not is_open(port)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("turns", range(6))
async def test_cancelling_while_it_opens_leaves_nothing(port: int, server: PushServer, turns: int) -> None:
    task = asyncio.create_task(SensorLoggerHttp(server).run(Listener().deliver))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    async with running(SensorLoggerHttp(server), Listener().deliver), poster(port) as app:
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200


async def test_a_port_that_is_taken_is_told_as_such(port: int, server: PushServer) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(SourceLostError, match=f"port 127.0.0.1:{port} is in use"),
    ):
        await SensorLoggerHttp(server).run(Listener().deliver)


async def test_an_address_that_is_not_this_hosts_is_told_as_such() -> None:
    with pytest.raises(SourceLostError, match=r"no such address.*0\.0\.0\.0"):
        await SensorLoggerHttp(PushServer("192.0.2.1:8000")).run(Listener().deliver)


def test_a_port_of_the_system_is_told_as_such() -> None:
    assert "below 1024" in explain_bind_error("0.0.0.0:80", PermissionError(13, "Permission denied"))


@pytest.mark.parametrize("device", [None, "anna"])
@pytest.mark.usefixtures("nothing_left")
async def test_one_phone_for_two_sources_is_the_operators_to_mend(
    port: int, server: PushServer, device: str | None
) -> None:
    async with running(SensorLoggerHttp(server, device), Listener().deliver) as first, poster(port):
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: two sources name"):
            await SensorLoggerHttp(server, device).run(Listener().deliver)
        assert not first.done()


@pytest.mark.parametrize(
    "listen",
    ["", "8000", ":8000", "pi:8000", "0.0.0.0", "0.0.0.0:", "0.0.0.0:0", "0.0.0.0:70000", "0.0.0.0:1/x"],
)
def test_what_is_no_address_is_refused_at_once(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"expected an address of this host and a port"):
        PushServer(listen)


async def test_ipv6_is_listened_on_too() -> None:
    listener, port = Listener(), free_port()
    async with running(SensorLoggerHttp(PushServer(f"[::]:{port}")), listener.deliver), poster(port) as app:
        assert (await app.post(recording(1, ANDROID)[0]))[0] == 200
