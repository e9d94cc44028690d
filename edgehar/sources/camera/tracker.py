"""The person who is followed from picture to picture, and how many people there are.

MoveNet sees one person. Whether there is a second is looked for once a second, in a picture in which the first is
covered.
"""

import math

import numpy as np
from msgspec import Struct

from edgehar.devices.keypoints import HIPS, LEAST_SCORE, TORSO
from edgehar.sources.camera.crop import Crop, next_crop, torso_is_visible, whole
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import Picture
from edgehar.types import FloatArray

APPEARS = 3
"""Pictures in a row that show a torso well until somebody is there."""

APPEARS_SCORE = 0.4
"""Mean score of a torso's four joints, looked at closely, that is shown well: a chair's is 0.26 in most pictures, of who
walks in 0.7."""

VANISHES_S = 2.0
"""Time without a torso until nobody is there, s. Of who lies on the floor many pictures show none, for up to 0.4 s in a
row; of a room that somebody left, all."""

SECOND_LOOK_S = 1.0
"""Period at which a second person is looked for, s."""

SECOND_SCORE = 0.7
"""Mean score of a second person's torso: as the network must find somebody, it finds a chair with up to 0.65; people
have 0.77 and more."""

_GREY = 127
_COVER_MARGIN = 0.2
"""Share of a person's extent that is covered beyond the keypoints: hands, feet and hair have none."""


class Seen(Struct, frozen=True, eq=False):
    """People in a picture."""

    people: int
    """0, 1, or 2 for two or more."""
    keypoints: FloatArray | None
    """(17, 3), as `types.KEYPOINT_CHANNELS`, of who is followed; None of nobody."""


class Tracker:
    """The follower of one person through one camera's pictures; it reads no clock."""

    def __init__(self, net: MoveNet) -> None:
        self._net = net
        self._crop: Crop | None = None
        """Crop in which to look for who was seen in the last picture; None if nobody was."""
        self._last_crop: Crop | None = None
        """Crop in which to look for who was seen last; None once nobody is there."""
        self._in_a_row = 0
        self._seen_at = self._looked_at = -math.inf
        self._somebody = self._second = False

    def push(self, picture: Picture, t: float) -> Seen:
        """Look at the picture taken at `t`, s."""
        aspect = picture.shape[1] / picture.shape[0]
        keypoints = self._net.keypoints(picture, self._crop or whole(aspect))
        if self._crop is None and self._last_crop and torso_is_visible(keypoints):
            keypoints = self._nearest(picture, keypoints, self._last_crop)
        visible = torso_is_visible(keypoints)
        self._crop = next_crop(keypoints, aspect) if visible else None
        self._last_crop = self._crop or self._last_crop
        self._note(_torso_score(keypoints), t, visible=visible)
        if not self._somebody:
            return Seen(0, None)
        if visible and t - self._looked_at >= SECOND_LOOK_S:
            self._looked_at = t
            self._second = self._is_second(picture, keypoints)
        return Seen(2 if self._second else 1, keypoints)

    def _note(self, score: float, t: float, *, visible: bool) -> None:
        """Take note of whether somebody is there."""
        self._seen_at = t if visible else self._seen_at
        self._in_a_row = self._in_a_row + 1 if score >= APPEARS_SCORE else 0
        if self._in_a_row >= APPEARS:
            self._somebody = True
        elif t - self._seen_at > VANISHES_S:
            self._somebody = self._second = False
            self._last_crop = None

    def _nearest(self, picture: Picture, keypoints: FloatArray, last_crop: Crop) -> FloatArray:
        """Return who is where somebody was before, if anybody is; else who was seen in the whole picture."""
        if _is_in(last_crop, keypoints):
            return keypoints
        near = self._net.keypoints(picture, last_crop)
        return near if _torso_score(near) >= APPEARS_SCORE and _is_in(last_crop, near) else keypoints

    def _is_second(self, picture: Picture, keypoints: FloatArray) -> bool:
        """Tell whether there is another person, looked at closely, in the picture."""
        aspect = picture.shape[1] / picture.shape[0]
        covered = _cover(picture, keypoints)
        other = self._net.keypoints(covered, whole(aspect))
        if torso_is_visible(other):
            other = self._net.keypoints(covered, next_crop(other, aspect))
        return _torso_score(other) >= SECOND_SCORE


def _torso_score(keypoints: FloatArray) -> float:
    return float(keypoints[list(TORSO), 2].mean())


def _is_in(crop: Crop, keypoints: FloatArray) -> bool:
    """Tell whether the middle of the hips lies in a crop."""
    x, y = keypoints[list(HIPS), :2].mean(axis=0)
    return bool(0 <= x - crop.left <= crop.size and 0 <= y - crop.top <= crop.size)


def _cover(picture: Picture, keypoints: FloatArray) -> Picture:
    """Return a copy of the picture in which a person is grey."""
    places = keypoints[keypoints[:, 2] >= LEAST_SCORE, :2] * len(picture)
    low, high = places.min(axis=0), places.max(axis=0)
    margin = _COVER_MARGIN * (high - low).max()
    left, top = np.maximum(low - margin, 0).astype(int)
    right, bottom = np.maximum(high + margin, 0).astype(int)
    covered = picture.copy()
    covered[top:bottom, left:right] = _GREY
    return covered
