"""The loop that all studies fit their networks by: same seed, same weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.training.progress import Progress
from edgehar.types import FloatArray

_AT_ONCE = 256
"""Windows."""


def drawn(rows: NDArray[np.int64], batch: int, steps: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield so many batches of rows, those of each pass through all of them in another order."""
    rng = np.random.default_rng((seed, 41))
    order = rng.permutation(rows)
    for _ in range(steps):
        while len(order) < batch:
            order = np.concatenate([order, rng.permutation(rows)])
        yield order[:batch]
        order = order[batch:]


def fit(
    model: Any,
    batches: Iterator[tuple[FloatArray, FloatArray]],
    steps: int,
    progress: Progress,
    stage: str,
) -> None:
    """Fit a compiled Keras model to so many batches of input and targets."""
    for i, (x, targets) in zip(range(steps), batches, strict=False):
        model.train_on_batch(x, targets)
        progress(stage, i + 1, steps)


def answers(model: Any, x: FloatArray) -> NDArray[np.int64]:
    """Return the index of the label that a Keras model of logits or probabilities gives each window, (n,)."""
    # By hand: `predict` builds a pipeline that complains on stderr.
    # Padded, as another number of windows would be another graph.
    padded = np.pad(x, ((0, -len(x) % _AT_ONCE), *((0, 0),) * (x.ndim - 1)))
    parts = [
        np.argmax(model.predict_on_batch(padded[i : i + _AT_ONCE]), axis=1)
        for i in range(0, len(x), _AT_ONCE)
    ]
    return np.concatenate(parts)[: len(x)].astype(np.int64)
