"""The newest pictures of cameras, made once for all who look, and kept no longer than that."""

import asyncio
import time
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

FRESH_S = 0.15
"""A picture that was asked for within so long is the answer to the next one too, s."""


@runtime_checkable
class HasPicture(Protocol):
    """A source with a camera."""

    def picture(self) -> bytes | None:
        """Return the newest frame as JPEG; None where nobody may see it, or there is none yet."""
        ...


class Pictures:
    """The newest picture of each camera."""

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[HasPicture, tuple[float, asyncio.Future[bytes | None]]] = (
            WeakKeyDictionary()
        )

    async def newest(self, camera: HasPicture) -> bytes | None:
        """Return a camera's picture of now, or of a moment ago; a thread makes it, for that takes milliseconds."""
        now = time.monotonic()
        at, picture = self._made.get(camera, (-FRESH_S, None))
        if picture is None or now - at >= FRESH_S:
            picture = asyncio.ensure_future(asyncio.to_thread(camera.picture))
            self._made[camera] = now, picture
            picture.add_done_callback(lambda _: self._forget_later(camera))
        return await asyncio.shield(picture)

    def _forget_later(self, camera: HasPicture) -> None:
        asyncio.get_running_loop().call_later(FRESH_S, self._made.pop, camera, None)
