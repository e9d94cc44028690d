"""The live page of `edgehar demo`, drawn by rich on a terminal."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edgehar.types import Activity, Event

REFRESH_HZ = 4
HISTORY = 8
"""Lines of past events that stay in view."""


class Screen:
    """The newest activity of every wearer and the last events, on a console."""

    def __init__(
        self, console: Console, title: str, footer: str, truth: Callable[[], str | None] | None = None
    ) -> None:
        """Draw on `console`; `truth` tells what a simulated wearer really does at this moment."""
        self._title = title
        self._footer = footer
        self._truth = truth
        self._activities: dict[str, Activity] = {}
        self._events: deque[Event] = deque(maxlen=HISTORY)
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, get_renderable=self._draw)
        self._plain = not console.is_terminal
        self._console = console

    def __enter__(self) -> Self:
        """Take the terminal; on anything else than a terminal, print one line per event."""
        if not self._plain:
            self._live.start()
        else:
            self._console.print(f"{self._title}\n{self._footer}", highlight=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        if not self._plain:
            self._live.stop()

    def push(self, item: Activity | Event) -> None:
        """Show `item` with the next refresh."""
        if isinstance(item, Activity):
            self._activities[item.wearer] = item
            return
        self._events.append(item)
        if self._plain:
            self._console.print(_line(item), highlight=False)

    def _draw(self) -> RenderableType:
        rows = [_state(activity) for activity in self._activities.values()] or [
            Text("waiting for the first window…", style="dim")
        ]
        if self._truth:
            rows.append(Text(f"(the simulated wearer is really: {self._truth()})", style="dim"))
        events = Text("\n".join(_line(event) for event in self._events), style="dim")
        return Panel(
            Group(*rows, Text(), events, Text(), Text(self._footer, style="cyan")), title=self._title
        )


def _state(activity: Activity) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    bar = "█" * round(20 * activity.confidence)
    table.add_row(
        Text(activity.wearer, style="bold"),
        Text(activity.state.replace("_", " ").upper(), style=_STYLES.get(activity.state, "bold green")),
        Text(f"{bar:20} {activity.confidence:4.0%}", style="green"),
        Text(f"for {activity.t - activity.since:.0f} s", style="dim"),
    )
    return Group(table, Text(activity.reason, style="dim"))


def _line(event: Event) -> str:
    if event.ended_at is None:
        return f"{event.label} began (was {event.previous}), seen {event.detected_at - event.started_at:.1f} s later"
    return f"{event.label} ended after {event.ended_at - event.started_at:.0f} s"


_STYLES: Mapping[str, str] = {"other": "bold yellow", "no_signal": "bold red", "not_worn": "bold red"}
