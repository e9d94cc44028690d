"""The sensors themselves: listened to for a while, or read from a recording, and each told how it does."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.wiring import make_shared_links, make_sources
from edgehar.pipeline.diagnosis.diagnose import diagnose, figures, measure
from edgehar.pipeline.diagnosis.findings import Finding, fail, ok
from edgehar.pipeline.diagnosis.gait import walking
from edgehar.pipeline.diagnosis.measurement import Array, Measurement
from edgehar.pipeline.modality import IMU, modality_of_profile
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings import ehr
from edgehar.sources import Source
from edgehar.sources.reconnect import keep_open
from edgehar.types import UNREADABLE

_LOGGER = logging.getLogger(__name__)

SEARCH_S = 20.0
"""Time within which every sensor has to be heard, s: one over Bluetooth has to be found first."""

_LOOK_S = 0.05

PROMPTS = (
    (0.0, "turn each sensor slowly about all of its axes"),
    (0.4, "put them on, and stand still"),
    (0.55, "walk up and down"),
)
"""Share of the time from which the person is asked to do it."""

LEAST_PROMPTED_S = 20.0
"""Listening for less, s, leaves no time for all of that, and nobody is asked."""

Prompt = Callable[[str], None]


class Examined(Struct, frozen=True):
    """The findings on some sensors, and the figures that they rest on."""

    findings: list[Finding]
    sensors: dict[str, dict[str, Any]]
    """Counters by `wearer/placement`."""


def read_recording(path: Path) -> tuple[str, list[Measurement]]:
    """Return the wearer of a recording and what came of each of its sensors; RecordingError if it is none."""
    recording = ehr.read(path)
    measurements = measure(
        recording.header.streams, ((t, i, body) for t, i, body in recording if i != UNREADABLE)
    )
    if unread := recording.unread.in_words():
        _LOGGER.warning("%s: could not be read: %s", path, unread)
    return recording.header.wearer, measurements


def ups_of(path: Path) -> dict[str, Array]:
    """Return the direction that points up in each sensor of a recording in which somebody walks, by placement."""
    _, measurements = read_recording(path)
    ups = dict[str, Array]()
    for m in measurements:
        signals = m.signals()
        gait = walking(signals, m.stream.placement) if signals else None
        if gait:
            ups[m.stream.placement] = gait.up
    return ups


def examine(
    wearer: str, measurements: Sequence[Measurement], spec: ModelSpec | None, ups: Mapping[str, Array]
) -> Examined:
    """Return what is to be said of one wearer's sensors."""
    findings, sensors = list[Finding](), dict[str, dict[str, Any]]()
    for m in measurements:
        name = f"{wearer}/{m.stream.placement}"
        is_imu = modality_of_profile(m.stream.profile) is IMU
        of_it = diagnose(m, spec if is_imu else None, ups.get(m.stream.placement))
        findings += [replace(finding, subject=name) for finding in of_it]
        sensors[name] = figures(m)
    return Examined(findings, sensors)


async def listen(
    config: Config,
    wearers: Sequence[Wearer],
    seconds: float,
    prompt: Prompt | None = None,
    search_s: float = SEARCH_S,
) -> list[tuple[Wearer, list[Measurement], dict[str, str]]]:
    """Listen to all sensors of some wearers at once, for so long from when all were heard.

    Return with each wearer what came of each sensor, and why links were lost, by placement. A replay is none of them:
    it is read with --recording.
    """
    shared = make_shared_links(config)
    heard: list[tuple[Wearer, list[Measurement], dict[str, str]]] = []
    tasks, links = list[asyncio.Task[None]](), list[tuple[dict[str, str], str, Source]]()
    for wearer in wearers:
        sources, streams, _ = make_sources(wearer, shared)
        measurements = [Measurement(stream) for stream in streams]
        lost: dict[str, str] = {}
        heard.append((wearer, measurements, lost))
        for i, source in enumerate(sources):
            name = measurements[i].stream.placement
            links.append((lost, name, source))
            deliver = partial(_take, measurements, i)
            tasks.append(asyncio.create_task(keep_open(source, deliver, name=f"{wearer.id}/{name}")))
    try:
        await _wait(
            tasks, [m for _, measurements, _ in heard for m in measurements], seconds, prompt, search_s
        )
        for lost, name, source in links:
            if source.link.lost:
                lost[name] = source.link.lost
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return heard


def _take(measurements: Sequence[Measurement], first: int, t: float, stream: int, body: bytes) -> None:
    measurements[first + stream].push(t, body)


async def _wait(
    tasks: Sequence[asyncio.Task[None]],
    measurements: Sequence[Measurement],
    seconds: float,
    prompt: Prompt | None,
    search_s: float,
) -> None:
    """Wait until all were heard or will not be, and then for so long, with what the person is to do meanwhile."""
    _LOGGER.info("waits for the first packets of %s", ", ".join(m.stream.placement for m in measurements))
    until = time.monotonic() + search_s
    while tasks and time.monotonic() < until and any(m.first_s is None for m in measurements):
        await asyncio.wait(tasks, timeout=_LOOK_S)
    if all(m.first_s is None for m in measurements):
        return
    parts = PROMPTS if prompt and seconds >= LEAST_PROMPTED_S else ((0.0, ""),)
    shares = [*(share for share, _ in parts), 1.0]
    for i, (share, text) in enumerate(parts):
        part_s = (shares[i + 1] - share) * seconds
        if prompt and text:
            prompt(f"{text}, for {part_s:.0f} s")
        await asyncio.wait(tasks, timeout=part_s, return_when=asyncio.ALL_COMPLETED)
    for task in tasks:
        if task.done() and (error := task.exception()):
            raise error


def of_lost(name: str, why: str) -> Finding:
    """Return the finding that a link was lost, in its own words."""
    what, _, fix = why.partition(": ")
    return replace(fail("link", what, fix or "is it charged, on and near?"), subject=name)


def of_daemon(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what a running gateway says of its sensors: rows as of `apps.status`."""
    for row in rows:
        name = f"{row['wearer']}/{row['placement']}"
        lost, packets = row["lost"] or 0, row["packets"] or 0
        share = lost / (lost + packets) if packets else 0.0
        says = f"{row['state'] or 'nothing is told of it'}; {packets:g} packets, {100 * share:.1f} % lost"
        if row["battery"] is not None:
            says += f", battery {row['battery']:g} %"
        is_well = row["state"] == "ok"
        fix = "stop the daemon and let `edgehar doctor` measure: sudo systemctl stop edgehar"
        finding = ok("daemon", says) if is_well else fail("daemon", says, fix)
        yield replace(finding, subject=name)
