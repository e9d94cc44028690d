"""Frames, and what gives them; `live` and `video_file` are the two kinds.

A capture belongs to one thread. What may block in it is bounded by time-outs, but for a driver that hangs.
"""

from typing import Any, Protocol

from msgspec import Struct

from edgehar.sources.camera.address import Address
from edgehar.sources.camera.opencv import READ_S, Picture, load_opencv

OPEN_S = 10
"""A stream that has not begun by then is taken as lost, s: some send only every few seconds a picture that stands alone."""


class Frame(Struct, frozen=True, eq=False):
    """One picture."""

    taken_at: float
    """Time at which it was grabbed, host monotonic s; of a file that is not played at its pace its own time, s."""
    picture: Picture


class Capture(Protocol):
    """Pictures, one after the other."""

    def next(self) -> Frame | None:
        """Wait for a frame; None at the end of a file, or once it was told to stop.

        Raises:
            SourceLostError: if a device or a stream was lost.
        """
        ...

    def release(self) -> None:
        """Close what is open."""
        ...


def open_video(address: Address) -> Any:
    """Return OpenCV's capture of an address, open or not, with time-outs; V4L2 has its own from `opencv`."""
    cv2 = load_opencv()
    if address.kind == "device":
        video = cv2.VideoCapture(address.place, cv2.CAP_V4L2)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return video
    # More threads would decode frames ahead, and give each so many frames later.
    settings = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: OPEN_S * 1000,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: READ_S * 1000,
        cv2.CAP_PROP_N_THREADS: 1,
    }
    return cv2.VideoCapture(address.place, cv2.CAP_FFMPEG, [n for pair in settings.items() for n in pair])
