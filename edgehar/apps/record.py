"""`edgehar record`: the packets of one wearer's sensors, written to a file."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert

from edgehar import __version__
from edgehar.apps.label_session import LabelSession
from edgehar.apps.label_with_me import Plan, Prompter, tellable
from edgehar.config.keys import in_words
from edgehar.config.read import load
from edgehar.config.schema import Config, Model
from edgehar.config.worn import Wearer
from edgehar.daemon.wiring import describe_sensors, make_shared_links, make_sources
from edgehar.errors import ConfigError, ModelError, RecordingError
from edgehar.pipeline import manifest
from edgehar.pipeline.modality import IMU, modality_of_profile
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources import Source
from edgehar.sources.reconnect import keep_open
from edgehar.validation import did_you_mean, explain

_LOGGER = logging.getLogger(__name__)


class OneSensor(Struct, frozen=True):
    """One sensor that is recorded without a configuration, by what the command line calls it."""

    placement: str | None = None
    """Place where it is worn; None: at the wrist, and a camera is nowhere but before its wearer."""
    port: str | None = None
    """Serial port or URL. Of this, `ble`, `phone` and `camera` exactly one is given."""
    ble: str | None = None
    """Bluetooth address or name."""
    phone: str | None = None
    """Address of SensorServer, ws://..., or address and port of this host to which Sensor Logger posts."""
    camera: str | None = None
    """As the configuration's `device`; what is recorded is keypoints, never a picture."""
    profile: str | None = None
    """Kind of a Bluetooth sensor; None: the one that fits best what it advertises."""
    adapter: str | None = None
    """As in the configuration."""

    @property
    def ways(self) -> list[str]:
        """Options that say how it is reached."""
        named = {"--port": self.port, "--ble": self.ble, "--phone": self.phone, "--camera": self.camera}
        return [option for option, value in named.items() if value is not None]


_USUAL = "wrist"
"""Placement of a sensor of which nobody says where it is worn."""

_OPTIONS = {
    "id": "--wearer",
    "placement": "--placement",
    "port": "--port",
    "adapter": "--adapter",
    "device": "--camera",
}
"""Options that give a key its value where there is no configuration."""


async def record_wearer(
    out: Path,
    sensor: OneSensor,
    *,
    config: Path | None = None,
    wearer: str | None = None,
    seconds: float | None = None,
    plan: Plan | None = None,
) -> tuple[dict[str, Any], RecordingError | None]:
    """Write the packets of one sensor, or of a wearer of `config`, until `seconds` are over or it is cancelled.

    With a `plan` also what the wearer is prompted to do, until all of it was done. Return what was counted, and what ended
    it early if the disk refused.
    """
    if out.suffix == ".npz":
        raise ConfigError(f"{out}: expected a name that ends in .ehr; .npz is that of a set")
    if config is None:
        if sensor.camera is None:
            _warn_of_unknown([sensor.placement or _USUAL], Model().path)
        settings = await _settings_of(sensor, wearer)
    elif sensor.ways:
        raise ConfigError(f"record takes {sensor.ways[0]} or --config, not both; leave one out")
    else:
        settings = load(config)
    chosen = _chosen_wearer(settings, wearer)
    sources, streams, epoch = make_sources(chosen, make_shared_links(settings))
    placements = [stream.placement for stream in streams]
    if config is not None:
        worn = [s.placement for s in streams if modality_of_profile(s.profile) is IMU]
        _warn_of_unknown(worn, settings.model.path)
    labels = (plan.labels or tellable(settings, streams)) if plan else []
    created = f"edgehar {__version__}, {datetime.now(UTC).isoformat(timespec='seconds')}"
    writer = Writer(out, Header(chosen.id, tuple(streams), epoch=epoch, created=created))
    until = "until Ctrl-C" if seconds is None else f"for {seconds:g} s"
    _LOGGER.info(
        "records to %s %s; waits for %s", out, until, ", ".join(describe_sensors(chosen, placements))
    )
    session = LabelSession(labels, placements, take_s=plan.take_s, pause_s=plan.pause_s) if plan else None
    failure: RecordingError | None = None
    try:
        with writer:
            writer.push(time.monotonic(), 0, b"")
            prompter = Prompter(session, streams, writer) if session else None
            await _keep_open(sources, placements, writer, seconds, prompter)
    except* RecordingError as errors:
        failure = _first(errors)
    counts = {"recording": str(out), "wearer": chosen.id, "placements": placements, "packets": writer.packets}
    if session:
        counts["taken_s"] = session.seconds()
    return counts, failure


