"""The simulated wearer: real bytes, known truth, links that go and come back; and its ports."""

import asyncio
import contextlib
import itertools
import math
import os
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgehar.backoff import Delays
from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources import Deliver
from edgehar.sources.reconnect import keep_open
from edgehar.sources.serial import Serial
from edgehar.sources.simulated.faults import Faults
from edgehar.sources.simulated.serve import TcpClient, TcpClients, serve_pty, serve_tcp
from edgehar.sources.simulated.simulator import DURATIONS_S, TRANSITIONS, Simulator, some_day
from edgehar.types import STANDARD_GRAVITY, Item
from edgehar.wire.protocol import Data, decode

QUICK = Delays(first_s=0.001, longest_s=0.001)
SCRIPT = [("sitting", 4.0), ("walking", 6.0), ("standing", 2.5)]


async def ignore(_seconds: float) -> None:
    await asyncio.sleep(0)


def into(decoder: EdgeharReader) -> Deliver:
    def deliver(_t: float, _stream: int, body: bytes) -> None:
        decoder.push(body)

    return deliver


def quiet(_t: float, _stream: int, _body: bytes) -> None: ...


async def delivered(simulator: Simulator) -> list[Item]:
    items: list[Item] = []
    await keep_open(simulator, lambda *item: items.append(item), name="simulator", sleep=ignore)
    return items


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    def first(seed: int) -> list[Item]:
        return list(itertools.islice(Simulator(placements=["wrist", "waist"], seed=seed).packets(), 60))

    assert first(7) == first(7)
    assert first(7) != first(8)


async def test_the_real_decoder_reads_every_packet() -> None:
    simulator = Simulator(placements=["wrist", "trouser_pocket"], script=SCRIPT, speed=0)
    items = await delivered(simulator)
    devices = set()
    for stream in (0, 1):
        decoder = EdgeharReader()
        packets = [packet for _, i, body in items if i == stream for packet in decoder.push(body)]
        assert (
            decoder.undescribed
            == decoder.malformed
            == decoder.lost
            == decoder.duplicates
            == decoder.restarts
            == 0
        )
        assert sum(len(packet.values) for packet in packets) == 625
        assert decoder.description is not None
        devices.add(decoder.description.device)
    assert len(devices) == 2
    assert [t for t, _, _ in items] == sorted(t for t, _, _ in items)


async def test_a_packet_arrives_with_its_last_sample() -> None:
    items = await delivered(
        Simulator(placements=["wrist"], script=[("walking", 2.0)], speed=0, samples_per_packet=19)
    )
    data = [(t, packet) for t, _, body in items if isinstance(packet := decode(body), Data)]
    assert [t for t, _ in data] == pytest.approx([0.36, 0.74, 1.12, 1.5, 1.88, 1.98])
    assert {(packet.ticks_us - data[0][1].ticks_us) % 2**32 for _, packet in data} == {
        i * 19 * 20_000 for i in range(6)
    }


async def test_a_description_comes_first_and_every_second() -> None:
    items = await delivered(Simulator(placements=["wrist"], script=[("walking", 5.0)], speed=0))
    assert [t for t, _, body in items if not isinstance(decode(body), Data)] == pytest.approx([0, 1, 2, 3, 4])
    assert not isinstance(decode(items[0][2]), Data)


async def test_the_truth_is_what_the_script_says() -> None:
    simulator = Simulator(placements=["waist"], script=SCRIPT, speed=0)
    seen: list[tuple[float, str | None]] = []
    assert simulator.now is None
    await simulator.run(lambda t, _stream, _body: seen.append((t, simulator.now)))
    assert simulator.truth == [(0.0, 4.0, "sitting"), (4.0, 10.0, "walking"), (10.0, 12.5, "standing")]
    for t, now in seen:
        assert now in {activity for start, end, activity in SCRIPT_TIMES if start - 0.2 <= t <= end}


SCRIPT_TIMES = [(0.0, 4.0, "sitting"), (4.0, 10.0, "walking"), (10.0, 12.5, "standing")]


async def test_who_stands_feels_gravity_and_who_walks_more() -> None:
    script = [("standing", 8.0), ("walking", 8.0)]
    items = await delivered(Simulator(placements=["waist"], script=script, speed=0))
    decoder = EdgeharReader()
    acc = np.concatenate([(p.values * p.scale)[:, :3] for _, _, body in items for p in decoder.push(body)])
    force = np.linalg.norm(acc, axis=1)
    assert force[50:350].mean() == pytest.approx(STANDARD_GRAVITY, rel=0.05)
    assert force[500:].std() > 5 * force[50:350].std()


def test_a_random_day_never_leaves_what_the_wearer_can_do() -> None:
    day = list(itertools.islice(some_day(3), 500))
    assert {activity for activity, _ in day} == set(TRANSITIONS) == set(DURATIONS_S)
    simulator = Simulator(placements=["wrist"], script=[(activity, 0.5) for activity in TRANSITIONS])
    assert len(list(simulator.packets())) > 0


def test_a_placement_nobody_has_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="tail"):
        Simulator(placements=["tail"])


async def test_in_real_time_the_packets_carry_the_time_of_their_arrival() -> None:
    loop = asyncio.get_running_loop()
    late: list[float] = []
    simulator = Simulator(placements=["wrist"], script=[("walking", 0.5)])
    await simulator.run(lambda t, _stream, _body: late.append(loop.time() - t))
    # asyncio's clock is time.monotonic(), and a timer never fires early by more than its resolution.
    assert min(late) > -0.01


