"""What a publisher listens to, against a real mosquitto and a broker with faults: publishing comes first."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S, Listener, Mosquitto, free_port, program
from mqtt_peer import Peer
from test_mqtt import EVENT, NO_PAUSE, STATUS, eventually, listening, publisher, running
from test_payloads import started

from edgehar.brokers.mqtt import Received
from edgehar.brokers.mqtt_client import LARGEST_ANSWER
from edgehar.publishers import subscriptions
from edgehar.publishers.subscriptions import HARMFUL

REQUEST = "edgehar/pi/request/pause"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("version", [4, 5])
async def test_a_message_comes_with_its_topic_our_own_among_them(broker: Mosquitto, version: int) -> None:
    heard = list[Received]()
    mqtt = publisher(broker.port, version=version)
    mqtt.listen("edgehar/pi/request/+", heard.append)
    mqtt.listen("edgehar/pi/info", heard.append)
    with listening(broker.port) as listener:
        async with running(mqtt):
            mqtt.retain("info", "mine")
            await listener.until(lambda: bool(listener.on("edgehar/pi/info")))
            listener.publish(REQUEST, "1")
            await eventually(lambda: bool(heard) and heard[-1].topic == REQUEST)
    assert heard[-1] == Received(REQUEST, b"1")
    assert heard[:-1] == [Received("edgehar/pi/info", b"mine")]


async def test_what_stood_there_is_heard_before_it_is_written_over(broker: Mosquitto) -> None:
    heard = list[Received]()
    with listening(broker.port) as listener:
        listener.publish("edgehar/pi/info", "former", retain=True)
        await listener.until(lambda: bool(listener.on("edgehar/pi/info")))
        mqtt = publisher(broker.port)
        mqtt.listen("edgehar/pi/info", heard.append)
        mqtt.retain("info", "mine")
        async with running(mqtt):
            await eventually(lambda: bool(heard))
    assert heard[0] == Received("edgehar/pi/info", b"former", is_retained=True)


async def test_an_answer_goes_where_mqtt_5_says_and_carries_what_it_shall(
    broker: Mosquitto,
) -> None:
    mqtt = publisher(broker.port)
    mqtt.listen("edgehar/pi/request/+", lambda request: mqtt.answer(request, "response/pause", b"done"))
    async with running(mqtt):
        assert await mqtt.drained()  # and so the broker has the subscription
        # mosquitto's own client for requests: it prints what comes on its response topic.
        asking = await asyncio.create_subprocess_exec(
            *(program("mosquitto_rr"), "-p", str(broker.port), "-V", "5", "-t", REQUEST, "-e", "my/answers"),
            *("-m", "1", "-D", "publish", "correlation-data", "seven", "-F", "%t %p %D"),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(asking.communicate(), PATIENCE_S)
    assert out.decode().split() == ["my/answers", "done", "seven"]


async def test_a_topic_that_is_refused_is_named_once_and_events_go_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Peer(granted=0x87) as peer:
        mqtt = publisher(peer.port, delays=NO_PAUSE)
        mqtt.listen("forbidden/topic", lambda _: None)
        mqtt.push(started())
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
            await eventually(lambda: bool(lines(caplog)))
            peer.hang_up()
            await eventually(lambda: len(peer.connects) == 2)
            assert await mqtt.drained(PATIENCE_S)
    named = [line for line in lines(caplog) if "refuses" in line]
    assert len(named) == 1
    assert named[0].endswith("the broker refuses the topic forbidden/topic: Not authorized")


async def test_a_huge_message_that_waits_there_does_not_keep_events_from_going_out(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    # In MQTT 3.1.1 nobody can tell the broker how much is too much.
    with listening(broker.port) as listener:
        listener.publish("edgehar/pi/info", "x" * 2 * LARGEST_ANSWER, retain=True)
        await listener.until(lambda: bool(listener.on("edgehar/pi/info")))
        mqtt = publisher(broker.port, version=4, delays=NO_PAUSE)
        mqtt.listen("edgehar/pi/info", lambda _: None)
        for number in range(50):
            mqtt.push(started(number))
        async with running(mqtt):
            await listener.until(lambda: len(set(listener.on(EVENT))) == 50)
    assert mqtt.dropped == 0
    [line] = [line for line in lines(caplog) if "listened to" in line]
    assert "over edgehar/pi/info: none of it is listened to for 10 minutes at a time" in line


async def test_what_was_not_listened_to_is_again_on_the_same_connection_when_the_time_is_over(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "REST_S", 0.5)
    heard = list[Received]()
    with listening(broker.port) as listener:
        listener.publish("edgehar/pi/info", "x" * 2 * LARGEST_ANSWER, retain=True)
        await listener.until(lambda: bool(listener.on("edgehar/pi/info")))
        mqtt = publisher(broker.port, version=4, delays=NO_PAUSE)
        mqtt.listen("edgehar/pi/info", heard.append)
        async with running(mqtt):
            await mqtt.drained()
            listener.publish("edgehar/pi/info", "", retain=True)
            await listener.until(lambda: listener.on("edgehar/pi/info")[-1] == "")
            connected = len(listener.on(STATUS))
            while not heard:
                listener.publish("edgehar/pi/info", "well")
                await asyncio.sleep(0.05)
            assert len(listener.on(STATUS)) == connected


async def test_a_broker_that_hangs_up_on_who_subscribes_is_soon_asked_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "REST_S", 0.0)
    async with Peer(granted=None) as peer:
        mqtt = publisher(peer.port, delays=NO_PAUSE)
        mqtt.listen(REQUEST, lambda _: None)
        async with running(mqtt):
            # The rest is over at once here, so that it is tried again and again.
            await eventually(lambda: len(peer.connects) > HARMFUL + 1)
    monkeypatch.undo()
    async with Peer(granted=None) as peer:
        mqtt = publisher(peer.port, delays=NO_PAUSE)
        mqtt.listen(REQUEST, lambda _: None)
        mqtt.push(started())
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
        assert len(peer.connects) <= HARMFUL + 1
        assert (mqtt.refused, mqtt.dropped) == (0, 0)


async def test_a_taker_that_fails_costs_no_connection(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Received) -> None:
        raise ZeroDivisionError

    caplog.set_level(logging.INFO)
    mqtt = publisher(broker.port)
    mqtt.listen(REQUEST, fail)
    with listening(broker.port) as listener:
        async with running(mqtt):
            assert await mqtt.drained()  # and so the broker has the subscription
            for _ in range(3):
                listener.publish(REQUEST, "")
            await eventually(lambda: caplog.text.count("fault of edgehar's own") == 1)
            mqtt.push(started())
            await listener.until(lambda: bool(listener.on(EVENT)))
    assert caplog.text.count("connected, MQTT") == 1


def test_the_listener_of_the_tests_hears_home_assistants_topics_too(broker: Mosquitto) -> None:
    async def hear() -> None:
        listener = Listener(broker.port)
        try:
            listener.publish("homeassistant/status", "online")
            await listener.until(lambda: listener.on("homeassistant/status") == ["online"])
        finally:
            listener.close()

    asyncio.run(hear())
