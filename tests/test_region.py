"""The part of a picture that is looked at."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.errors import ConfigError
from edgehar.sources.camera.region import EVERYTHING, Region

PICTURE = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)


def test_everything_is_the_picture_itself() -> None:
    assert EVERYTHING.cut(PICTURE).shape == PICTURE.shape
    assert np.shares_memory(EVERYTHING.cut(PICTURE), PICTURE)


def test_a_quarter_is_cut_at_its_place() -> None:
    np.testing.assert_array_equal(Region(0.5, 0.25, 0.25, 0.5).cut(PICTURE), PICTURE[15:45, 40:60])


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.0001, 1), st.floats(0.0001, 1))
def test_what_lies_in_the_picture_has_pixels_and_all_else_is_refused(
    left: float, top: float, width: float, height: float
) -> None:
    if left + width <= 1 and top + height <= 1:
        assert Region(left, top, width, height).cut(PICTURE).size
    elif left + width > 1.001 or top + height > 1.001:
        with pytest.raises(ConfigError, match="shares of the picture"):
            Region(left, top, width, height)


@pytest.mark.parametrize("sides", [(0, 0, 0, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.5), (float("nan"), 0, 1, 1)])
def test_what_is_no_part_of_a_picture_is_refused(sides: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigError, match="expected left, top"):
        Region(*sides)
