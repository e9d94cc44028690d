"""A random forest on statistics of the same windows, which answers like `edgehar.pipeline.recognizer.Recognizer`."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import ConfigError, ModelError
from edgehar.personal.statistics import statistics
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import export
from edgehar.training.build import Build
from edgehar.training.cache import CachedArrays, cache_key, simulation_key
from edgehar.training.confusion import Indices
from edgehar.training.finetune import Finetune
from edgehar.training.people_views import PeopleViews
from edgehar.training.progress import Progress
from edgehar.training.provenance import TUNED_ON, people_of
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import FOREST_VIEWS, Dataset, Views, normalize
from edgehar.types import IMU_CHANNELS, FloatArray, Prediction, Window

FOREST_VERSION = 1
"""Raise it with any change that grows another forest on the same windows: in `personal.statistics`, in the trees here,
in the views of `synthesize`, or in what they draw from `motion.imu` (`draw_mountings`, `random_rotations`, `SITES`).
Then it is grown anew, in minutes."""
NAME = "random_forest"
TREES = 300
"""Round number; more change nothing."""
_LEAF = 5
"""Least windows in a leaf: round number, against trees that learn single windows by heart."""
_AT_ONCE = 500
"""Windows."""
_VIEWS = 60_000
"""Most views of recorded windows, as many as there are simulated ones of the shipped recipe."""
_PEOPLE_VIEWS = 1_000_002
"""Seed of these views, beyond those of a fine-tuning."""
_TINY = 1e-6
_WIDTH = len(IMU_CHANNELS)
_PICKLE = "forest"
"""Name of the array that holds a pickled forest."""


class Forest(Recognizer):
    """Random forest that answers from statistics of a window, by the rules of the recognizer."""

    def __init__(self, spec: ModelSpec, forest: Any) -> None:
        """Take a `RandomForestClassifier` whose classes are indices of the labels."""
        self.spec = spec
        self._trees = [tree.tree_ for tree in forest.estimators_]
        self._classes = forest.classes_
        width = len(spec.sensors)
        self._largest = np.tile(np.array(spec.normalization.clip, np.float32), width)
        self._scale = np.tile(np.array(spec.normalization.scale, np.float32), width)

    def push(self, window: Window) -> list[Prediction]:
        """Judge one window by the sensors that are not missing; without probabilities if all are."""
        w = window
        coverage, probabilities = max(w.coverage, default=0.0), None
        if len(w.excluded_sensors) < len(w.coverage):
            coverage = sorted(w.coverage)[len(w.excluded_sensors)]
            probabilities = self._among_offered(w)
        return [
            Prediction(
                w.t_end,
                probabilities,
                None,
                coverage,
                w.peak_to_peak,
                w.excluded_sensors,
                w.is_fresh,
                *self.fall_evidence(w),
            )
        ]

    def _among_offered(self, window: Window) -> FloatArray:
        """Return the probabilities (labels,) among what the sensors offer that are not missing."""
        x = np.clip(window.x, -self._largest, self._largest) / self._scale
        for sensor in window.excluded_sensors:
            x[:, sensor * _WIDTH : (sensor + 1) * _WIDTH] = 0.0
        mask = np.zeros(len(self.spec.labels), np.float32)
        mask[list(self.spec.offered(i for i in window.worn if i not in window.excluded_sensors))] = 1.0
        # Where no tree names anything that is offered, all of it is as likely.
        masked = (self.probabilities(statistics(x[None], self.spec.rate_hz)) + _TINY) * mask
        return np.asarray(masked / masked.sum(), np.float32)

    def probabilities(self, x: FloatArray) -> FloatArray:
        """Return (labels,), the mean of all trees for the features (1, n) of one window."""
        # The forest's own predict_proba gives the same; for a single window it takes ten times as long.
        mean = np.mean([tree.predict(x)[0] for tree in self._trees], axis=0)
        probabilities = np.zeros(len(self.spec.labels), np.float32)
        probabilities[self._classes] = mean
        return probabilities


def load(path: Path) -> Recognizer:
    """Load the forest of `NAME.npz` and `NAME.json`; ModelError if they are no pair.

    The manifest's sha256 guards against damage and mix-ups. It is no signature: who can write to the work folder can
    have any code run.
    """
    spec = manifest.read(path.with_suffix(".json"))
    try:
        with path.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != spec.sha256:
                raise ModelError(
                    f"{path}: another forest than that of its manifest, or damaged; delete both files"
                )
            handle.seek(0)
            with np.load(handle) as file:
                forest = pickle.loads(file[_PICKLE])  # noqa: S301  # written by `forest`
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    return Forest(spec, forest)


class Source(Struct, frozen=True):
    """Windows that a forest is grown on."""

    key: str
    """Key of the windows and of how it grows."""
    seed: int
    windows: Callable[[], tuple[FloatArray, Indices]]
    """Makes the features (n, sensors * 119) and the index of the label (n,)."""
    describe: Callable[[bytes], ModelSpec]
    """Makes the manifest of the file's content."""
    folder: Path
    workers: int
    progress: Progress


