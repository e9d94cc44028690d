"""Moments at which nothing was certain: which, and how many."""

from collections.abc import Iterable

from edgehar.daemon.rejections import Rejection, Rejections
from edgehar.types import NO_SIGNAL, OTHER, Activity, NoAnswer

HOP_S = 0.64

States = Iterable[tuple[str, float, float]]
"""State, confidence, and how long it holds, s."""


def rejected(states: States, per_hour: int = 100) -> list[Rejection]:
    """Tell states in windows, as a wearer's decision does; return the moments that they show."""
    rejections, moments, t = Rejections(per_hour), list[Rejection](), 0.0
    for state, confidence, seconds in states:
        since = t
        while t < since + seconds:
            t += HOP_S
            no_answer: NoAnswer | None = NO_SIGNAL if state == NO_SIGNAL else None
            label = None if no_answer else state
            activity = Activity("anna", label, no_answer, "", confidence, t, since, coverage=1.0)
            if moment := rejections.push(activity):
                moments.append(moment)
    return moments


def test_other_after_a_label_is_a_moment_once_it_lasts() -> None:
    assert rejected([("walking", 0.9, 10.0), (OTHER, 0.8, 7.0), ("sitting", 0.9, 10.0)]) == []
    [moment] = rejected([("walking", 0.9, 9.6), (OTHER, 0.8, 60.0)])
    assert moment == Rejection(moment.t, "told other, 0.80, after walking")
    assert abs(moment.t - 9.6) < HOP_S


def test_certain_other_without_a_label_before_is_none() -> None:
    assert rejected([(NO_SIGNAL, 0.0, 10.0), (OTHER, 0.8, 60.0)]) == []


def test_other_that_is_not_likelier_than_the_labels_is_a_moment() -> None:
    [moment] = rejected([(NO_SIGNAL, 0.0, 9.6), (OTHER, 0.7, 9.6), (OTHER, 0.3, 12.8)])
    assert moment.note == "told other, 0.30, though labels were likelier"
    assert abs(moment.t - 19.2) < 2 * HOP_S
    assert rejected([(NO_SIGNAL, 0.0, 9.6), *[(OTHER, 0.3, 5.2), (OTHER, 0.7, 1.3)] * 9]) == []


def test_so_many_an_hour_and_then_again() -> None:
    minute: States = [("walking", 0.9, 30.0), (OTHER, 0.8, 30.0)]
    assert len(rejected([*minute] * 30, per_hour=6)) == 6
    assert len(rejected([*minute] * 90, per_hour=6)) == 12
