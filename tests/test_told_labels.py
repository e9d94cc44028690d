"""A label that sets say and most models do not tell, of a model that tells it: a right answer is right wherever it is judged."""

from pathlib import Path

import pytest
import text_pairs
from labelled import record
from msgspec.structs import replace
from people_sets import simulate

from edgehar.evaluation import alarms, operate_report, plan
from edgehar.evaluation.answers import answer
from edgehar.evaluation.courses import courses
from edgehar.evaluation.evaluate import evaluate, line_of
from edgehar.evaluation.exposure import exposure, false_starts
from edgehar.evaluation.headlines import headlines
from edgehar.evaluation.unseen import Recordings
from edgehar.personal import counts
from edgehar.pipeline import manifest, recognizer
from edgehar.recordings.datasets import read_set
from edgehar.sources.replay import open_recording
from edgehar.training import prototype

WORN = ("wrist_left",)
SCRIPT = [("running", 15.0), ("squatting", 25.0), ("walking", 15.0)]
NAMES = ["running", "typing", "walking"]
SET = "wisdm_watch"
"""A set whose typing counts among false alarms, of models that do not tell it."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_pairs.make(tmp_path_factory.mktemp("spoken")).with_suffix(".json")


@pytest.fixture(scope="module")
def pair(plain: Path) -> Path:
    """Type `typing` for what the wearer of the set does meanwhile; squats, which this network tells apart."""
    spec = prototype.add(plain, text_pairs.SQUATS, "typing")
    return prototype.write(plain, spec, plain.parent / "typed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    simulate(folder / "imu" / f"{SET}.npz", SCRIPT, WORN, activity=NAMES)
    return folder


def test_its_windows_are_scored_as_that_label(pair: Path, plain: Path, folder: Path) -> None:
    scores = evaluate(pair, folder, only=[SET])
    line = scores.lines[f"{SET} wrist_left"]
    assert set(line.everybody.f1) == set(line.everybody.confusion) == set(NAMES)
    assert line.everybody.decided
    for scored in (line.everybody, line.everybody.decided, line.coarse):
        assert scored.f1["typing"] > 0.7
    assert scores.evidence["typing"] == {f"{SET} wrist_left": line.everybody.f1["typing"]}
    # To the same network without that label the same windows are sitting or standing.
    before = evaluate(plain, folder, only=[SET]).lines[f"{SET} wrist_left"]
    assert before.everybody.f1.keys() <= {"running", "walking", "sitting", "standing"}
    assert before.everybody.windows == line.everybody.windows


def test_a_set_of_nothing_else_is_scored(pair: Path, plain: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "imu" / "desk.npz", [("squatting", 8.0)], WORN, activity=["typing"])
    sets = Recordings(tmp_path)
    assert set(headlines(pair, sets, 1, lambda *_: None)) == {"desk wrist_left"}
    assert (
        "for certain"
        in plan.plan(manifest.read(plain), {"desk": sets.read("desk")}).skipped["desk wrist_left"]
    )


def test_a_sensor_that_does_not_tell_it_is_held_to_what_may_be_true(pair: Path, folder: Path) -> None:
    model, trials = recognizer.load(pair), read_set(folder, SET)
    others = tuple(label for label in model.spec.labels if label != "typing")
    model.spec = replace(
        model.spec, sensors=tuple(replace(sensor, labels=others) for sensor in model.spec.sensors)
    )
    [row, *_] = plan.plan(model.spec, {SET: trials}).rows
    line = line_of(model.spec, row, answer(model, trials, row.runs[0]))
    assert "typing" in row.labels
    assert line.everybody.f1.keys() <= {"running", "walking", "sitting", "standing"}


def test_to_tell_it_is_no_false_alarm_and_who_does_it_does_none_of_the_activities_no_more(
    pair: Path, plain: Path, folder: Path
) -> None:
    model, trials = recognizer.load(pair), read_set(folder, SET)
    assert alarms.null_trials(SET, trials, model.spec.labels) == []
    assert [t.activity for t in alarms.null_trials(SET, trials, manifest.read(plain).labels)] == ["typing"]
    typing = [trial for trial in trials if trial.activity == "typing"]
    counted = alarms.count(model, typing, WORN)
    assert "typing" not in counted.labels
    assert "standing" in counted.labels


def test_to_tell_it_is_no_false_start_and_it_is_an_activity_that_can_be_missed(
    pair: Path, folder: Path
) -> None:
    exposed = exposure(manifest.read(pair), courses(pair, folder, frozenset({(SET, 1)}), 1))
    thresholds = dict.fromkeys(exposed.hours, 0.5)
    assert ("wrist", "typing") not in false_starts(exposed, thresholds)
    assert exposed.hours["wrist", "typing"] < exposed.hours["wrist", "jumping"]
    told = operate_report.observe(exposed, thresholds)["wrist", "typing"]
    assert (told.activities, told.missed, told.false_starts) == (1, 0, 0)
    assert len(told.delays) == 1


def test_heads_are_compared_by_what_either_tells(pair: Path, plain: Path, tmp_path: Path) -> None:
    names = dict(zip([activity for activity, _ in SCRIPT], NAMES, strict=True))
    track = open_recording(record(tmp_path / "desk.ehr", SCRIPT, names))
    models = [recognizer.load(path) for path in (plain, pair)]
    before, after = (counts.run(track, model, model.spec.decision) for model in models)
    assert "typing" in {label for _, label in after.starts}
    labels = {*before.labels, *after.labels}
    told, strict = (counts.count(each, track.truth, labels) for each in (after, before))
    assert told.false_starts["typing"] == 0
    assert told.takes["typing"] == (0, 1)
    # The rest is held to the same truth: no longer true of who types is that he sits, by both.
    lenient = counts.count(before, track.truth, before.labels)
    assert strict.hours["standing"] == told.hours["standing"] > lenient.hours["standing"]
