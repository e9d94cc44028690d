"""The newest frames of a device or a stream."""

import resource
import socket
import threading
import time
import zlib
from pathlib import Path

from edgehar.errors import SourceLostError, link_failure
from edgehar.sources.camera.address import Address, host_and_port, refuse_misfit
from edgehar.sources.camera.capture import Frame, open_video
from edgehar.sources.camera.opencv import READ_S, Picture
from edgehar.sources.camera.throttle import Throttle
from edgehar.sources.device_user import user_of

FROZEN_S = 10.0
"""A picture that is the same to the last bit for so long is a frozen one, s: a sensor has noise, even in the dark."""

_WAITED_S = 0.001
"""Wait beyond decoding from which on a frame is the newest, s; one that was ready had itself been waiting."""
_CATCH_UP_S = 1.0
"""Time after which the frames of a camera that never makes one wait are taken as they come, s."""
_PROBE_S = 2.0
_SPARSE = 8
"""Every so many-th row and column tells whether a picture changed."""


class Live:
    """A device or a stream; it gives the newest frame that is due, and drops the others."""

    def __init__(self, address: Address, max_fps: float, stop: threading.Event) -> None:
        """Open it; SourceLostError says what a person should do if that fails."""
        self._address, self._stop = address, stop
        self._throttle = Throttle(max_fps)
        self._fingerprint, self._changed_at = 0, time.monotonic()
        refuse_misfit(address)
        self._video = open_video(address)
        if not self._video.isOpened():
            self._video.release()
            raise SourceLostError(_why_not_open(address))

    def next(self) -> Frame | None:
        """Wait for a frame, as in `Capture.next`."""
        began = time.monotonic()
        while not self._stop.is_set():
            is_newest = self._grab()
            now = time.monotonic()
            if (is_newest or now - began > _CATCH_UP_S) and self._throttle.takes(now):
                intact, picture = self._video.retrieve()
                if intact:
                    self._refuse_frozen(picture, now)
                    return Frame(now, picture)
        return None

    def release(self) -> None:
        """Close what is open."""
        self._video.release()

    def _grab(self) -> bool:
        """Take a frame; tell whether it had to be waited for, so that no newer one is ready."""
        began, worked, slept = time.monotonic(), time.thread_time(), _sleeps()
        if not self._video.grab():
            raise SourceLostError(_why_ended(self._address))
        waited = time.monotonic() - began - (time.thread_time() - worked)
        return waited > _WAITED_S and _sleeps() > slept

    def _refuse_frozen(self, picture: Picture, now: float) -> None:
        fingerprint = zlib.crc32(picture[::_SPARSE, ::_SPARSE].tobytes())
        if fingerprint != self._fingerprint:
            self._fingerprint, self._changed_at = fingerprint, now
        elif now - self._changed_at > FROZEN_S:
            raise SourceLostError(
                f"{self._address.name} shows the same picture to the last bit for {FROZEN_S:.0f} s: "
                "it hangs, or its shutter is closed"
            )


def _sleeps() -> int:
    """Return how often this thread gave up its core to wait: on a busy machine it is also taken away."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def _why_not_open(address: Address) -> str:
    """Say what a person should do about a camera that OpenCV could not open; it tells no reasons itself."""
    name = address.name
    if address.kind == "device":
        if user := user_of(address.place):
            return f"{name} is in use by {user}: close that first"
        return f"{name} gives no pictures: many cameras are two devices, of which only the first does"
    try:
        socket.create_connection(host_and_port(address.place), _PROBE_S).close()
    except OSError as error:
        reason = link_failure(error) or f"no answer in {_PROBE_S:.0f} s"
        return f"{name} cannot be reached: {reason}; is the camera on, and is this its address?"
    return f"{name} answers, but sends no pictures that can be read: are the path, the user and the password right?"


def _why_ended(address: Address) -> str:
    if address.kind == "device":
        if not Path(address.place).exists():
            return f"{address.name} was lost: it was unplugged"
        return f"{address.name} gives no more pictures: was it unplugged, or does another program use it?"
    return f"{address.name} was lost: it ended, or sent nothing that can be read for {READ_S} s"
