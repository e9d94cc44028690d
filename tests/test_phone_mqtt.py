"""Sensor Logger over MQTT: a phone publishes to the real mosquitto."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listening import Listener, kept, running, until
from mosquitto import PATIENCE_S, Mosquitto, free_port, program
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from phones import ANDROID, recording
from test_sensor_logger import TEST_PUSH

from edgehar.brokers.embedded import EmbeddedBroker
from edgehar.devices.sensor_logger import SensorLoggerReader
from edgehar.devices.sensor_logger_json import LARGEST, Push, read_push
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources.phone.mqtt import SensorLoggerMqtt


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
    packets = [packet for body in listener.bodies for packet in reader.push(body)]
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
    assert source.link.damaged == 2
    assert {json.loads(body)["deviceId"] for body in listener.bodies} == {"anna"}


@pytest.mark.usefixtures("nothing_left")
async def test_a_message_that_the_program_fails_on_is_told_and_the_next_one_comes(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(raw: bytes) -> Push:
        if raw == b"trap":
            raise ZeroDivisionError
        return read_push(raw)

    monkeypatch.setattr("edgehar.sources.phone.mqtt.read_push", failing)
    listener, source = Listener(), mqtt(broker.port)
    first, *others = recording(3, ANDROID)
    with publishing(broker.port) as app:
        async with running(source, listener.deliver):
            await heard(app, listener, first, b"trap", b"trap", *others)
            await until(lambda: json.loads(listener.bodies[-1])["messageId"] == 2)
    assert source.link.damaged == 2
    assert caplog.text.count("in failing\n    raise ZeroDivisionError") == 1


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


def retain_too_much(port: int) -> None:
    """Leave a message on the topic that is larger than any push."""
    command = [program("mosquitto_pub"), "-p", str(port), "-t", "sensor-logger", "-r", "-q", "1", "-s"]
    subprocess.run(command, input=bytes(LARGEST + 100_000), check=True)


@pytest.mark.usefixtures("nothing_left")
async def test_a_broker_of_mqtt_5_is_told_to_keep_what_is_too_large_to_itself(broker: Mosquitto) -> None:
    retain_too_much(broker.port)
    listener, source = Listener(), mqtt(broker.port)
    with publishing(broker.port) as app:
        async with running(source, listener.deliver):
            await heard(app, listener, *recording(2, ANDROID))
            await listener.until(2)
    assert source.link.damaged == 0


@pytest.mark.usefixtures("nothing_left")
async def test_a_broker_of_mqtt_3_1_1_is_left_over_what_is_too_large(broker: Mosquitto) -> None:
    retain_too_much(broker.port)
    with pytest.raises(
        SourceLostError,
        match=r"a packet of 4,294,319 bytes, of which .* \(topic sensor-logger, .* an empty one, retained, removes it",
    ):
        await mqtt(broker.port, version=4).run(Listener().deliver)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("version", [5, 4])
async def test_a_size_is_enough_to_leave_nothing_has_to_come_with_it(version: int) -> None:
    async def boast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Welcome, and announce a message of 268 MB, of which nothing ever comes."""
        await reader.readuntil(b"edgehar-phone-")
        writer.write(bytes((0x20, 2, 0, 0)) if version == 4 else bytes((0x20, 3, 0, 0, 0)))
        await reader.readuntil(b"\x0dsensor-logger")
        writer.write(bytes((0x30, 0xFF, 0xFF, 0xFF, 0x7F)))
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(boast, "127.0.0.1", 0) as server:
        with pytest.raises(SourceLostError, match="a packet of 268,435,455 bytes"):
            await mqtt(server.sockets[0].getsockname()[1], version=version).run(Listener().deliver)


async def test_no_broker_is_one_line() -> None:
    port = free_port()
    with pytest.raises(SourceLostError, match=f"MQTT broker 127.0.0.1:{port}: .*refused"):
        await mqtt(port).run(Listener().deliver)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker that lets in only who knows that `pi` has the password `right`."""
    passwords = tmp_path / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(passwords), "pi", "right"], check=True)
    access = f"allow_anonymous false\npassword_file {passwords}"
    with Mosquitto(free_port(), tmp_path, access=access) as broker:
        yield broker


async def test_a_wrong_password_is_told_as_such(guarded: Mosquitto) -> None:
    with pytest.raises(SourceLostError, match="check `username` and `password_file`"):
        await mqtt(guarded.port, username="pi", password="wrong").run(Listener().deliver)


@pytest.mark.usefixtures("nothing_left")
async def test_a_topic_that_the_broker_does_not_give_is_told_as_such() -> None:
    async def grudge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak MQTT 3.1.1: welcome, but 0x80 to every subscription."""
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
    with pytest.raises(ConfigError, match=r"expected an MQTT topic|which brokers refuse|expected at most"):
        mqtt(1883, topic=topic)


@pytest.mark.parametrize("topic", ["sensor-logger", "phones/+/motion", "phones/#", "#", "+", "/"])
def test_topics_and_patterns_are_taken(topic: str) -> None:
    assert mqtt(1883, topic=topic).topic == topic
