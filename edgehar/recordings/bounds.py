"""Bounds of rates and shares that few counts show, exact where that is cheap, without SciPy.

A rate per hour: the exact Poisson bound (Garwood, Biometrika 28, 1936). A share: the score bound (Wilson, JASA 22, 1927). All are
one-sided.
"""

from math import exp, lgamma, log, sqrt
from statistics import NormalDist

LEVEL = 0.95
"""Confidence of every bound, unless it is given."""


def poisson_below(count: int, mean: float) -> float:
    """Return the probability of at most `count` events where `mean` are expected."""
    if mean <= 0.0:
        return 1.0
    return min(1.0, sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1)))


def upper_bound(count: int, hours: float, level: float = LEVEL) -> float:
    """Return the upper bound of a Poisson rate per hour after `count` events in `hours`, which are not 0."""
    low, high = float(count), 10.0 + 2.0 * count
    while poisson_below(count, high) > 1.0 - level:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if poisson_below(count, middle) > 1.0 - level:
            low = middle
        else:
            high = middle
    return high / hours


def upper_share(count: int, of: int, level: float = LEVEL) -> float:
    """Return the upper bound of a share after `count` of so many; 1 of none."""
    if not of:
        return 1.0
    z, share = NormalDist().inv_cdf(level), count / of
    spread = z * sqrt(share * (1.0 - share) / of + (z / (2 * of)) ** 2)
    return min(1.0, (share + z * z / (2 * of) + spread) / (1.0 + z * z / of))
