"""`edgehar status`: how it goes with a gateway that runs somewhere, as its broker and systemd know it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgehar.apps.gateway_topics import (
    About,
    Health,
    Reasons,
    SensorHealth,
    Topics,
    WearerHealth,
    WholeCount,
    bounded_line,
)
from edgehar.apps.retained import Listener, UnreachableError
from edgehar.apps.systemd_unit import unit_state
from edgehar.config.schema import Config, Mqtt
from edgehar.daemon.daemon import HEALTH_S
from edgehar.errors import ConfigError
from edgehar.personal.heads import name_of
from edgehar.publishers.payloads import iso_utc
from edgehar.types import NO_SIGNAL

STALE_S = 3 * HEALTH_S
"""Health that is older than this is none of a gateway that runs, s."""

MOST_WEARERS = 100
"""Wearers that are read; of more it is said that there are more."""

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Unix time that every time zone can still write, s; what is later is told as this."""

_OF_WEARER = ("status", "status/attributes", "activity", "activity/attributes", "operating_point", "paused")


async def status(config: Config) -> dict[str, Any]:
    """Return how it goes with gateway, broker, service and each wearer; "wrong" lists in words what does not go well.

    ConfigError if the configuration names no broker, or password and certificates cannot be used.
    """
    if config.mqtt is None:
        raise ConfigError("there is no broker to ask: give its `host` in [mqtt]")
    service = await unit_state()
    failed = (
        [f"the service {service['unit']} has failed"] if service and service["active"] == "failed" else []
    )
    where = f"{config.mqtt.host}:{config.mqtt.port}"
    try:
        told = await _told(config, config.mqtt)
    except UnreachableError as error:
        advice = "`edgehar mqtt test` goes the way there stage by stage"
        nothing: dict[str, Any] = {"gateway": None, "wearers": [], "zones": [], "sensors": []}
        return nothing | {
            "broker": {"address": where, "answers": False},
            "service": service,
            "wrong": [f"{error}; {advice}", *failed],
        }
    wrong = [*told.pop("wrong"), *failed]
    return told | {"broker": {"address": where, "answers": True}, "service": service, "wrong": wrong}


async def _told(config: Config, broker: Mqtt) -> dict[str, Any]:
    """Return what the broker has of a gateway and its wearers."""
    root = f"{broker.prefix}/{config.gateway.id}"
    async with Listener(broker) as listener:
        payloads = await listener.read([f"{root}/{suffix}" for suffix in ("status", "info", "health")])
        about = Topics(root, payloads).content("info", About, "the JSON of a gateway")
        names = [*about.wearers] if about else told_of(config)
        topics = [f"{root}/{name}/{suffix}" for name in names[:MOST_WEARERS] for suffix in _OF_WEARER]
        topics += [f"{root}/zone/{name}/counts" for name in [*(about.zones if about else ())][:MOST_WEARERS]]
        payloads |= await listener.read(topics)
    return _report(config, Topics(root, payloads), names, time.time())


def _report(config: Config, topics: Topics, names: Sequence[str], now: float) -> dict[str, Any]:
    state = topics.word("status", ("online", "offline"))
    about = topics.content("info", About, "the JSON of a gateway") or About()
    health = topics.content("health", Health, "the JSON of a gateway's health") or Health()
    wearers = [
        _wearer(topics, name, about.models.get(name), is_online=state == "online", now=now)
        for name in names[:MOST_WEARERS]
    ]
    sensors = [
        sensor
        for name in names[:MOST_WEARERS]
        for sensor in _sensors(topics, name, about.wearers.get(name, []), health)
    ]
    gateway = _gateway(config.gateway.id, state, about, health, now)
    wrong = [*_wrong_of_gateway(gateway)]
    if state == "online":
        wrong += [*_wrong_of_wearers(wearers, sensors)]
        wrong += [*_wrong_of_heads(config, about)]
        absent = [name for name in told_of(config) if name not in names]
        wrong += [f"the gateway does not have {', '.join(absent)} of this file"] if absent else []
    if len(names) > MOST_WEARERS:
        wrong.append(f"{len(names) - MOST_WEARERS} more wearers, of whom nothing was read")
    return {
        "gateway": gateway,
        "wearers": wearers,
        "zones": [_zone(topics, name) for name in [*about.zones][:MOST_WEARERS]],
        "sensors": sensors,
        "wrong": [*topics.problems, *wrong],
    }


def told_of(config: Config) -> list[str]:
    """Return the wearers of whom something is told: not those of zones."""
    counted = {wearer for zone in config.zone for wearer in zone.wearers}
    return [wearer.id for wearer in config.wearer if wearer.id not in counted]


