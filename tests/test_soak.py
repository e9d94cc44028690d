"""The daemon at 20 times the speed of life while sensors and the broker come and go: what is sent is received, memory stays.

`-m slow` runs it for half an hour, or for as many minutes as EDGEHAR_SOAK_MINUTES says, and prints its figures; a few
seconds of it are always tried.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from mosquitto import PATIENCE_S, Cable, Mosquitto, free_port
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from shell import start

from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Item, Stream

MINUTES = float(os.environ.get("EDGEHAR_SOAK_MINUTES", "30"))
SPEED = 20
SCRIPT = [("walking", 12.0), ("standing", 12.0), ("running", 12.0), ("sitting", 12.0), ("walking", 12.0)]
"""What the replayed wearers do, again and again; after each round their sensors count anew, as after a restart."""

WORN_S = 60.0
BAD_DAY = Faults(
    loss=0.05, jitter_s=0.01, connection_interval_s=0.03, disconnect_every_s=120, disconnect_for_s=8
)
LIVE = ("--loss", "0.05", "--corrupt", "0.02", "--disconnect-every-s", "20", "--drift-ppm", "50")
"""A sensor at the pace of life on a port, whose link is lost and opened anew; in a process of its own."""

WARM = 0.3
"""Part of the time after which the memory is looked at."""

MOST_GROWTH_MB = 8.0

Key = tuple[str, str]
"""Id of an event, and whether it began or ended."""


def ideal(seconds: float, seed: int) -> Iterator[Item]:
    """Yield the packets of a wearer for so long."""
    round_of_it = list(Simulator(placements=["trouser_pocket"], script=SCRIPT, seed=seed).packets())
    for begin in itertools.count(0.0, WORN_S):
        for t, stream, body in round_of_it:
            if begin + t > seconds:
                return
            yield begin + t, stream, body


def record(path: Path, name: str, seconds: float, seed: int) -> None:
    """Write what comes of a wearer whose link is bad."""
    faults = Faults(**{key: getattr(BAD_DAY, key) for key in BAD_DAY.__struct_fields__} | {"seed": seed})
    with Writer(path, Header(name, (Stream("trouser_pocket"),), epoch=1_700_000_000.0)) as writer:
        for item in inject(faults, ideal(seconds, seed)):
            writer.push(*item)


def configuration(folder: Path, port: int, sensor_port: int, wearers: int, seconds: float) -> Path:
    """Write recordings that last for longer than `seconds`, and what watches them and the live sensor."""
    text = f'[gateway]\nid = "gw"\nstate_dir = "{folder}"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
    text += '[[wearer]]\nid = "live"\n[[wearer.serial]]\nplacement = "trouser_pocket"\n'
    text += f'port = "socket://127.0.0.1:{sensor_port}"\n'
    for seed in range(wearers):
        path = folder / f"w{seed}.ehr"
        record(path, f"w{seed}", (seconds + 60) * SPEED, seed)
        text += f'[[wearer]]\nid = "w{seed}"\n[wearer.replay]\npath = "{path}"\nspeed = {SPEED}\n'
    (folder / "edgehar.toml").write_text(text)
    return folder / "edgehar.toml"


class Subscriber:
    """Client with QoS 1 and a session that outlives its connections; notes when each event came."""

    def __init__(self, port: int) -> None:
        self.came: dict[Key, list[float]] = defaultdict(list)
        self.order: list[Key] = []
        subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="subscriber", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("edgehar/+/+/event", 1)
        self._client.loop_start()
        assert subscribed.wait(PATIENCE_S)

    def _hear(self, _client: Client, _user: object, message: MQTTMessage) -> None:
        event = json.loads(message.payload)
        key = (event["id"], event["event_type"])
        if key not in self.came:
            self.order.append(key)
        self.came[key].append(time.monotonic())

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Daemon:
    """`edgehar run` as a process, what it said that it published, its log in figures, and its memory."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.sent: list[Key] = []
        self.log: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.memory: list[tuple[float, float]] = []
        self._reading = [asyncio.create_task(self._read_answers()), asyncio.create_task(self._read_log())]

    async def _read_answers(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            answer = json.loads(line)
            if answer["type"] == "event":
                self.sent.append((answer["id"], answer["event_type"]))

    async def _read_log(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode()
            for part in (": back after", "JSON lines were dropped", "Traceback"):
                self.log[part] += part in text
            if text.startswith("WARNING"):
                self.warnings.append(text)

    async def watch_memory(self) -> None:
        """Note the resident memory four times a second, until cancelled; s and MB."""
        process = psutil.Process(self.process.pid)
        while True:
            self.memory.append((time.monotonic(), process.memory_info().rss / 2**20))
            await asyncio.sleep(0.25)

    async def stop(self) -> None:
        """Stop it as a service is stopped, and read the rest of what it says."""
        self.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*self._reading)
            await self.process.wait()


def slope(memory: list[tuple[float, float]]) -> tuple[float, float]:
    """Return MB per hour behind the warm-up, by least squares, and what that comes to in the time that was watched."""
    t, mb = np.array(memory[round(WARM * len(memory)) :]).T
    per_s = float(np.polyfit(t - t[0], mb, 1)[0])
    return per_s * 3600, per_s * float(t[-1] - t[0])


class Trouble:
    """What goes wrong between the daemon and the broker, in turn, and when it did."""

    def __init__(self, broker: Mosquitto, cable: Cable) -> None:
        self.times: list[tuple[float, float]] = []
        """When each began, and when it was over, monotonic s."""
        self._broker, self._cable = broker, cable

    @property
    def connections(self) -> int:
        """How often the daemon has reached the broker."""
        return self._cable.connections

    async def go_on(self, seconds: float, every_s: float) -> None:
        """Make trouble for so long; then all is well."""
        kinds: list[Callable[[float], Awaitable[None]]] = [self._cut, self._kill, self._unplug, self._freeze]
        end = time.monotonic() + seconds
        for kind in itertools.cycle(kinds):
            await asyncio.sleep(every_s)
            if time.monotonic() > end:
                return
            began = time.monotonic()
            await kind(every_s / 10)
            self.times.append((began, time.monotonic()))

    async def _cut(self, _: float) -> None:
        self._cable.cut()

    async def _kill(self, for_s: float) -> None:
        self._broker.kill9()
        await asyncio.sleep(for_s)
        self._broker.start()

    async def _unplug(self, for_s: float) -> None:
        self._cable.unplug()
        await asyncio.sleep(for_s)
        await self._cable.plug()

    async def _freeze(self, for_s: float) -> None:
        self._broker.freeze()
        await asyncio.sleep(for_s)
        self._cable.cut()
        self._broker.thaw()


@contextlib.asynccontextmanager
async def live_sensor() -> AsyncIterator[int]:
    """Run a simulated sensor on a port, which is yielded."""
    port = free_port()
    process = await start("sim", "--tcp", str(port), *LIVE)
    silent = asyncio.create_task(process.communicate())
    try:
        yield port
    finally:
        process.kill()
        await silent


async def soak(
    folder: Path, seconds: float, every_s: float, wearers: int
) -> tuple[Daemon, Subscriber, Trouble]:
    """Run all of it; return what was sent, received and done."""
    with Mosquitto(free_port(), folder, is_persistent=True) as broker:
        subscriber = Subscriber(broker.port)
        broker.save()  # its session: killed, the broker knows for whom to keep events
        async with Cable(broker.port) as cable, live_sensor() as sensor_port:
            config = configuration(folder, cable.port, sensor_port, wearers, seconds)
            command = (
                sys.executable,
                "-m",
                "edgehar",
                "run",
                "-v",
                "--log",
                "text",
                "-c",
                config,
                "--stdout",
            )
            pipe = asyncio.subprocess.PIPE
            daemon = Daemon(await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe))
            trouble = Trouble(broker, cable)
            watching = asyncio.create_task(daemon.watch_memory())
            try:
                await trouble.go_on(seconds, every_s)
                await all_came(daemon, subscriber)
                watching.cancel()
                await daemon.stop()
                await all_came(daemon, subscriber)
            finally:
                if daemon.process.returncode is None:
                    daemon.process.kill()
                subscriber.close()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    return daemon, subscriber, trouble


