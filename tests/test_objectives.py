"""The losses of joint pre-training: what they reward, and what they cannot see."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehar.training.build import fitting_libraries
from edgehar.training.studies.objectives import HIDDEN, SPAN, contrast, hidden_rows, reconstruction

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module", autouse=True)
def _libraries() -> None:
    fitting_libraries()


def infonce(
    a: NDArray[np.floating], b: NDArray[np.floating], scale: float, same: NDArray[np.floating]
) -> float:
    """Return the published formula, pair by pair."""
    total = 0.0
    for left, right in ((a, b), (b, a)):
        for i, row in enumerate(left):
            cosine = right @ row / np.linalg.norm(right, axis=1) / np.linalg.norm(row)
            exponent = np.exp(scale * cosine)
            positives = np.flatnonzero(same[i])
            total -= np.mean([np.log(exponent[j] / exponent.sum()) for j in positives]) / len(left)
    return 0.5 * total


@pytest.mark.parametrize("kinds", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 1, 1]])
def test_contrast_is_the_formula_with_one_positive_or_several(kinds: list[int]) -> None:
    a, b = RNG.standard_normal((2, 6, 4)).astype(np.float32)
    same = (np.array(kinds)[:, None] == kinds).astype(np.float32)
    assert float(contrast(a, b, 5.0, same)) == pytest.approx(infonce(a, b, 5.0, same), rel=1e-4)


def test_aligned_pairs_lose_less_than_shuffled_ones() -> None:
    a = RNG.standard_normal((8, 4)).astype(np.float32)
    same = np.eye(8, dtype=np.float32)
    aligned, shuffled = (
        float(contrast(a, 3.0 * a, 14.0, same)),
        float(contrast(a, np.roll(a, 1, 0), 14.0, same)),
    )
    assert aligned < 0.5 < shuffled


def test_windows_of_the_same_words_are_positives_of_each_other() -> None:
    a, b = RNG.standard_normal((2, 4, 4)).astype(np.float32)
    swapped = b[[1, 0, 3, 2]]
    apart, together = np.eye(4, dtype=np.float32), np.kron(np.eye(2), np.ones((2, 2))).astype(np.float32)
    assert float(contrast(a, b, 5.0, together)) == pytest.approx(
        float(contrast(a, swapped, 5.0, together)), rel=1e-5
    )
    assert abs(float(contrast(a, b, 5.0, apart)) - float(contrast(a, swapped, 5.0, apart))) > 0.1


def test_a_share_of_the_rows_is_hidden_in_spans() -> None:
    hidden = hidden_rows(np.random.default_rng(1), 200, 128)
    share = hidden.mean(axis=1)
    assert share.min() >= HIDDEN[0] - 0.01
    assert share.max() <= HIDDEN[1] + 0.01
    assert np.ptp(share) > 0.1
    edges = np.abs(np.diff(hidden.astype(int), axis=1)).sum(axis=1) / 2
    assert (hidden.sum(axis=1) / np.maximum(edges, 0.5)).mean() > SPAN[0]


def test_only_hidden_rows_count() -> None:
    truth = RNG.standard_normal((3, 10, 2)).astype(np.float32)
    answer = truth.copy()
    hidden = np.zeros((3, 10), np.float32)
    hidden[0, :4] = 1.0
    answer[0, 4:] += 7.0
    assert float(reconstruction(truth, answer, hidden)) == 0.0
    answer[0, 1] += 2.0
    assert float(reconstruction(truth, answer, hidden)) == pytest.approx(1.0)
