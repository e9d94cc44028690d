"""`python -m benchmarks.mqtt`: what it costs to tell a broker, beside a bare paho client in the same run.

The broker is a real mosquitto on loopback, all goes with MQTT 5 and QoS 1. The bare client publishes payloads that are
ready made, from paho's own thread; edgehar also makes them from its events.
"""

import asyncio
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from msgspec.structs import replace
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from benchmarks.broker import PORT, Subscriber, mosquitto
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.publishers import payloads
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.outbox import Bounds
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Event, Stream
from edgehar.wire.framing import Deframer, frame

EVENTS = 5000
"""Events of a round; all are pushed at once."""

ROUNDS = 5
SINGLE = 500
"""Events, and packets that complete a window, whose latency is taken, one at a time."""

PAUSE_S = 0.004
"""Time between two of those, s: the one before is done."""

SCRIPT = [("walking", 60.0), ("sitting", 60.0)] * 5
PLACEMENT = "trouser_pocket"
EVENT = Event(
    "w-0", "activity_started", "w", "walking", "standing", 0.94, 3.12, 4.4, None, 0.992, "imu_tcn@0.5.0"
)
TOPIC = "edgehar/bench/w"

Costs = tuple[float, float]
"""Events a second, and µs of CPU of this process for each."""


@contextlib.asynccontextmanager
async def edgehar() -> AsyncIterator[Mqtt]:
    """Connect edgehar's publisher."""
    mqtt = Mqtt(
        host="127.0.0.1", port=PORT, gateway="bench", bounds=Bounds(events=2 * EVENTS), heartbeat_s=0.0
    )
    running = asyncio.create_task(mqtt.run())
    await mqtt.drained()
    try:
        yield mqtt
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.contextmanager
def paho() -> Iterator[Client]:
    """Connect a bare client, in a thread of its own."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", PORT)
    client.loop_start()
    connected.wait()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


async def edgehar_costs(mqtt: Mqtt) -> Costs:
    """Publish a round of events until all are acknowledged."""
    events = [replace(EVENT, id=f"w-{number}") for number in range(EVENTS)]
    began, cpu = time.perf_counter(), time.process_time()
    for event in events:
        mqtt.push(event)
    assert await mqtt.drained(60.0)
    return EVENTS / (time.perf_counter() - began), (time.process_time() - cpu) / EVENTS * 1e6


def paho_costs(client: Client) -> Costs:
    """Publish a round of ready payloads until all are acknowledged."""
    payload = ready_payload()
    left, over = EVENTS, threading.Event()

    def acknowledged(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            over.set()

    client.on_publish = acknowledged
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(EVENTS):
        client.publish(f"{TOPIC}/event", payload, qos=1)
    over.wait()
    return EVENTS / (time.perf_counter() - began), (time.process_time() - cpu) / EVENTS * 1e6


def ready_payload() -> bytes:
    """Return what edgehar publishes of an event."""
    [message] = payloads.mqtt_messages(EVENT, "edgehar/bench", payloads.monotonic_to_unix)
    return message.payload


async def latencies(topic: str, publish: Callable[[], bool]) -> list[float]:
    """Return the time from a call that published, which is True, to the subscriber, ms, of SINGLE of them."""
    subscriber = Subscriber(topic)
    sent: list[float] = []
    while len(sent) < SINGLE:
        began = time.time()
        if publish():
            sent.append(began)
        await asyncio.sleep(PAUSE_S)
    # Were one lost or doubled, some would have come before they were sent.
    ms = [(came - left) * 1000 for came, left in zip(subscriber.times(SINGLE), sent, strict=True)]
    subscriber.close()
    assert min(ms) > 0
    return ms


def of_packets(mqtt: Mqtt) -> Callable[[], bool]:
    """Return what takes one more frame of a sensor's byte stream; True: it completed a window, and was published."""
    recognizer = load(find("imu_tcn"))
    pipeline, deframer = Pipeline("w", [Stream(PLACEMENT)], recognizer, recognizer.spec.decision), Deframer()
    packets = Simulator(placements=[PLACEMENT], script=SCRIPT, seed=1).packets()
    frames = iter([(t, frame(body)) for t, _, body in packets])

    def take() -> bool:
        t, framed = next(frames)
        answers = [answer for body in deframer.push(framed) for answer in pipeline.push(t, 0, body)]
        for answer in answers:
            mqtt.push(answer)
        return any(isinstance(answer, Activity) for answer in answers)

    return take


def of_events(mqtt: Mqtt) -> Callable[[], bool]:
    """Return what publishes one more event."""

    def publish() -> bool:
        mqtt.push(EVENT)
        return True

    return publish


def spread(ms: list[float]) -> str:
    """Return the median and the 99th percentile, in words."""
    return f"p50 {statistics.median(ms):.2f} ms, p99 {statistics.quantiles(ms, n=100)[-1]:.2f} ms"


async def costs() -> None:
    """Print events a second, and CPU for each."""
    async with edgehar() as mqtt:
        with paho() as client:
            rounds = [
                (await edgehar_costs(mqtt), await asyncio.to_thread(paho_costs, client))
                for _ in range(ROUNDS)
            ]
    rate, cpu, bare_rate, bare_cpu = (
        statistics.median(sample[who][what] for sample in rounds) for who in (0, 1) for what in (0, 1)
    )
    print(
        f"{EVENTS} events at once to mosquitto, until all are acknowledged: {rate:,.0f}/s and {cpu:.0f} µs of CPU each; "
        f"bare paho {bare_rate:,.0f}/s and {bare_cpu:.0f} µs; ratio {rate / bare_rate:.2f} and {cpu / bare_cpu:.2f}"
    )


async def delays() -> None:
    """Print the latency of single messages up to a subscriber."""
    payload = ready_payload()
    async with edgehar() as mqtt:
        pushed = await latencies(f"{TOPIC}/event", of_events(mqtt))
        whole = await latencies(f"{TOPIC}/activity", of_packets(mqtt))
    with paho() as client:
        bare = await latencies(
            f"{TOPIC}/event", lambda: client.publish(f"{TOPIC}/event", payload, qos=1).mid > 0
        )
    ratio = statistics.median(pushed) / statistics.median(bare)
    print(
        f"from the push of an event to a subscriber: {spread(pushed)}; bare paho {spread(bare)}; ratio of p50 {ratio:.2f}"
    )
    print(f"from the packet that completes a window to the subscriber of the state: {spread(whole)}")


def broker_costs() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)):
        asyncio.run(costs())
        asyncio.run(delays())


if __name__ == "__main__":
    broker_costs()
