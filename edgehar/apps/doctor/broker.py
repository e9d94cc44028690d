"""The way to the broker and what stands there: its stages, Home Assistant's discovery, and a gateway that runs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from edgehar.apps.broker import BrokerTest
from edgehar.apps.retained import Listener, UnreachableError
from edgehar.apps.status import told_of
from edgehar.brokers.mqtt_text import client_id
from edgehar.config.schema import Config
from edgehar.errors import OperatorError
from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn

SLOW_MS = 500.0
"""A stage that takes longer is worth a word, ms."""


async def check_broker(config: Config, *, is_running: bool) -> list[Finding]:
    """Return what is to be said of the configured broker; `is_running` if the gateway says that it is online."""
    if config.mqtt is None:
        return [ok("broker", "none is configured")]
    try:
        rows = await BrokerTest(config).run()
    except OperatorError as error:
        return [fail("broker", str(error), "mend [mqtt] of the configuration")]
    findings = [_of_stage(row) for row in rows if row["result"] != "not configured"]
    if config.homeassistant and not any(finding.level == "fail" for finding in findings):
        findings += await _check_home_assistant(config, is_running=is_running)
    return findings


def _of_stage(row: Mapping[str, Any]) -> Finding:
    name, says = f"broker {row['stage']}", f"{row['says']} ({row['ms']:.0f} ms)"
    if row["result"] == "failed":
        return fail(name, row["says"], row["fix"])
    if row["ms"] > SLOW_MS and row["stage"] != "retained":
        return warn(name, says, "a slow network or broker: answers come that much later")
    return ok(name, says)


async def _check_home_assistant(config: Config, *, is_running: bool) -> list[Finding]:
    assert config.mqtt is not None
    assert config.homeassistant is not None
    prefix = config.homeassistant.prefix
    devices = f"{prefix}/device/{client_id(f'{config.mqtt.prefix}/{config.gateway.id}')}"
    zones = [zone.id for zone in config.zone]
    topics = {f"{devices}/{name}/config": name for name in [*told_of(config), *zones]}
    birth = f"{prefix}/status"
    try:
        async with Listener(config.mqtt) as listener:
            payloads = await listener.read([birth, f"{devices}/config", *topics])
    except UnreachableError as error:
        return [
            fail("discovery", str(error), f"let this account read {prefix}/# in the broker's access list")
        ]
    who = "wearers and zones" if zones else "wearers"
    as_devices = _check_devices(topics, payloads, who, is_running=is_running)
    return [_check_birth(birth, payloads.get(birth)), as_devices]


def _check_birth(topic: str, payload: bytes | None) -> Finding:
    if payload == b"online":
        return ok("home assistant", f"says on {topic} that it is online")
    if payload is None:
        # It retains its birth message only if it is told to.
        return ok("home assistant", f"retains nothing on {topic}, as it does by default")
    return warn(
        "home assistant",
        f"says on {topic} that it is offline",
        "start Home Assistant, and its MQTT integration",
    )


def _check_devices(
    topics: Mapping[str, str], payloads: Mapping[str, bytes], who: str, *, is_running: bool
) -> Finding:
    announced = [wearer for topic, wearer in topics.items() if _is_device(payloads.get(topic))]
    absent = [wearer for wearer in topics.values() if wearer not in announced]
    if not absent:
        return ok("discovery", f"{len(announced)} of {len(topics)} {who} stand on the broker as devices")
    says = f"{', '.join(absent)} {'stands' if len(absent) == 1 else 'stand'} on the broker as no device"
    if is_running:
        return fail(
            "discovery", says, "does the broker retain messages, and may this account write below the prefix?"
        )
    return ok("discovery", f"{says}: no daemon has announced them yet")


def _is_device(payload: bytes | None) -> bool:
    try:
        return isinstance(msgspec.json.decode(payload or b""), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
