"""A camera as a sensor: its pictures become bodies of `devices.keypoints`, and are gone."""

import asyncio
import math
import threading
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from msgspec import Struct

from edgehar.devices.keypoints import encode
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.capture import OPEN_S, Capture
from edgehar.sources.camera.daemon_thread import DaemonThread
from edgehar.sources.camera.jpeg import to_jpeg
from edgehar.sources.camera.live import Live
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import READ_S, Picture
from edgehar.sources.camera.region import EVERYTHING, Region
from edgehar.sources.camera.tracker import Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.sources.silence_timeout import silence_timeout

MAX_FPS = 15.0
"""Pictures looked at per second: people's movements end below 5 Hz, a quarter of that is enough to draw them, and a
small computer stays cool. Most cameras give 30, in the dark 15 or fewer."""

SILENCE_S = 2.0 * (OPEN_S + READ_S)
"""Time without a picture until the camera counts as lost, s: opening and reading have time-outs of their own, and only
a driver that hangs needs this."""

_LEAVE_S = 2.0
"""A thread that hangs in a driver or a stream is not waited for any longer, s; it closes what it holds when it can."""
_SMOOTHING = 0.1


class _Looked(Struct, frozen=True):
    """Body of one picture, and its time."""

    taken_at: float
    body: bytes


class Camera:
    """A camera, a stream or a video file; delivers the keypoints of one person as stream 0.

    One thread captures and looks, and begins with a picture when the event loop has taken what came of the last: a slow
    machine looks at fewer pictures, always at the newest, and nothing waits anywhere.
    """

    def __init__(
        self,
        address: str,
        weights: Path,
        *,
        region: Region = EVERYTHING,
        max_fps: float = MAX_FPS,
        paced: bool = True,
        num_threads: int = 2,
        show_picture: bool = False,
    ) -> None:
        """Name the camera and load the network; the camera is not opened yet.

        Args:
            address: As in `address.parse`: a number, a device, a URL, or a file.
            weights: File of MoveNet SinglePose Lightning.
            region: The part of the picture that is looked at.
            max_fps: At most so many pictures are looked at per second; inf for all.
            paced: Whether a file is played as if it was live; else as fast as it goes, without a picture left out that
                is due, and `t` is the file's own time.
            num_threads: Threads of the network.
            show_picture: Whether `picture` has any; without it none is kept once it was looked at.

        Raises:
            ConfigError: if no camera can have this address or this many pictures.
            ModelError: if the weights are another network's.
            OperatorError: if OpenCV is not installed.
        """
        if not max_fps > 0:
            raise ConfigError(f"max_fps: expected more than 0, got {max_fps:g}")
        self.address = parse(address)
        is_file = self.address.kind == "file"
        self.link = LinkState(silence_s=math.inf if is_file else SILENCE_S)
        self._region, self._max_fps, self._show_picture = region, max_fps, show_picture
        self._is_own_time = is_file and not paced
        self._net = MoveNet(weights, num_threads)
        self._newest: Picture | None = None
        self._release: Future[None] | None = None

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`; a file is finished at its end.

        A thread that hangs is left after 2 s; until it is free each new life is lost at once.

        Raises:
            RecordingError: if a file cannot be read.
        """
        if self._release and not self._release.done():
            raise SourceLostError(f"{self.address.name} still hangs in the driver: unplug it and plug it in")
        stop, tracker = threading.Event(), Tracker(self._net)
        thread = DaemonThread(self.address.name)
        opening = thread.submit(partial(self._open, stop))
        nothing_came = f"no picture came for {self.link.silence_s:.0f} s: is the camera stuck?"
        try:
            async with silence_timeout(self.link, nothing_came):
                capture = await asyncio.wrap_future(opening)
                look = partial(self._look, capture, tracker)
                while looked := await asyncio.wrap_future(thread.submit(look)):
                    self._hand_on(looked, deliver)
        finally:
            stop.set()
            self._release = thread.submit(partial(self._close, opening))
            await _leave(thread, self._release)

    def picture(self) -> bytes | None:
        """Return the newest picture as JPEG, at most 640 pixels wide; None without `show_picture` or before the first."""
        return None if self._newest is None else to_jpeg(self._newest)

    def _open(self, stop: threading.Event) -> Capture:
        """Open the camera; in the thread."""
        if self.address.kind == "file":
            return VideoFile(self.address, self._max_fps, stop, paced=not self._is_own_time)
        return Live(self.address, self._max_fps, stop)

    def _look(self, capture: Capture, tracker: Tracker) -> _Looked | None:
        """Wait for the next picture and look at it; None at the end. In the thread."""
        frame = capture.next()
        if frame is None:
            return None
        picture = self._region.cut(frame.picture)
        seen = tracker.push(picture, frame.taken_at)
        if self._show_picture:
            self._newest = picture
        return _Looked(frame.taken_at, encode(frame.taken_at, seen.people, seen.keypoints))

    def _close(self, opening: Future[Capture]) -> None:
        """Close the camera, if it was opened, and forget its picture; in the thread."""
        self._newest = None
        if opening.exception() is None:
            opening.result().release()

    def _hand_on(self, looked: _Looked, deliver: Deliver) -> None:
        now = time.monotonic()
        self.link.heard_at = now
        if self._is_own_time:
            deliver(looked.taken_at, 0, looked.body)
            return
        age_s, usual_s = now - looked.taken_at, self.link.age_s
        self.link.age_s = age_s if usual_s is None else usual_s + _SMOOTHING * (age_s - usual_s)
        deliver(now, 0, looked.body)


async def _leave(thread: DaemonThread, release: Future[None]) -> None:
    """Wait until the thread has closed the camera, but not for what hangs."""
    thread.end()
    done, _ = await asyncio.wait([asyncio.wrap_future(release)], timeout=_LEAVE_S)
    if done:
        # It has nothing left to do: joining takes no time.
        thread.join()
