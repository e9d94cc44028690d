"""Reported boundaries against true ones."""

import pytest
from msgspec.structs import replace

from edgehar.pipeline.label_tree import LabelTree
from edgehar.recordings.scoring import Boundaries, by_kind, confusion, confusion_by_kind, f1, merge, score
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


def ended(label: str, at: float) -> Event:
    return replace(started(label, 0.0), kind="activity_ended", ended_at=at, detected_at=at + 2)


TREE = LabelTree(LABELS, {"on_foot": ("walking", "running")})


def test_one_label_that_gives_way_to_another_of_its_kind_is_no_event_of_the_kind() -> None:
    events = [
        started("on_foot", 1.0),
        ended("on_foot", 3.0),
        started("walking", 3.0),
        ended("walking", 9.0),
        started("sitting", 9.0),
    ]
    kinds = by_kind(events, TREE.top)
    assert [(e.kind, e.label) for e in kinds] == [
        ("activity_started", "on_foot"),
        ("activity_ended", "on_foot"),
        ("activity_started", "sitting"),
    ]
    assert [kinds[0].started_at, kinds[1].ended_at] == [1.0, 9.0]


def test_the_same_kind_later_on_is_another_event() -> None:
    events = [started("walking", 1.0), ended("walking", 3.0), started("running", 20.0)]
    assert [e.label for e in by_kind(events, TREE.top)] == ["on_foot"] * 3


def test_a_told_kind_is_right_coarsely() -> None:
    counts = confusion_by_kind({"walking": {"on_foot": 4, "walking": 5, "sitting": 1}}, TREE.top)
    assert counts == {"on_foot": {"on_foot": 9, "sitting": 1}}
    assert f1(counts, ["on_foot"]) == {"on_foot": pytest.approx(18 / 19)}


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


def test_counts_the_windows_that_lie_within_one_activity() -> None:
    truth = [(0.0, 10.0, "jogging"), (10.0, 20.0, "running_treadmill"), (20.0, 30.0, "walking")]
    answers = [(float(t), "running" if t < 24 else "walking") for t in range(1, 33)]
    # Those that end at 2..20 s are wholly of running, those at 22..30 s of walking.
    assert confusion(answers, truth, window_s=2.0) == {
        "running": {"running": 19},
        "walking": {"running": 2, "walking": 7},
    }


def test_a_pause_in_the_truth_counts_for_nobody() -> None:
    truth = [(0.0, 5.0, "walking"), (15.0, 20.0, "running")]
    answers = [(float(t), "walking") for t in range(1, 21)]
    assert confusion(answers, truth, window_s=1.0) == {"walking": {"walking": 5}, "running": {"walking": 5}}


def test_any_other_answer_is_an_error_of_both_labels() -> None:
    counts = {
        "walking": {"walking": 8, "running": 2},
        "running": {"running": 3, "no_signal": 3},
        "ironing": {"walking": 4},
    }
    scores = f1(counts, LABELS)
    # Right twice over true and answered: ironing taken for walking is an error of walking.
    assert scores == {"walking": 2 * 8 / (10 + 12), "running": 2 * 3 / (6 + 5)}
