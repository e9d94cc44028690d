"""Fitting: the network sees new views of the same windows in every epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views
from edgehar.training.tcn import build
from edgehar.types import FloatArray


def fit(recipe: Recipe, data: Dataset, tick: Callable[[float, float], None]) -> Any:
    """Fit the recipe's network; `tick` hears of loss and accuracy after each step. Same seed, same weights."""
    import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it
    import tensorflow as tf  # noqa: PLC0415

    keras.utils.set_random_seed(recipe.seed % 2**32)
    tf.config.experimental.enable_op_determinism()
    model = build(recipe.network, recipe.window, recipe.channels, len(recipe.labels))
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.fit.learning_rate, steps(recipe, len(data.x)), alpha=0.01
    )
    classifier = keras.Model(model.inputs, model.get_layer("logits").output)
    classifier.compile(
        keras.optimizers.Adam(schedule, clipnorm=1.0),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.fit.label_smoothing),
        metrics=["accuracy"],
    )
    views = Views(recipe, data, seed=1)
    targets = np.eye(len(recipe.labels), dtype=np.float32)
    order = np.random.default_rng((recipe.seed, 8))
    for _ in range(recipe.fit.epochs):
        classifier.reset_metrics()
        for rows in batches(order.permutation(len(data.x)), recipe.fit.batch):
            loss, accuracy = classifier.train_on_batch(views(rows), targets[data.label[rows]])
            tick(float(loss), float(accuracy))
    return model


def steps(recipe: Recipe, windows: int) -> int:
    """Steps of the whole fit."""
    return max(1, windows // recipe.fit.batch) * recipe.fit.epochs


def batches(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Whole batches; what is left over waits for the next epoch. One smaller batch if there are too few."""
    count = max(1, len(rows) // size)
    return [rows[i * size : (i + 1) * size] for i in range(count)]


def representative(recipe: Recipe, data: Dataset) -> FloatArray:
    """Synthetic windows of all labels, for the ranges of the int8 activations."""
    rng = np.random.default_rng((recipe.seed, 9))
    rows = rng.permutation(len(data.x))[: recipe.fit.representative]
    return Views(recipe, data, seed=2)(rows)
