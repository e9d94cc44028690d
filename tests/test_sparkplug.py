"""The connection of the edge node, before a real mosquitto that is cut off, killed and started again."""

import asyncio
import contextlib
import json
import logging
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, lacking
from mosquitto import Cable, Mosquitto, free_port
from mqtt_peer import Peer, Published, puback
from msgspec.structs import replace
from scada_host import GROUP, NODE, Host, NodeView
from test_mqtt import eventually
from test_payloads import EPOCH, activity, ended, started, to_unix

from edgehar.backoff import Delays
from edgehar.brokers.mqtt import Received
from edgehar.publishers.mqtt_reconnect import Broker
from edgehar.publishers.sparkplug import farewell, host as sparkplug_host, publisher as sparkplug
from edgehar.publishers.sparkplug.host import PrimaryHost
from edgehar.publishers.sparkplug.metrics import Worn
from edgehar.publishers.sparkplug.node import DROPPED, HEARD, MOST_AT_ONCE, REBIRTH, WATCHED, EdgeNode
from edgehar.publishers.sparkplug.payload import DataType, Metric, decode
from edgehar.publishers.sparkplug.publisher import Sparkplug, now_ms
from edgehar.types import NO_SIGNAL, Event

ENVIRONMENT = ROOT / ".venv-sparkplug"
ANNA = Worn("anna", {"wrist": "ok"}, {"wrist": None}, "normal", tells_falls=True, is_heard=True)
COMMANDS = "edgehar.publishers.sparkplug.commands"
QUICK = Delays(first_s=0.01, longest_s=0.01)

