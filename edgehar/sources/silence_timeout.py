"""A source that ends when it falls silent: an open link may well be a dead one."""

import asyncio

from edgehar.errors import SourceLostError
from edgehar.sources import Deliver, Source

_GRANULE_S = 1.0
"""Deadlines are moved this often at most, s: to move one costs more than to decode a packet."""


class Watched:
    """Counts as lost once nothing came for its own `silence_s`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def damaged(self) -> int:
        """As in `Source`."""
        return self._source.damaged

    @property
    def battery(self) -> int | None:
        """As in `Source`."""
        return self._source.battery

    @property
    def silence_s(self) -> float:
        """As in `Source`."""
        return self._source.silence_s

    async def run(self, deliver: Deliver) -> None:
        """One life, as in `Source.run`."""
        loop = asyncio.get_running_loop()
        moved = loop.time()

        def hand_on(t: float, stream: int, body: bytes) -> None:
            nonlocal moved
            now = loop.time()
            if now - moved > _GRANULE_S:
                moved = now
                limit.reschedule(now + self.silence_s)
            deliver(t, stream, body)

        try:
            async with asyncio.timeout(self.silence_s) as limit:
                await self._source.run(hand_on)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise SourceLostError(f"nothing came for {self.silence_s:.0f} s; is the sensor on?") from error
