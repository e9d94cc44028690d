"""Courses of people, and that thresholds are tried on them as the decision would apply them."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings as hypothesis_settings, strategies as st
from msgspec.structs import replace
from people_sets import simulate

from edgehar.errors import RecordingError
from edgehar.evaluation.courses import course, courses, people, told
from edgehar.evaluation.plan import decision_of
from edgehar.pipeline import manifest
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import SEVERAL
from edgehar.pipeline.telling import Telling
from edgehar.types import Activity, Event, Prediction

MODEL = ROOT / "models" / "imu_tcn.json"
SPEC = manifest.read(MODEL)
HOP_S, WINDOW_S = SPEC.hop / SPEC.rate_hz, SPEC.window / SPEC.rate_hz


def says(t: float, label: str, p: float) -> Prediction:
    rest = (1.0 - p) / (len(SPEC.labels) - 1)
    shares = np.array([p if label == x else rest for x in SPEC.labels], np.float32)
    return Prediction(t, shares, None, 1.0, 5.0)


steps = st.tuples(
    st.sampled_from([label for label in SPEC.labels if label != "falling"]),
    st.floats(0.2, 0.99),
    st.integers(1, 30),
    st.sampled_from([0, 0, 0, 30]),
)


@hypothesis_settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=8), st.sampled_from([0.5, 0.8, 0.95]))
def test_what_is_told_of_a_course_is_what_the_decision_tells(
    script: list[tuple[str, float, int, int]], threshold: float
) -> None:
    hop, predictions = 4, list[Prediction]()
    for label, p, windows, gap in script:
        hop += gap
        predictions += [says((hop + k) * HOP_S, label, p) for k in range(windows)]
        hop += windows
    spec = replace(SPEC, decision=replace(SPEC.decision, threshold=threshold, kind_threshold=threshold))
    decision = decision_of(spec, ["wrist"])
    silent = Prediction(0.0, None, None, 0.0, 0.0, is_fresh=False)
    items: list[Activity | Event] = []
    times = {p.t for p in predictions}
    by_time = {p.t: p for p in predictions}
    for k in range(4, hop):
        t = k * HOP_S
        items += decision.push(by_time.get(t) or replace(silent, t=t))
    states = [item.state for item in items if isinstance(item, Activity) and item.t in times]
    telling = Telling(LabelTree(spec.labels, spec.tree), spec.decision)
    assert told(course(spec, ["wrist"], "a 1", predictions, []), telling, WINDOW_S) == states


def test_what_is_over_may_still_begin_for_a_while() -> None:
    predictions = [says(k * HOP_S, "walking", 0.9) for k in range(5, 60)]
    made = course(SPEC, ["wrist"], "a 1", predictions, [(0.0, 16.0, "jogging"), (16.0, 40.0, "typing")])
    running = made.possible[:, SPEC.labels.index("running")]
    assert running.tolist() == (made.times <= 20.0).tolist()
    assert made.possible[-1].nonzero()[0].tolist() == sorted(
        SPEC.labels.index(label) for label in ("sitting", "standing", "other")
    )
    assert made.truth == [(0.0, 16.0, "running"), (16.0, 40.0, "typing")]


def naming(**provenance: dict[str, list[int]]) -> ModelSpec:
    return replace(SPEC, provenance=dict(provenance))


def test_thresholds_are_fitted_to_whoever_was_held_out_else_to_whom_the_model_was_tuned_on(
    tmp_path: Path,
) -> None:
    for name in ("dsads", "wisdm_phone"):
        simulate(tmp_path / "imu" / f"{name}.npz", [("walking", 6.0)], people=(1, 2, 3))
    spec = naming(tuned_on={"dsads": [1, 2], "wisdm_phone": [1]}, held_out={"dsads": [], "wisdm_phone": [3]})
    assert people(spec, tmp_path) == {("dsads", 1), ("dsads", 2), ("wisdm_phone", 3)}


def test_of_a_model_that_names_nobody_all_are_taken_who_may_fit_what_ships(tmp_path: Path) -> None:
    for name, numbers in (("selfback_wrist", (1, 2)), ("selfback_thigh", (2,)), ("motionsense", (1,))):
        simulate(tmp_path / "imu" / f"{name}.npz", [("walking", 6.0)], people=numbers)
    assert people(naming(), tmp_path) == {("selfback_thigh", 2), ("selfback_wrist", 2)}


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="none of dsads, sp_sw_har"):
        people(naming(), tmp_path)
    with pytest.raises(RecordingError, match=r"mine, of which imu_tcn@.* names people; check --data"):
        people(naming(tuned_on={"mine": [1]}), tmp_path)


def test_each_sensor_is_judged_alone_and_all_of_a_person_together(tmp_path: Path) -> None:
    worn = ("trouser_pocket", "chest")
    simulate(tmp_path / "imu" / "dsads.npz", [("walking", 8.0), ("sitting", 8.0)], worn, people=(1, 2))
    progress: list[tuple[str, int, int]] = []
    made = list(courses(MODEL, tmp_path, frozenset({("dsads", 2)}), 1, lambda *step: progress.append(step)))
    assert [c.worn for c in made] == ["trouser_pocket", "chest", SEVERAL]
    assert {c.person for c in made} == {"dsads 2"}
    assert [label for *_, label in made[0].truth] == ["walking", "sitting"]
    assert progress[-1][1:] == (3, 3)
