from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.pipeline.windows import Windows
from edgehar.types import Block, HopAcceleration


def block(index: int, rows: int = 32, sensors: int = 1, seed: int = 0) -> Block:
    rng = np.random.default_rng([index, seed])
    x = rng.normal(size=(rows, sensors * 6)).astype(np.float32)
    return Block((index + 1) * rows / 50.0, x, rng.random((rows, sensors)) < 0.7)


@given(st.integers(1, 150), st.integers(1, 40), st.integers(1, 3), st.integers(1, 120))
def test_each_window_is_the_newest_rows_and_their_coverage(
    length: int, rows: int, sensors: int, count: int
) -> None:
    worn = tuple(range(0, sensors, 2))
    windows = Windows(length, worn)
    blocks = [block(i, rows, sensors) for i in range(count)]
    x = np.concatenate([b.x for b in blocks])
    present = np.concatenate([b.present for b in blocks])

    made = [windows.push(item) for item in blocks]
    # Only now: a window that was handed on does not change afterwards.
    for i, item in enumerate(blocks):
        end = (i + 1) * rows
        assert len(made[i]) == (end >= length)
        for window in made[i]:
            assert window.t_end == item.t_end
            assert window.x.tobytes() == x[end - length : end].tobytes()
            assert window.coverage == pytest.approx(present[end - length : end].mean(axis=0)[list(worn)])


def test_rows_are_contiguous_single_precision() -> None:
    windows = Windows(64, [0])
    windows.push(block(0))
    (window,) = windows.push(block(1))

    assert window.x.dtype == np.float32
    assert window.x.flags.c_contiguous


def test_swing_is_the_largest_peak_to_peak_acceleration_of_the_newest_block() -> None:
    windows = Windows(64, [0, 1])
    loud = np.zeros((32, 12), np.float32)
    loud[3, 0] = 99.0
    quiet = np.zeros((32, 12), np.float32)
    quiet[:, 8] = 9.81
    quiet[5, 8] = 9.31
    quiet[6, 9] = 50.0
    present = np.ones((32, 2), np.bool_)

    windows.push(Block(0.64, loud, present))
    (window,) = windows.push(Block(1.28, quiet, present))

    assert window.peak_to_peak == pytest.approx(0.5)


def test_each_sensor_felt_its_own_peak_swing_and_mean_force_in_the_newest_block() -> None:
    windows = Windows(64, [0, 1, 3, 4], min_coverage=0.8)
    x = np.zeros((64, 30), np.float32)
    x[:, 2], x[:, 8], x[:, 20], x[:, 27:] = 10.0, 6.0, 9.0, 1.0  # the fifth has rates alone
    x[32:, 0], x[40, 0], x[3, 1] = 2.0, 34.0, 99.0
    x[50:, 7] = 8.0
    present = np.ones((64, 5), np.bool_)
    present[60, 1] = present[:30, 3] = False

    windows.push(Block(0.64, x[:32], present[:32]))
    (window,) = windows.push(Block(1.28, x[32:], present[32:]))

    # The second has a gap in the newest block, the third is not worn; the fourth is missing but back.
    assert set(window.excluded_sensors) == {3}
    assert set(window.hop_accelerations) == {0, 3}
    first = window.hop_accelerations[0]
    assert first.peak == pytest.approx(np.hypot(34.0, 10.0))
    assert first.peak_to_peak == pytest.approx(32.0)
    assert first.mean == pytest.approx((3.0, 0.0, 10.0))
    assert first.least == pytest.approx(np.hypot(2.0, 10.0))
    assert window.hop_accelerations[3] == HopAcceleration(9.0, 0.0, (0.0, 0.0, 9.0), 9.0)
    assert window.peak_to_peak == pytest.approx(32.0)


def test_the_first_window_brings_the_hops_before_its_newest() -> None:
    windows = Windows(96, [0])
    blocks = [
        Block(0.64 * (i + 1), np.full((32, 6), i, np.float32), np.ones((32, 1), bool)) for i in range(4)
    ]
    assert [windows.push(block) for block in blocks[:2]] == [[], []]
    (first,), (second,) = (windows.push(block) for block in blocks[2:])
    # The first block reads nothing but zeros: no accelerometer.
    assert [(t, {i: hop.mean for i, hop in hops.items()}) for t, hops in first.earlier_hops] == [
        (0.64, {}),
        (1.28, {0: (1.0, 1.0, 1.0)}),
    ]
    assert second.earlier_hops == ()
    windows.reset()
    assert windows.push(blocks[0]) == []
    windows.reset()
    windows.push(blocks[1])
    windows.push(blocks[1])
    assert len(windows.push(blocks[2])[0].earlier_hops) == 2


def swing_of(x: list[float], *, present: Sequence[bool] = (True, True), min_coverage: float = 0.8) -> float:
    """Return the peak-to-peak of two sensors that read the same `x` at every row but for noise on the rates."""
    rows = np.tile(np.array(x, np.float32), (32, 1))
    rows[::2, [3, 9]] += 1.0
    windows = Windows(32, [0, 1], min_coverage)
    (window,) = windows.push(Block(0.64, rows, np.tile(np.array(present), (32, 1))))
    return window.peak_to_peak


@pytest.mark.parametrize(
    ("first", "second", "present", "lies_still"),
    [
        (9.81, 9.81, (True, True), True),
        (0.0, 9.81, (True, True), True),
        (0.0, 0.0, (True, True), False),
        (0.0, 9.81, (True, False), False),
        (9.81, 0.0, (True, False), True),
        (9.81, 9.81, (False, False), False),
    ],
)
def test_only_a_sensor_with_acceleration_that_is_in_use_can_lie_still(
    first: float, second: float, present: Sequence[bool], *, lies_still: bool
) -> None:
    x = [0, 0, first, 0, 0, 0, 0, 0, second, 0, 0, 0]
    assert swing_of(x, present=present) == (0.0 if lies_still else np.inf)


def test_a_sensor_is_left_out_below_the_limit_and_back_at_it() -> None:
    windows = Windows(64, [0, 2], min_coverage=0.5)
    x, present = np.ones((32, 18), np.float32), np.ones((32, 3), np.bool_)
    gone = present & np.array([True, True, False])
    missing = [
        dict(window.excluded_sensors)
        for i, rows in enumerate([present, present, gone, gone, present])
        for window in windows.push(Block(0.64 * (i + 1), x, rows))
    ]
    assert missing == [{}, {}, {2: 0.0}, {}]


@given(st.lists(st.integers(0, 32), min_size=4, max_size=12))
def test_a_window_is_fresh_if_a_worn_sensor_has_any_row_of_the_newest_block(rows: list[int]) -> None:
    windows = Windows(128, [1])
    for i, n in enumerate(rows):
        present = np.zeros((32, 2), np.bool_)
        present[:, 0] = True  # a sensor that is not worn tells nothing
        present[:n, 1] = True
        for window in windows.push(Block(0.64 * (i + 1), np.zeros((32, 12), np.float32), present)):
            assert window.is_fresh is (n > 0)


def test_reset_forgets_the_rows() -> None:
    windows = Windows(64, [0])
    windows.push(block(0))
    windows.reset()

    assert windows.push(block(1)) == []
    assert len(windows.push(block(2))) == 1
