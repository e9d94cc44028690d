"""`python -m benchmarks.pose_forest DATA [WORK]`: a random forest in the place of `pose_tcn`, on the same windows.

It is grown on one view of each window that the shipped recipe films (WORK is the build's folder, `build/pose_tcn`), from the
mean, the deviation, the least and the greatest of each column of the network's input, and scored on the clips of annotated poses
as the network is.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from edgehar.cli.recipe_arguments import WORKERS, opened_build
from edgehar.evaluation import pose_sets
from edgehar.evaluation.pictures import scores_of
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.keypoint_views import normalize
from edgehar.training.simulations import simulation_of
from edgehar.training.synthesize import FOREST_VIEWS
from edgehar.types import FloatArray

RECIPE = Path("models/pose_tcn.toml")
TREES, LEAST_LEAF, MOST = 100, 2, 12_000
"""Trees, windows in a leaf, and windows that they are grown on: more would take long."""


def features(x: FloatArray) -> FloatArray:
    """Return (n, 4 * columns) statistics of network inputs (n, window, columns)."""
    return np.concatenate([x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(axis=1)], axis=1)


def grown(recipe: CameraRecipe, x: FloatArray, label: NDArray[np.int64]) -> RandomForestClassifier:
    """Grow the forest."""
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=LEAST_LEAF, random_state=recipe.seed % 2**32, n_jobs=2
    )
    return forest.fit(features(x), label)


def main(data: str, work: str = "build/pose_tcn") -> None:
    """Print the share of clips that is right, of each set."""
    with opened_build(RECIPE, Path(work), WORKERS) as build:
        film, recipe = build.windows(), build.recipe
    assert isinstance(recipe, CameraRecipe)
    rows = np.random.default_rng(1).permutation(len(film.x))[:MOST]
    forest = grown(recipe, simulation_of(recipe).views(recipe, film, FOREST_VIEWS)(rows), film.label[rows])
    for name in (pose_sets.JHMDB, pose_sets.PENN):
        clips = pose_sets.read_clips(Path(data) / "pose", name)
        windows = [pose_sets.windows(clip, recipe.rate_hz, recipe.window, recipe.hop) for clip in clips]
        counts = np.array([len(x) for x in windows])
        shown = np.concatenate([features(normalize(recipe, x)) for x in windows])
        sums = np.add.reduceat(forest.predict_proba(shown), np.cumsum(counts) - counts)
        answers = np.array(recipe.labels)[sums.argmax(axis=1)]
        for title, scored in scores_of(clips, answers, counts).items():
            print(
                f"{name}, {title}: {scored.right} {scored.interval}, macro-F1 {scored.macro_f1}", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:3])
