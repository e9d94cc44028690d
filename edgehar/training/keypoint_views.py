"""Views of filmed windows: mirrored, turned, stretched, rough, with keypoints lost; and what the network sees of them."""

import numpy as np
from numpy.typing import NDArray

from edgehar.devices.keypoints import LEAST_SCORE, TORSO
from edgehar.motion.detection import LEFT, RIGHT
from edgehar.pipeline.modality import CAMERA
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.film import Film, as_keypoints
from edgehar.types import KEYPOINTS, FloatArray

_LIMBS = ((7, 9), (8, 10), (15, 16), (13, 14, 15, 16))
"""Keypoints of either arm, of both feet, and of both legs below the hips."""
_MIRRORED = np.arange(len(KEYPOINTS))
_MIRRORED[LEFT], _MIRRORED[RIGHT] = RIGHT, LEFT
_FACE = slice(1, 5)
_SHORTEST_CLIP = 0.3
"""In windows: three quarters of a second of one of 2.5 s."""


def normalize(model: CameraRecipe | ModelSpec, x: FloatArray) -> FloatArray:
    """Turn keypoints (n, window, 51) into the model's input (n, window, columns).

    It is rounded as the int8 network rounds its input, so that nothing is learned from what is lost there.
    """
    shown = np.concatenate([CAMERA.frames[name](x, model.rate_hz) for name in model.frames], axis=2)
    scale = np.asarray(model.normalization.scale, np.float32)
    clip = np.asarray(model.normalization.clip, np.float32)
    columns = shown.reshape(*shown.shape[:2], -1, len(scale))
    step = 2.0 * float((clip / scale).max()) / 255.0
    rounded = step * np.round(np.clip(columns, -clip, clip) / (scale * step))
    return np.asarray(rounded.reshape(shown.shape), np.float32)


class Views:
    """Random views of windows, what a network sees."""

    def __init__(self, recipe: CameraRecipe, data: Film, seed: int) -> None:
        self._recipe, self._data = recipe, data
        self._rng = np.random.default_rng((recipe.seed, 7, seed))

    def __call__(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return the model's input for these rows of the film."""
        return normalize(self._recipe, self.windows(rows))

    def windows(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return the keypoints of these rows of the film: (n, window, 51)."""
        kept = as_keypoints(self._data.x[rows])
        x = kept.reshape(*kept.shape[:2], len(KEYPOINTS), 3)
        place, score = x[..., :2], x[..., 2]
        self._move(place)
        annotated = self._rng.random(len(rows)) < self._recipe.views.annotated
        self._lose(score, annotated)
        for row in np.flatnonzero(annotated & (self._rng.random(len(rows)) < self._recipe.views.held)):
            x[row] = x[row, self._held_rows(x.shape[1])]
        mirrored = self._rng.random(len(rows)) < 0.5
        place[mirrored, ..., 0] *= -1.0
        x[mirrored] = x[mirrored][:, :, _MIRRORED]
        return x.reshape(kept.shape)

    def _held_rows(self, window: int) -> NDArray[np.int64]:
        """Draw which rows a shorter clip shows, in the middle of a window, and which it is held at before and after."""
        length = int(self._rng.integers(int(_SHORTEST_CLIP * window), window + 1))
        first = int(self._rng.integers(window - length + 1))
        return first + np.clip(np.arange(window) - (window - length) // 2, 0, length - 1)

    def _move(self, place: FloatArray) -> None:
        """Turn and stretch each window about its middle, and shake its keypoints."""
        rng, views, n = self._rng, self._recipe.views, len(place)
        middle = place.mean(axis=(1, 2), keepdims=True)
        turn = np.deg2rad(rng.normal(0.0, views.tilt, n))
        wide = np.exp(rng.uniform(-1.0, 1.0, n) * np.log(views.stretch))
        c, s = np.cos(turn), np.sin(turn)
        matrix = np.stack([np.stack([c * wide, s * wide], -1), np.stack([-s, c], -1)], 1).astype(np.float32)
        torso = np.linalg.norm(place[:, :, 5:7].mean(2) - place[:, :, 11:13].mean(2), axis=2)
        rough = rng.uniform(0.0, views.noise, n) * np.median(torso, axis=1)
        noise = rng.standard_normal(place.shape, np.float32) * rough[:, None, None, None].astype(np.float32)
        place[:] = (place - middle) @ matrix[:, None] + middle + noise

    def _lose(self, score: FloatArray, annotated: NDArray[np.bool_]) -> None:
        """Lose keypoints throughout a window: single ones, limbs; or all that nobody annotates."""
        rng, views, n = self._rng, self._recipe.views, len(score)
        lost = rng.random((n, 1, score.shape[2])) < views.lost_joint
        lost[:, :, list(TORSO)] = False
        for row in np.flatnonzero(rng.random(n) < views.lost_limb):
            lost[row, 0, list(_LIMBS[rng.integers(len(_LIMBS))])] = True
        score *= np.where(lost, rng.uniform(0.0, 0.7, lost.shape) * (score < 0.7), 1.0)
        score[annotated] = np.where(score[annotated] >= 0.5 * LEAST_SCORE, 1.0, 0.0)
        score[annotated, :, _FACE] = 0.0
