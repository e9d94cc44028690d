"""Reported boundaries against true ones."""

from edgehar.recordings.scoring import Boundaries, merge, score
from edgehar.types import Event

LABELS = ["walking", "running", "sitting"]


def started(label: str, at: float) -> Event:
    return Event(
        id=f"{label}{at}",
        kind="activity_started",
        wearer="w",
        label=label,
        previous="other",
        confidence=1.0,
        started_at=at,
        detected_at=at + 2,
        ended_at=None,
        coverage=1.0,
        model="m",
    )


def test_joins_touching_trials_of_one_activity_under_its_common_name() -> None:
    truth = [(0.0, 10.0, "jogging"), (10.0, 20.0, "running_treadmill"), (20.0, 30.0, "walking")]
    assert merge(truth) == [(0.0, 20.0, "running"), (20.0, 30.0, "walking")]


def test_counts_a_boundary_only_with_its_label_and_within_the_tolerance() -> None:
    truth = [(0.0, 10.0, "walking"), (10.0, 20.0, "running"), (20.0, 30.0, "sitting")]
    events = [started("walking", 1.9), started("sitting", 10.0), started("sitting", 22.1)]
    assert score(events, truth, LABELS)["activity_started"] == Boundaries(true=3, reported=3, right=1)


def test_counts_each_true_boundary_once() -> None:
    events = [started("walking", 0.5), started("walking", 1.0)]
    boundaries = score(events, [(0.0, 9.0, "walking")], LABELS)["activity_started"]
    assert (boundaries.right, boundaries.precision, boundaries.recall) == (1, 0.5, 1.0)


def test_leaves_out_what_the_model_cannot_name() -> None:
    boundaries = score([started("walking", 0.0)], [(0.0, 9.0, "rowing")], LABELS)["activity_started"]
    assert (boundaries.true, boundaries.precision, boundaries.recall) == (0, 0.0, None)
