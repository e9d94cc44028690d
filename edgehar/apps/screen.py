"""The live page on a terminal: what every wearer does, what is wrong with their sensors, and the last events."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Self

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from edgehar.config.schema import Config
from edgehar.daemon.daemon import Daemon
from edgehar.pipeline.zone import Table
from edgehar.types import Activity, Event

REFRESH_HZ = 4
HISTORY = 8
"""Lines of past events that stay in view, where there is room."""

_BORDERS, _PADDED = 2, 4
"""Lines, and columns with their padding, of the frame."""


class _AbovePage(FileProxy):
    """Stream whose lines go above a page.

    Rich measures the page that it moves down before it writes the line: a page of another height, which the page's
    thread would draw in between, left its first line standing.
    """

    def __init__(self, live: Live, console: Console, file: IO[str]) -> None:
        super().__init__(console, file)
        self._live = live

    def write(self, text: str) -> int:
        """Write while nothing else is drawn."""
        with self._live._lock:  # noqa: SLF001  # there is no other way to wait for the page's thread
            return super().write(text)


class Screen:
    """The newest activity of every wearer of a daemon, and the last events; takes them as a publisher does.

    A thread draws it, so that a terminal that takes nothing holds up nobody.
    """

    def __init__(
        self,
        console: Console,
        daemon: Daemon,
        *,
        title: str,
        footer: Callable[[], Sequence[str]],
        beneath: Callable[[], Sequence[RenderableType]] = tuple,
    ) -> None:
        """Draw nothing yet.

        Args:
            console: A terminal gets the page; anything else gets one line per event.
            daemon: Its wearers are shown.
            title: Stands above them.
            footer: Returns the lines below them.
            beneath: Returns what stands below the wearers.
        """
        self._console, self._daemon = console, daemon
        self._title, self._footer, self._beneath = title, footer, beneath
        self._activities: dict[str, Activity] = {}
        self._events: deque[Event] = deque(maxlen=HISTORY)
        self._size = console.size
        self._live = Live(console=console, refresh_per_second=REFRESH_HZ, get_renderable=self._draw)
        self._is_page = console.is_terminal and not console.is_dumb_terminal
        self._taken = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Take the terminal; what is logged to it goes above the page."""
        if not self._is_page:
            self._console.print("\n".join((self._title, *self._footer())), highlight=False)
            return self
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
                self._taken.callback(handler.setStream, handler.stream)
                handler.setStream(_AbovePage(self._live, self._console, handler.stream))
        self._taken.callback(self._live.stop)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back; what was last seen stays on it."""
        # Closed, it takes no last page.
        with contextlib.suppress(OSError):
            self._taken.close()

    def push(self, item: Activity | Event) -> None:
        """Show `item` with the next refresh."""
        if isinstance(item, Activity):
            self._activities[item.wearer] = item
            return
        self._events.append(item)
        if not self._is_page:
            self._console.print(_line(item), highlight=False)

    def _draw(self) -> RenderableType:
        """Return a page that fits the terminal: rather than its footer it lacks old events, then wearers."""
        if self._console.size != self._size:
            # The terminal broke the drawn lines anew: nobody knows where they are.
            self._size = self._console.size
            self._console.control(Control.home(), Control.clear())
        footer = [Text(), *(Text(line, "cyan") for line in self._footer())]
        wearers = self._wearers()
        events = [Text(_line(event), "dim") for event in [*self._events][::-1]]
        room = self._size.height - _BORDERS - self._height(footer)
        while events and self._height([*wearers, Text(), *events]) > room:
            events.pop()
        hidden = 0
        while len(wearers) > 1 and self._height(wearers) + bool(hidden) > room:
            wearers.pop()
            hidden += 1
        more = [Text(f"… and {hidden} more", "dim")] if hidden else []
        history = [Text(), *events] if events else []
        return Panel(Group(*wearers, *more, *history, *footer), title=self._title, width=self._width)

    @property
    def _width(self) -> int:
        """Columns of the page: the terminal's echo of Ctrl-C, behind its last line, must begin no new one."""
        return max(self._size.width - len("^C"), 1)

    def _height(self, parts: Sequence[RenderableType]) -> int:
        """Return the lines that parts take inside the frame."""
        options = self._console.options.update(width=max(self._width - _PADDED, 1))
        return len(self._console.render_lines(Group(*parts), options))

    def _wearers(self) -> list[RenderableType]:
        now = time.monotonic()
        wearers = [
            Group(
                _state(control.id, self._activities.get(control.id)),
                *(Text(f"{place}: {problem}", "yellow") for place, problem in control.problems(now).items()),
            )
            for control in self._daemon.controls
        ]
        zones = [Text(_counts(name, zone.table)) for name, zone in self._daemon.zones.each.items()]
        return [*wearers, *zones, *self._beneath()]


async def run_on_screen(daemon: Daemon, screen: Screen, seconds: float | None = None) -> Config | None:
    """Run a daemon, its answers on a screen, until its end, until `seconds` are over, or until cancelled.

    Return as `Daemon.run` does.
    """
    daemon.publishers.append(screen)
    running = asyncio.create_task(daemon.run())
    try:
        # Left first: that it is stopped is nothing that was seen.
        with screen:
            await asyncio.wait([running], timeout=seconds)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return None if running.cancelled() else running.result()


def _state(wearer: str, activity: Activity | None) -> RenderableType:
    if activity is None:
        return Text.assemble((wearer, "bold"), ("  waiting for the first window…", "dim"))
    bar = "█" * round(20 * activity.confidence)
    line = Text.assemble(
        (f"{wearer}  ", "bold"),
        (activity.state.replace("_", " ").upper(), _STYLES.get(activity.state, "bold green")),
        (f"  {bar:20} {activity.confidence:4.0%}", "green"),
        (f"  for {activity.t - activity.since:.0f} s", "dim"),
    )
    return Group(line, Text(activity.reason, "dim"))


def _counts(zone: str, table: Table | None) -> str:
    if table is None:
        return f"zone {zone}: not told yet"
    told = [f"{name} {count}" for name, count in table.counts.items() if count is not None]
    return f"zone {zone}: {', '.join([*told, f'withheld {table.withheld}'])} of {table.wearers}"


def _line(event: Event) -> str:
    if event.ended_at is None:
        return f"{event.label} began (was {event.previous}), seen {event.detected_at - event.started_at:.1f} s later"
    if event.ended_at == event.started_at:  # what follows began as early
        return f"{event.label} was corrected"
    return f"{event.label} ended after {event.ended_at - event.started_at:.0f} s"


_STYLES: Mapping[str, str] = {"other": "bold yellow", "no_signal": "bold red", "not_worn": "bold red"}