def simulated(build: Build, trees: int = TREES) -> Source:
    """Return the windows of a build: one view of each, drawn as for an epoch of the network."""
    recipe = build.imu_recipe

    def windows() -> tuple[FloatArray, Indices]:
        data = build.imu_windows()
        return views(recipe, data), data.label

    return Source(
        forest_key(recipe, trees),
        build.recipe.seed,
        windows,
        lambda content: export.describe(build.recipe, content, {}),
        build.folder,
        build.workers,
        build.progress,
    )


def recorded(tuning: Finetune, trees: int = TREES) -> Source:
    """Return the recorded windows that a model is fine-tuned on, drawn and turned as for it, but `_VIEWS` times alone.

    Where several labels may be true, one of them by chance.
    """

    def windows() -> tuple[FloatArray, Indices]:
        cut = tuning.windows()
        spec = replace(tuning.spec_of(cut), frames=("device",))
        people, rng = tuning.sides(cut)[0], np.random.default_rng((tuning.recipe.seed, _PEOPLE_VIEWS))
        views = PeopleViews(tuning.recipe, spec, people, _PEOPLE_VIEWS)
        parts = []
        for first in range(0, min(len(people.source), _VIEWS), _AT_ONCE):
            x, allowed = views.draw(min(_AT_ONCE, _VIEWS - first))
            chosen = (allowed * rng.random(allowed.shape)).argmax(axis=1)
            parts.append((statistics(normalize(spec, x), spec.rate_hz), chosen))
        return np.concatenate([x for x, _ in parts]), np.concatenate([label for _, label in parts])

    def describe(content: bytes) -> ModelSpec:
        cut = tuning.windows()
        origin = {TUNED_ON: people_of(tuning.recipe, tuning.sides(cut)[0])}
        return replace(tuning.spec_of(cut), sha256=export.digest(content), provenance=origin)

    key = _key({"views": _VIEWS, "seed": _PEOPLE_VIEWS}, tuning.state().key, trees)
    recipe = tuning.recipe
    return Source(key, recipe.seed, windows, describe, tuning.folder, tuning.workers, tuning.progress)


def grow(x: FloatArray, label: Indices, seed: int, workers: int, trees: int = TREES) -> Any:
    """Grow a forest on features (n, sensors * 119) of windows; same seed, same trees.

    Raises:
        ImportError: without scikit-learn.
    """
    forest = _scikit_learn().ensemble.RandomForestClassifier(
        trees, min_samples_leaf=_LEAF, n_jobs=workers, random_state=seed % 2**32
    )
    return forest.fit(x, label)


def _scikit_learn() -> Any:
    import sklearn.ensemble  # noqa: PLC0415  # loads in seconds

    return sklearn


def views(recipe: Recipe, data: Dataset) -> FloatArray:
    """Return features of one view of each window in the device's axes, made a few windows at a time."""
    draw = Views(replace(recipe, frames=("device",)), data, seed=FOREST_VIEWS)
    rows = np.arange(len(data.x))
    parts = [statistics(draw(rows[i : i + _AT_ONCE]), recipe.rate_hz) for i in range(0, len(rows), _AT_ONCE)]
    return np.concatenate(parts)


def forest(source: Source, trees: int = TREES) -> Path:
    """Return the file of a random forest on these windows, grown unless it is kept.

    It is a pickle inside an array, so that its key and checksum are seen before it is loaded.

    Raises:
        ConfigError: if it cannot be kept; what lies in its place is another forest, and is not scored.
        ImportError: without scikit-learn.
    """
    path = source.folder / f"{NAME}.npz"
    cached = CachedArrays(path, source.key)
    if cached.load() is None:
        x, label = source.windows()
        source.progress(f"growing {trees} trees", 0, 1)
        content = pickle.dumps(grow(x, label, source.seed, source.workers, trees))
        cached.save({_PICKLE: np.frombuffer(content, np.uint8)})
        source.progress(f"growing {trees} trees", 1, 1)
        if not cached.is_good():
            raise ConfigError(f"{path}: not written; make room for it, or give another folder by --work")
    export.write_manifest(path.with_suffix(""), source.describe(path.read_bytes()))
    return path


def forest_key(recipe: Recipe, trees: int = TREES, version: int = FOREST_VERSION) -> str:
    """Return the key of a random forest of so many trees on the recipe's windows."""
    parts = {
        name: msgspec.to_builtins(getattr(recipe, name)) for name in ("sensors", "views", "normalization")
    }
    return _key(parts, simulation_key(recipe), trees, version)


def _key(parts: dict[str, Any], windows: str, trees: int, version: int = FOREST_VERSION) -> str:
    libraries = f"numpy {np.__version__}, scikit-learn {_scikit_learn().__version__}"
    return cache_key(parts, f"forest {version} of {trees} trees", windows, libraries)
