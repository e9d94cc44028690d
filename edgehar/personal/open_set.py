"""The reach of what was taught: where in the embedding a head may speak at all.

The spread within one person's label is about the same for all (a tied covariance, shrunk towards a sphere), so that few
windows of each are enough; its squared Mahalanobis distance to the nearest taught label says how unlike everything
taught a window is (Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples").
"""

import numpy as np
from msgspec import Struct

from edgehar.personal.logistic import Array, Indices

REACH = 8.0
"""Times the median distance of the taught windows, at which the head and the network have half the say each: chosen on
people of wisdm_watch whom the shipped model was tuned on (`docs/personalize_scores.md`)."""
_SHRINK = 0.2
_STEEPNESS = 4
_LEAST = 1e-3
"""Variance, or squared distance: a single window has none."""


class Reach(Struct, frozen=True, eq=False):
    """Places of the taught labels."""

    whitening: Array
    """(features, directions)."""
    means: Array
    """(labels, directions)."""
    reach: float
    """Squared distance."""

    def membership(self, embedding: Array) -> Array:
        """Return (windows,) how much of each lies within what was taught, 0..1; half at the reach."""
        z = embedding @ self.whitening
        nearest = np.square(z[:, None] - self.means[None]).sum(axis=2).min(axis=1)
        return np.asarray(1.0 / (1.0 + (nearest / self.reach) ** _STEEPNESS))


def fit_reach(embedding: Array, label: Indices, spread: Array) -> Reach:
    """Measure the reach of the support (n, features), (n,), by a spread (rows, features) around means of labels."""
    means = np.stack([embedding[label == i].mean(axis=0) for i in range(int(label.max()) + 1)])
    features = embedding.shape[1]
    covariance = spread.T @ spread / len(spread)
    sphere = max(np.trace(covariance) / features, _LEAST)
    values, vectors = np.linalg.eigh((1 - _SHRINK) * covariance + _SHRINK * sphere * np.eye(features))
    whitening = vectors / np.sqrt(values * features)
    # Few windows, or one, show too little of how wide they spread.
    usual = [
        np.median(np.square(rows @ whitening).sum(axis=1)) for rows in (embedding - means[label], spread)
    ]
    return Reach(whitening, means @ whitening, REACH * max(*map(float, usual), _LEAST))


def residuals(embedding: Array, group: Indices) -> Array:
    """Return each row less the mean of its group, of groups of two rows or more."""
    count = np.bincount(group)
    sums = np.zeros((len(count), embedding.shape[1]))
    np.add.at(sums, group, embedding)
    centered = embedding - sums[group] / count[group][:, None]
    return np.asarray(centered[count[group] > 1])
