"""Phones that push by themselves: what listening for them over HTTP and over MQTT has in common.

Such a source waits for as long as it takes until the phone speaks, for the phone cannot be asked, and
must find it listening. Once it spoke, its silence is a lost link.
"""

import asyncio
import time

from edgehar.devices.sensor_logger_json import Push
from edgehar.sources import Deliver, LinkState
from edgehar.sources.silence_timeout import silence_timeout


class PushReceiver:
    """One life of a source to which a phone pushes: delivers the pushes, and ends by silence or with an error."""

    def __init__(self, name: str, device: str | None, deliver: Deliver, link: LinkState) -> None:
        """Wait for a phone; nothing listens yet.

        Args:
            name: What error texts call the port or topic.
            device: The phone's `deviceId`; None: the first one that `accepts` is asked about.
            deliver: Takes what it pushes, as in `Source.run`.
            link: Of the source.
        """
        self.device = device
        self.was_heard = False
        """The phone pushed in this life."""
        self._name, self._deliver, self._link = name, deliver, link
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard_or_ended = asyncio.Event()

    def accepts(self, device: str) -> bool:
        """Tell whether the phone is this one; it becomes so where none was named."""
        if self.device is None:
            self.device = device
        return self.device == device

    def push(self, push: Push) -> bool:
        """Deliver what came just now; False if the life has ended, and nobody takes it. Never raises."""
        if self._ended.done():
            return False
        self._link.heard_at = t = time.monotonic()
        self._link.damaged += push.damaged
        try:
            for body in push.bodies:
                self._deliver(t, 0, body)
        except Exception as error:  # noqa: BLE001  # raised again by `wait`
            self.end(error)
            return False
        self.was_heard = True
        self._heard_or_ended.set()
        return True

    def end(self, error: Exception) -> None:
        """Let `wait` raise this."""
        if not self._ended.done():
            self._ended.set_exception(error)
            self._heard_or_ended.set()

    async def wait(self) -> None:
        """Wait for the end of the life, which raises SourceLostError or what `deliver` raised."""
        try:
            # The phone cannot be asked: until it speaks, silence means nothing.
            await self._heard_or_ended.wait()
            nothing_came = (
                f"{self._name}: phone {self.device} pushed nothing for {self._link.silence_s:.0f} s; "
                "is Sensor Logger recording, and the phone in reach?"
            )
            async with silence_timeout(self._link, nothing_came):
                await self._ended
        finally:
            self._ended.cancel()
