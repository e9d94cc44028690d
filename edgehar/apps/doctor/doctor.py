"""All of `edgehar doctor`, in the order in which one thing rests on another; nothing is changed, and no daemon disturbed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from edgehar.apps.doctor.broker import check_broker
from edgehar.apps.doctor.links import check_links
from edgehar.apps.doctor.machine import check_machine
from edgehar.apps.doctor.sensors import (
    Examined,
    Prompt,
    examine,
    listen,
    of_daemon,
    of_lost,
    read_recording,
    ups_of,
)
from edgehar.apps.doctor.software import check_software
from edgehar.apps.status import status
from edgehar.apps.systemd_unit import unit_state
from edgehar.config.read import model_pair, state_folder
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline import manifest
from edgehar.pipeline.diagnosis.findings import ok
from edgehar.pipeline.diagnosis.measurement import Array
from edgehar.pipeline.model_spec import ModelSpec


class Wish(Struct, frozen=True):
    """A wish of what to look at."""

    seconds: float = 30.0
    """Time for which sensors are listened to, s; 0: not at all."""
    wearer: str | None = None
    """Id of the wearer whose sensors are listened to; None: everybody's."""
    like: Path | None = None
    """A recording in which the sensors are worn as they should be."""


async def doctor(config: Config, wish: Wish, prompt: Prompt | None = None) -> dict[str, Any]:
    """Return findings on sensors, links, broker, software and machine, as `report`; ConfigError if there is no such wearer."""
    wearers = _chosen(config, wish.wearer)
    ups = ups_of(wish.like) if wish.like else {}
    service = await unit_state()
    running = await _running(config, service)
    with _without_repetition():
        examined = await _sensors(config, wearers, wish, ups, running, prompt)
    findings = [
        *examined.findings,
        *await check_links(config, is_in_use=running is not None),
        *await check_broker(config, is_running=running is not None),
        *check_software(config, service),
        *check_machine(state_folder(config.gateway)),
    ]
    return report(Examined(findings, examined.sensors))


def examine_recording(path: Path, model: str, like: Path | None = None) -> dict[str, Any]:
    """Return findings on the sensors of a recording; RecordingError or ModelError if one of the files cannot be used."""
    with _without_repetition():
        wearer, measurements = read_recording(path)
    spec = manifest.read(manifest.find(model))
    return report(examine(wearer, measurements, spec, ups_of(like) if like else {}))


def report(examined: Examined) -> dict[str, Any]:
    """Return findings, the figures of sensors, and how many findings there are of each level."""
    findings: list[dict[str, Any]] = to_builtins(examined.findings)
    levels = [finding.level for finding in examined.findings]
    counts = {level: levels.count(level) for level in ("ok", "warn", "fail")}
    return {**counts, "findings": findings, "sensors": examined.sensors}


@contextmanager
def _without_repetition() -> Iterator[None]:
    """Let no log line say what a finding does: a sensor's misfit is logged where it is read."""
    logger = logging.getLogger("edgehar.pipeline.intake")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _chosen(config: Config, wearer: str | None) -> list[Wearer]:
    chosen = [w for w in config.wearer if wearer in (None, w.id)]
    if not chosen:
        raise ConfigError(
            f"--wearer: there is no {wearer}; there are {', '.join(w.id for w in config.wearer)}"
        )
    return chosen


async def _running(config: Config, service: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]] | None:
    """Return what a daemon that runs tells of its sensors, of which there may be nothing; None if none runs."""
    if config.mqtt is not None:
        try:
            told = await status(config)
        except ConfigError:
            told = {}
        gateway = told.get("gateway")
        if gateway and gateway["status"] == "online":
            rows: list[Mapping[str, Any]] = told["sensors"]
            return rows
    return [] if service and service["active"] == "active" else None


async def _sensors(
    config: Config,
    wearers: Sequence[Wearer],
    wish: Wish,
    ups: Mapping[str, Array],
    running: Sequence[Mapping[str, Any]] | None,
    prompt: Prompt | None,
) -> Examined:
    if running is not None:
        says = "a daemon runs and has the sensors; these figures are its own. To measure them: stop it, then doctor"
        names = {wearer.id for wearer in wearers}
        rows = [row for row in running if row["wearer"] in names]
        return Examined([ok("daemon", says), *of_daemon(rows)], {})
    replayed = [wearer for wearer in wearers if wearer.replay]
    live = [wearer for wearer in wearers if not wearer.replay]
    whole = Examined(
        [ok("sensors", f"{w.id} is a recording: read it with --recording") for w in replayed], {}
    )
    if not live or not wish.seconds:
        return whole
    for wearer, measurements, lost in await listen(config, live, wish.seconds, prompt):
        of_links = [of_lost(f"{wearer.id}/{name}", why) for name, why in lost.items()]
        unheard = {
            name
            for name in lost
            if any(m.stream.placement == name and m.first_s is None for m in measurements)
        }
        audible = [m for m in measurements if m.stream.placement not in unheard]
        examined = examine(wearer.id, audible, _spec(config), ups)
        whole = Examined(
            [*whole.findings, *of_links, *examined.findings], {**whole.sensors, **examined.sensors}
        )
    return whole


def _spec(config: Config) -> ModelSpec | None:
    """Return the model that is to take the sensors; None if it cannot be read, which is told of the model."""
    try:
        return manifest.read(model_pair(config))
    except ModelError:
        return None
