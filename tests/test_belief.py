from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from edgehar.pipeline.belief import LEAST_PROBABILITY, SAME_KIND, Belief, plain_prior
from edgehar.pipeline.label_tree import LabelTree

LABELS = ("sitting", "standing", "walking", "falling", "other")
TREE = LabelTree(LABELS, {"still": ("sitting", "standing")})
PRIOR = plain_prior(TREE, never={"falling"})
KINDS = [0, 0, 1, 2, 3]
STAY_S, POWER = 100.0, 0.3
EVEN = [0.2] * 5
"""Says nothing."""

probabilities = st.lists(st.sampled_from([0.0, 1e-6, 0.01, 0.3, 0.7, 1.0]), min_size=5, max_size=5)
steps = st.sampled_from([0.64, 0.64, 0.64, 1.28, 7.0, 600.0])
windows = st.lists(st.tuples(steps, probabilities), min_size=1, max_size=30)

Windows = list[tuple[float, list[float]]]


def belief() -> Belief:
    return Belief(PRIOR, KINDS, STAY_S, POWER)


def sees(belief: Belief, seen: Windows) -> list[list[float]]:
    """Return the belief after each window."""
    t, after = 50.0, []
    for step, p in seen:
        t += step
        belief.push(p, t)
        after.append(belief.now)
    return after


def transitions(seconds: float) -> NDArray[np.float64]:
    """Return the probability of each label (column) after each (row), by small steps of the rates."""
    prior, kinds = np.array(PRIOR), np.array(KINDS)
    same = (kinds[:, None] == kinds) * prior
    totals = same.sum(axis=1, keepdims=True)
    same = np.where(totals > 0, same / np.where(totals > 0, totals, 1), np.eye(5))
    rates = (SAME_KIND * same + (1 - SAME_KIND) * prior - np.eye(5)) / STAY_S
    return np.linalg.matrix_power(np.eye(5) + rates * seconds / 2**20, 2**20)


def likelihood(p: list[float]) -> NDArray[np.float64]:
    values = np.array(p)
    return np.where(values > 0, np.maximum(values, LEAST_PROBABILITY) ** POWER, 0.0)


def plain_forward(seen: Windows) -> list[NDArray[np.float64]]:
    """Return the belief after each window by matrices; a window that speaks of nothing possible says nothing."""
    now, after = np.array(PRIOR), []
    for i, (step, p) in enumerate(seen):
        moved = now @ transitions(step) if i else now
        weighed = moved * likelihood(p)
        now = weighed / weighed.sum() if weighed.sum() else moved
        after.append(now)
    return after


@given(windows)
def test_belief_sums_to_one(seen: Windows) -> None:
    for now in sees(belief(), seen):
        assert sum(now) == pytest.approx(1.0)
        assert min(now) >= 0.0


@given(windows)
def test_window_by_window_it_is_the_forward_pass_over_all(seen: Windows) -> None:
    for now, plain in zip(sees(belief(), seen), plain_forward(seen), strict=True):
        assert now == pytest.approx(plain.tolist(), abs=1e-5)


@given(windows, st.permutations(range(5)))
def test_labels_in_another_order_give_the_belief_in_that_order(seen: Windows, order: list[int]) -> None:
    first = sees(belief(), seen)
    other = Belief([PRIOR[i] for i in order], [KINDS[i] for i in order], STAY_S, POWER)
    second = sees(other, [(step, [p[i] for i in order]) for step, p in seen])
    for a, b in zip(first, second, strict=True):
        assert b == pytest.approx([a[i] for i in order], abs=1e-9)


@given(probabilities, st.lists(st.floats(0.1, 300.0), min_size=2, max_size=8))
def test_time_without_evidence_moves_it_towards_the_prior(p: list[float], gaps: list[float]) -> None:
    seen = sees(belief(), [(1.0, p), *((gap, EVEN) for gap in gaps)])
    distances = [sum(abs(a - b) for a, b in zip(now, PRIOR, strict=True)) for now in seen]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(distances))


@given(probabilities, st.floats(0.1, 300.0), st.floats(0.1, 300.0))
def test_time_without_evidence_may_be_looked_at_as_often_as_one_likes(
    p: list[float], first: float, second: float
) -> None:
    at_once = sees(belief(), [(1.0, p), (first + second, EVEN)])[-1]
    in_two = sees(belief(), [(1.0, p), (first, EVEN), (second, EVEN)])[-1]
    assert in_two == pytest.approx(at_once, abs=1e-9)


def test_whoever_stops_to_sit_stands_more_likely_than_they_walk() -> None:
    _, later = sees(belief(), [(1.0, [0.9, 0, 0, 0, 0]), (30.0, EVEN)])
    sitting, standing, walking, *_ = later
    assert sitting > standing > 1.5 * walking


def test_what_the_sensors_cannot_tell_has_no_belief() -> None:
    after = sees(belief(), [(1.0, EVEN), (1.0, [0.5, 0.5, 0, 0, 0])])
    assert after[-1][2] == after[-1][4] == 0.0


def test_a_label_of_no_prior_is_entered_by_assuming_it_alone() -> None:
    machine = belief()
    sees(machine, [(1.0, [0.01, 0.01, 0.01, 0.96, 0.01])] * 20)
    assert machine.now[3] == 0.0
    machine.assume(3)
    assert machine.now[3] == pytest.approx(0.9)
    machine.push([0.01, 0.01, 0.01, 0.96, 0.01], 71.0)
    assert machine.now[3] > 0.9
    for i in range(20):
        machine.push([0.9, 0.025, 0.025, 0.025, 0.025], 72.0 + i)
    assert machine.now[0] > 0.9
    machine.rule_out(3)
    sees(machine, [(1.0, [0.01, 0.01, 0.01, 0.96, 0.01])] * 20)
    assert machine.now[3] == 0.0
    assert sum(machine.now) == pytest.approx(1.0)


@given(windows, st.sets(st.integers(0, 4), min_size=1))
def test_the_backward_pass_is_the_smoothing_of_all_windows(seen: Windows, labels: set[int]) -> None:
    machine = belief()
    filtered = sees(machine, seen)
    times = (50.0 + np.cumsum([step for step, _ in seen])).tolist()
    expected, later = times[-1], np.array([float(i in labels) for i in range(5)])
    for i in range(len(seen) - 1, 0, -1):
        step, p = seen[i]
        heard = likelihood(p) if plain_forward(seen[:i])[-1] @ transitions(step) @ likelihood(p) else 1.0
        later = transitions(step) @ (heard * later)
        smoothed = np.array(filtered[i - 1]) * later
        share = smoothed[[*labels]].sum() / smoothed.sum() if smoothed.sum() else 0.0
        if abs(share - 0.5) < 1e-4:
            return  # too near to call
        if share < 0.5:
            break
        expected = times[i - 1]
    assert machine.since(labels) == pytest.approx(expected)


def test_what_was_seen_before_a_break_shows_no_onset() -> None:
    machine = belief()
    walking = [0.01, 0.01, 0.96, 0.01, 0.01]
    sees(machine, [(1.0, walking)] * 10)
    machine.interrupt()
    machine.push(walking, 70.0)
    machine.push(walking, 71.0)
    assert machine.since([2]) == machine.begun_at == 70.0
    assert machine.lasted_s == 1.0
