import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.types import Block
from edgehar.windows import Windows


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

    for i, item in enumerate(blocks):
        end = (i + 1) * rows
        made = windows.push(item)
        assert len(made) == (end >= length)
        for window in made:
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

    assert window.swing == pytest.approx(0.5)


def test_reset_forgets_the_rows() -> None:
    windows = Windows(64, [0])
    windows.push(block(0))
    windows.reset()

    assert windows.push(block(1)) == []
    assert len(windows.push(block(2))) == 1
