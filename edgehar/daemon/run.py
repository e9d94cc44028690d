"""`edgehar run`: one daemon after another, as the configuration by then says; and the test of a configuration."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from msgspec.structs import replace

from edgehar.config.credentials import withheld_credential
from edgehar.config.read import state_folder
from edgehar.config.schema import Config
from edgehar.daemon.daemon import DRAIN_S, Daemon
from edgehar.daemon.publishing import moved, open_kept_events
from edgehar.daemon.zones import drop_kept_events
from edgehar.errors import about
from edgehar.publishers import Publisher
from edgehar.publishers.event_file import check_folder
from edgehar.publishers.jsonl import JsonLines
from edgehar.publishers.sparkplug.publisher import Sparkplug


def check(config: Config) -> dict[str, Any]:
    """Test and sum up all of a configuration that needs neither a sensor nor a broker to be tested.

    A secret that is a systemd credential is tested in the service alone: nobody else can read it.
    """
    mqtt, folder = config.mqtt, state_folder(config.gateway)
    password = "read" if mqtt and mqtt.password_file else "none"
    if config.metrics and withheld_credential(config.metrics.token_file):
        config = replace(config, metrics=replace(config.metrics, token_file=None))
    if config.dashboard and withheld_credential(config.dashboard.token_file):
        config = replace(config, dashboard=replace(config.dashboard, token_file=None))
    if mqtt and (credential := withheld_credential(mqtt.password_file)):
        config = replace(config, mqtt=replace(mqtt, password_file=None))
        password = f"systemd credential {credential}, which the service will read"
    if folder:
        with about("gateway.state_dir"):
            check_folder(folder)
    daemon = Daemon(config, heads_must_fit=True)
    heads = {wearer.id: Path(wearer.head).name for wearer in config.wearer if wearer.head}
    zones = daemon.zones.each
    return {
        "gateway": config.gateway.id,
        "broker": f"{mqtt.host}:{mqtt.port}" if mqtt else "none",
        "password": password,
        **({"sparkplug": daemon.sparkplug.topics} if daemon.sparkplug else {}),
        "events": f"kept in {folder}" if folder else "kept in memory",
        "model": daemon.models.id,
        **({"heads": heads} if heads else {}),
        "wearers": {control.id: list(control.feed.placements) for control in daemon.controls},
        **({"zones": {name: len(zone.zone.wearers) for name, zone in zones.items()}} if zones else {}),
        **({"unwise": daemon.unwise} if daemon.unwise else {}),
    }


def _has_terminal() -> bool:
    """Tell whether a terminal can be closed on this process, which is what SIGHUP says then."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


Beside = Callable[[Daemon, Config], AbstractAsyncContextManager[object]]
"""Opens what a layer above the daemon has beside it."""


def _nothing_beside(_daemon: Daemon, _config: Config) -> AbstractAsyncContextManager[object]:
    return nullcontext()


async def run_daemons(
    config: Config,
    publishers: Sequence[Publisher] = (),
    *,
    work: Callable[[Daemon, Config], Awaitable[Config | None]],
    drain_s: float = DRAIN_S,
    reread: Callable[[], Config] | None = None,
) -> None:
    """Have one daemon after another work, as the configuration by then says; events go from each to the next.

    `work` is `Daemon.run` or something around it; the rest is as in `Daemon`.
    """
    following: Config | None = config
    kept = open_kept_events(config)
    former: Sparkplug | None = None
    try:
        while following:
            drop_kept_events(kept, following)
            daemon = Daemon(following, publishers, drain_s=drain_s, reread=reread, kept=kept)
            daemon.take_over(former)
            now, following = following, None
            try:
                following = await work(daemon, now)
            finally:
                for publisher in (daemon.mqtt, daemon.sparkplug):
                    if following is None and publisher:
                        publisher.log_losses()
            kept, former = moved(kept, now, following) if following else kept, daemon.sparkplug
    finally:
        kept.close()


async def run(
    config: Config,
    stdout: TextIO | None = None,
    *,
    drain_s: float = DRAIN_S,
    reread: Callable[[], Config] | None = None,
    beside: Beside = _nothing_beside,
) -> None:
    """Run `edgehar run` until cancelled, or the end of the last replay; `reread` as in `Daemon`.

    Without a terminal SIGHUP has it read again. `beside` is open while a daemon runs.
    """

    async def work(daemon: Daemon, config: Config) -> Config | None:
        if reread and not _has_terminal():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, daemon.hang_up)
        async with beside(daemon, config):
            return await daemon.run()

    lines = JsonLines(stdout) if stdout else None
    try:
        await run_daemons(config, [lines] if lines else [], work=work, drain_s=drain_s, reread=reread)
    finally:
        if lines:
            lines.close()
