"""The person whom a camera sees, drawn in a terminal with block characters."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.devices.keypoints import LEAST_SCORE
from edgehar.types import KEYPOINT_CHANNELS, KEYPOINTS, FloatArray, Samples

_LIMBS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("shoulder", "hip"),
    ("hip", "knee"),
    ("knee", "ankle"),
)
BONES = (
    ("shoulder_left", "shoulder_right"),
    ("hip_left", "hip_right"),
    ("ear_left", "eye_left"),
    ("eye_left", "nose"),
    ("nose", "eye_right"),
    ("eye_right", "ear_right"),
    *((f"{top}_{side}", f"{bottom}_{side}") for top, bottom in _LIMBS for side in ("left", "right")),
)
"""Pairs of keypoints between which a line is drawn."""

_BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Four quarters of a cell: upper left 1, upper right 2, lower left 4, lower right 8."""
_WEIGHTS = np.array([[1, 2], [4, 8]])
_CELL_ASPECT = 0.5
"""Width of a character, in its heights; usual on terminals."""
_OLD_S = 2.0
"""A person who was seen longer ago is not there, s."""


class Skeleton:
    """The newest person of one stream; a pipeline's `Watch`."""

    def __init__(self) -> None:
        self._newest: FloatArray | None = None
        self._seen_at = -math.inf

    def watch(self, _: int, samples: Samples) -> None:
        """Take samples; those of other sensors are left alone."""
        if samples.channels == KEYPOINT_CHANNELS and len(samples.t):
            self._newest, self._seen_at = samples.x[-1].reshape(len(KEYPOINTS), 3), samples.t.item(-1)

    def lines(self, rows: int, now: float) -> Sequence[str]:
        """Return who is seen at a stream time, s, in so many lines; none if there is nobody."""
        is_old = self._seen_at < now - _OLD_S
        return [] if self._newest is None or is_old else draw(self._newest, rows)


def draw(keypoints: FloatArray, rows: int) -> list[str]:
    """Return a person, (17, 3) as KEYPOINT_CHANNELS, in `rows` lines of block characters, as large as fits."""
    seen = keypoints[:, 2] >= LEAST_SCORE
    if not seen.any():
        return [""] * rows
    place = keypoints[:, :2].astype(np.float64) / [_CELL_ASPECT, 1.0]
    low, high = place[seen].min(axis=0), place[seen].max(axis=0)
    scale = (2 * rows - 1) / max(*(high - low) * [_CELL_ASPECT, 1.0], 1e-6)
    dots = np.zeros((2 * rows, 2 * math.ceil((high - low)[0] * scale / 2 + 1)), np.bool_)
    for start, end in _bones(place, seen):
        for share in np.linspace(0.0, 1.0, 2 * len(dots)):
            column, row = np.round((start + share * (end - start) - low) * scale).astype(int)
            dots[min(row, dots.shape[0] - 1), min(column, dots.shape[1] - 1)] = True
    return [_line(dots[row : row + 2]) for row in range(0, len(dots), 2)]


def _bones(
    place: NDArray[np.float64], seen: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for names in BONES:
        start, end = (KEYPOINTS.index(name) for name in names)
        if seen[start] and seen[end]:
            yield place[start], place[end]


def _line(dots: NDArray[np.bool_]) -> str:
    cells = dots.reshape(2, -1, 2).transpose(1, 0, 2)
    return "".join(_BLOCKS[int((cell * _WEIGHTS).sum())] for cell in cells).rstrip()
