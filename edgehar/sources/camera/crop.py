"""The square of the picture in which the network looks for the person, from where the person was before.

As MoveNet's authors describe it (TensorFlow Hub, "MoveNet: Ultra fast and accurate pose detection model", section
"Cropping algorithm"): the whole picture first, padded to a square; then a square around the middle of the hips, 1.9
times as far as the torso's joints reach from it or 1.2 times as far as any visible joint does, whichever is more.
All lengths are in heights of the picture.
"""

import numpy as np
from msgspec import Struct

from edgehar.devices.keypoints import HIPS, LEAST_SCORE, SHOULDERS, TORSO
from edgehar.types import FloatArray

_TORSO_MARGIN = 1.9
_BODY_MARGIN = 1.2


class Crop(Struct, frozen=True):
    """A square; it may reach over the picture's edges."""

    left: float
    top: float
    size: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle, x and y."""
        return self.left + self.size / 2, self.top + self.size / 2


def whole(aspect: float) -> Crop:
    """Return the smallest square around a picture that is `aspect` times as wide as high."""
    size = max(1.0, aspect)
    return Crop((aspect - size) / 2, (1.0 - size) / 2, size)


def torso_is_visible(keypoints: FloatArray) -> bool:
    """Tell whether a shoulder and a hip are seen, of keypoints (17, 3)."""
    scores = keypoints[:, 2]
    return bool(max(scores[list(SHOULDERS)]) > LEAST_SCORE and max(scores[list(HIPS)]) > LEAST_SCORE)


def next_crop(keypoints: FloatArray, aspect: float) -> Crop:
    """Return where to look in the next picture, for keypoints (17, 3) in this."""
    if not torso_is_visible(keypoints):
        return whole(aspect)
    places = keypoints[:, :2]
    middle = places[list(HIPS)].mean(axis=0)
    reach = np.abs(places - middle).max(axis=1)
    seen = keypoints[:, 2] >= LEAST_SCORE
    half = max(_TORSO_MARGIN * reach[list(TORSO)].max(), _BODY_MARGIN * reach[seen].max())
    x, y = float(middle[0]), float(middle[1])
    half = min(float(half), max(x, aspect - x, y, 1.0 - y))
    if not 0.0 < half <= max(aspect, 1.0) / 2:
        return whole(aspect)
    return Crop(x - half, y - half, 2 * half)
