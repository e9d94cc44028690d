"""A camera in a room: a pinhole that stands, hangs or is held somewhere, and what of the room it shows where.

Room: z up, m. Picture: x to the right and y down from the upper left corner, in heights of the picture, as
`types.KEYPOINT_CHANNELS` has them.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.motion.draws import draw_angle
from edgehar.motion.skeleton import Array, rotation_about
from edgehar.motion.waveforms import Drift

_NEAREST = 0.1
"""m before the lens; what is nearer is nowhere."""
_FOLLOW_S = 0.6
"""Lag of a hand that follows somebody, s: a round number."""


class Camera(Struct, frozen=True, eq=False):
    """A camera over time."""

    place: Array
    """(3,), m."""
    turns: Array
    """(rows, 3, 3), room to camera: x to the right, y down, z into the picture. One row stands for all."""
    focal: float
    """Focal length in heights of the picture."""
    aspect: float
    """Width of the picture by its height."""

    def project(self, points: Array) -> tuple[Array, Array]:
        """Return where points (rows, n, 3) are in the picture, (rows, n, 2), and how far before the lens, (rows, n), m."""
        seen = np.einsum(
            "rij,rnj->rni", np.broadcast_to(self.turns, (len(points), 3, 3)), points - self.place
        )
        depth = seen[:, :, 2]
        flat = self.focal * seen[:, :, :2] / np.maximum(depth, _NEAREST)[:, :, None]
        return np.add(flat, (0.5 * self.aspect, 0.5)), depth

    def shows(self, place: Array, depth: Array) -> NDArray[np.bool_]:
        """Tell which of the points that `project` returned lie in the picture."""
        x, y = place[..., 0], place[..., 1]
        return (x >= 0.0) & (x <= self.aspect) & (y >= 0.0) & (y <= 1.0) & (depth > _NEAREST)


def looking(place: Array, azimuth: Array, pitch: Array, roll: Array, focal: float, aspect: float) -> Camera:
    """Point a camera: azimuth against x, counterclockwise, pitch upward, roll clockwise as one looks, rad over time."""
    rows = len(azimuth)
    level = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    turns = level @ rotation_about(1, pitch, rows) @ rotation_about(2, -azimuth, rows)
    return Camera(place, rotation_about(2, -roll, rows) @ turns, focal, aspect)


class Standpoint(Struct, frozen=True):
    """Range of one kind of camera."""

    distance: tuple[float, float]
    """m from the person, over ground."""
    height: tuple[float, float]
    """m above the floor."""
    aim: tuple[float, float]
    """Height at which it looks where the person is, in heights of the person's own points above their lowest."""


ROOM = Standpoint(distance=(1.6, 6.0), height=(0.5, 2.4), aim=(0.25, 0.75))
"""On a shelf, a wall, a tripod, or held: the whole person mostly."""
DESK = Standpoint(distance=(0.6, 1.4), height=(0.8, 1.5), aim=(0.65, 1.0))
"""On a screen before somebody: the upper half at most."""

_PICTURES = ((16 / 9, 0.6), (4 / 3, 0.25), (3 / 4, 0.05), (9 / 16, 0.1))
"""Width by height, and how often."""


def draw_camera(
    points: Array, at: int, step: float, standpoint: Standpoint, held: float, rng: np.random.Generator
) -> Camera:
    """Draw a camera that has the person of these points (rows, n, 3), a row each `step` s, in the picture at row `at`.

    `held` is the share of cameras that are held and follow.
    """
    low, high = points[at, :, 2].min(), points[at, :, 2].max()
    middle = points.mean(axis=1)
    away, distance = rng.uniform(-np.pi, np.pi), rng.uniform(*standpoint.distance)
    place = middle[at] + distance * np.array([np.cos(away), np.sin(away), 0.0])
    place[2] = rng.uniform(*standpoint.height)
    ratios, shares = zip(*_PICTURES, strict=True)
    aspect = ratios[rng.choice(len(ratios), p=shares)]
    # The field of view that makers name is that of the longer side.
    focal = max(aspect, 1.0) / (2.0 * np.tan(0.5 * np.deg2rad(rng.uniform(48.0, 88.0))))
    aimed = middle.copy()
    aimed[:, 2] = low + rng.uniform(*standpoint.aim) * max(high - low, 0.5)
    beside = 0.3 * aspect / focal * rng.uniform(-1.0, 1.0)
    if rng.random() < held:
        azimuth, pitch = _following(place, aimed, step, rng)
        azimuth += 0.5 * beside
    else:
        azimuth, pitch = (angle[at : at + 1] for angle in _angles(place, aimed))
        azimuth = azimuth + beside
    pitch = np.clip(pitch, np.deg2rad(-40.0), np.deg2rad(20.0))
    roll = np.full(len(pitch), np.deg2rad(np.clip(rng.normal(0.0, 2.5), -8.0, 8.0)))
    return looking(place, azimuth, pitch, roll, float(focal), float(aspect))


def _angles(place: Array, aimed: Array) -> tuple[Array, Array]:
    x, y, z = (aimed - place).T
    return np.unwrap(np.arctan2(y, x)), np.arctan2(z, np.hypot(x, y))


def _following(place: Array, aimed: Array, step: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Follow with some lag and an unsteady hand."""
    keep = np.exp(-step / rng.uniform(0.3, 2.0 * _FOLLOW_S))
    followed = []
    for angle in _angles(place, aimed):
        late = angle.copy()
        for row in range(1, len(late)):
            late[row] += keep * (late[row - 1] - angle[row])
        shake = Drift(rng, rng.uniform(0.3, 1.0), draw_angle(rng, 0.1, 1.5))
        followed.append(np.add(late, shake(step * np.arange(len(late), dtype=np.float64))))
    return followed[0], followed[1]