VERSIONS = pytest.mark.parametrize("version", [5, 4], ids=["5", "3.1.1"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def publisher(
    port: int, *, queue: int = 1000, bd_seq: int = 254, version: Any = 5, **settings: Any
) -> Sparkplug:
    node = EdgeNode(GROUP, NODE, {"Properties/Model": "net@1"}, limit=queue, bd_seq=bd_seq, now_ms=now_ms())
    broker = Broker(
        host="127.0.0.1",
        port=port,
        client_id="edgehar-pi-sparkplug",
        will=lambda: node.open_session(now_ms()),
        version=version,
        delays=QUICK,
        will_delay_s=0,
    )
    edge = Sparkplug(broker, node, to_unix=to_unix, heartbeat_s=1e9, **settings)
    edge.update(ANNA)
    return edge


@contextlib.asynccontextmanager
async def running(edge: Sparkplug) -> AsyncIterator[Sparkplug]:
    task = asyncio.create_task(edge.run())
    try:
        yield edge
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def listening(port: int) -> Iterator[Host]:
    host = Host(port)
    try:
        yield host
    finally:
        host.close()


def knows(host: Host, name: str, value: object, device: str = "anna") -> Callable[[], bool]:
    return lambda: host.view.values.get(device, {}).get(name) == value


def kinds(host: Host, *wanted: str) -> Callable[[], bool]:
    return lambda: tuple(host.view.kinds[-len(wanted) :]) == wanted


async def test_a_host_learns_what_a_wearer_does_and_how_it_goes_with_the_sensors(broker: Mosquitto) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            view = host.view
            assert (view.values[""][WATCHED], view.values[""][HEARD], view.values[""][DROPPED]) == (1, 1, 0)
            assert view.values["anna"]["Activity/Label"] is None
            edge.push(activity())
            edge.push(activity())
            edge.update(replace(ANNA, problems={"wrist": "no packet yet"}, batteries={"wrist": 80}))
            edge.push(started())
            edge.push(ended())
            await host.until(knows(host, "Event/Type", "activity_ended"))
        await host.until(kinds(host, "NDEATH"))
    view = host.view
    assert view.kinds == ["NBIRTH", "DBIRTH anna", *["DDATA anna"] * 4, "NDEATH"]
    told = NodeView()
    for message in [*host.messages][:-1]:
        told.hear(*message)
    since = round((EPOCH + 3.12) * 1000)
    assert told.values["anna"] == {
        "Activity/Label": "walking",
        "Activity/Likeliest": None,
        "Activity/Confidence": 0.943,
        "Activity/Coverage": 0.99,
        "Activity/Since": since,
        "Activity/Reason": "sure enough",
        "Event/Id": "anna-42",
        "Event/Type": "activity_ended",
        "Event/Label": "walking",
        "Event/Previous": "standing",
        "Event/Confidence": 0.91,
        "Event/StartedAt": since,
        "Event/EndedAt": round((EPOCH + 12.5) * 1000),
        "Fall/Active": None,
        "Fall/StartedAt": None,
        "Fall/Recovered": None,
        "Decision/OperatingPoint": "normal",
        "Sensor/wrist/Problem": "no packet yet",
        "Sensor/wrist/Battery": 80,
    }


async def test_a_fall_is_on_until_it_ends_and_then_says_whether_they_got_up(broker: Mosquitto) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(knows(host, "Fall/Active", value=None))
            edge.push(started(label="falling"))
            await host.until(knows(host, "Fall/Active", value=True))
            assert host.view.values["anna"]["Fall/StartedAt"] == round((EPOCH + 3.12) * 1000)
            edge.push(replace(ended(), label="falling", recovered=True))
            await host.until(knows(host, "Fall/Active", value=False))
            assert host.view.values["anna"]["Fall/Recovered"] is True


@VERSIONS
async def test_commands_are_subscribed_to_before_the_birth_and_all_has_the_qos_of_the_specification(
    version: int,
) -> None:
    async with Peer() as peer, Cable(peer.port) as cable:
        async with running(publisher(cable.port, version=version)) as edge:
            await eventually(lambda: len(peer.came) == 2)
            edge.push(activity())
            await eventually(lambda: len(peer.came) == 3)
        await eventually(lambda: version == 5 or len(peer.came) == 4)
    [connect] = peer.connects
    assert (connect.will_qos, connect.will_retain, connect.client_id) == (1, False, "edgehar-pi-sparkplug")
    largest_packet = bytes((0x27, 0, 1, 0, 0))
    assert connect.properties == (largest_packet if version == 5 else b"")  # and no session is kept
    # After the will: both in CONNECT.
    carried = cable.carried.partition(b"NDEATH")[2]
    assert -1 < carried.index(b"/NCMD/pi") < carried.index(b"NBIRTH")
    assert [(message.topic, message.qos, message.retain) for message in peer.came] == [
        ("spBv1.0/plant1/NBIRTH/pi", 0, False),
        ("spBv1.0/plant1/DBIRTH/pi/anna", 0, False),
        ("spBv1.0/plant1/DDATA/pi/anna", 0, False),
        *([("spBv1.0/plant1/NDEATH/pi", 1, False)] if version == 4 else []),
    ]


@VERSIONS
async def test_every_connection_has_the_next_number_and_its_death_the_same(
    broker: Mosquitto, version: int
) -> None:
    with listening(broker.port) as host:
        async with Cable(broker.port) as cable, running(publisher(cable.port, version=version)):
            for count in range(1, 4):
                await host.until(lambda: len(host.view.births) == count)  # noqa: B023
                cable.cut()
                await host.until(lambda: len(host.view.deaths) == count)  # noqa: B023
            await host.until(lambda: len(host.view.births) == 4)
        await host.until(lambda: len(host.view.deaths) == 4)
    assert host.view.births == [254, 255, 0, 1]
    assert sorted(host.view.deaths) == sorted(host.view.births)


async def test_a_primary_host_that_says_nothing_is_named_once_and_then_waited_for(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sparkplug_host, "SILENT_S", 0.1)
    async with Cable(broker.port) as cable, running(publisher(cable.port, primary_host="scada")) as edge:
        await eventually(lambda: "STATE/scada: nothing is told, for the primary host says" in caplog.text)
        cable.cut()
        await eventually(lambda: cable.connections == 2)
        with listening(broker.port) as host:
            host.publish("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}', retain=True)
            await eventually(lambda: edge.is_born)
    warnings = [record for record in caplog.records if "nothing is told" in record.message]
    assert [record.levelno for record in warnings[:1]] == [logging.WARNING]
    assert {record.levelno for record in warnings[1:]} <= {logging.DEBUG}


@VERSIONS
async def test_a_clean_stop_is_a_death_and_only_one(broker: Mosquitto, version: int) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port, version=version)) as edge:
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            edge.push(activity())
        assert (edge.waiting, edge.is_born) == (0, False)
        await host.until(kinds(host, "DDATA anna", "NDEATH"))
        host.publish("spBv1.0/plant1/NCMD/end", b"")
        await host.until(lambda: host.raw[-1][0].endswith("end"))
    assert (host.view.births, host.view.deaths) == ([254], [254])


async def test_numbers_of_messages_come_round_after_255(broker: Mosquitto) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            for number in range(300):
                edge.push(started(number))
            await host.until(knows(host, "Event/Id", "anna-299"))
    # Whose numbers do not follow each other the host refuses.
    numbers = [decode(content).seq for _, content in host.messages]
    assert numbers[254:259] == [254, 255, 0, 1, 2]


async def test_a_host_that_asks_for_it_gets_all_births_again_of_the_same_session(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparkplug, "REBIRTH_S", 0.0)
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            edge.push(activity())
            await host.until(lambda: "DBIRTH anna" in host.view.kinds)
            host.command(Metric(REBIRTH, timestamp=1, datatype=DataType.BOOLEAN, value=False))
            host.ask_for_rebirth()
            await host.until(lambda: len(host.view.births) == 2)
            edge.push(activity("running"))
            await host.until(knows(host, "Activity/Label", "running"))
        await host.until(lambda: host.view.deaths == [254])
    assert host.view.births == [254, 254]


async def test_however_many_hosts_ask_births_keep_their_distance_and_nothing_is_lost_between(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparkplug, "REBIRTH_S", 0.2)
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(lambda: bool(host.view.births))
            for number in range(3):
                for _ in range(50):
                    host.ask_for_rebirth()
                await eventually(lambda: edge._rebirth is not None)
                edge.push(started(number))
                edge.push(replace(ended(), id=f"anna-{number}"))
                await eventually(lambda: edge.is_born)
            await host.until(lambda: sum(what == "Event/Id" for *_, what, _ in host.view.history) == 3)
    births = [decode(content).timestamp or 0 for topic, content in host.messages if "NBIRTH" in topic]
    assert all(later - earlier >= 190 for earlier, later in pairwise(births))
    assert [value for *_, what, value in host.view.history if what == "Event/Id"] == [
        "anna-0",
        "anna-1",
        "anna-2",
    ]


@VERSIONS
async def test_commands_that_cannot_be_obeyed_do_no_harm_and_are_named_once(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    node, device = f"spBv1.0/{GROUP}/NCMD/{NODE}", f"spBv1.0/{GROUP}/DCMD/{NODE}/anna"
    expected = [
        f"{node}: a retained command is refused; do not retain it",
        f"{node}: nothing can be written to Node Control/Reboot",
        f"{device}: nothing can be written to alias 12",
        f"{device}: nothing can be written to Node Control/Rebirth",
        f"{node}: no Sparkplug payload: expected a number of at most 64 bits at byte 1, got ff",
    ]

    def warnings() -> list[str]:
        levels = {record.levelno for record in caplog.records if record.name == COMMANDS}
        assert levels <= {logging.WARNING}
        return [record.message for record in caplog.records if record.name == COMMANDS]

    with listening(broker.port) as host:
        host.command(Metric(REBIRTH, value=True), retain=True)
        await host.until(lambda: bool(host.raw))
        async with running(publisher(broker.port, version=version)) as edge:
            await host.until(lambda: bool(host.view.births))
            for _ in range(3):
                host.command(Metric("Node Control/Reboot", value=True))
                host.command(Metric(alias=12, value="walking"), device="anna")
                host.command(Metric(REBIRTH, value=True), device="anna")
                host.publish(node, b"\x12\xff")
                host.publish(node, b"")
            host.publish(node, bytes(100_000))
            host.publish(device, bytes(100_000))
            # A broker of MQTT 5 was told how much is taken; over what another one sends the connection is given up.
            await host.until(lambda: version == 5 or len(host.view.births) > 1)
            await eventually(lambda: len(warnings()) == len(expected))
            edge.push(started())
            await host.until(knows(host, "Event/Id", "anna-42"))
    assert warnings() == expected
    assert (len(host.view.births) == 1) == (version == 5)


def test_a_host_is_believed_when_it_is_not_older_than_before(caplog: pytest.LogCaptureFixture) -> None:
    host = PrimaryHost("scada")

    def hear(payload: bytes) -> bool:
        host.hear(payload)
        return host.is_online

    state = '{"online":%s,"timestamp":%d}'
    assert not host.is_online
    assert hear((state % ("true", 5)).encode())
    assert hear((state % ("false", 4)).encode())
    assert not hear((state % ("false", 5)).encode())  # its last will is as old as its birth
    assert not hear((state % ("true", 4)).encode())
    for odd in (b"ONLINE", b"\xff", b"[" * 5000, b'{"online":1,"timestamp":9}', b'{"online":true}'):
        assert not hear(odd)
    assert hear((state % ("true", 6)).encode())
    assert [record.message.partition(": ")[2][:30] for record in caplog.records if record.levelno >= 30] == [
        "it says that it is older than ",
        'expected {"online", "timestamp',
    ]


@VERSIONS
async def test_without_its_primary_host_the_node_dies_waits_and_tells_later_what_was_meanwhile(
    broker: Mosquitto, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port, version=version, primary_host="scada", queue=3)) as edge:
            await eventually(lambda: edge._connection is not None)
            edge.push(started(1))
            host.say(online=False, timestamp=10)
            host.say(online=True, timestamp=9)
            host.say(online=True, timestamp=10)
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna", "DDATA anna"))
            assert host.view.values["anna"]["Event/Id"] == "anna-1"
            host.say(online=False, timestamp=10)
            await host.until(lambda: len(host.view.deaths) == 1)
            await eventually(lambda: edge._connection is not None)
            for number in range(2, 7):
                edge.push(replace(started(number), detected_at=4.4 + number))
            assert (edge.waiting, edge.dropped, edge.is_born) == (3, 2, False)
            assert len(host.view.births) == 1
            host.say(online=True, timestamp=11)
            await host.until(lambda: len(host.view.births) == 2)
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna", "DDATA anna"))
    view = host.view
    assert view.deaths[:1] == view.births[:1] == [254]
    assert view.births[1] != 254
    later = [(t, value) for _, t, name, value in view.history if name == "Event/Id"][1:]
    assert later == [(round((EPOCH + 4.4 + number) * 1000), f"anna-{number}") for number in (4, 5, 6)]
    births = [content for topic, content in host.messages if "NBIRTH" in topic]
    counts = [next(m.value for m in decode(content).metrics if m.name == DROPPED) for content in births]
    assert counts == [0, 2]
    assert sum("the queue is full: the oldest changes are dropped" in text for text in caplog.messages) == 1


async def test_a_broker_that_is_started_again_hears_all_that_was_meanwhile(broker: Mosquitto) -> None:
    edge = publisher(broker.port)
    edge.push(activity())
    async with running(edge):
        await eventually(lambda: edge.is_born)
        edge.push(started(1))
        broker.kill9()
        await eventually(lambda: not edge.is_born)
        edge.push(replace(ended(), id="anna-1"))
        edge.push(activity("running"))
        edge.push(replace(activity("running"), confidence=0.5))
        broker.start()
        with listening(broker.port) as host:

            def history() -> list[object]:
                of = {"Activity/Label", "Event/Type"}
                return [value for *_, name, value in host.view.history if name in of]

            # What was sent before comes in a message of its own, ahead of what never was.
            await host.until(lambda: "running" in history())
    assert host.view.births
    # Nobody knows what of the time just before was heard, so it comes again.
    assert history()[-3:] == ["activity_started", "activity_ended", "running"]


async def test_an_attempt_that_no_broker_heard_of_has_no_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "edgehar.publishers.mqtt_reconnect")
    port = free_port()
    async with running(publisher(port)):
        await eventually(lambda: sum("trying again" in text for text in caplog.messages) > 3)
        with Mosquitto(port, tmp_path) as broker, listening(broker.port) as host:
            host.ask_for_rebirth()  # for who was born before anybody listened
            await host.until(lambda: any("NBIRTH" in topic for topic, _ in host.raw))
            births = [content for topic, content in host.raw if "NBIRTH" in topic]
            assert {m.value for content in births for m in decode(content).metrics if m.name == "bdSeq"} == {
                254
            }


