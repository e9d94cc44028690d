"""Labels of data sets in the words of models."""

import pytest
from conftest import ROOT

from edgehar.pipeline.manifest import available, read
from edgehar.recordings.labels import common_label, possible_labels, told_as

SHIPPED = read(ROOT / "models" / "imu_tcn.json").labels


def test_other_names_of_one_activity_are_one_label() -> None:
    assert {common_label(name) for name in ("jogging", "RUNNING_TREADMILL", "running")} == {"running"}
    assert {common_label(name) for name in ("walking_slow", "walking_fast", "walking_outdoors")} == {
        "walking"
    }


def test_what_no_model_knows_keeps_its_name() -> None:
    assert common_label("Cross_Trainer") == "cross_trainer"
    assert possible_labels("Cross_Trainer", SHIPPED) == ("cross_trainer",)


def test_a_half_known_label_is_all_that_may_be_true() -> None:
    assert possible_labels("stairs_up_or_down", SHIPPED) == ("stairs_up", "stairs_down")
    assert possible_labels("typing", SHIPPED) == ("sitting", "standing", "other")
    assert possible_labels("jogging", SHIPPED) == ("running",)
    assert possible_labels("Assemble_Box", SHIPPED) == ("standing", "walking", "other")


@pytest.mark.parametrize("label", ["typing", "brushing_teeth", "dribbling_ball", "stairs_up_or_down"])
def test_a_label_that_the_model_tells_is_true_itself_and_nothing_else_is(label: str) -> None:
    assert possible_labels(label, (*SHIPPED, label)) == (label,)
    assert possible_labels(label.upper(), (*SHIPPED, label)) == (label,)
    # Another word for what people do at a table is still not that.
    assert possible_labels("writing", (*SHIPPED, label)) == ("sitting", "standing", "other")


def test_what_may_be_true_goes_by_the_models_names_for_it() -> None:
    assert possible_labels("running", ("jogging", "other")) == ("jogging",)
    assert possible_labels("jogging", ("jogging", "running", "other")) == ("running",)
    assert possible_labels("typing", ("seated", "other")) == ("seated", "standing", "other")
    assert told_as("lying_back", ("sitting", "lying")) == "lying"
    assert told_as("lying_back", ("sitting",)) is None


def test_the_shipped_models_tell_none_of_the_half_known_labels_nor_by_other_names() -> None:
    for path in available():
        spec = read(path)
        assert [label for label in spec.labels if possible_labels(label, ()) != (label,)] == []
