"""Reports of the run time where one activity follows another."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT
from msgspec import json
from msgspec.structs import replace

from edgehar.evaluation import events
from edgehar.evaluation.events import Course, EventScores, Steadiness, course, run_recording, steadiness
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.recordings.scoring import TOLERANCE_S, Segment

POCKET = ("trouser_pocket",)


@pytest.fixture(scope="module")
def model() -> Recognizer:
    made = recognizer.load(ROOT / "models" / "imu_tcn.json")
    # So that no kind of labels is told before its label.
    plain = replace(made.spec.decision, threshold=0.8, kind_threshold=0.99)
    made.spec = replace(made.spec, decision=plain)
    return made


def performed(plan: Sequence[tuple[str, float]], seed: int = 2, named: str = "see row_label") -> Trial:
    wearer = Wearer(seed, POCKET)
    parts, truth, t = [], [], 0.0
    for activity, seconds in plan:
        parts.append(wearer.perform(activity, seconds)[0])
        truth.append((t, t + seconds, activity))
        t += seconds
    values, times = np.concatenate([p.values for p in parts]), np.concatenate([p.t for p in parts])
    return Trial(1, named, 1, {POCKET[0]: replace(parts[0], t=times, values=values)}, truth)


@pytest.fixture(scope="module")
def walk() -> Trial:
    return performed([("standing", 30.0), ("running", 30.0), ("standing", 30.0)])


def test_reported_segments_follow_the_events(model: Recognizer, walk: Trial) -> None:
    reported = run_recording(model, walk.tracks)
    assert [label for *_, label in reported.segments] == ["standing", "running", "standing"]
    assert reported.segments[-1][1] == reported.answers[-1].t
    assert reported.hours == pytest.approx(90 / 3600, rel=0.01)


def test_shown_states_are_later_than_the_segments_and_without_gaps(model: Recognizer, walk: Trial) -> None:
    reported = run_recording(model, walk.tracks)
    shown = reported.shown
    assert all(a[1] == b[0] for a, b in pairwise(shown))
    since = next(start for start, _, state in shown if state == "running")
    assert since > next(start for start, _, label in reported.segments if label == "running")


def test_a_course_counts_hits_boundaries_and_latency(model: Recognizer, walk: Trial) -> None:
    scored = course(model, [walk], POCKET)
    assert scored is not None
    both = list(zip(run_recording(model, walk.tracks).segments, walk.truth, strict=True))
    starts = sum(abs(segment[0] - true[0]) <= TOLERANCE_S for segment, true in both)
    ends = sum(abs(segment[1] - true[1]) <= TOLERANCE_S for segment, true in both)
    assert (scored.starts.true, scored.starts.right) == (3, starts)
    # What holds as the recording ends has not been reported to end.
    assert (scored.ends.true, scored.ends.right) == (3, ends - 1)
    assert starts >= 2
    assert scored.ward["running"].events.correct == 1
    assert scored.ward["running"].rates.hit == pytest.approx(1.0, abs=0.1)
    assert (scored.latency.onsets, scored.latency.missed) == (3, 0)
    assert scored.latency.median_s is not None
    assert 0.0 < scored.latency.median_s < 6.0
    assert "walking" not in scored.ward


def test_trials_of_activities_the_model_does_not_offer_are_left_out(model: Recognizer, walk: Trial) -> None:
    assert course(model, [replace(walk, activity="stepper", truth=[(0.0, 90.0, "stepper")])], POCKET) is None


def test_what_is_done_without_a_label_is_all_insertion(model: Recognizer, walk: Trial) -> None:
    nothing = [(0.0, 30.0, "null"), (30.0, 90.0, "picking")]
    scored = course(model, [replace(walk, truth=nothing)], POCKET)
    assert scored is not None
    assert scored.ward["running"].events.inserted == 1
    assert scored.ward["running"].rates.hit is None
    assert scored.latency.onsets == 0


@pytest.mark.parametrize(
    ("shown", "delays"),
    [
        ([(1.0, 12.0, "a"), (12.0, 30.0, "b")], [1.0, 2.0]),
        ([(8.0, 14.0, "b"), (14.0, 30.0, "other")], [None, -2.0]),
        ([(0.0, 10.0, "b"), (10.0, 20.0, "a"), (20.0, 30.0, "b")], [None, None]),
    ],
)
def test_an_onset_is_detected_missed_or_held_already(
    shown: list[Segment], delays: list[float | None]
) -> None:
    truth = [(0.0, 10.0, "a"), (10.0, 20.0, "b")]
    assert events.onset_delays(truth, shown) == delays


def test_only_what_was_detected_anew_has_a_latency() -> None:
    latency = events.latency([1.0, 3.0, -2.0, None])
    assert (latency.onsets, latency.missed, latency.held, latency.median_s) == (4, 1, 1, 2.0)
    assert events.latency([None]).median_s is None


def test_changes_are_counted_from_the_first_label_on(model: Recognizer) -> None:
    calm = performed([("standing", 60.0)], named="standing")
    restless = performed([("standing", 30.0), ("running", 30.0), ("standing", 30.0)], named="standing")
    steady = steadiness(model, [calm, restless], POCKET)
    assert steady["all"] == steady["standing"]
    assert steady["all"].changes >= 2
    assert steady["all"].shortest_s is not None
    alone = steadiness(model, [calm], POCKET)["all"]
    assert (alone.changes, alone.per_hour, alone.shortest_s) == (0, 0.0, None)


def test_scores_become_json_and_tables(model: Recognizer, walk: Trial) -> None:
    scored = course(model, [walk], POCKET)
    assert isinstance(scored, Course)
    scores = EventScores({"walk": scored}, {"walk": {"all": Steadiness(1.0, 3, 3.0, 2.0)}})
    assert json.decode(json.encode(scores), type=EventScores) == scores
    assert events.markdown(scores).count("| walk |") == 3


def test_the_short_table_has_each_set_with_all_its_sensors(model: Recognizer, walk: Trial) -> None:
    scored = course(model, [walk], POCKET)
    assert scored is not None
    silent = replace(scored, latency=replace(scored.latency, onsets=0))
    courses = {"a wrist": scored, "a wrist + waist": scored, "b waist": scored, "openpack wrist": silent}
    rows = events.short(EventScores(courses, {})).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| a wrist + waist", "| b waist"]
