"""The keepers of all wearers, as [keep] asks for them; and the disk, which a thread writes, and on which nothing stays too long."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NoReturn

from edgehar.config.read import state_folder
from edgehar.config.schema import DAY_S, Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.keeper import Keeper, Kept
from edgehar.errors import RecordingError
from edgehar.recordings import excerpt
from edgehar.recordings.excerpt import FOLDER, Bounds, Excerpt
from edgehar.recordings.names import RecordingName
from edgehar.types import Activity, Event
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

SWEEP_S = 3600.0
"""Interval at which what is too old is looked for, s; after a day that a machine slept through too."""

NOT_ON = "nothing is kept here: add a table [keep] to edgehar.toml"
NO_FOLDER = "nothing is kept here: there is no folder for it; give state_dir under [gateway] in edgehar.toml"

_MOST_WRITING = 32


class Keepers:
    """The keepers of one daemon; a publisher, as they look at what is told."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        """Keep nothing unless the configuration asks for it; `clock` tells Unix time, s."""
        self.settings, folder = config.keep, state_folder(config.gateway)
        self._folder = folder / FOLDER if folder else None
        self._clock = clock
        self._counted = {wearer for zone in config.zone for wearer in zone.wearers}
        self._keepers: dict[str, Keeper] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._warn = WarnOnce(_LOGGER)
        if self.settings and folder is None:
            _LOGGER.warning("%s", NO_FOLDER)

    @property
    def is_on(self) -> bool:
        """True if anything is ever kept."""
        return self.settings is not None and self._folder is not None

    def equip(self, control: WearerControl) -> None:
        """Give a wearer a keeper, or the reason why there is none; a recording needs none, and of a zone nothing is kept."""
        control.no_keeper = NO_FOLDER if self.settings else NOT_ON
        if self.settings is None or self._folder is None or not control.feed.is_live:
            return
        if control.id in self._counted:
            return
        keeper = Keeper(control.id, control.feed.streams, self.settings, self._write)
        keeper.intakes = control.feed.pipeline.intakes
        control.keeper = self._keepers[control.id] = keeper

    def push(self, item: Activity | Event) -> None:
        """Hand an answer to its wearer's keeper."""
        if keeper := self._keepers.get(item.wearer):
            keeper.push(item)

    async def forget(self, wearer: str) -> None:
        """Drop what is in memory of a wearer, once the disk has what was on its way to it."""
        if keeper := self._keepers.get(wearer):
            keeper.forget()
        await self._written()

    async def sweep(self) -> NoReturn:
        """Remove what is too old or too much, now and from then on every SWEEP_S."""
        while True:
            await self._in_turn(self._sweep)
            await asyncio.sleep(SWEEP_S)

    async def closed(self) -> None:
        """Have written what is still in memory, and wait until the disk has it."""
        for keeper in self._keepers.values():
            keeper.flush()
        await self._written()

    async def _written(self) -> None:
        if self._writing:
            await asyncio.wait([*self._writing])

    def _write(self, kept: Kept, name: RecordingName, content: Excerpt) -> None:
        if len(self._writing) >= _MOST_WRITING:
            self._warn("slow", "%s: the disk is too slow; a moment is not kept", self._folder)
            return
        writing = asyncio.create_task(
            self._in_turn(lambda: self._replace(kept, name, content)), name=f"{name.wearer} kept"
        )
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def _in_turn(self, work: Callable[[], None]) -> None:
        """Let a thread work on the disk, one at a time; a disk that refuses is a warning."""
        async with self._turn:
            try:
                await asyncio.to_thread(work)
            except RecordingError as error:
                self._warn("disk", "a moment is not kept, or stays too long: %s", error)

    def _replace(self, kept: Kept, name: RecordingName, content: Excerpt) -> None:
        """Write a moment, and remove those whose place it takes; in a thread."""
        assert self._folder
        former = [each.path for each in kept.former if each.path]
        kept.path = excerpt.write(self._folder, name, content, former)
        kept.former.clear()
        _LOGGER.info("%s: kept the seconds of a moment: %s", name.wearer, kept.path)
        self._sweep()

    def _sweep(self) -> None:
        if self.settings is None or self._folder is None:
            return
        bounds = Bounds(self.settings.days * DAY_S, round(self.settings.most_mb * 2**20))
        for path in excerpt.sweep(self._folder, bounds, self._clock()):
            _LOGGER.info("removed, as [keep] says: %s", path)
