"""Our pose tCNN fitted to labelled clips of keypoints, and rounded to int8.

Window, network, views and normalization are those of the recipe of the shipped pair; it begins at the shipped float weights,
all but those of the labels, or at random.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.litert import load_runtime
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import export, recipe as recipes, tcn, weights
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.film import Film, as_counts
from edgehar.training.keypoint_views import Views, normalize
from edgehar.training.progress import Progress
from edgehar.training.studies import loop
from edgehar.training.studies.refit import Refit
from edgehar.training.weights import Weights
from edgehar.types import FloatArray

SHIPPED = "pose_tcn"
_MOST_REPRESENTATIVE = 300
"""Windows from which the ranges of the int8 activations are taken."""


class Shipped(Struct, frozen=True, eq=False):
    """The shipped pair, its recipe and its float weights."""

    spec: ModelSpec
    recipe: CameraRecipe
    weights: Weights


def shipped() -> Shipped:
    """Read what stands beside the shipped pair; ModelError or ConfigError if a part is missing."""
    path = manifest.find(SHIPPED)
    spec, recipe = manifest.read(path), recipes.load_any(manifest.file_of(path, ".toml"))
    if not isinstance(recipe, CameraRecipe):
        raise ConfigError(f"{path}: expected the recipe of a camera's model beside it")
    return Shipped(spec, recipe, weights.read(path, spec))


class PoseTcn:
    """The network for other labels, compiled once."""

    def __init__(self, origin: Shipped, labels: Sequence[str], steps: int, batch: int) -> None:
        self._origin, self._labels, self._steps, self._batch = origin, tuple(labels), steps, batch
        self._refit = Refit(self._make, self._compiled)

    def _make(self, batch: int | None = None) -> Any:
        spec = self._origin.spec
        columns = len(spec.frames) * spec.modality.columns
        return tcn.build(self._origin.weights.network, spec.window, 1, columns, len(self._labels), batch)

    def _compiled(self, model: Any) -> Any:
        import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it

        classifier = keras.Model(model.inputs, model.get_layer("logits").output)
        course = self._origin.recipe.fit
        schedule = keras.optimizers.schedules.CosineDecay(course.learning_rate, self._steps, alpha=0.01)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=course.label_smoothing)
        classifier.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss)
        return classifier

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(self._refit.fitted.count_params())

    def fit(
        self,
        clips: Sequence[FloatArray],
        label: NDArray[np.int64],
        seed: int,
        progress: Progress,
        *,
        anew: bool,
    ) -> Recognizer:
        """Fit to the windows (n, window, 51) of each clip, `anew` from random weights; return the int8 network."""
        model = self._refit.restart(seed)
        if not anew:
            given = self._origin.weights.arrays
            for variable in model.weights:
                if not variable.path.startswith("logits/"):
                    variable.assign(given[variable.path].astype(np.float32))
        loop.fit(self._refit.fitted, self._batches(clips, label, seed), self._steps, progress, "one fit")
        return self._int8(model, np.concatenate(list(clips)), seed)

    def _batches(
        self, clips: Sequence[FloatArray], label: NDArray[np.int64], seed: int
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield views of one window of each drawn clip, so that long clips count no more than short ones."""
        x, rng = as_counts(np.concatenate(list(clips))), np.random.default_rng((seed, 43))
        counts = np.array([len(clip) for clip in clips])
        first = np.cumsum(counts) - counts
        views = Views(self._origin.recipe, Film(x, np.zeros(0, np.int64), np.zeros(0, np.int64)), seed)
        targets = np.eye(len(self._labels), dtype=np.float32)
        for rows in loop.drawn(np.arange(len(clips)), self._batch, self._steps, seed):
            yield views(first[rows] + rng.integers(counts[rows])), targets[label[rows]]

    def _int8(self, model: Any, x: FloatArray, seed: int) -> Recognizer:
        rows = np.random.default_rng((seed, 47)).permutation(len(x))[:_MOST_REPRESENTATIVE]
        content = export.to_int8(model, self._make(1), normalize(self._origin.recipe, x[rows]))
        spec = replace(
            self._origin.spec,
            labels=self._labels,
            tree={},
            alike={},
            temperature=1.0,
            sha256=export.digest(content),
        )
        return Recognizer(spec, load_runtime()(content, 1))
