"""A person drawn with block characters."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.apps.skeleton import BONES, Skeleton, draw
from edgehar.types import ACCELERATION, KEYPOINT_CHANNELS, KEYPOINTS, FloatArray, Samples

STANDING = {
    "nose": (0.5, 0.1),
    "eye": (0.02, 0.08),
    "ear": (0.04, 0.09),
    "shoulder": (0.1, 0.2),
    "elbow": (0.14, 0.35),
    "wrist": (0.15, 0.5),
    "hip": (0.06, 0.5),
    "knee": (0.06, 0.7),
    "ankle": (0.06, 0.9),
}


def standing() -> FloatArray:
    """Return somebody who faces the camera, (17, 3)."""
    points = []
    for name in KEYPOINTS:
        joint, _, side = name.partition("_")
        x, y = STANDING[joint]
        points.append((x if not side else 0.5 + x if side == "left" else 0.5 - x, y, 0.9))
    return np.array(points, np.float32)


def samples(channels: tuple[str, ...], values: FloatArray) -> Samples:
    return Samples("camera", np.array([1.0]), values.reshape(1, -1), channels)


def test_bones_join_keypoints_that_exist() -> None:
    assert {name for bone in BONES for name in bone} == set(KEYPOINTS)


@given(st.integers(4, 30))
def test_who_stands_is_as_high_as_there_are_lines_and_narrower(rows: int) -> None:
    lines = draw(standing(), rows)
    assert len(lines) == rows
    assert lines[0]
    assert lines[-1]
    # A character is half as wide as high, and arms hang at 0.3 of the height.
    assert max(map(len, lines)) < 2 * rows


def test_head_is_above_and_feet_are_apart() -> None:
    lines = draw(standing(), 12)
    assert lines[-1].split() == lines[-2].split()
    assert len(lines[-1].split()) == 2


def test_a_joint_that_is_not_seen_is_not_drawn() -> None:
    points = standing()
    points[[KEYPOINTS.index(f"wrist_{side}") for side in ("left", "right")], 2] = 0.1
    drawn, without = "".join(draw(standing(), 12)), "".join(draw(points, 12))
    assert without.count(" ") != drawn.count(" ")
    points[:, 2] = 0.0
    assert draw(points, 12) == [""] * 12


@given(st.lists(st.floats(-4.0, 4.0), min_size=51, max_size=51))
def test_no_keypoints_make_it_fail(values: list[float]) -> None:
    assert len(draw(np.array(values, np.float32).reshape(17, 3), 8)) == 8


@pytest.mark.parametrize("rows", [6, 12])
def test_only_keypoints_are_taken_and_the_newest_is_drawn(rows: int) -> None:
    skeleton = Skeleton()
    skeleton.watch(0, samples(ACCELERATION, np.zeros(3, np.float32)))
    assert skeleton.lines(rows, 0.0) == []
    shown = samples(KEYPOINT_CHANNELS, standing())
    skeleton.watch(1, shown)
    t = shown.t.item(-1)
    assert skeleton.lines(rows, t + 1.0) == draw(standing(), rows)
    # Who has left is not there any more.
    assert skeleton.lines(rows, t + 3.0) == []
