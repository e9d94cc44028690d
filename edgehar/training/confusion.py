"""Counts of true against recognized labels, and F1 from them."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
Indices = NDArray[np.int64]


def confusion(true: Indices, predicted: Indices, labels: int, answers: int) -> Counts:
    """Count windows (labels, answers), given the index of each window's label and of its answer."""
    cells = np.bincount(
        np.ravel_multi_index((true, predicted), (labels, answers)), minlength=labels * answers
    )
    return cells.astype(np.float64).reshape(labels, answers)


def f1(counts: Counts) -> Counts:
    """Return F1 (..., labels) of (..., labels, answers), whose first answers are the labels; nan for absent ones."""
    labels = counts.shape[-2]
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, answered = counts.sum(axis=-1), counts[..., :labels].sum(axis=-2)
    each: Counts = np.divide(2 * right, true + answered, out=np.full(true.shape, np.nan), where=true > 0)
    return each


def resolved(allowed: NDArray[np.bool_], answer: Indices) -> Indices:
    """Return the truth, (n,), of windows in which several labels, (n, labels), may be true: the answer if it is one of them.

    Else the first of them. So what is known by half is right or wrong, and no label is scored for what nobody knows.
    """
    right = allowed[np.arange(len(answer)), answer]
    return np.where(right, answer, allowed.argmax(axis=1))
