"""Bars on stderr for work that takes minutes, and the line that ends it when it is stopped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bars,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from edgehar.training.progress import Progress

EXIT_STOPPED = 130
"""128 and the number of SIGINT, as shells have it."""


@contextmanager
def shown(kept: Callable[[], str] | None = None) -> Iterator[Progress]:
    """Show a bar for each stage; what stands behind a comma in its name may change.

    With `kept`, which says what need not be done again, Ctrl-C ends the work with one line.
    """
    columns = (TextColumn("{task.description:40s}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    try:
        with Bars(*columns, console=Console(stderr=True)) as bars:

            def progress(stage: str, done: int, total: int) -> None:
                name = stage.partition(",")[0]
                if name not in tasks:
                    tasks[name] = bars.add_task(stage)
                bars.update(tasks[name], description=stage, completed=done, total=total)

            yield progress
    except KeyboardInterrupt:
        if kept is None:
            raise
        typer.echo(f"edgehar-train: stopped; {kept() or 'nothing was done yet'}", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
