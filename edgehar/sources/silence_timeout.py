"""The end of a life that fell silent: an open link may well be a dead one.

How long that takes is `link.silence_s`: `SILENCE_S` of `serial` and `phone`, `Profile.silence_s` of each Bluetooth sensor.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edgehar.errors import SourceLostError
from edgehar.sources import LinkState

GRACE = 0.05
"""Share of `link.silence_s` that passes between the look that heard nothing and the end: where something held the
event loop up, what waits in sockets comes through before it is judged."""


class SilenceError(SourceLostError):
    """The link looks open, but nothing came over it for too long."""


@asynccontextmanager
async def silence_timeout(link: LinkState, message: str) -> AsyncIterator[None]:
    """Break the block off with SilenceError(message) once nothing was heard for `link.silence_s` in it.

    Whoever receives a packet has only to set `link.heard_at`: moving a timer would cost more than to decode it.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look() -> None:
        """Look again when silence that begins with the newest packet would be too long."""
        nonlocal timer
        rest = link.heard_at + link.silence_s - time.monotonic()
        if rest > 0.0:
            timer = loop.call_later(rest, look)
        else:
            timer = loop.call_later(GRACE * link.silence_s, judge, link.heard_at)

    def judge(heard_before: float) -> None:
        if link.heard_at == heard_before:
            limit.reschedule(loop.time())
        else:
            look()

    timer = loop.call_later(link.silence_s, look)
    try:
        async with asyncio.timeout(None) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise SilenceError(message) from error
    finally:
        timer.cancel()
