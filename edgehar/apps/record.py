"""`edgehar record`: the packets of one wearer's sensors, written to a file."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert

from edgehar import __version__
from edgehar.config.read import load
from edgehar.config.schema import Config, Wearer
from edgehar.daemon.wiring import SharedLinks, make_shared_links, make_sources
from edgehar.errors import ConfigError
from edgehar.recordings.ehr import Header, Writer
from edgehar.sources.reconnect import keep_open


async def record_wearer(
    out: Path,
    *,
    port: str | None,
    placement: str,
    config: Path | None,
    wearer: str | None,
    seconds: float | None,
) -> dict[str, Any]:
    """Write a wearer's packets to `out` until `seconds` are over or Ctrl-C; return what was counted."""
    loaded = load(config) if config else None
    chosen = _chosen_wearer(loaded, port, placement, wearer)
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


def _chosen_wearer(config: Config | None, port: str | None, placement: str, wearer: str | None) -> Wearer:
    """Return whom to record: a wearer of the configuration, or one sensor on a port."""
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
    chosen = [w for w in config.wearer if wearer in (None, w.id)]
    if len(chosen) != 1:
        ids = ", ".join(w.id for w in config.wearer)
        raise ConfigError(f"--wearer must name one of {ids}; it came as {wearer or 'nothing'}")
    if chosen[0].replay:
        raise ConfigError(f"wearer `{chosen[0].id}` is a recording already; record a live one")
    return chosen[0]
