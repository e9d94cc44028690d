"""A real broker over MQTT 5 and 3.1.1, plain and encrypted: what goes wrong ends as deploy/mqtt.md says, and is logged so."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from broker_guide import documented, logged
from certificates import listener_of, make_certificates, trusting
from conftest import ROOT
from mosquitto import PATIENCE_S, Cable, Mosquitto, free_port, guarded
from mqtt_peer import DISCONNECT, Peer, Published, packet, puback
from test_mqtt import STATE, STATUS, eventually, ids, listening, publisher, running
from test_payloads import activity, started

from edgehar.backoff import Delays
from edgehar.brokers.mqtt_tls import Tls
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.outbox import Bounds

QUICK = Delays(first_s=0.01, longest_s=0.01)

CONNECTED = "the broker takes it"
REFUSED = "nothing listens there"
LOST = "the connection breaks, or the broker dies"
FULL = "more events wait than may"


@dataclass(frozen=True)
class Way:
    """A version of MQTT, and a folder of certificates where the way is encrypted."""

    version: int
    certificates: Path | None

    def listener(self, certificate: str = "broker") -> str:
        return listener_of(self.certificates, certificate) if self.certificates else ""

    @property
    def ca(self) -> Path | None:
        return self.certificates / "authority.crt" if self.certificates else None

    def publisher(self, port: int, **settings: Any) -> Mqtt:
        tls = trusting(self.certificates) if self.certificates else None
        return publisher(port, version=self.version, **{"tls": tls, "delays": QUICK, **settings})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(
    params=[(5, False), (4, False), (5, True), (4, True)], ids=["5", "3.1.1", "5_tls", "3.1.1_tls"]
)
def way(request: pytest.FixtureRequest, folder: Path) -> Way:
    version, is_encrypted = request.param
    return Way(version, folder if is_encrypted else None)


@pytest.fixture(params=[5, 4], ids=["5_tls", "3.1.1_tls"])
def encrypted(request: pytest.FixtureRequest, folder: Path) -> Way:
    return Way(request.param, folder)


@pytest.fixture
def broker(way: Way, tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path, listener=way.listener()) as broker:
        yield broker


@pytest.fixture(autouse=True)
def _everything_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")


def levels(caplog: pytest.LogCaptureFixture, happening: str) -> list[int]:
    return [record.levelno for record in logged(caplog, happening)]


async def is_logged(caplog: pytest.LogCaptureFixture, happening: str, times: int = 1) -> None:
    """Wait for a line of the guide."""
    async with asyncio.timeout(PATIENCE_S):
        # Between two looks the threads that connect have the interpreter.
        while len(logged(caplog, happening)) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_a_broker_that_takes_everything_gets_it_and_the_log_says_over_what(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker.port, ca=way.ca) as listener:
        async with running(way.publisher(broker.port)) as mqtt:
            mqtt.push(activity())
            for number in range(100):
                mqtt.push(started(number))
            assert await mqtt.drained()
        await listener.until(lambda: listener.on(STATUS) == ["online", "offline"])
    assert (listener.on(STATE), ids(listener)) == (["walking"], list(range(100)))
    assert levels(caplog, CONNECTED) == [logging.INFO]
    assert caplog.messages[0].endswith("MQTT 5" if way.version == 5 else "MQTT 3.1.1")


async def test_a_cut_connection_costs_no_event_and_is_a_warning_once(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker.port, ca=way.ca) as listener:
        async with Cable(broker.port) as cable, running(way.publisher(cable.port)) as mqtt:
            for number in range(60):
                mqtt.push(started(number))
                if number % 20 == 10:
                    await eventually(lambda: mqtt.connected)
                    cable.cut()
                    await is_logged(caplog, LOST, number // 20 + 1)
            assert await mqtt.drained(PATIENCE_S)
        await listener.until(lambda: 59 in ids(listener))
    assert list(dict.fromkeys(ids(listener))) == list(range(60))
    assert (mqtt.dropped, mqtt.waiting) == (0, 0)
    assert levels(caplog, LOST) == [logging.WARNING, logging.DEBUG, logging.DEBUG]


@pytest.mark.parametrize("end", [Mosquitto.kill9, Mosquitto.stop], ids=["killed", "stopped"])
async def test_a_broker_that_forgot_everything_has_it_again_after_its_restart(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture, end: Any
) -> None:
    async with running(way.publisher(broker.port)) as mqtt:
        mqtt.push(activity())
        assert await mqtt.drained()
        end(broker)
        await is_logged(caplog, LOST)
        await is_logged(caplog, REFUSED, times=3)
        mqtt.push(activity("running"))
        mqtt.push(started(1))
        assert (mqtt.connected, mqtt.waiting) == (False, 1)
        broker.start()
        assert await mqtt.drained(PATIENCE_S)
        with listening(broker.port, ca=way.ca) as listener:
            await listener.until(lambda: bool(listener.on(STATE) and listener.on(STATUS)))
    assert (listener.on(STATUS)[0], listener.on(STATE), mqtt.dropped) == ("online", ["running"], 0)
    assert levels(caplog, LOST) == [logging.WARNING]
    assert levels(caplog, REFUSED)[:3] == [logging.WARNING, logging.DEBUG, logging.DEBUG]
    assert levels(caplog, CONNECTED) == [logging.INFO] * 2


async def test_two_gateways_of_one_id_are_told_so_once_and_who_is_left_goes_on(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    clash = "another client has the same id, and the broker hangs up"
    # Long enough for what is retained to be acknowledged: who is lost over that is no sign of a clash.
    delays = Delays(first_s=0.05, longest_s=0.05)
    async with running(way.publisher(broker.port, delays=delays)) as stays:
        async with running(way.publisher(broker.port, delays=delays)):
            await is_logged(caplog, LOST, times=20)
            async with asyncio.timeout(PATIENCE_S):
                while levels(caplog, clash).count(logging.WARNING) < 2:  # noqa: ASYNC110 - as in `is_logged`
                    await asyncio.sleep(0.002)
        stays.push(started(1))
        assert await stays.drained(PATIENCE_S)
        assert stays.dropped == 0
    assert levels(caplog, clash).count(logging.WARNING) == 2  # one of each
    assert levels(caplog, CONNECTED).count(logging.INFO) <= 12
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) <= 4  # and the first loss of each


@pytest.mark.parametrize(
    ("reason", "happening"),
    [
        (0x8B, "the broker is stopped, and says so"),
        (0x8E, "another client has the same id, and the broker says so"),
    ],
    ids=["server shutting down", "session taken over"],
)
async def test_what_a_broker_says_when_it_ends_a_connection_is_logged_with_what_to_do(
    caplog: pytest.LogCaptureFixture, reason: int, happening: str
) -> None:
    def end_the_first(message: Published) -> bytes:
        return packet(DISCONNECT, bytes((reason, 0))) if len(peer.connects) == 1 else puback(message)

    async with Peer(end_the_first) as peer, running(publisher(peer.port, delays=QUICK)) as mqtt:
        mqtt.push(started(1))
        assert await mqtt.drained(PATIENCE_S)
    assert levels(caplog, happening) == [logging.WARNING]


async def test_a_wrong_password_is_named_once_and_tried_on(
    way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    happening = "the password is wrong"
    with guarded(tmp_path, listener=way.listener()) as broker:
        async with running(way.publisher(broker.port, username="pi", password="wrong")) as mqtt:
            mqtt.push(started(1))
            await is_logged(caplog, happening, times=3)
            assert (mqtt.connected, mqtt.waiting) == (False, 1)
        async with running(way.publisher(broker.port, username="pi", password="right")) as mqtt:
            assert await mqtt.drained(PATIENCE_S)
    assert set(levels(caplog, happening)[1:]) == {logging.DEBUG}
    assert levels(caplog, happening)[0] == logging.WARNING


async def test_a_full_queue_keeps_the_newest_while_the_broker_is_away(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(way.publisher(broker.port, bounds=Bounds(events=3))) as mqtt:
        assert await mqtt.drained(PATIENCE_S)
        broker.kill9()
        await is_logged(caplog, REFUSED)
        for number in range(100):
            mqtt.push(started(number))
        assert [message.payload.split(b'"id":"')[1][:7] for message in mqtt._kept] == [
            b"anna-97",
            b"anna-98",
            b"anna-99",
        ]
        assert (mqtt.waiting, mqtt.dropped) == (3, 97)
        broker.start()
        assert await mqtt.drained(PATIENCE_S)
    assert levels(caplog, FULL) == [logging.WARNING, *[logging.DEBUG] * 96]
    assert "is away" in logged(caplog, FULL)[0].message


async def test_a_full_queue_keeps_the_newest_while_the_broker_hangs(
    way: Way, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker.port, ca=way.ca) as listener:
        async with running(way.publisher(broker.port, bounds=Bounds(events=3))) as mqtt:
            assert await mqtt.drained(PATIENCE_S)
            broker.freeze()
            for number in range(100):
                mqtt.push(started(number))
            # Those are on their way, and can be dropped no more.
            sent = mqtt.waiting - 3
            assert (sent > 0, mqtt.dropped) == (True, 100 - 3 - sent)
            broker.thaw()
            await listener.until(lambda: 99 in ids(listener))
    assert ids(listener) == [*range(sent), 97, 98, 99]
    assert levels(caplog, FULL) == [logging.WARNING, *[logging.DEBUG] * (96 - sent)]
    assert "takes too little" in logged(caplog, FULL)[0].message


@pytest.mark.usefixtures("nothing_left")
async def test_an_expired_certificate_is_named_until_it_is_renewed(
    encrypted: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    happening = "the broker's certificate has expired"
    port = free_port()
    with Mosquitto(port, tmp_path, listener=encrypted.listener("expired")):
        async with running(encrypted.publisher(port, stop_s=0.0)) as mqtt:
            mqtt.push(started(1))
            await is_logged(caplog, happening, times=3)
            assert (mqtt.connected, mqtt.waiting) == (False, 1)
    with Mosquitto(port, tmp_path, listener=encrypted.listener()):
        async with running(mqtt):
            assert await mqtt.drained(PATIENCE_S)
    assert levels(caplog, happening)[:3] == [logging.WARNING, logging.DEBUG, logging.DEBUG]


@pytest.mark.parametrize(
    ("certificate", "is_trusted", "happening"),
    [
        ("broker", False, "nobody who is trusted signed the broker's certificate"),
        ("elsewhere", True, "the broker's certificate is for another name"),
    ],
    ids=["a stranger's", "another host's"],
)
async def test_a_certificate_that_is_not_accepted_is_named_with_the_key_that_mends_it(
    encrypted: Way,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    certificate: str,
    is_trusted: bool,  # noqa: FBT001
    happening: str,
) -> None:
    settings: dict[str, Any] = {} if is_trusted else {"tls": Tls()}
    with Mosquitto(free_port(), tmp_path, listener=encrypted.listener(certificate)) as broker:
        async with running(encrypted.publisher(broker.port, **settings)) as mqtt:
            await is_logged(caplog, happening)
            assert not mqtt.connected
    assert levels(caplog, happening)[0] == logging.WARNING


@pytest.mark.parametrize(
    ("has_tls", "happening"),
    [
        (True, "`[mqtt.tls]`, but a port without TLS, or a broker that wants a certificate of ours"),
        (False, "a port with TLS, but no `[mqtt.tls]`; or no broker at all"),
    ],
    ids=["tls at a plain port", "plain at a tls port"],
)
async def test_encryption_that_only_one_side_wants_is_named_with_what_to_look_at(
    encrypted: Way,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    has_tls: bool,  # noqa: FBT001
    happening: str,
) -> None:
    settings: dict[str, Any] = {} if has_tls else {"tls": None}
    listener = "" if has_tls else encrypted.listener()
    with Mosquitto(free_port(), tmp_path, listener=listener) as broker:
        async with running(encrypted.publisher(broker.port, **settings)) as mqtt:
            await is_logged(caplog, happening)
            assert not mqtt.connected
    assert levels(caplog, happening)[0] == logging.WARNING


def test_every_line_of_the_guide_is_tried() -> None:
    names = ("broker_matrix", "hostile_broker", "mqtt_limits", "mqtt")
    tests = "".join((ROOT / "tests" / f"test_{name}.py").read_text() for name in names)
    assert len(documented()) >= 20
    assert [happening for happening in documented() if f'"{happening}"' not in tests] == []
