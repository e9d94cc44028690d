"""Viewers of the page: each has one place for the newest of every kind of message, so that a slow one misses what is old."""

import asyncio
from collections.abc import Callable


class Viewer:
    """The messages that wait for one browser: at most one of each kind."""

    def __init__(self) -> None:
        self._newest: dict[str, str] = {}
        self._came = asyncio.Event()

    def offer(self, kind: str, text: str) -> None:
        """Have a message sent in the place of an older one of its kind that still waits."""
        self._newest[kind] = text
        self._came.set()

    async def next(self) -> str:
        """Wait for a message, and return the one whose kind has waited longest."""
        await self._came.wait()
        text = self._newest.pop(next(iter(self._newest)))
        if not self._newest:
            self._came.clear()
        return text


class Viewers:
    """All who look on; a message is made once for all of them."""

    def __init__(self, on_first: Callable[[], None], on_none: Callable[[], None]) -> None:
        """Call `on_first` when somebody begins to look, `on_none` when nobody does any more."""
        self._on_first, self._on_none = on_first, on_none
        self._viewers: set[Viewer] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self, viewer: Viewer) -> None:
        """Let somebody look on."""
        self._viewers.add(viewer)
        if len(self._viewers) == 1:
            self._on_first()

    def leave(self, viewer: Viewer) -> None:
        """Send them nothing more."""
        self._viewers.remove(viewer)
        if not self._viewers:
            self._on_none()

    def offer(self, kind: str, text: str) -> None:
        """Offer a message to all."""
        for viewer in self._viewers:
            viewer.offer(kind, text)
