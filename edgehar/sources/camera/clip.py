"""The keypoints of a whole video file, for evaluation: as a camera gives them, and the same every time."""

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.sources.camera.address import Address
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.region import EVERYTHING, Region
from edgehar.sources.camera.tracker import Seen, Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.types import KEYPOINTS, FloatArray, Times


class Clip(Struct, frozen=True, eq=False):
    """People in every picture of a file."""

    t: Times
    """(n,), times of the file, s."""
    keypoints: FloatArray
    """(n, 17, 3), as `types.KEYPOINT_CHANNELS`; zeros where nobody is."""
    people: NDArray[np.uint8]
    """(n,), 0, 1, or 2 for two or more."""


def keypoints_of(path: Path, weights: Path, region: Region = EVERYTHING, max_fps: float = math.inf) -> Clip:
    """Look at the pictures of a file as fast as it goes, at most `max_fps` for each second of it.

    Raises:
        RecordingError: if it is no video.
        ModelError: if the weights are another network's.
    """
    looked = list(_look(path, Tracker(MoveNet(weights)), region, max_fps))
    nobody = np.zeros((len(KEYPOINTS), 3), np.float32)
    points = [nobody if seen.keypoints is None else seen.keypoints for _, seen in looked]
    return Clip(
        np.array([t for t, _ in looked]),
        np.array(points, np.float32).reshape(-1, *nobody.shape),
        np.array([seen.people for _, seen in looked], np.uint8),
    )


def _look(path: Path, tracker: Tracker, region: Region, max_fps: float) -> Iterator[tuple[float, Seen]]:
    address = Address("file", str(path.absolute()), str(path))
    video = VideoFile(address, max_fps, threading.Event(), paced=False)
    try:
        while frame := video.next():
            yield frame.taken_at, tracker.push(region.cut(frame.picture), frame.taken_at)
    finally:
        video.release()
