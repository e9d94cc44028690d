"""Where the network looks for the person in the next picture."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.sources.camera.crop import Crop, next_crop, torso_is_visible, whole
from edgehar.types import KEYPOINTS, FloatArray

ASPECTS = st.floats(0.4, 2.5)


@st.composite
def keypoints(draw: st.DrawFn) -> FloatArray:
    values = draw(st.lists(st.floats(-0.5, 2.0), min_size=34, max_size=34))
    scores = draw(st.lists(st.floats(0.0, 1.0), min_size=17, max_size=17))
    return np.column_stack([np.reshape(values, (17, 2)), scores]).astype(np.float32)


def person(x: float, y: float, torso: float) -> FloatArray:
    """Return who stands upright with the hips at (x, y), all scores 0.9."""
    points = np.tile(np.array([x, y, 0.9], np.float32), (17, 1))
    for name, up in {
        "shoulder": 1.0,
        "nose": 1.5,
        "eye": 1.6,
        "ear": 1.5,
        "knee": -0.8,
        "ankle": -1.6,
    }.items():
        points[[name in keypoint for keypoint in KEYPOINTS], 1] = y - up * torso
    return points


def inside(crop: Crop, points: FloatArray) -> bool:
    low, high = (crop.left, crop.top), (crop.left + crop.size, crop.top + crop.size)
    return bool((points[:, :2] >= low).all() and (points[:, :2] <= high).all())


@given(ASPECTS)
def test_at_first_it_is_the_smallest_square_around_the_picture(aspect: float) -> None:
    crop = whole(aspect)
    assert crop.size == max(1.0, aspect)
    assert crop.middle == pytest.approx((aspect / 2, 0.5))


@given(keypoints(), ASPECTS)
def test_it_is_never_larger_than_the_whole_and_never_empty(points: FloatArray, aspect: float) -> None:
    crop = next_crop(points, aspect)
    assert 0.0 < crop.size <= max(1.0, aspect)


@given(keypoints(), ASPECTS)
def test_without_a_shoulder_or_a_hip_the_whole_picture_is_looked_at(
    points: FloatArray, aspect: float
) -> None:
    for part in ("shoulder", "hip"):
        hidden = points.copy()
        hidden[[part in name for name in KEYPOINTS], 2] = 0.2
        assert not torso_is_visible(hidden)
        assert next_crop(hidden, aspect) == whole(aspect)


@given(st.floats(0.3, 1.4), st.floats(0.3, 0.7), st.floats(0.03, 0.1))
def test_it_holds_the_person_with_a_margin_around_the_hips(x: float, y: float, torso: float) -> None:
    points = person(x, y, torso)
    crop = next_crop(points, 16 / 9)
    assert crop.middle == pytest.approx((x, y), abs=1e-4)
    assert inside(crop, points)
    # What reaches farthest are the head and the feet at 1.6 torsos; the torso itself takes 1.9.
    assert crop.size == pytest.approx(2 * max(1.2 * 1.6, 1.9) * torso, rel=1e-3)


@given(st.floats(0.3, 1.4), st.floats(0.3, 0.7), st.floats(0.03, 0.1), st.integers(0, 4))
def test_keypoints_that_are_not_seen_do_not_count(x: float, y: float, torso: float, hidden: int) -> None:
    points = person(x, y, torso)
    points[hidden] = (5.0, 5.0, 0.19)
    assert next_crop(points, 16 / 9).size < 4 * torso


@given(st.floats(0.3, 1.4), st.floats(0.3, 0.7), st.floats(0.03, 0.1), st.floats(-0.1, 0.1))
def test_it_moves_with_the_person(x: float, y: float, torso: float, step: float) -> None:
    before, after = (next_crop(person(x + dx, y, torso), 16 / 9) for dx in (0.0, step))
    assert after.left - before.left == pytest.approx(step, abs=1e-4)
    assert after.size == pytest.approx(before.size, rel=1e-3)


def test_who_fills_the_picture_is_looked_for_in_all_of_it() -> None:
    assert next_crop(person(0.9, 0.5, 0.6), 16 / 9) == whole(16 / 9)
