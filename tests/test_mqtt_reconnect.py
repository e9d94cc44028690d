"""What the publisher does about brokers that end its connections, or are slow to begin them."""

import asyncio
import contextlib
import logging

import pytest
from mqtt_peer import DISCONNECT, Peer, Published, packet
from test_mqtt import STATUS, eventually, publisher, running

from edgehar.backoff import Delays

QUICK = Delays(first_s=0.01, longest_s=0.01)

CLASH = (
    "another client uses the client id edgehar-pi too: "
    "give each gateway a name of its own, `id` of [gateway] in edgehar.toml"
)


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