async def test_nothing_comes_after_the_death_whatever_the_host_says() -> None:
    def answer(message: Published) -> bytes:
        if "NDEATH" in message.topic:
            edge._hear_host(Received("spBv1.0/STATE/scada", b'{"online":true,"timestamp":2}'))
        return puback(message)

    async with Peer(answer) as peer:
        edge = publisher(peer.port, version=4, primary_host="scada")
        async with running(edge):
            await eventually(lambda: edge._connection is not None)
            edge._hear_host(Received("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}'))
            await eventually(lambda: len(peer.came) == 2)
    assert [message.topic.split("/")[2] for message in peer.came] == ["NBIRTH", "DBIRTH", "NDEATH"]


async def test_who_is_not_heard_dies_once_that_was_told_and_who_falls_lives(broker: Mosquitto) -> None:
    lost = replace(ANNA, is_heard=False)
    with listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            edge.push(activity())
            edge.update(lost)
            edge.push(replace(activity(), label=None, no_answer=NO_SIGNAL))
            edge.update(lost)
            await host.until(kinds(host, "DDATA anna", "DDATA anna", "DDEATH anna", "NDATA"))
            assert host.view.values[""][HEARD] == 0
            edge.push(started(label="falling"))
            await host.until(knows(host, "Fall/Active", value=True))
            edge.update(lost)
            await host.until(kinds(host, "DBIRTH anna", "DDATA anna", "DDEATH anna"))
            edge.forget("anna")
            await host.until(kinds(host, "NDATA"))
            await host.until(knows(host, WATCHED, 0, device=""))
            edge.push(activity())
            edge.forget("anna")


async def test_a_stop_without_a_host_says_how_many_changes_were_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(publisher(free_port())) as edge:
        edge.push(started())
        assert not await edge.drained(0)
        assert edge.health() == {"is_born": False, "waiting": 1, "dropped": 0}
    edge.log_losses()
    assert "1 changes did not reach a Sparkplug host" in caplog.text


async def test_what_is_larger_than_the_brokers_packets_is_left_out_counted_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    access = "allow_anonymous true\nmax_packet_size 400"
    with Mosquitto(free_port(), tmp_path, access=access) as broker, listening(broker.port) as host:
        async with running(publisher(broker.port)) as edge:
            await host.until(lambda: bool([*host.messages]))
            edge.push(activity())
            edge.update(ANNA)
            await host.until(knows(host, DROPPED, 1, device=""))
        await host.until(kinds(host, "NDEATH"))
    # Whose numbers do not follow each other the host refuses.
    assert host.view.kinds == ["NBIRTH", "NDATA", "NDEATH"]
    assert sum("refuses spBv1.0/plant1/DBIRTH/pi/anna: it takes packets" in m for m in caplog.messages) == 1
    assert "queue is full" not in caplog.text


async def test_a_long_history_leaves_the_loop_to_others_and_outlives_a_lost_connection(
    broker: Mosquitto,
) -> None:
    changes = 100 * MOST_AT_ONCE
    waiting = [changes]

    def change(number: int) -> Event:
        return replace(started(number), detected_at=float(number))

    def rest() -> int:
        waiting.append(edge.waiting)
        return edge.waiting

    with listening(broker.port) as host:
        async with Cable(broker.port) as cable, running(publisher(cable.port, queue=changes)) as edge:
            for number in range(changes):
                edge.push(change(number))
            await eventually(lambda: rest() <= changes // 2)
            edge.push(change(changes))
            assert not await edge.drained(0)
            cable.cut()
            await eventually(lambda: rest() > 0 and not edge.is_born)
            assert rest() > changes // 3
            await eventually(lambda: rest() == 0 and edge.is_born)
            assert await edge.drained()
            edge.push(change(changes + 1))
            await host.until(knows(host, "Event/Id", f"anna-{changes + 1}"))
    assert max(before - after for before, after in pairwise(waiting)) <= MOST_AT_ONCE
    told = [str(value) for *_, name, value in host.view.history if name == "Event/Id"]
    assert [*dict.fromkeys(told)] == [f"anna-{number}" for number in range(changes + 1)]


@VERSIONS
async def test_after_a_stop_another_node_tells_again_what_no_broker_has_acknowledged(
    broker: Mosquitto, version: int
) -> None:
    with listening(broker.port) as host:
        async with running(publisher(broker.port, version=version)) as former:
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            former.push(started(1))
        later = publisher(broker.port, version=version)
        later.take_over(former)
        async with running(later):
            await host.until(lambda: len(host.view.births) == 2)
            assert await later.drained()
            later.push(started(2))
            await host.until(knows(host, "Event/Id", "anna-2"))
    # MQTT 3.1.1 has an acknowledgement of the death, before which all else came.
    again = [value for *_, name, value in host.view.history if name == "Event/Id"]
    assert again == (["anna-1"] if version == 5 else [])


async def test_a_stop_while_it_leaves_is_no_second_death(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewell, "STOP_S", 0.1)
    deaths: list[Published] = []

    def answer(message: Published) -> bytes:
        if "NDEATH" not in message.topic:
            return puback(message)
        deaths.append(message)
        return b""

    async with Peer(answer) as peer:
        edge = publisher(peer.port, version=4, primary_host="scada")
        async with running(edge):
            await eventually(lambda: edge._connection is not None)
            edge._hear_host(Received("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}'))
            await eventually(lambda: len(peer.came) == 2)
            edge._hear_host(Received("spBv1.0/STATE/scada", b'{"online":false,"timestamp":1}'))
            await eventually(lambda: bool(deaths))
    assert [message.topic.split("/")[2] for message in peer.came] == ["NBIRTH", "DBIRTH", "NDEATH"]


async def test_a_huge_command_that_waits_there_does_not_keep_the_primary_host_from_being_heard(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker.port) as host:
        host.publish(f"spBv1.0/{GROUP}/DCMD/{NODE}/anna", bytes(100_000), retain=True)
        host.say(online=True, timestamp=1)
        await host.until(lambda: len(host.raw) == 2)
        # In MQTT 3.1.1 nobody can tell the broker how much is too much.
        async with running(publisher(broker.port, version=4, primary_host="scada")) as edge:
            await eventually(lambda: edge.is_born and "listened to" in caplog.text)
            edge.push(started())
            await host.until(knows(host, "Event/Id", "anna-42"))
            host.say(online=False, timestamp=1)
            await host.until(lambda: host.view.births[-1] in host.view.deaths)
    assert "only spBv1.0/STATE/scada of it is listened to for 10 minutes at a time" in caplog.text
    assert "client id" not in caplog.text


def pysparkplug_reads(messages: list[tuple[str, bytes]]) -> dict[str, Any]:
    if not (ENVIRONMENT / "installed").exists():
        lacking("pysparkplug in .venv-sparkplug: bash tests/sparkplug/install")
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", ROOT / "tests" / "sparkplug" / "pysparkplug_reader.py"],
        input=json.dumps([(topic, payload.hex()) for topic, payload in messages]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def as_fields(payload: bytes) -> dict[str, Any]:
    """Return a payload as the schema of the specification names what is in it."""
    read = decode(payload)
    of_type = {bool: "boolean_value", int: "long_value", float: "double_value", str: "string_value"}
    metrics = []
    for metric in read.metrics:
        fields: dict[str, Any] = {"name": metric.name, "alias": metric.alias, "timestamp": metric.timestamp}
        fields |= {"datatype": metric.datatype, "is_historical": metric.is_historical or None}
        value = {"is_null": True} if metric.value is None else {of_type[type(metric.value)]: metric.value}
        metrics.append({name: each for name, each in (fields | value).items() if each is not None})
    whole: dict[str, Any] = {"timestamp": read.timestamp, "seq": read.seq, "metrics": metrics or None}
    return {name: each for name, each in whole.items() if each is not None}


async def test_an_independent_library_reads_every_field_of_every_message_and_its_requests_are_obeyed(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebirth = bytes.fromhex(pysparkplug_reads([])["rebirth"])
    monkeypatch.setattr(sparkplug, "REBIRTH_S", 0.0)
    with listening(broker.port) as host:
        async with running(publisher(broker.port, version=4, primary_host="scada")) as edge:
            edge.push(started(label="falling"))
            host.say(online=True, timestamp=1)
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna", "DDATA anna"))
            host.publish(f"spBv1.0/{GROUP}/NCMD/{NODE}", rebirth)
            await host.until(kinds(host, "NBIRTH", "DBIRTH anna"))
            edge.push(activity())
            edge.push(replace(ended(), label="falling", recovered=False))
            edge.update(replace(ANNA, is_heard=False, batteries={"wrist": 80}))
            edge.push(replace(activity(), label=None, no_answer=NO_SIGNAL))
            edge.update(replace(ANNA, is_heard=False))
            await host.until(kinds(host, "DDEATH anna", "NDATA"))
        await host.until(kinds(host, "NDEATH"))
    messages = [*host.messages]
    assert {topic.split("/")[2] for topic, _ in messages} == {
        "NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH"
    }  # fmt: skip
    read = pysparkplug_reads(messages)["read"]
    assert [each["fields"] for each in read] == [as_fields(payload) for _, payload in messages]
    # Its own writer makes the same bytes of it.
    assert [each["again"] for each in read] == [payload.hex() for _, payload in messages]
    told: dict[str, Any] = {}
    for each in read:
        told |= each["named"]
    assert told["Activity/Label"] == NO_SIGNAL
    assert (told["Fall/Active"], told["Fall/Recovered"], told["Sensor/wrist/Battery"]) == (False, False, 80)
    assert told["Event/EndedAt"] == EPOCH + 12.5
    assert told[HEARD] == 0
