"""A multinomial logistic regression on what stays as it is, an embedding and statistics of windows, that starts from opinions already held.

With little support what was held before decides, with much the support does. It is fitted by steps under a fixed bound
of the Hessian (Böhning 1992), so that every step goes downhill and nothing has to be tuned on the device.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PENALTY = 0.01
"""Weight of the squared weights; features have about length 1."""
TRUST = 0.5
"""Weight of the model's log-probabilities."""
STEPS = 30
_EVENING = 0.1
"""Share of the mean variance that is added to each feature's: one that hardly varies in a small support
is not blown up."""
_EVENING_STATISTICS = 0.05
"""Share of a statistic's mean size that is added to its standard deviation: they have all kinds of units."""
_LEAST = 1e-3
"""Standard deviation of a statistic that never varies."""
_CLIP = 4.0
"""Standard deviations up to which a statistic counts: a few of them have long tails."""


class Logistic(Struct, frozen=True, eq=False):
    """Addition of some support to the opinions already held."""

    center: Array
    """(features,)."""
    scale: Array
    """(features,)."""
    weights: Array
    """(features + 1, labels); the last row is the bias."""
    trust: float
    statistics: int = 0
    """The last so many features are statistics."""

    def scores(self, x: Array, log_probability: Array) -> Array:
        """Score (windows, labels), not normalized, of (windows, features) and (windows, labels)."""
        scaled = features(x, self.center, self.scale, self.statistics)
        return self.trust * log_probability + scaled @ self.weights


def fit(
    x: Array,
    log_probability: Array,
    truth: Array,
    weight: Array | None = None,
    trust: float = TRUST,
    penalty: float = PENALTY,
    statistics: int = 0,
) -> Logistic:
    """Fit a logistic regression to the support.

    Args:
        x: (n, features) of the support.
        log_probability: (n, labels), held before.
        truth: (n, labels), each row the shares of what is true.
        weight: (n,), of each row; all count 1 without it.
        trust: weight of the log-probabilities; 0 forgets them.
        penalty: of the squared weights.
        statistics: how many of the features, the last ones, are statistics.
    """
    center, scale = standard(x, statistics)
    x = features(x, center, scale, statistics)
    share = np.ones((len(x), 1)) if weight is None else weight[:, None]
    offset = trust * log_probability
    weights = np.zeros((x.shape[1], truth.shape[1]))
    # The Hessian is nowhere above this one (Böhning 1992), so every step goes downhill.
    step = np.linalg.inv(0.5 * x.T @ (share * x) + penalty * np.eye(x.shape[1]))
    for _ in range(STEPS):
        slope = x.T @ (share * (softmax(offset + x @ weights) - truth)) + penalty * weights
        weights = weights - step @ slope
    return Logistic(center, scale, weights, trust, statistics)


def standard(x: Array, statistics: int = 0) -> tuple[Array, Array]:
    """Return center and scale (features,) by which `features` makes rows of about length 1, half of its square of the statistics."""
    embedding, last = np.split(x, [x.shape[1] - statistics], axis=1)
    variance = embedding.var(axis=0)
    evened = variance + _EVENING * variance.mean() + np.finfo(np.float64).tiny
    scale = np.sqrt(evened * embedding.shape[1])
    if statistics:
        size = last.std(axis=0) + _EVENING_STATISTICS * np.abs(last).mean(axis=0) + _LEAST
        # However many there are, they weigh as much as the embedding.
        scale = np.sqrt(2.0) * np.concatenate([scale, size * np.sqrt(statistics)])
    return x.mean(axis=0), scale


def features(x: Array, center: Array, scale: Array, statistics: int = 0) -> Array:
    """Scale to about length 1, and append a constant 1 for the bias."""
    scaled = np.column_stack([(x - center) / scale, np.ones(len(x))])
    if statistics:
        most = _CLIP / np.sqrt(2.0 * statistics)
        some = scaled[:, -statistics - 1 : -1]
        np.clip(some, -most, most, out=some)
    return scaled


def softmax(scores: Array) -> Array:
    """Return (windows, labels), each row's exponentials to a sum of 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
