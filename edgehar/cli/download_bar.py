"""A bar on stderr for each place that something is downloaded from."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress as Bars, TaskID, TextColumn, TransferSpeedColumn

from edgehar.apps.pull import Progress


@contextmanager
def shown() -> Iterator[Progress]:
    """Show how many bytes came from where, of how many where that is known."""
    columns = (TextColumn("{task.description}"), BarColumn(20), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    bars = Bars(*columns, console=Console(stderr=True))

    def progress(name: str, done: int, total: int) -> None:
        # Who downloads nothing is shown nothing, not even an empty line.
        bars.start()
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=None)
        bars.update(tasks[name], completed=done, total=total or None)

    try:
        yield progress
    finally:
        if tasks:
            bars.stop()
