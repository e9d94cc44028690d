"""Phones that push by themselves: what listening for them over HTTP and over MQTT has in common.

Such a source waits for as long as it takes until the phone speaks, for the phone cannot be asked, and
must find it listening. Once it spoke, its silence is a lost link.
"""

import asyncio
import time
from collections.abc import Sequence

from edgehar.errors import SourceLostError
from edgehar.sources import Deliver

SILENCE_S = 30.0
"""A phone that pushed and then does not for so long has ended its recording, or left, s."""

_GRANULE_S = 1.0
"""The deadline is moved this often at most, s."""


class Life:
    """One life of one phone's source: takes what the phone pushed, and ends by silence or with an error."""

    def __init__(self, name: str, device: str | None, deliver: Deliver, silence_s: float) -> None:
        """`device` may be None: the first phone that `takes` is asked about."""
        self.device = device
        self._name, self._deliver, self._silence_s = name, deliver, silence_s
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._silence: asyncio.TimerHandle | None = None
        self._moved = -_GRANULE_S

    @property
    def was_heard(self) -> bool:
        """Whether the phone pushed in this life."""
        return self._silence is not None

    def takes(self, device: str) -> bool:
        """Whether the phone is this one; it becomes so where none was named."""
        if self.device is None:
            self.device = device
        return self.device == device

    def push(self, bodies: Sequence[bytes]) -> bool:
        """Deliver what came just now; False if the life has ended, and nobody takes it. Never raises."""
        if self._ended.done():
            return False
        t = time.monotonic()
        try:
            for body in bodies:
                self._deliver(t, 0, body)
        except Exception as error:  # noqa: BLE001  # raised again by `wait`
            self.end(error)
            return False
        self._hold_off()
        return True

    def end(self, error: Exception) -> None:
        """Let `wait` raise this."""
        if not self._ended.done():
            self._ended.set_exception(error)

    async def wait(self) -> None:
        """Until the life ends, which raises SourceLostError or what `deliver` raised."""
        try:
            await self._ended
        finally:
            self._ended.cancel()
            if self._silence:
                self._silence.cancel()

    def _hold_off(self) -> None:
        now = self._loop.time()
        if now - self._moved >= _GRANULE_S or self._silence is None:
            self._moved = now
            if self._silence:
                self._silence.cancel()
            self._silence = self._loop.call_later(self._silence_s, self._fall_silent)

    def _fall_silent(self) -> None:
        self.end(
            SourceLostError(
                f"{self._name}: phone {self.device} pushed nothing for {self._silence_s:.0f} s; "
                "is Sensor Logger recording, and the phone in reach?"
            )
        )
