"""Labels of data sets in the words of models."""

from edgehar.recordings.labels import common_label, possible_labels


def test_other_names_of_one_activity_are_one_label() -> None:
    assert {common_label(name) for name in ("jogging", "RUNNING_TREADMILL", "running")} == {"running"}
    assert {common_label(name) for name in ("walking_slow", "walking_fast", "walking_outdoors")} == {
        "walking"
    }


def test_what_no_model_knows_keeps_its_name() -> None:
    assert common_label("Cross_Trainer") == "cross_trainer"
    assert possible_labels("Cross_Trainer") == ("cross_trainer",)


def test_a_half_known_label_is_all_that_may_be_true() -> None:
    assert possible_labels("stairs_up_or_down") == ("stairs_up", "stairs_down")
    assert possible_labels("typing") == ("sitting", "standing", "other")
    assert possible_labels("jogging") == ("running",)
    assert possible_labels("Assemble_Box") == ("standing", "walking", "other")
