"""Brokers that mean harm: the publisher lives, takes little memory and few lines, and goes on once one is well."""

import asyncio
import contextlib
import json
import logging
import random
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_guide import logged
from certificates import make_certificates, trusting
from listening import until
from mosquitto import PATIENCE_S, Cable
from mqtt_peer import CONNACK, PINGRESP, PUBACK, PUBLISH, SUBACK, Peer, Published, packet, puback, read_packet
from test_broker_matrix import LOST
from test_mqtt import EVENT, NO_PAUSE, STATUS, publisher, running
from test_payloads import started

from edgehar.brokers.mqtt import Received
from edgehar.brokers.mqtt_tls import Tls
from edgehar.publishers.mqtt import Mqtt

REQUEST = b"edgehar/pi/request/pause"
WELCOME = packet(CONNACK, bytes(3))

FLOOD = 10_000
"""Messages of one flood."""

TIMES = 4
"""Connections that are attacked; the next one finds the broker well."""

MOST_BYTES = 2 * 2**20
"""Memory of Python objects that any of it takes at most, the test's own included."""

MOST_LINES = 6
"""Lines of the log from INFO on, that the broker is connected among them."""

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(topic: bytes, payload: bytes = b"{}", qos: int = 0, number: int = 1) -> bytes:
    """Return a PUBLISH of MQTT 5."""
    numbered = number.to_bytes(2, "big") if qos else b""
    return packet(PUBLISH | qos << 1, len(topic).to_bytes(2, "big") + topic + numbered + b"\0" + payload)


class Hostile(Peer):
    """Broker that attacks who connects, at first."""

    def __init__(self, attack: Attack, times: int = TIMES) -> None:
        super().__init__()
        self.attacked = 0
        self._attack, self._times = attack, times

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.attacked >= self._times:
            await super()._serve(reader, writer)
            return
        self.attacked += 1
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await read_packet(reader)
            await self._attack(reader, writer)
            await writer.drain()


