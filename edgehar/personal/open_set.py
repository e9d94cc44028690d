"""The reach of what was taught: where in the embedding a head may speak at all.

The spread within a label is about the same for all (a tied covariance, shrunk towards a sphere), so that few windows
of each are enough; its squared Mahalanobis distance to the nearest taught label says how unlike everything taught
a window is (Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples").
"""

import numpy as np
from msgspec import Struct

from edgehar.personal.logistic import Array, Indices

_SHRINK = 0.2
_REACH = 10.0
"""Times the median distance of a label's own windows, up to which its reach goes."""


class Reach(Struct, frozen=True, eq=False):
    """Places of the taught labels."""

    whitening: Array
    """(features, directions)."""
    means: Array
    """(labels, directions)."""
    reach: Array
    """(labels,), squared distance."""

    def membership(self, embedding: Array) -> Array:
        """Return (windows,) how much of each lies within what was taught, 0..1; half at the reach."""
        z = embedding @ self.whitening
        distance = np.square(z[:, None] - self.means[None]).sum(axis=2)
        ratio = (distance / self.reach).min(axis=1)
        return np.asarray(1.0 / (1.0 + ratio**4))


def fit_reach(embedding: Array, label: Indices) -> Reach:
    """Measure the reach of each label of the support (n, features), (n,)."""
    count = int(label.max()) + 1
    centers = np.stack([embedding[label == i].mean(axis=0) for i in range(count)])
    residual = embedding - centers[label]
    covariance = residual.T @ residual / len(residual)
    features = len(covariance)
    sphere = np.trace(covariance) / features + np.finfo(np.float64).tiny
    values, vectors = np.linalg.eigh((1 - _SHRINK) * covariance + _SHRINK * sphere * np.eye(features))
    whitening = vectors / np.sqrt(values * features)
    z, means = embedding @ whitening, centers @ whitening
    distance = np.square(z - means[label]).sum(axis=1)
    reach = np.array(
        [_REACH * max(np.median(distance[label == i]), np.median(distance)) for i in range(count)]
    )
    return Reach(whitening, means, np.maximum(reach, _LEAST_REACH))


_LEAST_REACH = 1e-3
"""A single window has no spread."""
