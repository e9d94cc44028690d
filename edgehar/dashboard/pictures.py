"""The newest pictures of cameras, made once for all who look, and kept no longer than that."""

import asyncio
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

FRESH_S = 0.15
"""A picture that was made is for so long the answer to who asks next too, s."""


@runtime_checkable
class HasPicture(Protocol):
    """A source with a camera."""

    def picture(self) -> bytes | None:
        """Return the newest frame as JPEG; None where nobody may see it, or there is none yet."""
        ...


class Pictures:
    """The newest picture of each camera."""

    def __init__(self) -> None:
        self._newest: WeakKeyDictionary[HasPicture, asyncio.Future[bytes | None]] = WeakKeyDictionary()
        """Pictures that are being made, or were a moment ago."""

    async def newest(self, camera: HasPicture) -> bytes | None:
        """Return a camera's picture of now, or of a moment ago; a thread makes it, for that takes milliseconds."""
        picture = self._newest.get(camera)
        if picture is None:
            picture = self._newest[camera] = asyncio.ensure_future(asyncio.to_thread(camera.picture))
            picture.add_done_callback(lambda _: self._forget_later(camera))
        return await asyncio.shield(picture)

    def _forget_later(self, camera: HasPicture) -> None:
        asyncio.get_running_loop().call_later(FRESH_S, self._newest.pop, camera, None)