async def huge(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce 256 MB, and send without end."""
    writer.write(WELCOME + bytes((PUBLISH, 0xFF, 0xFF, 0xFF, 0x7F)))
    await endlessly(writer, bytes(65_536))


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Welcome, then send whatever comes to mind."""
    writer.write(WELCOME)
    rng = random.Random(7)
    await endlessly(writer, rng.randbytes(4096))


async def garbage_for_a_welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send what could be the beginning of a CONNACK, without end."""
    await endlessly(writer, packet(CONNACK, b"\0\0" + b"\x7f" * 60_000))


async def many_welcomes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Welcome again and again."""
    writer.write(WELCOME * 1000)


async def no_utf_8(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send messages on topics that are none."""
    writer.write(
        WELCOME
        + b"".join(message(topic) for topic in (b"\xff\xfe", b"\xc0\x80", b"\0", b"", b"\xed\xa0\x80"))
    )


async def truncated(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send packets too short for what their first bytes promise."""
    writer.write(WELCOME)
    for kind in range(0x10, 0x100, 0x10):
        for flags in (0, 2, 4, 6):
            writer.write(packet(kind | flags, b"\xff\xff"))


async def unasked(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Acknowledge what was never sent, and answer what was never asked."""
    writer.write(WELCOME)
    for number in range(40_000, 41_000):
        body = number.to_bytes(2, "big")
        writer.write(packet(PUBACK, body) + packet(SUBACK, body + b"\0\0") + packet(PINGRESP, b""))


async def endlessly(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    """Send for as long as the other side takes it."""
    while True:
        writer.write(chunk)
        await writer.drain()


TOO_LARGE = "it sends a packet that is larger than any edgehar asks for"
UNREADABLE = "it sends what cannot be read"
NO_BROKER = "a port with TLS, but no `[mqtt.tls]`; or no broker at all"


def answering(port: int, answer: bytes, **settings: Any) -> tuple[Mqtt, list[Received]]:
    """Return a publisher that answers requests, and the requests that came."""
    mqtt, requests = publisher(port, delays=NO_PAUSE, **settings), list[Received]()

    def take(request: Received) -> None:
        requests.append(request)
        mqtt.answer(request, "response/pause", answer)

    mqtt.listen("edgehar/pi/request/+", take)
    return mqtt, requests


def events_of(peer: Peer) -> list[str]:
    return [json.loads(message.payload)["id"] for message in peer.came if message.topic == EVENT]


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Return what tells the most memory that Python objects took beyond that at the beginning, bytes."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def link(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, Tls | None]:
    """Return what encrypts both sides of a link: the broker's and the gateway's; None where nothing does."""
    if not request.param:
        return None, None
    make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")
    return context, trusting(tmp_path)


@pytest.mark.parametrize(
    ("attack", "happening"),
    [
        (huge, TOO_LARGE),
        (garbage, TOO_LARGE),
        (garbage_for_a_welcome, NO_BROKER),
        (many_welcomes, LOST),
        (no_utf_8, UNREADABLE),
        (truncated, LOST),
        (unasked, LOST),
    ],
)
async def test_whatever_a_broker_sends_costs_little_and_events_go_out_once_it_is_well(
    attack: Attack, happening: str, peak: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Hostile(attack) as broker:
        mqtt, _ = answering(broker.port, b"")
        for number in range(50):
            mqtt.push(started(number))
        async with running(mqtt):
            await until(lambda: broker.attacked == TIMES)
            assert await mqtt.drained(PATIENCE_S)
    assert set(events_of(broker)) == {f"anna-{number}" for number in range(50)}
    assert (mqtt.dropped, mqtt.refused) == (0, 0)
    assert peak() < MOST_BYTES
    assert len(caplog.records) <= MOST_LINES, caplog.messages
    assert max(map(len, caplog.messages)) < 400
    assert logged(caplog, happening)
    assert {record.name.partition(".")[0] for record in caplog.records} == {"edgehar"}


async def test_a_flood_of_requests_is_answered_and_an_event_goes_out_all_the_same(
    link: tuple[ssl.SSLContext | None, Tls | None], caplog: pytest.LogCaptureFixture
) -> None:
    at_broker, at_gateway = link
    flood = b"".join(message(REQUEST, qos=number % 2, number=1 + number) for number in range(FLOOD))
    heard_before_the_event = list[int]()

    def answer(came: Published) -> bytes:
        if came.topic == EVENT:
            heard_before_the_event.append(len(requests))
        return puback(came) + (flood if came.topic == STATUS else b"")

    async with Peer(answer, tls=at_broker) as broker:
        mqtt, requests = answering(broker.port, b"done", tls=at_gateway)
        async with running(mqtt):
            await until(lambda: len(requests) > 10)
            mqtt.push(started(1))
            await until(lambda: len(broker.came) == FLOOD + 2)
    assert heard_before_the_event[0] < FLOOD / 2
    assert caplog.messages == []


async def test_who_sends_and_takes_nothing_is_read_no_further_than_answers_fit(
    link: tuple[ssl.SSLContext | None, Tls | None],
    peak: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    at_broker, at_gateway = link
    answer, count = bytes(50_000), 1000
    taken = asyncio.Event()

    class Mute(Peer):
        """Broker that floods, and takes nothing until it is told to."""

        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer):
                await read_packet(reader)
                writer.write(WELCOME)
                await read_packet(reader)  # it subscribes
                writer.write(b"".join(message(REQUEST, qos=1, number=1 + n) for n in range(count)))
                await taken.wait()
                while len(self.came) <= count:
                    kind, body = await read_packet(reader)
                    if kind & 0xF0 == PUBLISH:
                        size = int.from_bytes(body[:2], "big")
                        self.came.append(
                            Published(body[2 : 2 + size].decode(), b"", 0, retain=False, number=0)
                        )
                await asyncio.Event().wait()

    async with Mute(tls=at_broker) as broker:
        mqtt, requests = answering(broker.port, answer, tls=at_gateway, stop_s=0.0)
        async with running(mqtt):
            await until(lambda: bool(requests))
            before = -1
            while len(requests) > before:
                before = len(requests)
                await asyncio.sleep(0.2)
            # Some of the answers are in the kernel, and one or two wait here.
            assert before < count
            assert peak() < MOST_BYTES
            taken.set()
            await until(lambda: len(broker.came) == count + 1)  # and that it is online
    assert len(requests) == count
    assert caplog.messages == []


async def test_a_broker_that_answers_byte_by_byte_gets_everything(caplog: pytest.LogCaptureFixture) -> None:
    class Drip(Cable):
        """Cable that carries answers a byte at a time."""

        async def _copy(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_towards: bool
        ) -> None:
            if is_towards:
                await super()._copy(reader, writer, is_towards=True)
                return
            with contextlib.closing(writer), contextlib.suppress(OSError):
                while byte := await reader.read(1):
                    writer.write(byte)
                    await writer.drain()
                    await asyncio.sleep(0)

    async with Peer() as broker, Drip(broker.port) as cable:
        mqtt, _ = answering(cable.port, b"")
        for number in range(300):
            mqtt.push(started(number))
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
    assert events_of(broker) == [f"anna-{number}" for number in range(300)]
    assert caplog.messages == []
