"""The publisher against a real mosquitto, killed and started again, and against brokers with faults."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_guide import logged
from certificates import listener_of, make_certificates, trusting
from mosquitto import PATIENCE_S, Cable, Listener, Mosquitto, free_port, program
from mqtt_peer import DISCONNECT, Peer, Published, packet, puback
from msgspec.structs import replace
from test_payloads import activity, started, to_unix

from edgehar.backoff import Delays
from edgehar.brokers.embedded import EmbeddedBroker
from edgehar.brokers.mqtt_tls import Tls
from edgehar.errors import ConfigError
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.outbox import TRIES, Bounds

STATUS = "edgehar/pi/status"
STATE = "edgehar/pi/anna/activity"
EVENT = "edgehar/pi/anna/event"

CONNACK_5 = bytes((0x20, 3, 0, 0, 0))
PINGRESP = bytes((0xD0, 0))
DISCONNECT_SHUTTING_DOWN = bytes((0xE0, 2, 0x8B, 0))
"""Answers of a broker that speaks MQTT 5."""

NO_PAUSE = Delays(longest_s=0.0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def publisher(port: int, **settings: Any) -> Mqtt:
    return Mqtt(
        host="127.0.0.1", port=port, gateway="pi", to_unix=to_unix, **{"heartbeat_s": 1e9, **settings}
    )


@contextlib.asynccontextmanager
async def running(mqtt: Mqtt) -> AsyncIterator[Mqtt]:
    task = asyncio.create_task(mqtt.run())
    try:
        yield mqtt
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        mqtt.log_losses()


@contextlib.contextmanager
def listening(port: int, *, ca: Path | None = None, **credentials: str) -> Iterator[Listener]:
    listener = Listener(port, ca=ca, **credentials)
    try:
        yield listener
    finally:
        listener.close()


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        # Looked at in every turn of the loop, for what is waited for sets no event.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)


def ids(listener: Listener) -> list[int]:
    return [int(json.loads(payload)["id"].removeprefix("anna-")) for payload in listener.on(EVENT)]


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if record.name == "edgehar.publishers.mqtt_reconnect"]


async def test_who_listens_hears_that_it_is_online_then_states_then_events(broker: Mosquitto) -> None:
    mqtt = publisher(broker.port)
    mqtt.retain("info", "{}")
    mqtt.push(started(1))
    mqtt.push(activity())
    with listening(broker.port) as listener:
        async with running(mqtt):
            await listener.until(lambda: len(listener.heard) == 5)
    topics = [topic for topic, _, _ in listener.heard[:5]]
    assert topics == [STATUS, "edgehar/pi/info", f"{STATE}/attributes", STATE, EVENT]
    assert (listener.on(STATUS)[0], listener.on(STATE), ids(listener)) == ("online", ["walking"], [1])


async def test_who_comes_later_finds_the_state_but_no_old_event(broker: Mosquitto) -> None:
    async with running(publisher(broker.port)) as mqtt:
        mqtt.push(started(1))
        mqtt.push(activity())
        assert await mqtt.drained()
        with listening(broker.port) as listener:
            await listener.until(lambda: bool(listener.on(STATE) and listener.on(STATUS)))
            listener.publish("edgehar/end", "")
            await listener.until(lambda: bool(listener.on("edgehar/end")))
    assert (STATE, "walking", True) in listener.heard
    assert not listener.on(EVENT)


@pytest.mark.parametrize(
    ("heartbeat_s", "heard"), [(1e9, ["walking", "running"]), (0.0, ["walking"] * 3 + ["running"])]
)
async def test_an_unchanged_state_is_told_again_only_as_a_heartbeat(
    broker: Mosquitto, heartbeat_s: float, heard: list[str]
) -> None:
    with listening(broker.port) as listener:
        async with running(publisher(broker.port, heartbeat_s=heartbeat_s)) as mqtt:
            await eventually(lambda: mqtt.connected)
            for state in ("walking", "walking", "walking", "running"):
                mqtt.push(activity(state))
                await mqtt.drained()
            await listener.until(lambda: "running" in listener.on(STATE))
    assert listener.on(STATE) == heard


async def test_a_broker_that_was_killed_and_forgot_all_knows_all_again(broker: Mosquitto) -> None:
    async with Cable(broker.port) as cable, running(publisher(cable.port)) as mqtt:
        mqtt.push(activity())
        assert await mqtt.drained()
        broker.freeze()
        for number in range(200):
            mqtt.push(started(number))
        # Some are on their way now, and nobody will ever acknowledge them; the others wait.
        await eventually(lambda: b"anna-19" in cable.carried)
        assert b"anna-20" not in cable.carried
        broker.kill9()
        cable.unplug()
        await eventually(lambda: not mqtt.connected)
        for number in range(200, 400):
            mqtt.push(started(number))
        mqtt.push(activity("running"))
        broker.start()
        with listening(broker.port) as listener:
            await cable.plug()
            assert await mqtt.drained(PATIENCE_S)
            await listener.until(lambda: 399 in ids(listener))
    assert ids(listener) == list(range(400))
    assert listener.on(STATUS)[0] == "online"
    assert listener.on(STATE) == ["running"]
    assert mqtt.dropped == 0


async def test_while_the_broker_is_away_the_newest_events_wait_and_the_others_are_counted(
    broker: Mosquitto,
) -> None:
    mqtt = publisher(broker.port, bounds=Bounds(3))
    for number in range(10):
        mqtt.push(started(number))
    assert (mqtt.dropped, mqtt.waiting) == (7, 3)
    with listening(broker.port) as listener:
        async with running(mqtt):
            await listener.until(lambda: len(ids(listener)) == 3)
    assert ids(listener) == [7, 8, 9]
    assert mqtt.waiting == 0


@pytest.mark.parametrize("settings", [{"version": 4}, {"will_delay_s": 1}], ids=["3.1.1", "5"])
async def test_the_last_will_is_published_when_the_gateways_connection_dies(
    broker: Mosquitto, settings: dict[str, int]
) -> None:
    with listening(broker.port) as listener:
        async with Cable(broker.port) as cable, running(publisher(cable.port, **settings)):
            await listener.until(lambda: listener.on(STATUS) == ["online"])
            cable.unplug()
            await listener.until(lambda: listener.on(STATUS) == ["online", "offline"])
            await cable.plug()
            await listener.until(lambda: listener.on(STATUS) == ["online", "offline", "online"])


async def test_who_is_soon_back_was_never_offline_and_hears_what_was_asked_meanwhile(
    tmp_path: Path,
) -> None:
    heard = list[bytes]()
    keeping = Mosquitto(free_port(), tmp_path, queued=100)
    with keeping as broker, listening(broker.port) as listener:
        async with Cable(broker.port) as cable:
            mqtt = publisher(cable.port)
            mqtt.listen("edgehar/pi/request/pause", lambda message: heard.append(message.payload))
            async with running(mqtt):
                await listener.until(lambda: listener.on(STATUS) == ["online"])
                listener.publish("edgehar/pi/request/pause", "before")
                await eventually(lambda: heard == [b"before"])
                cable.unplug()
                await eventually(lambda: not mqtt.connected)
                listener.publish("edgehar/pi/request/pause", "meanwhile")
                await listener.until(lambda: len(listener.on("edgehar/pi/request/pause")) == 2)
                await cable.plug()
                await listener.until(lambda: len(listener.on(STATUS)) == 2)
                # Whose acknowledgement was cut off with the cable comes twice.
                await eventually(lambda: heard[-1] == b"meanwhile")
    assert listener.on(STATUS)[:2] == ["online", "online"]


async def test_a_state_that_nobody_renews_is_gone_from_the_broker(broker: Mosquitto) -> None:
    async with running(publisher(broker.port, heartbeat_s=1.0, will_delay_s=0)) as mqtt:
        mqtt.push(activity())
        assert await mqtt.drained()
        assert retained(broker.port) >= {STATUS, STATE}
        async with asyncio.timeout(PATIENCE_S):
            while STATE in retained(broker.port):  # noqa: ASYNC110 - the broker does it, and tells nobody
                await asyncio.sleep(0.2)
        assert STATUS in retained(broker.port)
        mqtt.push(replace(activity(), is_last=True))
        assert await mqtt.drained()


def retained(port: int) -> set[str]:
    """Return the topics on which somebody who comes now hears something."""
    command = [program("mosquitto_sub"), "-p", str(port), "-t", "edgehar/#", "-F", "%t", "-W", "1"]
    return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


async def test_a_clean_stop_hands_over_what_waits_and_says_offline_once(broker: Mosquitto) -> None:
    with listening(broker.port) as listener:
        async with running(publisher(broker.port)) as mqtt:
            await eventually(lambda: mqtt.connected)
            for number in range(100):
                mqtt.push(started(number))
        listener.publish("edgehar/end", "")
        await listener.until(lambda: bool(listener.on("edgehar/end")))
    assert ids(listener) == list(range(100))
    assert listener.on(STATUS) == ["online", "offline"]


async def test_a_publisher_that_was_stopped_can_run_again(broker: Mosquitto) -> None:
    mqtt = publisher(broker.port)
    with listening(broker.port) as listener:
        for _ in range(2):
            async with running(mqtt):
                await eventually(lambda: mqtt.connected)
        await listener.until(lambda: len(listener.on(STATUS)) == 4)
    assert listener.on(STATUS) == ["online", "offline"] * 2


async def test_a_stop_without_a_broker_says_how_many_events_were_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(publisher(free_port())) as mqtt:
        mqtt.push(started())
        assert not await mqtt.drained(0)
    assert "1 events did not reach the MQTT broker" in caplog.text


async def test_neither_push_nor_the_loop_waits_for_a_host_that_does_not_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port: int = deaf.getsockname()[1]
        with contextlib.ExitStack() as full:
            # A full backlog makes Linux ignore further attempts, as a dead host would.
            for _ in range(2):
                sock = full.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
            async with running(publisher(port, bounds=Bounds(100))) as mqtt:
                for number in range(5000):
                    mqtt.push(started(number))
                    await asyncio.sleep(0)
                # The attempt of five seconds is still on: no turn of the loop waited for it.
                assert [text.partition(": ")[0] for text in caplog.messages] == [
                    f"MQTT broker 127.0.0.1:{port} is away and the queue is full"
                ]
                assert (mqtt.connected, mqtt.waiting, mqtt.dropped) == (False, 100, 4900)


async def test_a_failure_warns_once_until_the_broker_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = free_port()
    async with running(publisher(port, delays=NO_PAUSE)) as mqtt:
        await eventually(lambda: len(levels(caplog)) >= 3)
        with Mosquitto(port, tmp_path):
            await eventually(lambda: mqtt.connected)
            logged = levels(caplog)
        await eventually(lambda: len(levels(caplog)) > len(logged))
    assert (logged[0], set(logged[1:-1]), logged[-1]) == (logging.WARNING, {logging.DEBUG}, logging.INFO)
    assert levels(caplog)[len(logged)] == logging.WARNING
    assert caplog.messages[0] == f"MQTT broker 127.0.0.1:{port}: Connection refused; trying again"


async def test_a_topic_that_the_broker_forbids_is_named_once_and_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    access = tmp_path / "access"
    access.write_text(f"topic readwrite {STATUS}\n")
    with Mosquitto(free_port(), tmp_path, access=f"allow_anonymous true\nacl_file {access}") as broker:
        async with running(publisher(broker.port)) as mqtt:
            mqtt.push(started(1))
            mqtt.push(started(2))
            assert await mqtt.drained()
    assert mqtt.dropped == 2
    assert [r.message for r in caplog.records if "refuses" in r.message] == [
        f"MQTT broker 127.0.0.1:{broker.port} refuses {EVENT}: Not authorized"
    ]
    assert logged(caplog, "its access list forbids a topic")


def ending(message: Published) -> bytes | None:
    """End the connection, without a word."""
    assert message
    return None


def too_large(_message: Published) -> bytes:
    """Say DISCONNECT, Packet too large."""
    return packet(DISCONNECT, bytes((0x95, 0)))


def nonsense(message: Published) -> bytes:
    """Acknowledge with a reason that PUBACK does not have, Connection rate exceeded."""
    return puback(message, 0x9F)


def events_of(peer: Peer) -> list[str]:
    return [json.loads(message.payload)["id"] for message in peer.came if message.topic == EVENT]


@pytest.mark.parametrize(
    ("version", "answer"),
    [(4, ending), (5, ending), (5, too_large), (5, nonsense)],
    ids=["ends_3_1_1", "ends_5", "disconnect_0x95", "puback_0x9f"],
)
@pytest.mark.parametrize("victim", ["edgehar/pi/info", "anna-7"])
async def test_a_message_that_the_broker_cannot_stand_is_given_up_and_holds_nothing_up(
    version: int,
    answer: Callable[[Published], bytes | None],
    victim: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def is_victim(message: Published) -> bool:
        return victim == message.topic or f'"{victim}"'.encode() in message.payload

    async with Peer(lambda message: answer(message) if is_victim(message) else puback(message)) as peer:
        mqtt = publisher(peer.port, version=version, delays=NO_PAUSE)
        mqtt.retain("info", "{}")
        mqtt.push(activity())
        for number in range(70):
            mqtt.push(started(number))
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
    is_event = victim == "anna-7"
    topics = {message.topic for message in peer.came if not is_victim(message)}
    assert topics == {STATUS, "edgehar/pi/info", STATE, f"{STATE}/attributes", EVENT} - {victim}
    events = [name for name in dict.fromkeys(events_of(peer)) if name != victim]
    assert events == [f"anna-{number}" for number in range(70) if number != 7 or not is_event]
    assert (mqtt.refused, mqtt.dropped) == (1, is_event)
    # It was with others on the first connection, and nobody's fault; on the last it was not sent.
    assert len(peer.connects) == TRIES + 2
    (line,) = [text for text in caplog.messages if "refuses" in text]
    topic = EVENT if is_event else victim
    assert line.endswith(f"refuses {topic}: it ended {TRIES} connections over this message")
    assert logged(caplog, "it ends connections over a message")
    assert not any("client id" in text for text in caplog.messages), "another gateway is not the cause"


async def test_a_broker_that_for_now_can_stand_nothing_gets_all_when_it_is_well() -> None:
    ailing = 40  # connections

    def answer(message: Published) -> bytes | None:
        return None if len(peer.connects) <= ailing else puback(message)

    async with Peer(answer) as peer:
        mqtt = publisher(peer.port, delays=NO_PAUSE)
        mqtt.push(activity())
        for number in range(100):
            mqtt.push(started(number))
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
    # The one that found it well overtook those that could not.
    first, *others = (int(name.removeprefix("anna-")) for name in events_of(peer))
    assert others == [number for number in range(100) if number != first]
    assert {message.topic for message in peer.came} == {STATUS, STATE, f"{STATE}/attributes", EVENT}
    assert (mqtt.refused, mqtt.dropped) == (0, 0)


async def test_a_message_that_is_never_acknowledged_holds_nothing_up_for_ever() -> None:
    async with Peer(lambda message: b"" if b"anna-7" in message.payload else puback(message)) as peer:
        mqtt = publisher(peer.port, answer_s=0.05, delays=NO_PAUSE)
        for number in range(5, 10):
            mqtt.push(started(number))
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
    assert [name for name in dict.fromkeys(events_of(peer)) if name != "anna-7"] == [
        f"anna-{number}" for number in (5, 6, 8, 9)
    ]
    assert (mqtt.refused, mqtt.dropped) == (1, 1)


async def test_a_link_that_is_cut_again_and_again_costs_no_event(broker: Mosquitto) -> None:
    with listening(broker.port) as listener:
        async with Cable(broker.port) as cable, running(publisher(cable.port, delays=NO_PAUSE)) as mqtt:
            for number in range(158):
                mqtt.push(started(number))
                if number % 5 == 0:
                    cable.cut()
                if number % 3 == 0:
                    await eventually(lambda: mqtt.connected)
            assert await mqtt.drained(PATIENCE_S)
        await listener.until(lambda: 157 in ids(listener))
    assert list(dict.fromkeys(ids(listener))) == list(range(158))
    assert (mqtt.refused, mqtt.dropped) == (0, 0)


async def test_a_refused_event_is_not_called_a_full_queue(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        Peer(lambda message: puback(message, 0x87 if message.topic == EVENT else 0)) as peer,
        running(publisher(peer.port)) as mqtt,
    ):
        for number in range(3):
            mqtt.push(started(number))
            assert await mqtt.drained()
        mqtt.push(activity())
        assert await mqtt.drained()
    assert mqtt.dropped == mqtt.refused == 3
    assert caplog.messages == [
        f"MQTT broker 127.0.0.1:{peer.port} refuses {EVENT}: Not authorized",
        "3 events did not reach the MQTT broker",
    ]


async def test_a_queue_that_fills_because_the_broker_is_slow_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Peer(lambda _message: b"") as peer,
        running(publisher(peer.port, bounds=Bounds(3), stop_s=0.0)) as mqtt,
    ):
        await eventually(lambda: mqtt.connected)
        for number in range(50):
            mqtt.push(started(number))
    assert (
        f"MQTT broker 127.0.0.1:{peer.port} takes too little and the queue is full: the oldest events are dropped; "
        "`queue`, `queue_mb` and `queue_days` of [mqtt] bound it" in caplog.messages
    )


async def test_a_broker_that_refuses_mqtt_5_gets_3_1_1(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edgehar")
    async with EmbeddedBroker(0) as broker, running(publisher(broker.port)) as mqtt:
        mqtt.push(started())
        assert await mqtt.drained()
    assert caplog.messages == [f"MQTT broker 127.0.0.1:{broker.port} connected, MQTT 3.1.1"]


async def test_a_broker_that_is_silent_to_mqtt_5_gets_3_1_1(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edgehar")

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            connect = await reader.readuntil(b"MQTT")
            if (await reader.readexactly(1))[0] == 4:
                assert connect[0] == 0x10
                writer.write(bytes((0x20, 2, 0, 0)))
            await reader.read(-1)

    async with await asyncio.start_server(old, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(publisher(port, answer_s=0.05, stop_s=0.0)) as mqtt:
            await eventually(lambda: mqtt.connected)
    assert caplog.messages == [f"MQTT broker 127.0.0.1:{port} connected, MQTT 3.1.1"]


async def test_over_tls_with_a_certificate_of_the_gateway(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    listener = f"{listener_of(tmp_path)}require_certificate true"
    tls = replace(trusting(tmp_path), cert=tmp_path / "gateway.crt", key=tmp_path / "gateway.key")
    with Mosquitto(free_port(), tmp_path, listener=listener) as broker:
        async with running(publisher(broker.port, tls=tls)) as mqtt:
            for number in range(500):
                mqtt.push(started(number))
            assert await mqtt.drained()


async def test_packets_that_came_in_one_tls_record_are_all_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"edgehar-pi")
            writer.write(CONNACK_5 + 8 * PINGRESP + DISCONNECT_SHUTTING_DOWN)
            await reader.read(-1)

    async with await asyncio.start_server(welcome, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(publisher(port, tls=trusting(tmp_path), stop_s=0.0)):
            await eventually(lambda: "the broker said: Server shutting down" in caplog.text)


def test_certificates_that_cannot_be_read_are_the_operators_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        publisher(8883, tls=Tls(ca=tmp_path / "nowhere.pem"))
