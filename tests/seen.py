"""Simulated people before a camera: the bodies that its source would hand on."""

from collections.abc import Sequence

import numpy as np

from edgehar.devices.keypoints import encode
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.camera import looking
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.skeleton import Figure, segment_lengths
from edgehar.types import FloatArray, Item

RATE_HZ = 15.0
DELAY_S = 0.05
HEIGHT_M = 1.75
SCORE = 0.8
"""Of all keypoints."""


def keypoints(activity: str, seconds: float, seed: int = 1) -> FloatArray:
    """Return somebody who does this before a camera 3 m away, all seen well, (n, 17, 3)."""
    rng = np.random.default_rng(seed)
    lengths = segment_lengths(HEIGHT_M)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    figure = Figure(lengths, CATALOGUE[activity](lengths, rng)(t), len(t))
    points = landmarks(figure, lengths, draw_offsets(rng))
    azimuth, pitch = np.array([np.pi + 0.25]), np.array([-0.05])
    place, _ = looking(np.array([3.0, 0.8, 1.2]), azimuth, pitch, np.zeros(1), 0.9, 4 / 3).project(points)
    score = np.full((*place.shape[:2], 1), SCORE)
    return np.concatenate([place, score], axis=2).astype(np.float32)


def bodies(script: Sequence[tuple[str, float]], begin: float = 0.0, stream: int = 0) -> list[Item]:
    """Return what is delivered while somebody does one thing after another, `nobody` among them, and when."""
    items: list[Item] = []
    for number, (activity, seconds) in enumerate(script):
        count = round(seconds * RATE_HZ)
        seen = [None] * count if activity == "nobody" else [*keypoints(activity, seconds, seed=number)]
        for points in seen:
            taken_at = begin + len(items) / RATE_HZ
            items.append((taken_at + DELAY_S, stream, encode(taken_at, int(points is not None), points)))
    return items
