"""People whom manifests name: each once, and those of a base go on with what is made of it."""

import pytest
from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.pipeline import manifest
from edgehar.training import provenance

SPEC = manifest.read(manifest.find("imu_tcn"))


def test_a_person_is_counted_once_in_all_sets_of_a_collection_and_by_name_in_all_files() -> None:
    people: provenance.Named = {
        "here_wrist": [1, 2],
        "here_hip": [2, 3],
        "there": [3],
        "a/*.csv": ["me"],
        "b/*.csv": ["me", "1"],
    }
    assert provenance.persons(people) == {
        *(("here", number) for number in "123"),
        ("there", "3"),
        ("", "me"),
        ("", "1"),
    }


def test_who_goes_on_from_a_base_has_seen_its_people_and_leaves_out_whom_both_have() -> None:
    tuned_on = {"here_wrist": [10, 2], "mine": ["me"]}
    base = replace(SPEC, provenance={"tuned_on": tuned_on, "held_out": {"here_hip": [3, 4], "mine": ["me"]}})
    seen, apart = provenance.going_on(base, {"here_wrist": [4]}, {"there": [1]})
    assert seen == {"here_wrist": [2, 4, 10], "mine": ["me"]}
    assert apart == {"here_hip": [3], "there": [1]}


def test_people_in_another_form_are_refused() -> None:
    base = replace(SPEC, provenance={"tuned_on": [1, 2]})
    with pytest.raises(ModelError, match=r"provenance\.tuned_on: expected lists of people by set"):
        provenance.named(base, provenance.TUNED_ON)
