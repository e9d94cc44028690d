"""Falls that a camera saw: who lies after it has fallen."""

import numpy as np
import pytest
from decisions import decision, run
from msgspec.structs import replace

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_settings import FallSettings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.seen_fall import SeenFalls
from edgehar.types import STANDARD_GRAVITY, Event, HopAcceleration, Prediction

LABELS = ("walking", "squatting", "lying", "falling", "other")
TREE = LabelTree(LABELS, {})
SETTINGS = FallSettings(suspicion=0.5, within_s=4.0)
HOP_S = 0.5


def says(t: float, **shares: float) -> Prediction:
    rest = (1.0 - sum(shares.values())) / len(LABELS)
    p = np.array([shares.get(label, 0.0) + rest for label in LABELS], np.float32)
    return Prediction(t, p, None, 1.0, np.inf)


def windows(*parts: tuple[str, float]) -> list[Prediction]:
    """Return windows that show one label after another, each for so many seconds."""
    labels = [label for label, seconds in parts for _ in range(round(seconds / HOP_S))]
    return [says(100.0 + HOP_S * i, **{label: 0.9}) for i, label in enumerate(labels)]


def falls(*parts: tuple[str, float]) -> list[float]:
    watch = SeenFalls(TREE, 2.5, SETTINGS, [0])
    return [fall.t for p in windows(*parts) for fall in watch.push(p)]


def test_who_falls_and_lies_has_fallen_once() -> None:
    [t] = falls(("walking", 20), ("falling", 2), ("lying", 60))
    assert t == pytest.approx(120.0 - 1.25, abs=2.0)


def test_a_gap_between_the_fall_and_the_rest_is_nothing_up_to_a_limit() -> None:
    assert len(falls(("walking", 20), ("falling", 2), ("other", 2), ("lying", 20))) == 1
    assert falls(("walking", 20), ("falling", 2), ("other", 6), ("lying", 20)) == []


@pytest.mark.parametrize("label", ["walking", "squatting", "other"])
def test_who_does_not_lie_has_not_fallen(label: str) -> None:
    assert falls(("walking", 20), ("falling", 2), (label, 60)) == []


def test_who_lies_down_or_turns_over_in_bed_has_not_fallen() -> None:
    assert falls(("walking", 20), ("other", 3), ("lying", 60)) == []
    assert falls(("walking", 20), ("other", 3), ("lying", 60), ("falling", 2), ("lying", 60)) == []


def test_a_second_fall_is_a_second_fall() -> None:
    assert len(falls(*2 * (("walking", 20), ("falling", 2), ("lying", 20)))) == 2


def test_who_is_up_again_has_recovered() -> None:
    watch = SeenFalls(TREE, 2.5, SETTINGS, [0])
    for p in windows(("walking", 20), ("falling", 2), ("lying", 20)):
        watch.push(p)
    assert not watch.recovered
    for p in windows(("walking", 4)):
        watch.push(p)
    assert watch.recovered


def test_the_decision_tells_it_by_a_camera() -> None:
    machine = decision(Settings(falls=SETTINGS), LABELS, placements=("camera",), cameras=(0,))
    activities, events = run(
        machine, windows(("walking", 60), ("falling", 2), ("lying", 30), ("walking", 60))
    )
    told = [(event.kind, event.label) for event in events]
    assert ("activity_started", "falling") in told
    reasons = [activity.reason for activity in activities if activity.reason.startswith("A fall: seen at ")]
    assert len(reasons) == 1
    [ended] = [event for event in events if event.label == "falling" and event.kind == "activity_ended"]
    assert ended.ended_at is not None


def test_by_a_camera_nothing_is_suspected_of_what_is_felt() -> None:
    machine = decision(Settings(falls=SETTINGS), LABELS, placements=("camera",), cameras=(0,))
    _, events = run(machine, windows(("walking", 60), ("falling", 2), ("squatting", 30)))
    assert "falling" not in {event.label for event in events}


def fallen(predictions: list[Prediction]) -> list[Event]:
    """Return the falls that begin of somebody who wears a sensor before a camera."""
    machine = decision(Settings(falls=SETTINGS), LABELS, placements=("wrist_left", "camera"), cameras=(1,))
    _, events = run(machine, predictions)
    return [event for event in events if event.label == "falling" and event.kind == "activity_started"]


def test_what_a_sensor_says_alone_is_not_seen() -> None:
    story = windows(("walking", 20), ("falling", 2), ("lying", 30))
    assert len(fallen(story)) == 1
    assert fallen([replace(p, excluded_sensors={1: 0.0}) for p in story]) == []


def test_what_is_felt_and_seen_is_one_fall() -> None:
    down, across = (0.0, 0.0, STANDARD_GRAVITY), (STANDARD_GRAVITY, 0.0, 0.0)
    upright = HopAcceleration(12.0, 4.0, down)
    hit, lies = HopAcceleration(40.0, 40.0, (5.0, 5.0, 5.0)), HopAcceleration(9.8, 0.5, across)
    story = windows(("walking", 20), ("falling", 3), ("lying", 30))
    felt = [*[upright] * 41, hit, *[lies] * (len(story) - 42)]
    both = [replace(p, hop_accelerations={0: hop}) for p, hop in zip(story, felt, strict=True)]
    unseen = [replace(p, excluded_sensors={1: 0.0}) for p in both]
    assert [len(fallen(each)) for each in (both, unseen, story)] == [1, 1, 1]
    # The sensor has told it before somebody lies: that is no second one.
    assert fallen(both)[0].detected_at == fallen(unseen)[0].detected_at < fallen(story)[0].detected_at
