"""Who is scored: never whom the model has seen, whatever sensor was worn."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from people_sets import simulate

from edgehar.errors import ModelError
from edgehar.evaluation.unseen import (
    NEVER,
    OTHERS,
    THRESHOLDS,
    Recordings,
    by_set,
    decision_mark,
    mark,
    person,
    tuned_on,
)
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import SEEN

SPEC = manifest.read(manifest.find("imu_tcn"))
TUNED_ON = frozenset({("wisdm_watch", 1600), ("wisdm_watch", 1601), ("dsads", 1)})


def test_the_manifest_names_whom_a_model_was_fitted_to() -> None:
    spec = replace(
        SPEC, provenance={"tuned_on": {"dsads": [1], "wisdm_watch": [1600, 1601], "me/*.csv": ["me"]}}
    )
    assert tuned_on(spec) == TUNED_ON
    assert by_set(TUNED_ON) == {"dsads": [1], "wisdm_watch": [1600, 1601]}
    assert tuned_on(replace(SPEC, provenance={})) == frozenset()


@pytest.mark.parametrize("given", [["dsads"], {"dsads": 1}, {"dsads": [[1]]}])
def test_people_in_another_form_are_refused_in_one_line(given: object) -> None:
    with pytest.raises(
        ModelError, match=r"^imu_tcn@\S+: provenance.tuned_on: expected lists of people [^\n]*again$"
    ):
        tuned_on(replace(SPEC, provenance={"tuned_on": given}))


def test_only_others_are_read_and_everybody_where_there_are_no_others(tmp_path: Path) -> None:
    script = [("standing", 3.0)]
    simulate(tmp_path / "imu" / "wisdm_phone.npz", script, people=(1600, 1601, 1602))
    simulate(tmp_path / "imu" / "dsads.npz", script, people=(1,))

    def read(left_out: frozenset[tuple[str, int]], name: str) -> list[int]:
        return [trial.subject for trial in Recordings(tmp_path, left_out).read(name)]

    assert read(TUNED_ON, "wisdm_phone") == [1602]  # the same people as those of wisdm_watch
    assert read(TUNED_ON, "dsads") == [1]
    assert read(frozenset(), "wisdm_phone") == [1600, 1601, 1602]


@pytest.mark.parametrize(
    ("scored", "told"),
    [
        ([("dsads", 2), ("dsads", 3)], OTHERS),
        ([("dsads", 1), ("dsads", 3)], SEEN),
        ([("motionsense", 1)], NEVER),
        ([("wisdm_phone", 1600)], SEEN),
        ([("wisdm_phone", 1602)], NEVER),
        ([("motionsense", 1), ("dsads", 2)], OTHERS),
    ],
)
def test_a_row_is_marked_by_whom_the_model_knows(scored: list[tuple[str, int]], told: str) -> None:
    assert mark(TUNED_ON, scored) == told


@pytest.mark.parametrize(
    ("scored", "told"),
    [
        ([("wisdm_watch", 1602), ("wisdm_watch", 1603)], THRESHOLDS),
        ([("wisdm_phone", 1602)], THRESHOLDS),
        ([("wisdm_watch", 1603)], OTHERS),
        ([("dsads", 1)], SEEN),
        ([("motionsense", 1)], NEVER),
    ],
)
def test_what_a_decision_tells_is_marked_by_whom_its_thresholds_were_fitted_to_too(
    scored: list[tuple[str, int]], told: str
) -> None:
    provenance = {
        "tuned_on": {"wisdm_watch": [1600], "dsads": [1]},
        "operating_points_fitted_on": {"wisdm_watch": [1602], "dsads": [1]},
    }
    assert decision_mark(replace(SPEC, provenance=provenance), scored) == told


def test_a_person_is_called_by_set_and_number() -> None:
    assert person("sp_sw_har 12") == ("sp_sw_har", 12)
