"""Stream time that follows the event loop's clock: as fast, N times faster, or as fast as it goes."""

import asyncio
import math
from collections.abc import Awaitable, Callable

TURN_S = 0.005
"""Period at which everything else in the loop gets a turn where there are no pauses, s."""


class Pace:
    """Stream time that begins when it is made, in the running loop."""

    def __init__(
        self,
        start: float,
        speed: float,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin now.

        Args:
            start: Stream time at which it begins, s.
            speed: Stream time per time; 0 or infinity: as fast as it goes.
            now: Clock, s; by default the running loop's.
            sleep: Waits that many s.
        """
        if not speed >= 0:
            raise ValueError(f"speed {speed}; 0 or more expected")
        self.paced = 0 < speed < math.inf
        self._speed = speed
        self._start = start
        self._now = now or asyncio.get_running_loop().time
        self._sleep = sleep
        self._began = self._turned = self._now()

    def now(self) -> float:
        """Return stream time, s; only of a pace that has one (`paced`)."""
        return self._start + (self._now() - self._began) * self._speed

    async def until(self, t: float) -> None:
        """Wait for stream time `t`, s. Late or unpaced it returns at once, but for the others' turns."""
        now = self._now()
        ahead = self._began + (t - self._start) / self._speed - now if self.paced else 0.0
        # Waiting for a due time instead of for a length keeps delays from adding up.
        if ahead > 0 or now - self._turned > TURN_S:
            await self._sleep(max(ahead, 0.0))
            self._turned = self._now()
