"""`edgehar run` on a terminal: the daemon, and a live page of it."""

from collections.abc import Callable, Sequence

from rich.console import Console

from edgehar.apps.page import page_beside
from edgehar.apps.screen import Screen, run_on_screen
from edgehar.config.schema import Config
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.run import run_daemons


async def run_on_terminal(config: Config, reread: Callable[[], Config]) -> None:
    """Run `edgehar run` on the terminal that is stdout, until cancelled, or the end of the last replay.

    `reread` is as in `Daemon`.
    """
    await run_daemons(config, work=_run, reread=reread)


async def _run(daemon: Daemon, config: Config) -> Config | None:

    def footer() -> Sequence[str]:
        broker = config.mqtt
        where = f"{broker.host}:{broker.port}, {daemon.broker}" if broker else "nobody: there is no [mqtt]"
        return (f"publishes to {where}", "Ctrl-C ends it")

    screen = Screen(Console(), daemon, title=f"edgehar run: {config.gateway.id}", footer=footer)
    async with page_beside(daemon, config):
        return await run_on_screen(daemon, screen)
