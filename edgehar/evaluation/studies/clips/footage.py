"""Input of networks from a clip of a film: small pictures, and keypoints by MoveNet.

Each clip is looked at once; pictures and keypoints are kept in the work folder, one file for each clip, from which fits take
one batch after the other, so that memory does not grow with the clips.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.sources.camera.address import Address
from edgehar.sources.camera.camera import MAX_FPS
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import Picture, load_opencv
from edgehar.sources.camera.region import Region
from edgehar.sources.camera.throttle import Throttle
from edgehar.sources.camera.tracker import APPEARS, Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.training.cache import CachedArrays, cache_key, file_digests
from edgehar.training.studies.lrcn import HEIGHT, PICTURES, WIDTH
from edgehar.types import KEYPOINTS, FloatArray

FOOTAGE_VERSION = 1
"""Raise it with any change that shows other pictures or keypoints."""
LONGEST_S = 60.0
"""A file may be so long; clips of HMDB51 last seconds, the films a quarter of a minute."""
_LEAST_FRAMES = 2
_NOBODY = np.zeros((len(KEYPOINTS), 3), np.float32)

Span = tuple[float, float]
"""Begin and end in a file, s."""
WHOLE: Span = (0.0, LONGEST_S)


class Looked(Struct, frozen=True, eq=False):
    """Pictures and keypoints of one clip."""

    pictures: NDArray[np.uint8]
    """(20, 64, 96, 3), red, green and blue, equally spaced over the clip."""
    keypoints: FloatArray
    """(frames, 17, 3), at most 15 a second; zeros where nobody is seen."""
    rate_hz: float
    """Rows of keypoints per second, Hz."""
    small_s: float
    """CPU time that the small pictures took, s."""
    keypoints_s: float
    """CPU time that the keypoints took, s."""


class Footage:
    """Clips of files, looked at once."""

    def __init__(self, weights: Path, work: Path) -> None:
        """Name MoveNet's file and the folder for what is kept, which is there."""
        self._weights, self._work = weights, work
        self._net: MoveNet | None = None

    def look(self, path: Path, region: Region, spans: Sequence[Span]) -> list[CachedArrays]:
        """Return where the footage of each span of a file is kept; RecordingError if it cannot be decoded."""
        digests = file_digests([path, self._weights])
        settings = {"region": [region.left, region.top, region.width, region.height], "files": digests}
        kept = [self._place({**settings, "span": list(span)}) for span in spans]
        if not all(each.is_good() for each in kept):
            for each, looked in zip(kept, self._looked(path, region, spans), strict=True):
                each.save(
                    {
                        "pictures": looked.pictures, "keypoints": looked.keypoints,
                        "rate_hz": np.array(looked.rate_hz), "small_s": np.array(looked.small_s),
                        "keypoints_s": np.array(looked.keypoints_s),
                    }
                )  # fmt: skip
        return kept

    def _place(self, settings: dict[str, object]) -> CachedArrays:
        key = cache_key(settings, f"footage {FOOTAGE_VERSION}")
        return CachedArrays(self._work / f"clip_{key[:20]}.npz", key)

    def _looked(self, path: Path, region: Region, spans: Sequence[Span]) -> Iterator[Looked]:
        self._net = self._net or MoveNet(self._weights, num_threads=1)
        reel = _reel(path, region, self._net)
        for begin, end in spans:
            yield _of_span(path, reel, begin, end)


class _Reel(Struct, frozen=True, eq=False):
    """All of a file, small."""

    t: NDArray[np.float64]
    pictures: NDArray[np.uint8]
    keypoints_t: NDArray[np.float64]
    keypoints: FloatArray
    small_s: float
    """CPU time of one picture, s."""
    keypoints_s: float
    """CPU time of the keypoints of one, s."""


def _reel(path: Path, region: Region, net: MoveNet) -> _Reel:
    """Look at a file from begin to end."""
    tracker, throttle = Tracker(net), Throttle(MAX_FPS)
    t, pictures, keypoints_t = [], [], []
    keypoints: list[FloatArray] = []
    small_s = keypoints_s = 0.0
    for taken_at, picture in _frames(path):
        seen = region.cut(picture)
        began = time.process_time()
        pictures.append(_small(seen))
        small_s += time.process_time() - began
        t.append(taken_at)
        if throttle.takes(taken_at):
            began = time.process_time()
            person = tracker.push(seen, taken_at).keypoints
            keypoints_s += time.process_time() - began
            for _ in range(0 if keypoints else APPEARS - 1):
                # A clip begins with somebody: they are there from its first picture on, and not from its third.
                person = tracker.push(seen, taken_at).keypoints
            keypoints.append(_NOBODY if person is None else person)
            keypoints_t.append(taken_at)
    return _Reel(
        np.array(t), np.array(pictures), np.array(keypoints_t), np.array(keypoints, np.float32),
        small_s / max(len(t), 1), keypoints_s / max(len(keypoints), 1),
    )  # fmt: skip


def _frames(path: Path) -> Iterator[tuple[float, Picture]]:
    """Yield the frames of a file; RecordingError if it is none, or of more than a minute."""
    video = VideoFile(
        Address("file", str(path.absolute()), str(path)), float("inf"), threading.Event(), paced=False
    )
    try:
        while (frame := video.next()) is not None:
            if frame.taken_at > LONGEST_S:
                raise RecordingError(f"{path}: expected a clip of at most {LONGEST_S:g} s, got a longer film")
            yield frame.taken_at, frame.picture
    finally:
        video.release()


def _small(picture: Picture) -> NDArray[np.uint8]:
    cv2 = load_opencv()
    small: NDArray[np.uint8] = cv2.cvtColor(cv2.resize(picture, (WIDTH, HEIGHT)), cv2.COLOR_BGR2RGB)
    return small


def _of_span(path: Path, reel: _Reel, begin: float, end: float) -> Looked:
    """Choose what belongs to a span; RecordingError if it has no two frames."""
    rows = np.flatnonzero((reel.t >= begin - 1e-6) & (reel.t < end - 1e-6))
    seen = np.flatnonzero((reel.keypoints_t >= begin - 1e-6) & (reel.keypoints_t < end - 1e-6))
    if min(len(rows), len(seen)) < _LEAST_FRAMES:
        raise RecordingError(f"{path}: expected a clip, got {len(rows)} frames from {begin:g} to {end:g} s")
    t, keypoints = reel.keypoints_t[seen], reel.keypoints[seen]
    even = np.linspace(t[0], t[-1], len(t))
    flat = [np.interp(even, t, column) for column in keypoints.reshape(len(t), -1).T]
    return Looked(
        reel.pictures[rows[equally_spaced(len(rows), PICTURES)]],
        np.stack(flat, axis=1).reshape(keypoints.shape).astype(np.float32),
        float((len(t) - 1) / (t[-1] - t[0])),
        reel.small_s * PICTURES,
        reel.keypoints_s * len(seen),
    )


def equally_spaced(count: int, wanted: int) -> NDArray[np.int64]:
    """Return so many indices of `count` frames, from the first to the last."""
    return np.round(np.linspace(0, count - 1, wanted)).astype(np.int64)
