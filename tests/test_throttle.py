"""Which frames a throttle takes."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.sources.camera.throttle import Throttle


def taken(times: list[float], max_fps: float) -> list[float]:
    throttle = Throttle(max_fps)
    return [t for t in times if throttle.takes(t)]


@pytest.mark.parametrize(("fps", "expected"), [(30, 15), (25, 15), (15, 15), (10, 10), (60, 15)])
def test_the_rate_is_the_largest_that_the_camera_has_below_the_bound(fps: int, expected: int) -> None:
    times = np.arange(0.0, 20.0, 1 / fps).tolist()
    assert len(taken(times, 15.0)) / 20 == pytest.approx(expected, rel=0.02)


def test_jitter_of_every_second_frame_leaves_no_frame_out() -> None:
    rng = np.random.default_rng(1)
    times = (np.arange(600) / 30 + rng.uniform(-0.004, 0.004, 600)).tolist()
    assert len(taken(times, 15.0)) == pytest.approx(300, abs=6)


@given(
    st.lists(st.floats(0.0, 2.0), min_size=2, max_size=200),
    st.floats(1.0, 60.0),
)
def test_there_are_never_more_than_allowed_after_any_pauses(gaps: list[float], max_fps: float) -> None:
    times = np.cumsum(gaps).tolist()
    chosen = taken(times, max_fps)
    assert chosen[0] == times[0]
    # Two in a row may be closer after a pause, three never are.
    for first, third in zip(chosen, chosen[2:], strict=False):
        assert third - first >= 0.74 / max_fps - 1e-9


@given(st.lists(st.floats(0.001, 2.0), min_size=1, max_size=50))
def test_without_a_bound_all_are_taken(gaps: list[float]) -> None:
    times = np.cumsum(gaps).tolist()
    assert taken(times, math.inf) == times
    assert all(later > earlier for earlier, later in pairwise(times))
