"""Answers of several models about one wearer, put together."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.pipeline.branch import Branch
from edgehar.pipeline.fusion import FADES_S, Fusion
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.joint_labels import JointLabels
from edgehar.pipeline.manifest import find, read
from edgehar.pipeline.model_spec import Sensor
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.types import OTHER, FloatArray, Prediction, Stream

SENSORS = read(find("imu_tcn_synthetic"))
CAMERA = replace(
    SENSORS,
    name="camera",
    labels=("walking", "standing", "arms_raised", "star_jumps", "other", *"abcdefghij"),
    sensors=tuple(Sensor(sensor.name, sensor.placements) for sensor in SENSORS.sensors),
    tree={"still": ("standing",), "on_foot": ("walking",), "exercise": ("star_jumps",)},
    alike={"star_jumps": "jumping", "stairs_up": "walking", "stairs_down": "walking"},
    hop=25,
)
"""The same network with other names, as if it were another model."""
LABELS = JointLabels([SENSORS, CAMERA])
NAMES = LABELS.tree.labels


def branches() -> list[Branch]:
    loaded = load(find("imu_tcn_synthetic"))
    intakes = [Intake(Stream("wrist_left"))]
    models = [loaded, Recognizer(CAMERA, loaded._interpreter)]
    return [Branch(model, intakes, SENSORS.decision) for model in models]


BRANCHES = branches()


def says(t: float, labels: Sequence[str], peak_to_peak: float = 5.0, **shares: float) -> Prediction:
    """Return a prediction with these shares; what is left falls to all labels alike."""
    rest = (1.0 - sum(shares.values())) / len(labels)
    p: FloatArray = np.array([shares.get(label, 0.0) + rest for label in labels], np.float32)
    return Prediction(t, p, None, 1.0, peak_to_peak)


def felt(t: float, peak_to_peak: float = 5.0, **shares: float) -> Prediction:
    return says(t, SENSORS.labels, peak_to_peak, **shares)


def seen(t: float, **shares: float) -> Prediction:
    return says(t, CAMERA.labels, np.inf, **shares)


def unjudged(t: float) -> Prediction:
    return Prediction(t, None, None, 0.1, 0.0, {0: 0.1}, is_fresh=False)


def shares(prediction: Prediction) -> dict[str, float]:
    assert prediction.probabilities is not None
    assert prediction.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    return dict(zip(NAMES, prediction.probabilities.tolist(), strict=True))


def likeliest(prediction: Prediction) -> str:
    each = shares(prediction)
    return max(each, key=each.__getitem__)


def test_labels_of_both_stand_together_and_kinds_hold_those_of_both() -> None:
    assert NAMES[: len(SENSORS.labels)] == SENSORS.labels
    assert {"arms_raised", "star_jumps"} <= set(NAMES)
    assert LABELS.tree.leaves("still") == ("sitting", "standing", "lying")
    assert LABELS.tree.leaves("exercise") == ("star_jumps",)


def test_one_that_is_alone_is_heard_as_it_is() -> None:
    [joint] = Fusion(BRANCHES, LABELS).push(0, answer := felt(10.0, walking=0.8))
    assert answer.probabilities is not None
    own_labels = [shares(joint)[label] for label in SENSORS.labels]
    assert own_labels == pytest.approx(answer.probabilities.tolist(), abs=1e-5)
    assert shares(joint)["arms_raised"] == 0.0
    assert joint.excluded_sensors == {len(SENSORS.sensors): 0.0}


def test_two_that_agree_are_surer_than_each() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(1, seen(9.9, walking=0.7))
    [joint] = fusion.push(0, felt(10.0, walking=0.7))
    assert shares(joint)["walking"] > 0.9
    assert joint.excluded_sensors == {}


def test_what_only_one_knows_is_told_where_the_other_says_other() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(1, seen(9.9, arms_raised=0.9))
    [joint] = fusion.push(0, felt(10.0, other=0.8))
    assert likeliest(joint) == "arms_raised"


def test_what_one_knows_under_another_name_is_the_same_thing() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(1, seen(9.9, star_jumps=0.6, other=0.3))
    [joint] = fusion.push(0, felt(10.0, jumping=0.9))
    assert likeliest(joint) == "star_jumps"
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(1, seen(9.9, walking=0.9))
    [joint] = fusion.push(0, felt(10.0, stairs_up=0.8))
    assert likeliest(joint) == "stairs_up"


@given(st.floats(0.0, 20.0))
def test_what_is_old_counts_less(age_s: float) -> None:
    def walks(age_s: float) -> float:
        fusion = Fusion(BRANCHES, LABELS)
        fusion.push(0, felt(99.0 - age_s, standing=0.6))
        assert fusion.push(1, seen(100.0 - age_s, walking=0.9)) == []
        [joint] = fusion.push(0, felt(100.0, standing=0.6, walking=0.1))
        return shares(joint)["walking"]

    later = age_s + 0.2
    assert walks(later) <= walks(age_s) + 1e-6
    if age_s > 4 * FADES_S:
        assert walks(age_s) == pytest.approx(0.1, abs=0.05)


@given(st.floats(0.0, 20.0))
def test_who_says_the_same_makes_nobody_less_sure_however_old_it_is(age_s: float) -> None:
    [alone] = Fusion(BRANCHES, LABELS).push(0, felt(100.0, walking=0.8))
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(0, felt(99.9 - age_s, walking=0.8))
    fusion.push(1, seen(100.0 - age_s, walking=0.8))
    [joint] = fusion.push(0, felt(100.0, walking=0.8))
    assert shares(joint)["walking"] > shares(alone)["walking"] - 0.01


@given(st.permutations([8.0, 8.5, 9.0, 9.5, 10.0, 10.5]))
def test_the_nearest_in_time_is_heard_in_whatever_order_they_came(times: list[float]) -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(0, felt(8.5, standing=0.9))
    for t in times:
        fusion.push(1, seen(t, **({"walking": 0.9} if t == 9.0 else {"standing": 0.9})))
    [joint] = fusion.push(0, felt(9.1, walking=0.5, standing=0.4))
    assert likeliest(joint) == "walking"


def test_what_is_missing_is_missing_in_the_window_that_is_heard() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(0, felt(9.5, walking=0.9))
    fusion.push(1, seen(9.9, walking=0.9))
    fusion.push(1, replace(seen(11.0, walking=0.9), excluded_sensors={0: 0.3}))
    [joint] = fusion.push(0, felt(10.0, walking=0.9))
    assert joint.excluded_sensors == {}


def test_the_first_leads_and_the_other_takes_over_when_it_has_nothing_more_to_say() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    assert fusion.push(0, felt(10.0, walking=0.8))
    assert fusion.push(1, seen(10.1, walking=0.8)) == []
    for i in range(1, 20):
        fusion.push(0, unjudged(10.0 + 0.64 * i))
    [joint] = fusion.push(1, seen(23.0, arms_raised=0.8))
    assert likeliest(joint) == "arms_raised"
    assert joint.excluded_sensors == {BRANCHES[0].worn[0]: pytest.approx(0.1)}
    # Time never goes back: what the first sends late is not told of.
    assert fusion.push(0, felt(22.9, walking=0.8)) == []
    assert fusion.push(0, felt(23.6, walking=0.8))


def test_without_any_that_judges_windows_are_unjudged() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    [joint] = fusion.push(0, unjudged(10.0))
    assert joint.probabilities is None
    assert not joint.is_fresh


def test_whom_a_camera_sees_does_not_lie_still() -> None:
    fusion = Fusion(BRANCHES, LABELS)
    fusion.push(1, seen(9.9, walking=0.9))
    [joint] = fusion.push(0, felt(10.0, peak_to_peak=0.01, standing=0.9))
    assert joint.peak_to_peak == np.inf


def test_a_label_that_the_worn_sensor_cannot_tell_is_not_ruled_out_by_it() -> None:
    offered = tuple(SENSORS.labels.index(label) for label in ("walking", "standing", OTHER))
    p = np.zeros(len(SENSORS.labels), np.float32)
    p[[*offered]] = [0.1, 0.2, 0.7]
    told = dict(zip(NAMES, LABELS.likelihoods(0, p, offered), strict=True))
    assert told["waving"] == pytest.approx(0.7)
    assert told["walking"] == pytest.approx(0.1)
