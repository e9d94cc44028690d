"""The frames of a file by their own times: at their pace, as from a camera, or each as fast as it goes."""

import threading
import time

from edgehar.errors import RecordingError
from edgehar.sources.camera.address import Address, refuse_misfit
from edgehar.sources.camera.capture import Frame, open_video
from edgehar.sources.camera.opencv import load_opencv
from edgehar.sources.camera.throttle import Throttle

_USUAL_FPS = 25.0
"""Pictures per second of a file that does not say."""
_CATCH_UP_S = 1.0
"""A machine too slow for the file's pace shows what is late after so long, s."""


class VideoFile:
    """A file; it ends."""

    def __init__(self, address: Address, max_fps: float, stop: threading.Event, *, paced: bool) -> None:
        """Open it; RecordingError if it is no video."""
        self._stop, self._paced = stop, paced
        self._throttle = Throttle(max_fps)
        refuse_misfit(address)
        cv2 = load_opencv()
        self._video, self._position = open_video(address), cv2.CAP_PROP_POS_MSEC
        self._period = 1.0 / (self._video.get(cv2.CAP_PROP_FPS) or _USUAL_FPS)
        self._next_is_grabbed = bool(self._video.grab())
        if not self._next_is_grabbed:
            self._video.release()
            raise RecordingError(f"{address.name} is no video that can be read")
        self._t = -self._period
        self._start = time.monotonic() if paced else 0.0

    def next(self) -> Frame | None:
        """Wait for a frame, as in `Capture.next`."""
        began = time.monotonic()
        while self._grab():
            late = self._wait() if self._paced else 0.0
            if self._stop.is_set():
                break
            is_stale = late > self._period and time.monotonic() - began < _CATCH_UP_S
            if not is_stale and self._throttle.takes(self._t):
                intact, picture = self._video.retrieve()
                if intact:
                    return Frame(self._start + self._t, picture)
        return None

    def release(self) -> None:
        """Close what is open."""
        self._video.release()

    def _grab(self) -> bool:
        """Go on to the next frame and its time; tell whether there is one."""
        if not (self._next_is_grabbed or self._video.grab()):
            return False
        self._next_is_grabbed = False
        t = self._video.get(self._position) / 1000
        # Some files say no times, or false ones.
        self._t = t if t > self._t else self._t + self._period
        return True

    def _wait(self) -> float:
        """Wait until the frame is due; return how late it is, s."""
        late = time.monotonic() - self._start - self._t
        if late < 0:
            self._stop.wait(-late)
        return late
