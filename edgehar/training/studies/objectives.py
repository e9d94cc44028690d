"""The losses of joint pre-training, on Keras tensors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN = (0.15, 0.30)
"""Least and largest share of the rows of a window that are hidden."""
SPAN = (5, 20)
"""Shortest and longest stretch that is hidden at once, rows."""


def contrast(one_side: Any, other: Any, scale: Any, same: Any) -> Any:
    """Return the symmetric InfoNCE of two kinds of embeddings (n, d), pair by pair.

    `scale` is the inverse temperature. Where `same` (n, n) is 1, two windows show the same: such pairs are positives too,
    with equal shares, instead of negatives.
    """
    from keras import ops  # noqa: PLC0415  # loads in seconds

    first, second = (ops.normalize(side, axis=-1, order=2, epsilon=1e-6) for side in (one_side, other))
    logits = scale * ops.matmul(first, ops.transpose(second))
    shares = same / ops.sum(same, axis=1, keepdims=True)
    # `same` is symmetric, so that its rows serve both ways.
    both = [
        ops.mean(ops.sum(shares * ops.log_softmax(each), axis=1)) for each in (logits, ops.transpose(logits))
    ]
    return -0.5 * (both[0] + both[1])


def hidden_rows(rng: np.random.Generator, windows: int, rows: int) -> NDArray[np.bool_]:
    """Draw which rows of each window are hidden, (windows, rows): spans, until their share is reached."""
    hidden = np.zeros((windows, rows), np.bool_)
    for each, share in zip(hidden, rng.uniform(*HIDDEN, windows), strict=True):
        wanted = round(share * rows)
        while (missing := wanted - int(each.sum())) > 0:
            span = min(int(rng.integers(SPAN[0], SPAN[1] + 1)), missing)
            start = int(rng.integers(rows - span + 1))
            each[start : start + span] = True
    return hidden


def reconstruction(truth: Any, answer: Any, hidden: Any) -> Any:
    """Return the mean squared error over hidden rows: (n, rows, channels) twice, and (n, rows) of 0 and 1."""
    from keras import ops  # noqa: PLC0415  # loads in seconds

    errors = ops.mean(ops.square(truth - answer), axis=-1)
    return ops.sum(errors * hidden) / ops.maximum(ops.sum(hidden), 1.0)
