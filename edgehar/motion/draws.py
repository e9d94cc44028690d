"""Random draws that every activity and site needs: angles given in degrees, and log-uniform sizes."""

from collections.abc import Mapping

import numpy as np

Range = tuple[float, float]
"""Lowest and highest value."""
Ranges = Mapping[str, Range]
"""Ranges by the names of a pose's angles, degrees."""


def draw_angle(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw an angle in rad, uniform between two in degrees."""
    return float(np.deg2rad(rng.uniform(low, high)))


def draw_angles(rng: np.random.Generator, ranges: Ranges) -> dict[str, float]:
    """Draw one angle in rad from each range of degrees."""
    return {name: draw_angle(rng, *span) for name, span in ranges.items()}


def draw_log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a positive number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(*np.log((low, high)))))
