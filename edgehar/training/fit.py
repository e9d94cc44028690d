"""Fitting: the network sees new views of the same windows in every epoch.

Order and views are a function of seed and epoch, and the state after each epoch is kept: a fit that
was interrupted goes on to the very bytes of one that was not. A change of the fit raises `cache.FIT_VERSION`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.cache import CachedArrays
from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import ModelRecipe
from edgehar.training.simulations import SimulatedWindows, simulation_of
from edgehar.training.synthesize import FIRST_EPOCH_VIEWS, REPRESENTATIVE_VIEWS
from edgehar.training.tcn import Network, build
from edgehar.types import FloatArray

_AT_ONCE = 256
"""Windows."""

_Batch = tuple[FloatArray, FloatArray]


def network(model: ModelRecipe | ModelSpec, shape: Network, batch: int | None = None) -> Any:
    """Make a model's network of this shape as the seed of the moment draws it."""
    channels = len(model.frames) * model.modality.columns
    return build(shape, model.window, len(model.sensors), channels, len(model.labels), batch)


def fit(
    recipe: ModelRecipe, data: SimulatedWindows, progress: Progress, cached: CachedArrays | None = None
) -> Any:
    """Fit the recipe's network, going on from what is cached. Same seed, same weights.

    Progress is in steps, those of an earlier run included; the stage says how much of the epoch was right so far.
    """
    total = steps(recipe, len(data.x))
    state, targets = _state(recipe, total), np.eye(len(recipe.labels), dtype=np.float32)
    epoch, draw_views = state.recall(cached), simulation_of(recipe).views
    each = total // recipe.fit.epochs
    progress(_stage(0.0), epoch * each, total)
    for number in range(epoch, recipe.fit.epochs):
        right = 0.0
        order = np.random.default_rng((recipe.seed, 8, number)).permutation(len(data.x))
        views = draw_views(recipe, data, FIRST_EPOCH_VIEWS + number)
        drawn = ((views(rows), targets[data.label[rows]]) for rows in batches(order, recipe.fit.batch))
        for i, (x, label) in enumerate(ahead(drawn)):
            right += state.step(x, label)
            progress(_stage(right / (i + 1)), number * each + i + 1, total)
        state.keep(cached, number + 1)
    return state.model


def _stage(accuracy: float) -> str:
    return f"fitting, {accuracy:.1%} of the epoch right"


def ahead(drawn: Iterator[_Batch]) -> Iterator[_Batch]:
    """Yield the same batches, each made while the network learns from the one before."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, drawn, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, drawn, None)
            yield batch


def untrained(recipe: ModelRecipe) -> Any:
    """Make the recipe's network as its seed draws it."""
    begin(recipe.seed)
    return network(recipe, recipe.network)


def begin(seed: int) -> None:
    """Let all that TensorFlow draws and sums from now on be a function of the seed."""
    import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it
    import tensorflow as tf  # noqa: PLC0415

    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()


class State:
    """All that a step changes: network, optimizer, and the states of the dropouts' generators."""

    def __init__(self, model: Any, learning_rate: float, total: int, loss: Any, right: Any) -> None:
        """Wire a network for `total` steps; `loss` and the share that is `right` are of targets and logits."""
        import keras  # noqa: PLC0415

        self.model = model
        self.classifier = keras.Model(model.inputs, model.get_layer("logits").output)
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, total, alpha=0.01)
        optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
        optimizer.build(self.classifier.trainable_variables)
        self.classifier.compile(optimizer, loss, metrics=[right])
        self._variables = [*self.classifier.variables, *optimizer.variables]

    def step(self, x: FloatArray, targets: FloatArray) -> float:
        """Learn from one batch; return the share of it that was right."""
        _, accuracy = self.classifier.train_on_batch(x, targets)
        return float(accuracy)

    def recall(self, cached: CachedArrays | None) -> int:
        """Take over the state that is cached; return the epochs that it went through."""
        arrays = cached.load() if cached else None
        if arrays is None:
            return 0
        for i, variable in enumerate(self._variables):
            variable.assign(arrays[f"variable_{i}"])
        return int(arrays["epoch"])

    def keep(self, cached: CachedArrays | None, epoch: int) -> None:
        """Keep the state after so many epochs."""
        if cached is not None:
            arrays = {f"variable_{i}": np.asarray(variable) for i, variable in enumerate(self._variables)}
            cached.save(arrays | {"epoch": np.array(epoch)})


def _state(recipe: ModelRecipe, total: int) -> State:
    import keras  # noqa: PLC0415

    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.fit.label_smoothing)
    return State(untrained(recipe), recipe.fit.learning_rate, total, loss, "accuracy")


def epochs(cached: CachedArrays) -> int:
    """Count the epochs that a cached fit went through."""
    arrays = cached.load() if cached.is_good() else None
    return 0 if arrays is None else int(arrays["epoch"])


def steps(recipe: ModelRecipe, windows: int) -> int:
    """Count the steps of the whole fit."""
    return max(1, windows // recipe.fit.batch) * recipe.fit.epochs


def batches(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut whole batches; what is left over waits for the next epoch. One smaller batch if there are too few."""
    count = max(1, len(rows) // size)
    return [rows[i * size : (i + 1) * size] for i in range(count)]


def logits(model: Any, x: FloatArray) -> FloatArray:
    """Return the logits (n, labels) of the float32 network."""
    # By hand: `predict` builds a pipeline that complains on stderr.
    parts = [model.predict_on_batch(x[i : i + _AT_ONCE])["logits"] for i in range(0, len(x), _AT_ONCE)]
    return np.concatenate(parts)


def representative(recipe: ModelRecipe, data: SimulatedWindows) -> FloatArray:
    """Draw synthetic windows of all labels, for the ranges of the int8 activations."""
    rng = np.random.default_rng((recipe.seed, 9))
    rows = rng.permutation(len(data.x))[: recipe.fit.representative]
    return simulation_of(recipe).views(recipe, data, REPRESENTATIVE_VIEWS)(rows)
