"""One simulated sensor as a source to learn from, and windows of sensors as networks of the study see them."""

from functools import cache

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training import recipe as recipes, synthesize
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe
from edgehar.types import FloatArray

BASE = "imu_tcn_synthetic"
"""The recipe of which people, labels and the small network are taken."""
SITES = {"wrist": ("wrist", "wrist"), "thigh": ("trouser_pocket", "thigh_strap")}
"""The recipe's sensor, and the simulated body's site, for each place that targets have."""
FOLD = 2
"""Rows that the published networks see as one: 25 Hz, near the 24 to 33 Hz of the published targets."""
_VIEWS = 60
"""Seed of the views."""
_AT_ONCE = 2048
"""Windows."""


class Simulated(Struct, frozen=True, eq=False):
    """Windows of one sensor on simulated people."""

    labels: tuple[str, ...]
    x: FloatArray
    """(n, 1, 2, rows, 3): acceleration, then angular rate, m/s² and rad/s."""
    label: NDArray[np.int64]


@cache
def base_recipe() -> Recipe:
    """Read the recipe that comes with the package."""
    return recipes.load(manifest.shipped() / f"{BASE}.toml")


def one_sensor(site: str, windows: int) -> Recipe:
    """Return the recipe of one sensor alone, of the labels that it can tell: a key of `SITES`."""
    recipe = base_recipe()
    sensor = next(sensor for sensor in recipe.sensors if sensor.name == SITES[site][0])
    labels = tuple(label for label in recipe.labels if not sensor.labels or label in sensor.labels)
    of = recipe.synthesis.activities
    return replace(
        recipe,
        labels=labels,
        sensors=(replace(sensor, sites=(SITES[site][1],), alone=1.0),),
        synthesis=replace(
            recipe.synthesis, windows=windows, activities={name: of[name] for name in of if name in labels}
        ),
        tree={},
        alike={},
    )


def simulate(site: str, windows: int, progress: Progress) -> Simulated:
    """Make windows of one sensor, each seen once as `Views` show it."""
    recipe = one_sensor(site, windows)
    data = synthesize.synthesize(recipe, 1, progress, f"simulating a {site}")
    views, rows = synthesize.Views(recipe, data, _VIEWS), np.arange(len(data.x))
    x = np.concatenate([views.windows(rows[i : i + _AT_ONCE]) for i in range(0, len(rows), _AT_ONCE)])
    return Simulated(tuple(recipe.labels), x, data.label)


def for_small(spec: ModelSpec, x: FloatArray) -> FloatArray:
    """Turn (n, sensors, 2, rows, 3) in SI units into what our networks see, (n, rows, sensors * 12)."""
    parts = [synthesize.normalize(spec, x[i : i + _AT_ONCE]) for i in range(0, len(x), _AT_ONCE)]
    return np.concatenate(parts)


def for_published(spec: ModelSpec, x: FloatArray) -> FloatArray:
    """Turn the same into (n, rows / FOLD, sensors * 6) for the published networks, means of `FOLD` rows.

    In the device's own axes, and of the scale that our networks get.
    """
    n, sensors, _, rows, _ = x.shape
    scale, clip = (
        np.reshape(np.asarray(part, np.float32), (2, 1, 3))
        for part in (spec.normalization.scale, spec.normalization.clip)
    )
    rows = rows // FOLD * FOLD
    shown = (np.clip(x[:, :, :, :rows], -clip, clip) / scale).reshape(n, sensors, 2, rows // FOLD, FOLD, 3)
    means: FloatArray = shown.mean(axis=4).transpose(0, 3, 1, 2, 4).reshape(n, rows // FOLD, sensors * 6)
    return means


def parts_of(sensors: int) -> tuple[tuple[int, ...], ...]:
    """Return the channels of each sensor in what `for_published` makes."""
    return tuple(tuple(range(6 * i, 6 * i + 6)) for i in range(sensors))