async def all_came(daemon: Daemon, subscriber: Subscriber) -> None:
    """Wait until whatever was sent by now was received, as long as pauses between attempts to connect may be."""
    sent = set(daemon.sent)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * PATIENCE_S):
            while not sent <= subscriber.came.keys():  # noqa: ASYNC110 - another thread receives
                await asyncio.sleep(0.05)


def check(daemon: Daemon, subscriber: Subscriber, trouble: Trouble) -> str:
    """Compare what was sent with what was received; return the figures."""
    assert daemon.process.returncode == 0, daemon.warnings
    assert len(daemon.sent) == len(set(daemon.sent))
    assert set(daemon.sent) - subscriber.came.keys() == set()
    assert subscriber.came.keys() - set(daemon.sent) == set()
    assert not daemon.log["JSON lines were dropped"]
    assert not daemon.log["Traceback"], daemon.warnings
    assert not any("did not reach" in line or "refuses" in line for line in daemon.warnings), daemon.warnings
    for wearer in {key.rpartition("-")[0] for key, _ in daemon.sent}:
        in_order = [key for key in subscriber.order if key[0].rpartition("-")[0] == wearer]
        assert in_order == [key for key in daemon.sent if key[0].rpartition("-")[0] == wearer]
    doubles = {key: times for key, times in subscriber.came.items() if len(times) > 1}
    for key, times in doubles.items():
        # Whatever came twice was on its way when a link broke; what then lay in a socket came a little later.
        assert any(times[0] - 1.0 < over and began < times[-1] for began, over in trouble.times), key
    assert trouble.connections > len(trouble.times) / 2
    per_hour, growth = slope(daemon.memory)
    peak = max(mb for _, mb in daemon.memory)
    return (
        f"{len(trouble.times)} times trouble, {trouble.connections} connections, {daemon.log[': back after']} times "
        f"the live sensor was back; {len(daemon.sent)} events sent and received, "
        f"{sum(len(times) - 1 for times in doubles.values())} of them twice; "
        f"memory: {per_hour:+.2f} MB/h behind the warm-up, {growth:+.2f} MB, peak {peak:.1f} MB"
    )


async def test_some_seconds_of_trouble_cost_no_event(tmp_path: Path) -> None:
    daemon, subscriber, trouble = await soak(tmp_path, seconds=5.0, every_s=1.0, wearers=2)
    check(daemon, subscriber, trouble)
    assert len(daemon.sent) > 10


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 600)
async def test_half_an_hour_of_trouble_costs_no_event_and_no_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon, subscriber, trouble = await soak(tmp_path, seconds=MINUTES * 60, every_s=45.0, wearers=4)
    figures = check(daemon, subscriber, trouble)
    with capsys.disabled():
        print(f"\n{MINUTES:g} minutes at {SPEED} times the speed: {figures}")  # noqa: T201 - figures
    assert daemon.log[": back after"] > 0
    assert slope(daemon.memory)[1] < MOST_GROWTH_MB
