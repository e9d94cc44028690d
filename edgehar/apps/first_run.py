"""`edgehar init`: what a first configuration asks of this machine, its broker and its radio, and the proof that it works."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from serial.tools.list_ports import comports

from edgehar.apps.broker import BrokerTest
from edgehar.apps.devices import scan
from edgehar.apps.online import LOOK_S
from edgehar.apps.retained import Listener
from edgehar.brokers.mqtt import Received
from edgehar.config.keys import in_words
from edgehar.config.names import Name
from edgehar.config.rules import OTHER_TOPICS
from edgehar.config.schema import Config, Gateway, HomeAssistant, Mqtt, Tls
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError, EdgeharError
from edgehar.pipeline import manifest
from edgehar.sources.addresses import check_host
from edgehar.types import NO_SIGNAL
from edgehar.validation import shown

SCAN_S = 8.0
"""Time for which Bluetooth sensors are listened for, s."""

PROOF_S = 45.0
"""A sensor over Bluetooth is found, connected to and judged within this time, s."""

EVENT_S = 15.0
"""Once a state was heard, an event is waited for so long, s: who does not move begins nothing."""

BY_ID = Path("/dev/serial/by-id")

_PLAIN, _ENCRYPTED = ("mqtt", "tcp"), ("mqtts", "ssl")
_PORTS = {**dict.fromkeys(_PLAIN, 1883), **dict.fromkeys(_ENCRYPTED, 8883)}


def gateway_name(text: str) -> str:
    """Return a name for the gateway; ConfigError if it can be none."""
    try:
        return msgspec.convert(text, Name)
    except msgspec.ValidationError as error:
        raise ConfigError(f"expected {in_words('gateway.id')}, got {shown(text)}") from error


def wearer_name(text: str) -> str:
    """Return a pseudonym; ConfigError if it can be none."""
    if text in OTHER_TOPICS:
        raise ConfigError(f"requests have the topic `{text}`; choose another pseudonym")
    return gateway_name(text)


def broker_at(text: str) -> Mqtt:
    """Return the broker at `host`, `host:port` or `mqtts://host:port`, whose link is encrypted; ConfigError if it is none."""
    with contextlib.suppress(ValueError):
        return Mqtt(host=str(ipaddress.ip_address(text)))
    try:
        parts = urlsplit(text if "://" in text else f"mqtt://{text}")
        host, port = parts.hostname or "", _PORTS.get(parts.scheme) if parts.port is None else parts.port
    except ValueError as error:
        raise ConfigError(f"expected a host, or host:port, got {shown(text)}: {error}") from error
    if not port or parts.username is not None or parts.path.strip("/"):
        raise ConfigError(
            f"expected a host, host:port, or mqtts://host:port for encryption, got {shown(text)}; "
            "user name and password are asked for when the broker wants them"
        )
    check_host(host)
    tls = Tls() if parts.scheme in _ENCRYPTED else None
    return Mqtt(host=host, port=port, tls=tls)


def address_of(broker: Mqtt) -> str:
    """Return a broker as `broker_at` takes it."""
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{'mqtts://' if broker.tls else ''}{host}:{broker.port}"


class Placements:
    """Placements at which sensors may be worn for the model of a first configuration."""

    def __init__(self) -> None:
        self._spec = manifest.read(manifest.find("imu_tcn"))

    @property
    def names(self) -> list[str]:
        """Every place, those of one kind of sensor together."""
        return list(dict.fromkeys(place for sensor in self._spec.sensors for place in sensor.placements))

    def check(self, placement: str, taken: Sequence[str]) -> str:
        """Return a placement; ModelError if the model takes none there, or not beside those that are taken."""
        self._spec.slots([*taken, placement])
        return placement

    def first_free(self, taken: Sequence[str]) -> str | None:
        """Return the first place that is left; None if there is none."""
        for name in self.names:
            with contextlib.suppress(EdgeharError):
                return self.check(name, taken)
        return None


class BrokerAnswer(msgspec.Struct, frozen=True):
    """State of a broker, and what it wants."""

    rows: list[dict[str, Any]]
    """As of `BrokerTest.run`."""
    wants_account: bool

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The stages that failed."""
        return [row for row in self.rows if row["result"] == "failed"]


