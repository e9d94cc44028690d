"""What the publisher does about brokers that end its connections, or are slow to begin them."""

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S, Mosquitto, free_port
from mqtt_peer import DISCONNECT, Peer, Published, packet
from test_mqtt import STATUS, eventually, publisher, running

from edgehar.backoff import Delays

QUICK = Delays(first_s=0.01, longest_s=0.01)

CLASH = (
    "another client uses the client id edgehar-pi too: "
    "give each gateway a name of its own, `id` of [gateway] in edgehar.toml"
)


@pytest.mark.parametrize("version", [5, 4])
async def test_two_gateways_with_one_name_are_told_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")

    def losses() -> int:
        return sum("; trying again" in text for text in caplog.messages)

    with Mosquitto(free_port(), tmp_path) as broker:
        async with (
            running(publisher(broker.port, version=version, delays=QUICK)),
            running(publisher(broker.port, version=version, delays=QUICK)),
        ):
            async with asyncio.timeout(PATIENCE_S):
                # Between two looks paho's threads have the interpreter: one that only looks leaves them little of it.
                while losses() < 40:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert sum(CLASH in text for text in warnings) == 2  # one of each
    assert len(warnings) <= 4  # and the first loss of each
    infos = [record for record in caplog.records if record.levelno == logging.INFO]
    assert len(infos) <= 12


async def test_who_was_taken_over_waits_long_before_it_takes_over_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        pauses.append((low, high))
        return 0.0

    monkeypatch.setattr("random.uniform", uniform)

    def taken_over(_message: Published) -> bytes:
        return packet(DISCONNECT, bytes((0x8E, 0)))

    async with Peer(taken_over) as peer, running(publisher(peer.port)):
        await eventually(lambda: len(pauses) == 3)
    assert pauses == [(15.0, 30.0)] * 3


@pytest.mark.usefixtures("leaping_clock")
async def test_a_broker_that_takes_half_a_minute_to_welcome_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edgehar")
    async with Peer(connack_delay_s=30.0) as peer:
        mqtt = publisher(peer.port)
        task = asyncio.create_task(mqtt.run())
        # No time limit: this clock would leap to its end.
        await mqtt._is_drained.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert (len(peer.connects), peer.came[0].topic) == (1, STATUS)
    assert caplog.messages == [f"MQTT broker 127.0.0.1:{peer.port} connected, MQTT 5"]


async def test_a_broker_that_closes_idle_connections_is_named_once_and_not_every_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")

    async with Peer() as peer, running(publisher(peer.port, delays=QUICK)) as mqtt:
        for count in range(1, 30):
            await eventually(lambda: len(peer.came) == count and not mqtt._outbox.in_flight)  # noqa: B023
            peer.hang_up()
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    about = f"MQTT broker 127.0.0.1:{peer.port}: "
    assert warnings == [
        f"{about}connection lost; trying again",
        f"{about}the connection is lost again and again soon after it is made; perhaps {CLASH}",
    ]
