"""A network that is compiled once and fitted many times, each time from a beginning of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edgehar.training import fit


def one_core() -> None:
    """Let TensorFlow use one core, unless it has begun with more: figures of time are those of one."""
    import tensorflow as tf  # noqa: PLC0415  # loads in seconds, and only desktops have it

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # it has begun
        return


class Refit:
    """A compiled Keras model, and how it is made anew."""

    def __init__(self, make: Callable[[], Any], compiled: Callable[[Any], Any]) -> None:
        """Make the model; `compiled` compiles what is fitted of it, and returns that."""
        fit.begin(0)
        self._make = make
        self.model = make()
        self.fitted = compiled(self.model)
        optimizer = self.fitted.optimizer
        optimizer.build(self.fitted.trainable_variables)
        self._optimizer = [(variable, np.asarray(variable).copy()) for variable in optimizer.variables]

    def restart(self, seed: int) -> Any:
        """Draw all weights and the state of the dropouts by a seed, forget what the optimizer knows; return the model."""
        fit.begin(seed)
        for variable, drawn in zip(self.model.variables, self._make().variables, strict=True):
            variable.assign(drawn)
        for variable, first in self._optimizer:
            variable.assign(first)
        return self.model


def plain(make: Callable[[], Any], learning_rate: float = 1e-3) -> Refit:
    """Return a classifier with probabilities, fitted by Adam to cross-entropy."""

    def compiled(model: Any) -> Any:
        import keras  # noqa: PLC0415

        model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy")
        return model

    return Refit(make, compiled)
