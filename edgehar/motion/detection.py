"""A small pose network's view of a person: keypoints with noise, mistakes and scores, as MoveNet gives them.

Sizes of noise are shares of the torso's length in the picture; they and the rates of mistakes are round numbers about
what such networks do on people in a room: a percent or three where a joint is plain to see, more where it is fast,
hidden or guessed; left and right changed for some pictures, mostly from behind and from the side.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.motion.camera import Camera
from edgehar.motion.draws import draw_log_uniform
from edgehar.motion.skeleton import Array
from edgehar.types import KEYPOINTS, FloatArray, Times

Flags = NDArray[np.bool_]

LEFT = np.array([i for i, name in enumerate(KEYPOINTS) if name.endswith("_left")])
RIGHT = LEFT + 1
"""Pairs of keypoints, by index."""
_SHOULDERS, _HIPS = [5, 6], [11, 12]
_LIMBS = [7, 8, 9, 10, 13, 14, 15, 16]
_ARMS, _LEGS = [7, 8, 9, 10], [13, 14, 15, 16]
_UNCERTAIN = np.array([0.6] * 5 + [0.8, 0.8, 1.1, 1.1, 1.4, 1.4, 1.4, 1.4, 1.1, 1.1, 1.4, 1.4])
"""Noise of each keypoint against the others'."""
_GUESS = 0.18
"""Deviation of a guessed keypoint, in torso lengths."""


class Eye(Struct, frozen=True):
    """One camera's and network's way to see one person."""

    noise: float
    """Deviation of what is plain to see, in torso lengths."""
    drift_s: float
    """Time over which an error stays much the same."""
    blur: float
    """More of it, in torso lengths, for each torso length per second."""
    mistakes: float
    """Times per minute that left and right are changed, seen from the front."""
    certainty: float
    """Mean score of what is plain to see."""
    steps: int
    """Scores are whole parts of 1 by this."""


def draw_eye(rng: np.random.Generator) -> Eye:
    """Draw one."""
    return Eye(
        noise=draw_log_uniform(rng, 0.01, 0.04),
        drift_s=draw_log_uniform(rng, 0.1, 0.8),
        blur=rng.uniform(0.0, 0.02),
        mistakes=draw_log_uniform(rng, 0.3, 6.0),
        certainty=rng.uniform(0.5, 0.85),
        steps=int(rng.choice((12, 24, 255))),
    )


def detect(
    points: Array, t: Times, camera: Camera, behind: Flags, eye: Eye, rng: np.random.Generator
) -> FloatArray:
    """Return the keypoints (rows, 17, 3), x, y and score, that a network gives of pictures taken at `t`, s.

    `points` (rows, 17, 3) are where they are in the room; `behind` (rows, 17) is what furniture hides.
    """
    place, depth = camera.project(points)
    torso = _torso(points, depth, camera)
    outside = ~camera.shows(place, depth)
    hidden = _covered(place, depth, torso) | _turned_away(depth)
    guessed = outside | behind
    place = np.clip(place, (-0.02, -0.02), (camera.aspect + 0.02, 1.02))
    speed = _speed(place, t) / torso[:, None]
    step = float(np.median(np.diff(t)))
    sigma = eye.noise * _UNCERTAIN + eye.blur * speed
    sigma = np.where(guessed, _GUESS, np.where(hidden, 3.0 * sigma + 0.03, sigma))
    error = _lasting(place.shape, step / eye.drift_s, rng)
    error = 0.8 * error + 0.6 * rng.standard_normal(place.shape)
    seen = place + (np.minimum(sigma, 0.5) * torso[:, None])[:, :, None] * error
    score = _scores(eye, guessed, hidden, speed, step, rng)
    mistaken = _mistaken(seen, depth, hidden, t, eye, rng)
    jumped = np.take_along_axis(seen, mistaken[:, :, None], axis=1)
    score = np.take_along_axis(score, mistaken, axis=1)
    jumped = np.clip(jumped, (-0.05, -0.05), (camera.aspect + 0.05, 1.05))
    return np.concatenate([jumped, score[:, :, None]], axis=2).astype(np.float32)


def _torso(points: Array, depth: Array, camera: Camera) -> Array:
    """Return (rows,), how long the torso would look from the front, in heights of the picture."""
    length = np.linalg.norm(points[:, _SHOULDERS].mean(axis=1) - points[:, _HIPS].mean(axis=1), axis=1)
    return np.asarray(camera.focal * length / np.maximum(depth[:, _SHOULDERS + _HIPS].mean(axis=1), 0.3))


