"""`edgehar replay` and `edgehar record`: a recording read with its score, or written."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from msgspec import ValidationError, convert

from edgehar import __version__
from edgehar.config import read as configuration
from edgehar.config.read import Config, Wearer
from edgehar.daemon.wiring import SharedLinks, make_shared_links, make_sources
from edgehar.errors import ConfigError
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.ehr import Header, Writer
from edgehar.recordings.scoring import TOLERANCE_S, Boundaries, score
from edgehar.sources.reconnect import keep_open
from edgehar.sources.replay import Replay, open_recording
from edgehar.types import Activity, Event


async def replay(
    path: Path,
    *,
    subject: str | None = None,
    placements: Sequence[str] | None = None,
    model: str = "imu_tcn",
    speed: float = 0.0,
    as_json: bool = False,
) -> None:
    """Print a recording's events as they are found, then how well they meet the truth, if it is known."""
    recording = open_recording(path, subject=subject, placements=placements)
    recognizer = load(find(model))
    header = recording.header
    pipeline = Pipeline(
        header.wearer, header.streams, recognizer, recognizer.spec.decision, epoch=header.epoch
    )
    events: list[Event] = []
    windows = Counter[str]()

    def show(items: Sequence[Activity | Event]) -> None:
        for item in items:
            if isinstance(item, Event):
                events.append(item)
                typer.echo(json.dumps(_row(item)) if as_json else _line(item))
            else:
                windows[item.state] += 1

    await Replay(recording, speed=speed).run(lambda t, stream, body: show(pipeline.push(t, stream, body)))
    show(pipeline.finish())
    hop_s = recognizer.spec.hop / recognizer.spec.rate_hz
    _print_time_in_states({state: n * hop_s for state, n in windows.most_common()}, as_json=as_json)
    if recording.truth:
        _print_score(score(events, recording.truth, recognizer.spec.labels), as_json=as_json)


def _row(event: Event) -> dict[str, Any]:
    return {
        "type": event.kind,
        "id": event.id,
        "label": event.label,
        "started_at_s": round(event.started_at, 3),
        "ended_at_s": None if event.ended_at is None else round(event.ended_at, 3),
        "detected_at_s": round(event.detected_at, 3),
        "confidence": round(event.confidence, 3),
    }


def _line(event: Event) -> str:
    at = event.started_at if event.ended_at is None else event.ended_at
    what = "began" if event.ended_at is None else f"ended after {event.ended_at - event.started_at:.1f} s"
    return f"{at:9.1f} s  {event.label} {what}"


def _print_time_in_states(seconds: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"type": "time_in_states_s", **{k: round(v, 2) for k, v in seconds.items()}}))
    else:
        typer.echo(
            "time in states: " + (", ".join(f"{k} {v:.0f} s" for k, v in seconds.items()) or "too short")
        )


def _print_score(found: dict[str, Boundaries], *, as_json: bool) -> None:
    if as_json:
        rows = {
            kind: {
                "true": b.true,
                "reported": b.reported,
                "right": b.right,
                "precision": b.precision,
                "recall": b.recall,
            }
            for kind, b in found.items()
        }
        typer.echo(json.dumps({"type": "score", "tolerance_s": TOLERANCE_S, **rows}))
        return
    for kind, b in found.items():
        typer.echo(
            f"{kind}: {b.right} right of {b.reported} reported and {b.true} true, within {TOLERANCE_S:.0f} s; "
            f"precision {_share(b.precision)}, recall {_share(b.recall)}"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


async def record(
    out: Path,
    *,
    port: str | None,
    placement: str,
    config: Path | None,
    wearer: str | None,
    seconds: float | None,
) -> dict[str, Any]:
    """Write a wearer's packets to `out` until `seconds` are over or Ctrl-C; returns what was counted."""
    loaded = configuration.load(config) if config else None
    chosen = _wearer(loaded, port, placement, wearer)
    sources, streams, epoch = make_sources(chosen, make_shared_links(loaded) if loaded else SharedLinks())
    placements = [stream.placement for stream in streams]
    packets = 0
    created = f"edgehar {__version__}, {datetime.now(UTC).isoformat(timespec='seconds')}"
    header = Header(chosen.id, tuple(streams), epoch=epoch, created=created)
    with Writer(out, header) as writer:
        writer.push(time.monotonic(), 0, b"")

        def tap(offset: int) -> Callable[[float, int, bytes], None]:
            def deliver(t: float, stream: int, body: bytes) -> None:
                nonlocal packets
                packets += 1
                writer.push(t, offset + stream, body)

            return deliver

        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for i, source in enumerate(sources):
                    tasks.create_task(keep_open(source, tap(i), name=placements[i]), name=placements[i])
    return {"recording": str(out), "wearer": chosen.id, "placements": placements, "packets": packets}


def _wearer(config: Config | None, port: str | None, placement: str, wearer: str | None) -> Wearer:
    """Whom to record: a wearer of the configuration, or one sensor on a port."""
    if config is None:
        if port is None:
            raise ConfigError("record needs either --port with --placement, or --config; neither came")
        raw = {"id": wearer or "wearer", "serial": [{"placement": placement, "port": port}]}
        try:
            return convert(raw, Wearer)
        except ValidationError as error:
            raise ConfigError(f"--wearer, --placement or --port: {error}") from error
    if port is not None:
        raise ConfigError("record takes --port or --config, not both; leave one out")
    named = [w for w in config.wearer if wearer in (None, w.id)]
    if len(named) != 1:
        known = ", ".join(w.id for w in config.wearer)
        raise ConfigError(f"--wearer must name one of {known}; it came as {wearer or 'nothing'}")
    if named[0].replay:
        raise ConfigError(f"wearer `{named[0].id}` is a recording already; record a live one")
    return named[0]
