"""`edgehar run` on a terminal: the daemon, and a live page of it."""

from collections.abc import Sequence

from rich.console import Console

from edgehar.apps.screen import Screen, show
from edgehar.config.schema import Config
from edgehar.daemon.run import Daemon


async def run_on_terminal(config: Config) -> None:
    """Run `edgehar run` on the terminal that is stdout, until cancelled, or the end of the last replay."""
    daemon = Daemon(config)

    def footer() -> Sequence[str]:
        broker = config.mqtt
        told = (
            "nobody: there is no [mqtt]"
            if broker is None
            else f"{broker.host}:{broker.port}, {daemon.broker}"
        )
        return (f"publishes to {told}", "Ctrl-C ends it")

    await show(daemon, Screen(Console(), daemon, title=f"edgehar run: {config.gateway.id}", footer=footer))
