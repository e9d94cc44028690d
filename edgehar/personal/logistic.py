"""A multinomial logistic regression on a frozen embedding, that starts from opinions already held.

With little support what was held before decides, with much the support does. It is fitted by steps under a fixed bound
of the Hessian (Böhning 1992), so that every step goes downhill and nothing has to be tuned on the device.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PENALTY = 0.01
"""Of the squared weights; features have about length 1."""
TRUST = 0.5
"""Weight of the model's log-probabilities."""
STEPS = 30
_EVENING = 0.1
"""Share of the mean variance that is added to each feature's: one that hardly varies in a small support
is not blown up."""


class Logistic(Struct, frozen=True, eq=False):
    """Addition of some support to the opinions already held."""

    center: Array
    """(features,)."""
    scale: Array
    """(features,)."""
    weights: Array
    """(features + 1, labels); the last row is the bias."""
    trust: float

    def scores(self, embedding: Array, log_probability: Array) -> Array:
        """Score (windows, labels), not normalized, of (windows, features) and (windows, labels)."""
        return self.trust * log_probability + features(embedding, self.center, self.scale) @ self.weights


def fit(
    embedding: Array,
    log_probability: Array,
    truth: Array,
    weight: Array | None = None,
    trust: float = TRUST,
    penalty: float = PENALTY,
) -> Logistic:
    """Fit a logistic regression to the support.

    Args:
        embedding: (n, features) of the support.
        log_probability: (n, labels), held before.
        truth: (n, labels), each row the shares of what is true.
        weight: (n,), of each row; all count 1 without it.
        trust: weight of the log-probabilities; 0 forgets them.
        penalty: of the squared weights.
    """
    center, scale = standard(embedding)
    x = features(embedding, center, scale)
    share = np.ones((len(x), 1)) if weight is None else weight[:, None]
    offset = trust * log_probability
    weights = np.zeros((x.shape[1], truth.shape[1]))
    # The Hessian is nowhere above this one (Böhning 1992), so every step goes downhill.
    step = np.linalg.inv(0.5 * x.T @ (share * x) + penalty * np.eye(x.shape[1]))
    for _ in range(STEPS):
        slope = x.T @ (share * (softmax(offset + x @ weights) - truth)) + penalty * weights
        weights = weights - step @ slope
    return Logistic(center, scale, weights, trust)


def standard(embedding: Array) -> tuple[Array, Array]:
    """Return center and scale (features,) by which `features` makes rows of about length 1."""
    variance = embedding.var(axis=0)
    evened = variance + _EVENING * variance.mean() + np.finfo(np.float64).tiny
    return embedding.mean(axis=0), np.sqrt(evened * embedding.shape[1])


def features(embedding: Array, center: Array, scale: Array) -> Array:
    """Scale to about length 1, and append a constant 1 for the bias."""
    return np.column_stack([(embedding - center) / scale, np.ones(len(embedding))])


def softmax(scores: Array) -> Array:
    """Return (windows, labels), each row's exponentials to a sum of 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