def _gateway(name: str, state: str | None, about: About, health: Health, now: float) -> dict[str, Any]:
    told_at, sparkplug = health.time.timestamp() if health.time else None, health.sparkplug
    began = None if told_at is None or health.uptime_s is None else told_at - health.uptime_s
    return {
        "id": name,
        "status": state,
        "since": None if began is None or state != "online" else _utc(began),
        "version": bounded_line(about.version) or None,
        "model": bounded_line(about.model) or None,
        "health_age_s": None if told_at is None else round(now - told_at),
        "memory_mb": health.rss_mb,
        "events_dropped": health.events_dropped,
        "messages_refused": health.messages_refused,
        "sparkplug": None if sparkplug is None else "heard" if sparkplug.is_born else "not heard",
    }


def _wearer(topics: Topics, name: str, model: str | None, *, is_online: bool, now: float) -> dict[str, Any]:
    reasons = topics.content(f"{name}/activity/attributes", Reasons, "the JSON of a state") or Reasons()
    paused = topics.word(f"{name}/paused", ("ON", "OFF"))
    heard = topics.word(f"{name}/status", ("online", "offline"))
    return {
        "wearer": name,
        # Of a gateway whose last will spoke for it the wearers' own topics are as they were.
        "status": heard if is_online else "offline",
        "paused": paused == "ON",
        "activity": topics.word(f"{name}/activity"),
        "confidence": reasons.confidence,
        "since": None if reasons.since is None else _utc(reasons.since.timestamp()),
        "told_s_ago": None if reasons.time is None else round(now - reasons.time.timestamp()),
        "reason": bounded_line(reasons.reason) or None,
        "operating_point": topics.word(f"{name}/operating_point"),
        "model": model and bounded_line(model),
    }


def _zone(topics: Topics, name: str) -> dict[str, Any]:
    """Return the counts of a zone, a text or number each; what is withheld is none."""
    expected, form = "the JSON of a zone's counts", dict[str, WholeCount | str | None]
    told = topics.content(f"zone/{name}/counts", form, expected) or {}
    counts = [
        (bounded_line(key), bounded_line(value) if isinstance(value, str) else value)
        for key, value in told.items()
    ]
    return {"zone": name, **dict(counts[:MOST_WEARERS])}


def _utc(unix_s: float) -> str:
    """Write a time of whoever told it, within what a date can be."""
    return iso_utc(min(max(unix_s, 0.0), LATEST))


def _sensors(
    topics: Topics, name: str, placements: Sequence[str], health: Health
) -> Iterator[dict[str, Any]]:
    states = (
        topics.content(f"{name}/status/attributes", dict[str, str], "the JSON of each sensor's state") or {}
    )
    counters = health.wearers.get(name, WearerHealth()).sensors
    for place in list(dict.fromkeys([*placements, *states]))[:MOST_WEARERS]:
        counts = counters.get(place, SensorHealth())
        yield {
            "wearer": name,
            "placement": bounded_line(place),
            "state": bounded_line(states[place]) if place in states else None,
            "battery": counts.battery,
            "packets": counts.packets,
            "lost": counts.lost,
        }


def _wrong_of_gateway(gateway: Mapping[str, Any]) -> Iterator[str]:
    name, age_s = gateway["id"], gateway["health_age_s"]
    if gateway["status"] is None:
        yield (
            f"the broker tells nothing of a gateway {name}: has it run, is its `id` the one of [gateway] here, "
            "and may this account read its topics?"
        )
    elif gateway["status"] == "offline":
        yield f"the gateway {name} is offline"
    elif age_s is not None and abs(age_s) > STALE_S:
        side = "old" if age_s > 0 else "ahead of this clock"
        yield (
            f"the health of {name} is {in_words(abs(age_s))} {side}: it hangs, or the clocks of the machines differ"
        )

    if gateway["status"] == "online" and gateway["sparkplug"] == "not heard":
        yield f"no Sparkplug host hears {name}: is `primary_host` of [sparkplug] the id of one that is online?"


def _wrong_of_wearers(
    wearers: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    paused = {wearer["wearer"] for wearer in wearers if wearer["paused"]}
    ailing = [each for each in sensors if each["wearer"] not in paused and each["state"] != "ok"]
    for each in ailing:
        yield f"{each['wearer']}/{each['placement']}: {each['state'] or 'nothing is told of it'}"
    for wearer in wearers:
        name = wearer["wearer"]
        is_told = name in paused or any(each["wearer"] == name for each in ailing)
        if not is_told and (wearer["status"] != "online" or wearer["activity"] == NO_SIGNAL):
            yield f"{name} is not heard"


def _wrong_of_heads(config: Config, about: About) -> Iterator[str]:
    for wearer in config.wearer:
        model, head = about.models.get(wearer.id), wearer.head and name_of(Path(wearer.head))
        if head and model and not model.endswith(f"+{head}"):
            yield (
                f"{wearer.id} is told without what {head} was taught, by {bounded_line(model)}: `systemctl reload edgehar` takes it up, "
                "and the log or `edgehar config check` says if it does not fit"
            )


def in_words(seconds: float) -> str:
    """Return a duration in its largest unit, as in `12 s` or `3 h`."""
    for unit, length, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
