"""Fine-tuning by the head first, then all of it (LP-FT: Kumar et al., ICLR 2022), with one network for many fits.

So a fit says two things: what the encoder as it is gives a new head, and what it becomes. Each starts from weights and a
seed; what was fitted before leaves no trace.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.training.fit import begin
from edgehar.training.recipe_parts import Count, Positive, Share
from edgehar.training.studies.loop import drawn
from edgehar.training.studies.networks import Weights, assign, encoder
from edgehar.types import FloatArray

_AT_ONCE = 256
"""Windows."""
_HEAD = ("hidden", "dropout", "logits")


class HeadFirst(Struct, frozen=True, forbid_unknown_fields=True):
    """Course of a fine-tuning, the same for whatever it starts from."""

    head_steps: Count = 300
    steps: Count = 200
    """Steps of all layers, afterwards."""
    batch: Count = 64
    learning_rate: Positive = 1e-3
    """At the start of both parts; falls along a cosine to a hundredth."""
    label_smoothing: Share = 0.05


class Lesson(Struct, frozen=True, eq=False):
    """Windows to learn from and others to answer, all as of `networks.shown`."""

    x: FloatArray
    """(n, 128, 12)"""
    label: NDArray[np.int64]
    """(n,)"""
    tested: FloatArray
    """(m, 128, 12)"""


class Tuner:
    """Network for so many labels, which is fitted as often as one likes."""

    def __init__(self, labels: int, course: HeadFirst) -> None:
        """Wire both parts; they are traced at the first fit."""
        import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it
        import tensorflow as tf  # noqa: PLC0415

        self._labels, self._course = labels, course
        self._model = encoder(labels)
        inputs, pooled = self._model.input, self._model.get_layer("pool").output
        self._body = keras.Model(inputs, pooled)
        x = given = keras.Input(pooled.shape[1:])
        for name in _HEAD:
            x = self._model.get_layer(name)(x)
        self._head = keras.Model(given, x)
        self._whole = keras.Model(inputs, self._model.get_layer("logits").output)
        self._features, self._logits, self._answers = (
            tf.function(partial(model, training=False), input_signature=[_any_number(model.input)])
            for model in (self._body, self._head, self._whole)
        )
        self._fits = [_Fit(self._head, course, course.head_steps), _Fit(self._whole, course, course.steps)]

    def fit(self, weights: Weights, seed: int, of: Lesson) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return answers of a new head on the encoder as it is, and of all of it fitted: (tested,) each."""
        begin(seed)
        fresh = encoder(self._labels)
        # Dropout's generator is a variable too, but no weight.
        for variable, given in zip(self._model.variables, fresh.variables, strict=True):
            variable.assign(given)
        assign(self._model, weights)
        rows = np.arange(len(of.x))
        features = _parts(self._features, of.x)
        self._fits[0].run(features, of.label, drawn(rows, self._course.batch, self._course.head_steps, seed))
        frozen = _parts(self._logits, _parts(self._features, of.tested)).argmax(axis=1)
        self._fits[1].run(of.x, of.label, drawn(rows, self._course.batch, self._course.steps, seed + 1))
        tuned = _parts(self._answers, of.tested).argmax(axis=1)
        return frozen.astype(np.int64), tuned.astype(np.int64)


class _Fit:
    """Steps of one part, with an optimizer that forgets between fits."""

    def __init__(self, model: Any, course: HeadFirst, steps: int) -> None:
        import keras  # noqa: PLC0415
        import tensorflow as tf  # noqa: PLC0415

        self._model = model
        schedule = keras.optimizers.schedules.CosineDecay(course.learning_rate, steps, alpha=0.01)
        self._optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
        self._optimizer.build(model.trainable_variables)
        self._loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=course.label_smoothing
        )
        self._start = [np.asarray(variable) for variable in self._optimizer.variables]
        targets = tf.TensorSpec((None, model.output_shape[-1]), tf.float32)
        self._step = tf.function(self._learn, input_signature=[_any_number(model.input), targets])

    def run(self, x: FloatArray, label: NDArray[np.int64], batches: Iterator[NDArray[np.int64]]) -> None:
        """Learn from batches of rows."""
        for variable, value in zip(self._optimizer.variables, self._start, strict=True):
            variable.assign(value)
        targets = np.eye(self._model.output_shape[-1], dtype=np.float32)
        for rows in batches:
            self._step(x[rows], targets[label[rows]])

    def _learn(self, x: Any, targets: Any) -> None:
        import tensorflow as tf  # noqa: PLC0415

        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._loss(targets, self._model(x, training=True))
            loss += tf.add_n(self._model.losses)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _any_number(inputs: Any) -> Any:
    """Describe a Keras input so that one trace serves any number of windows."""
    import tensorflow as tf  # noqa: PLC0415

    return tf.TensorSpec((None, *inputs.shape[1:]), tf.float32)


def _parts(function: Any, x: FloatArray) -> FloatArray:
    return np.concatenate([np.asarray(function(x[i : i + _AT_ONCE])) for i in range(0, len(x), _AT_ONCE)])