async def _keep_open(
    sources: Sequence[Source],
    placements: Sequence[str],
    writer: Writer,
    seconds: float | None,
    prompter: Prompter | None,
) -> None:
    """Write what all sources bring until `seconds` or all prompts are over, or this task is cancelled."""
    heard: set[int] = set()

    def tap(offset: int) -> Callable[[float, int, bytes], None]:
        def deliver(t: float, stream: int, body: bytes) -> None:
            if offset + stream not in heard:
                heard.add(offset + stream)
                _LOGGER.info("%s: first packet", placements[offset + stream])
            writer.push(t, offset + stream, body)
            if prompter:
                prompter.take(t, offset + stream, body)

        return deliver

    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(keep_open(source, tap(i), name=placements[i]), name=placements[i])
                for i, source in enumerate(sources)
            ]
            if prompter:
                prompting = tasks.create_task(prompter.run(), name="prompts")
                prompting.add_done_callback(lambda _: [task.cancel() for task in reading])
                await asyncio.wait(reading)
                prompting.cancel()
    if prompter:
        prompter.stop()


def _first(errors: BaseExceptionGroup[RecordingError]) -> RecordingError:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def _settings_of(sensor: OneSensor, wearer: str | None) -> Config:
    """Return a configuration of one wearer with one sensor; SourceLostError if one over Bluetooth is not heard."""
    if len(sensor.ways) != 1:
        came = " and ".join(sensor.ways) or "none"
        raise ConfigError(f"record needs one of --port, --ble, --phone, --camera and --config; {came} came")
    entry: dict[str, Any] = {"placement": sensor.placement or _USUAL}
    if sensor.ble is not None:
        from edgehar.apps.targets import identify  # noqa: PLC0415 - Bluetooth is loaded where it is used

        kind, entry = "ble", entry | await identify(sensor.ble, sensor.profile, sensor.adapter)
    elif sensor.camera is not None:
        if sensor.placement is not None:
            raise ConfigError(
                "--placement says where a sensor is worn, and a camera is not worn; leave it out"
            )
        kind, entry = "camera", {"device": sensor.camera}
    elif sensor.phone is not None:
        kind, way = "phone", "url" if "://" in sensor.phone else "listen"
        entry[way] = sensor.phone
    else:
        kind, entry["port"] = "serial", sensor.port
    raw = {"wearer": [{"id": wearer or "wearer", kind: [entry]}], "bluetooth": {"adapter": sensor.adapter}}
    try:
        return convert(raw, Config)
    except ValidationError as error:
        misfit = explain(error, raw)
        option = _OPTIONS.get(misfit.path.rpartition(".")[2], sensor.ways[0])
        raise ConfigError(f"{option}: expected {in_words(misfit.path)}, got {misfit.got}") from error


def _chosen_wearer(config: Config, wearer: str | None) -> Wearer:
    """Return whom to record."""
    chosen = [w for w in config.wearer if wearer in (None, w.id)]
    if len(chosen) != 1:
        ids = ", ".join(w.id for w in config.wearer)
        raise ConfigError(f"--wearer must name one of {ids}; it came as {wearer or 'nothing'}")
    if zone := next((zone for zone in config.zone if chosen[0].id in zone.wearers), None):
        raise ConfigError(
            f"wearer `{chosen[0].id}` is counted in the zone `{zone.id}`, and nobody's movement there is recorded; "
            "take them out of [[zone]] if they agree"
        )
    if chosen[0].replay:
        raise ConfigError(f"wearer `{chosen[0].id}` is a recording already; record a live one")
    return chosen[0]


def _warn_of_unknown(placements: Sequence[str], model: str) -> None:
    """Warn of places at which no sensor of the model is worn: a recording may outlive the chance to ask."""
    with contextlib.suppress(ModelError):
        spec = manifest.read(manifest.find(model))
        words = sorted({place for sensor in spec.sensors for place in sensor.placements})
        for placement in placements:
            if placement not in words:
                hint = did_you_mean(placement, words, f"it takes {', '.join(words)}")
                _LOGGER.warning(
                    "no sensor of %s is worn at `%s`, so it could not be replayed as it is; %s",
                    spec.id,
                    placement,
                    hint,
                )