async def try_broker(
    broker: Mqtt, password: str | None, gateway: str, *, has_home_assistant: bool
) -> BrokerAnswer:
    """Go the way to a broker as `edgehar mqtt test` does; `password` takes the place of the one in a file."""
    wearer = Wearer(id="wearer", simulator=SimulatedWearer(placements=["wrist"]))
    home = HomeAssistant() if has_home_assistant else None
    config = Config(gateway=Gateway(id=gateway), mqtt=broker, homeassistant=home, wearer=[wearer])
    test = BrokerTest(config, password)
    rows = await test.run()
    return BrokerAnswer(rows, test.wants_account)


async def is_running(broker: Mqtt, password: str | None, gateway: str) -> bool:
    """Tell whether a gateway of this name is online at a broker; UnreachableError if that cannot be asked."""
    topic = f"{broker.prefix}/{gateway}/status"
    async with Listener(broker, password) as listener:
        return (await listener.read([topic])).get(topic) == b"online"


async def sensors_around(adapter: str | None) -> list[dict[str, Any]]:
    """Return USB serial ports, then Bluetooth sensors that a profile fits; SourceLostError if Bluetooth cannot be used.

    Each has its `entry` for the configuration, and what it is, in words.
    """
    return [
        {"entry": {"profile": row["profiles"][0], "address": row["address"]}, "what": _in_words(row)}
        for row in await scan(adapter, SCAN_S, everything=False)
    ]


def _in_words(row: dict[str, Any]) -> str:
    signal = "" if row["signal_dbm"] is None else f", {row['signal_dbm']} dBm"
    return f"{row['address']}  {row['name'] or 'without a name'} ({row['profiles'][0]}{signal})"


def usb_ports() -> list[dict[str, Any]]:
    """Return the serial ports of USB devices, by a name that stays where they have one, as `sensors_around` does."""
    names = {link.resolve(): link for link in sorted(BY_ID.glob("*"))}
    ports = [(names.get(Path(port.device), port.device), port.description) for port in comports() if port.vid]
    return [{"entry": {"port": str(name)}, "what": f"{name} ({what})"} for name, what in ports]


async def prove(config: Config, proof_s: float = PROOF_S) -> dict[str, Any]:
    """Run the daemon until another client of the broker has heard an event, or a state if none begins; return which.

    Every sensor is waited for until it does well, and "wrong" lists in words which do not, after `proof_s` at the latest. UnreachableError if the broker cannot be asked.
    """
    assert config.mqtt is not None
    [wearer] = config.wearer
    topic = f"{config.mqtt.prefix}/{config.gateway.id}/{wearer.id}"
    async with Listener(config.mqtt) as listener:
        await listener.listen([f"{topic}/event", f"{topic}/activity"])
        daemon, began = Daemon(config), time.monotonic()
        running = asyncio.create_task(daemon.run())
        hearing = asyncio.create_task(_hear(listener, proof_s))
        try:
            await asyncio.wait({running, hearing}, return_when=asyncio.FIRST_COMPLETED)
            message = await hearing if hearing.done() else None
            took_s, [feed] = time.monotonic() - began, daemon.feeds
            due = began + proof_s
            while (problems := feed.problems(now := time.monotonic())) and now < due and not running.done():
                await asyncio.wait({running}, timeout=LOOK_S)
            if running.done():
                # It ends by itself only with an error.
                await running
        finally:
            for task in (hearing, running):
                task.cancel()
            await asyncio.gather(hearing, running, return_exceptions=True)
    return _proof(message, took_s, problems, wearer.id)


async def _hear(listener: Listener, proof_s: float) -> Received | None:
    """Return the first event; after a while the newest state, which may be that there is no signal; None if there is none."""
    state: Received | None = None
    is_judged = False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(proof_s) as limit:
            while True:
                message = await listener.next()
                if message.topic.endswith("/event"):
                    return message
                state = message
                if not is_judged and message.payload != NO_SIGNAL.encode():
                    is_judged = True
                    due = asyncio.get_running_loop().time() + EVENT_S
                    limit.reschedule(min(due, limit.when() or due))
    return state


def _proof(message: Received | None, took_s: float, problems: dict[str, str], wearer: str) -> dict[str, Any]:
    wrong = [f"{wearer}/{placement}: {problem}" for placement, problem in problems.items()]
    if message is None:
        wrong.append("neither a state nor an event reached a subscriber")
        return {"heard": None, "topic": None, "payload": None, "after_s": None, "wrong": wrong}
    kind = "event" if message.topic.endswith("/event") else "state"
    payload = message.payload.decode(errors="replace")
    if payload == NO_SIGNAL and not wrong:
        wrong.append(f"{wearer} is not heard")
    return {
        "heard": kind,
        "topic": message.topic,
        "payload": payload,
        "after_s": round(took_s, 1),
        "wrong": wrong,
    }
