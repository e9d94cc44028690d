"""Brokers that take less than others: real ones, configured so, get what they can take."""

import logging
from pathlib import Path

import pytest
from broker_guide import logged
from hypothesis import given, strategies as st
from mosquitto import PATIENCE_S, Mosquitto, free_port
from mqtt_peer import Connect, Peer, packet
from test_mqtt import EVENT, STATE, STATUS, eventually, ids, listening, publisher, running
from test_payloads import activity, started

from edgehar.brokers.mqtt_limits import Limits


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings without the broker's name."""
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    return [text.partition(" 127.0.0.1:")[2].partition(" ")[2] for text in warnings]


async def test_a_broker_without_retained_messages_gets_states_as_they_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(free_port(), tmp_path, access="allow_anonymous true\nretain_available false") as broker,
        listening(broker.port) as listener,
    ):
        async with running(publisher(broker.port)) as mqtt:
            mqtt.push(activity())
            mqtt.push(started(1))
            assert await mqtt.drained()
        await listener.until(lambda: listener.on(STATUS) == ["online", "offline"])
    assert (listener.on(STATE), ids(listener)) == (["walking"], [1])
    assert lines(caplog) == ["keeps no retained messages, so who subscribes later waits for the next state"]
    assert logged(caplog, "it keeps no retained messages")


async def test_a_broker_with_qos_0_alone_gets_all_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(free_port(), tmp_path, listener="max_qos 0") as broker,
        listening(broker.port) as listener,
    ):
        async with running(publisher(broker.port)) as mqtt:
            for number in range(100):
                mqtt.push(started(number))
            assert await mqtt.drained()
        await listener.until(lambda: listener.on(STATUS) == ["online", "offline"])
    assert ids(listener) == list(range(100))
    assert lines(caplog) == [
        "takes QoS 0 alone, so an event that is on its way when the connection breaks is lost"
    ]
    assert logged(caplog, "it has QoS 0 alone")


async def test_what_is_larger_than_the_brokers_packets_is_left_out_counted_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Mosquitto(free_port(), tmp_path, access="allow_anonymous true\nmax_packet_size 400") as broker,
        listening(broker.port) as listener,
    ):
        async with running(publisher(broker.port)) as mqtt:
            mqtt.retain("info", "x" * 400)
            mqtt.push(started(1))
            mqtt.push(started(2, "x" * 200))
            mqtt.push(started(3, "y" * 200))
            mqtt.push(started(4))
            assert await mqtt.drained()
        await listener.until(lambda: listener.on(STATUS) == ["online", "offline"])
    assert ids(listener) == [1, 4]
    assert (mqtt.refused, mqtt.dropped) == (3, 2)
    assert lines(caplog)[:2] == [
        f"refuses {topic}: it takes packets of at most 400 bytes" for topic in ("edgehar/pi/info", EVENT)
    ]
    assert logged(caplog, "a message is larger than its packets may be")


async def test_no_more_is_on_its_way_than_the_broker_takes_at_once() -> None:
    def two_at_once(connect: Connect) -> tuple[int, bytes]:
        assert connect.version == 5
        return 0, b"\x21\0\2" + b"\x13\0\1"  # Receive Maximum, and Server Keep Alive

    async with (
        Peer(answer=lambda _: b"", connack=two_at_once) as peer,
        running(publisher(peer.port, stop_s=0.0)) as mqtt,
    ):
        for number in range(100):
            mqtt.push(started(number))
        # It stands behind all that was sent before it.
        await eventually(lambda: peer.pings == 1)
        assert len(peer.came) == 2


async def test_a_broker_that_asks_for_more_pings_gets_them_in_time() -> None:
    def every_two_seconds(connect: Connect) -> tuple[int, bytes]:
        assert connect.version == 5
        return 0, b"\x13\0\2"  # Server Keep Alive

    # 1.5 times as long, as OASIS MQTT 5.0, 3.1.2.10, has it.
    async with Peer(connack=every_two_seconds, silence_s=3.0) as peer, running(publisher(peer.port)):
        await eventually(lambda: peer.pings == 1)
    assert len(peer.connects) == 1


@pytest.mark.parametrize(
    ("reason", "will_qos", "will_retain"), [(0x9A, 1, False), (0x9B, 0, True)], ids=["retain", "qos"]
)
async def test_a_last_will_that_the_broker_cannot_have_is_made_one_that_it_can(
    reason: int,
    will_qos: int,
    will_retain: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
) -> None:
    def picky(connect: Connect) -> tuple[int, bytes]:
        fits = connect.will_qos <= will_qos and connect.will_retain <= will_retain
        return (0 if fits else reason), b""

    async with Peer(connack=picky) as peer, running(publisher(peer.port)) as mqtt:
        assert await mqtt.drained(PATIENCE_S)
    assert [(connect.will_qos, connect.will_retain) for connect in peer.connects] == [
        (1, True),
        (will_qos, will_retain),
    ]
    assert lines(caplog) == []


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), st.integers(0, 20_000), st.booleans())
def test_a_message_fits_exactly_if_its_packet_does(topic: str, size: int, acknowledged: bool) -> None:  # noqa: FBT001
    number = b"\0\1" if acknowledged else b""
    name = topic.encode()
    written = packet(0x32, len(name).to_bytes(2, "big") + name + number + b"\0" + bytes(size))
    qos = int(acknowledged)
    assert Limits(packet_size=len(written), qos=qos).fits(topic, bytes(size))
    assert not Limits(packet_size=len(written) - 1, qos=qos).fits(topic, bytes(size))