def _covered(place: Array, depth: Array, torso: Array) -> Flags:
    """Tell which limbs are behind the torso, or behind the other one."""
    hidden = np.zeros(depth.shape, np.bool_)
    top, bottom = place[:, _SHOULDERS].mean(axis=1), place[:, _HIPS].mean(axis=1)
    along = bottom - top
    for joint in _LIMBS:
        from_top = place[:, joint] - top
        share = np.clip((from_top * along).sum(axis=1) / np.maximum((along**2).sum(axis=1), 1e-6), 0.0, 1.0)
        beside = np.linalg.norm(from_top - share[:, None] * along, axis=1)
        trunk = depth[:, _SHOULDERS].mean(axis=1) * (1.0 - share) + depth[:, _HIPS].mean(axis=1) * share
        other = joint + (1 if joint % 2 else -1)
        apart = np.linalg.norm(place[:, joint] - place[:, other], axis=1)
        hidden[:, joint] = (beside < 0.22 * torso) & (depth[:, joint] > trunk + 0.08)
        hidden[:, joint] |= (apart < 0.15 * torso) & (depth[:, joint] > depth[:, other] + 0.08)
    return hidden


def _turned_away(depth: Array) -> Flags:
    """Tell which points of the face are on its far side, and which shoulder and hip."""
    hidden = np.zeros(depth.shape, np.bool_)
    ears = depth[:, 3:5].mean(axis=1)
    hidden[:, :3] = (depth[:, 0] > ears + 0.03)[:, None]
    for left, near in ((1, 0.04), (3, 0.09), (5, 0.25), (11, 0.13)):
        hidden[:, left] |= depth[:, left] > depth[:, left + 1] + near
        hidden[:, left + 1] |= depth[:, left + 1] > depth[:, left] + near
    return hidden


def _speed(place: Array, t: Times) -> Array:
    return np.asarray(np.linalg.norm(np.gradient(place, t, axis=0), axis=2))


def _lasting(shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> Array:
    """Return noise of deviation 1 along rows, each much like the one before."""
    keep = float(np.exp(-rate))
    noise = rng.standard_normal(shape)
    noise[1:] *= np.sqrt(1.0 - keep**2)
    for row in range(1, len(noise)):
        noise[row] += keep * noise[row - 1]
    return noise


def _scores(
    eye: Eye, guessed: Flags, hidden: Flags, speed: Array, step: float, rng: np.random.Generator
) -> Array:
    usual = eye.certainty + rng.normal(0.0, 0.06, guessed.shape[1])
    score = usual - 0.02 * np.minimum(speed, 10.0)
    score = np.where(hidden, score * rng.uniform(0.3, 0.9, guessed.shape[1]), score)
    score = np.where(guessed, rng.uniform(0.02, 0.28, guessed.shape[1]), score)
    score += 0.08 * _lasting(score.shape, step / 0.5, rng)
    # Now and then a joint is lost for no reason that one sees.
    lost = _episodes(guessed.shape, step, 1.5 / 60.0, 0.4, rng)
    score = np.where(lost, 0.25 * score, score)
    return np.clip(np.round(score * eye.steps) / eye.steps, 0.0, 1.0)


def _mistaken(
    place: Array, depth: Array, hidden: Flags, t: Times, eye: Eye, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each keypoint (rows, 17) that whose place it takes: mostly itself."""
    rows, step = len(place), float(np.median(np.diff(t)))
    whose = np.tile(np.arange(place.shape[1]), (rows, 1))
    away = depth[:, 0] > depth[:, 3:5].mean(axis=1)
    sideways = np.abs(depth[:, 5] - depth[:, 6]) > 0.25
    often = eye.mistakes / 60.0 * (1.0 + 4.0 * away.mean() + 4.0 * sideways.mean())
    for group in (range(17), _ARMS, _LEGS):
        changed = _episodes((rows, 1), step, often * (0.3 if len(group) > 4 else 1.0), 0.25, rng)[:, 0]
        for left in [joint for joint in group if joint % 2]:
            whose[changed, left], whose[changed, left + 1] = whose[changed, left + 1], whose[changed, left]
    # A limb that the body hides is seen where the other one is.
    drawn = _episodes((rows, place.shape[1]), step, 0.3, 0.4, rng) & hidden
    for joint in _LIMBS:
        whose[drawn[:, joint], joint] = joint + (1 if joint % 2 else -1)
    return whose


def _episodes(
    shape: tuple[int, int], step: float, per_s: float, mean_s: float, rng: np.random.Generator
) -> Flags:
    """Return stretches that begin `per_s` times a second and last `mean_s`, in each column by itself."""
    begun = rng.random(shape) < min(per_s * step, 0.5)
    ends = np.zeros(shape, np.bool_)
    for row, column in np.argwhere(begun):
        ends[row : row + 1 + int(rng.exponential(mean_s) / step), column] = True
    return ends