async def test_a_disconnect_loses_the_source_and_the_rest_comes_in_the_next_life() -> None:
    faults = Faults(disconnect_every_s=4.0, disconnect_for_s=2.0, seed=2)
    simulator = Simulator(placements=["wrist"], script=[("walking", 40.0)], faults=faults, speed=0)
    lives = 0
    items: list[Item] = []
    while True:
        lives += 1
        try:
            await simulator.run(lambda *item: items.append(item))
        except SourceLostError:
            continue
        break
    assert 4 <= lives <= 10
    assert items == list(Simulator(placements=["wrist"], script=[("walking", 40.0)], faults=faults).packets())
    gaps = np.diff([t for t, _, _ in items])
    assert (gaps > 1.5).sum() == lives - 1


@pytest.mark.usefixtures("leaping_clock")
async def test_out_of_reach_it_cannot_be_opened_and_what_was_sent_meanwhile_is_lost() -> None:
    speed, loop = 40, asyncio.get_running_loop()
    faults = Faults(disconnect_every_s=20.0, disconnect_for_s=10.0)
    simulator = Simulator(placements=["wrist"], script=[("walking", 100.0)], faults=faults, speed=speed)
    messages: list[str] = []
    lives: list[tuple[float, list[float]]] = []
    started_at = math.inf

    def note(t: float, _stream: int, _body: bytes) -> None:
        nonlocal started_at
        started_at = min(started_at, loop.time() - t / speed)
        lives[-1][1].append(t)

    finished = False
    while not finished:
        lives.append(((loop.time() - started_at) * speed, []))
        try:
            await simulator.run(note)
            finished = True
        except SourceLostError as error:
            messages.append(str(error))
            await asyncio.sleep(0.01)
    assert any("out of reach for another" in message for message in messages)
    assert sum(bool(heard) for _, heard in lives) >= 3
    for began, heard in lives[1:]:
        assert all(t >= began for t in heard)


@contextlib.asynccontextmanager
async def served(simulator: Simulator, folder: Path | None) -> AsyncIterator[list[str]]:
    """Serve on terminals in `folder`, or on TCP without one; yields the ports."""
    ports: list[str] = []
    announced = asyncio.Event()

    def announce(port: str) -> None:
        ports.append(port)
        announced.set()

    links = [folder / placement for placement in simulator.placements] if folder else None
    task = asyncio.create_task(
        serve_pty(simulator, links, announce=announce)
        if folder
        else serve_tcp(simulator, "127.0.0.1", 0, announce=announce)
    )
    await announced.wait()
    yield ports
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("over", ["pty", "tcp"])
async def test_a_served_sensor_is_read_through_its_disconnects(over: str, tmp_path: Path) -> None:
    faults = Faults(disconnect_every_s=8.0, disconnect_for_s=2.0, corrupt=0.05)
    placements = ["wrist", "waist"]
    simulator = Simulator(placements=placements, faults=faults, speed=50)
    states: list[bool] = []
    done = asyncio.Event()
    decoders = {placement: EdgeharReader() for placement in placements}

    def changed(up: bool) -> None:  # noqa: FBT001 - the one thing it says
        states.append(up)
        if states.count(False) >= 3 and all(decoder.packets > 100 for decoder in decoders.values()):
            done.set()

    async with served(simulator, tmp_path if over == "pty" else None) as ports:
        sources = [Serial(port) for port in ports]
        tasks = [
            asyncio.create_task(
                keep_open(source, into(decoders[placement]), name=placement, on_state=changed, delays=QUICK)
            )
            for source, placement in zip(sources, placements, strict=True)
        ]
        await done.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    devices = {decoder.description.device for decoder in decoders.values() if decoder.description}
    assert len(devices) == 2
    assert all(source.link.damaged > 0 for source in sources)
    assert all(decoder.malformed == 0 for decoder in decoders.values())
    assert not os.listdir(tmp_path)  # noqa: PTH208 - pathlib is held to block, which is no matter here


async def test_nobody_reading_does_not_stop_the_wearer(tmp_path: Path) -> None:
    simulator = Simulator(placements=["wrist"], script=[("walking", 120.0)], speed=0)
    await serve_pty(simulator, [tmp_path / "wrist"], announce=lambda _port: None)
    assert simulator.truth == [(0.0, 120.0, "walking")]


@pytest.mark.timeout(10)
async def test_a_client_that_does_not_read_holds_up_no_end() -> None:
    clients, sent = TcpClients(), 20_000_000
    server = await asyncio.get_running_loop().create_server(partial(TcpClient, clients), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    while not clients.connected:  # noqa: ASYNC110 - it is the loop's next turns that make it true
        await asyncio.sleep(0)
    clients.write(bytes(sent))
    server.close()
    clients.unplug()
    await server.wait_closed()
    with contextlib.suppress(ConnectionResetError):
        assert len(await reader.read()) < sent
    writer.close()


async def test_a_tcp_port_that_is_taken_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        simulator = Simulator(placements=["wrist"], script=SCRIPT)
        with pytest.raises(ConfigError, match=f"^TCP port {port} cannot be served on: .*$"):
            await serve_tcp(simulator, "127.0.0.1", port, announce=lambda _port: None)


@pytest.mark.parametrize("speed", [-1.0, math.nan])
async def test_time_does_not_run_backwards(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        await Simulator(placements=["wrist"], script=SCRIPT, speed=speed).run(quiet)


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("wrsit", "'wrsit'; did you mean `wrist`?"),
        ("trouser_poket_left", "'trouser_poket'; did you mean `trouser_pocket`?"),
        ("xyz", "'xyz'; choose of wrist, trouser_pocket, waist, "),
    ],
)
def test_a_place_where_nobody_wears_a_sensor_is_named_beside_those_that_are_there(
    placement: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Simulator(placements=[placement])
    assert f"no simulated sensor can be worn at {expected}" in str(caught.value)
