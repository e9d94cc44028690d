"""A person's keypoints as the network sees them."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from edgehar.pipeline.torso import FEATURES, from_torso
from edgehar.types import KEYPOINTS, FloatArray

RATE = 20.0
SHOULDERS = [KEYPOINTS.index(f"shoulder_{side}") for side in ("left", "right")]
HIPS = [KEYPOINTS.index(f"hip_{side}") for side in ("left", "right")]
NOSE = KEYPOINTS.index("nose")


def person(rows: int = 50) -> FloatArray:
    """Return somebody who moves a little, torso 0.2 heights long, (rows, 17, 3)."""
    points = np.random.default_rng(3).uniform(0.2, 0.8, (rows, len(KEYPOINTS), 3)).astype(np.float32)
    points[:, SHOULDERS, :2] = [[0.45, 0.3], [0.55, 0.3]]
    points[:, HIPS, :2] = [[0.46, 0.5], [0.54, 0.5]]
    points[:, :, 2] = 0.9
    return points


def features(points: FloatArray) -> FloatArray:
    return from_torso(points.reshape(len(points), -1), RATE).reshape(
        len(points), len(KEYPOINTS), len(FEATURES)
    )


@settings(deadline=None)
@given(st.floats(0.3, 3.0), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_neither_distance_nor_place_in_the_picture_matters(size: float, x: float, y: float) -> None:
    points = person()
    elsewhere = points.copy()
    elsewhere[:, :, :2] = points[:, :, :2] * size + np.array([x, y], np.float32)
    assert features(elsewhere) == pytest.approx(features(points), abs=1e-2)


def test_places_are_torso_lengths_from_the_hips() -> None:
    shown = features(person())
    assert shown[:, HIPS, :2].mean(axis=1) == pytest.approx(0.0, abs=1e-5)
    assert shown[:, SHOULDERS, 1] == pytest.approx(-1.0, abs=1e-5)


def test_who_moves_as_a_whole_has_a_velocity() -> None:
    points = person()
    points[:] = points[:1]
    points[:, :, 1] -= (0.1 / RATE * np.arange(len(points), dtype=np.float32))[:, None]
    assert features(points)[:, :, 3] == pytest.approx(-0.5, abs=1e-3)


def test_what_is_not_seen_is_zero() -> None:
    points = person()
    points[:, NOSE, 2] = 0.1
    assert not features(points)[:, NOSE].any()
    points[:, :, 2] = 0.0
    assert not features(points).any()


def test_a_torso_too_short_to_see_makes_no_infinity() -> None:
    assert np.isfinite(from_torso(np.zeros((50, 51), np.float32), RATE)).all()
