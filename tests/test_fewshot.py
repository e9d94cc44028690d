"""A small head on the frozen embedding, fitted to a few windows of one person."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings, strategies as st
from msgspec import json
from msgspec.structs import replace

from edgehar.errors import ModelError, RecordingError
from edgehar.evaluation import fewshot
from edgehar.evaluation.fewshot import Judged, Shot, draw, few_shot, judge, shots
from edgehar.evaluation.unseen import Recordings
from edgehar.motion.wearer import Wearer
from edgehar.personal.logistic import fit
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.types import Prediction, Window

LABELS = ("a", "b", "c")


def people(persons: int, recordings: int, seed: int = 0, noise: float = 0.3, windows: int = 12) -> Judged:
    """Let everybody do each label in a place of their own, and the model knows nothing."""
    rng = np.random.default_rng(seed)
    rows = [
        (person, label, number)
        for person in range(persons)
        for label in range(len(LABELS))
        for number in range(recordings)
        for _ in range(windows)
    ]
    person, label, recording = np.array(rows).T
    places = rng.standard_normal((persons, len(LABELS), 16))
    embedding = places[person, label] + noise * rng.standard_normal((len(rows), 16))
    return Judged(
        embedding=embedding,
        log_probability=np.full((len(rows), len(LABELS)), -np.log(len(LABELS))),
        predicted=np.zeros(len(rows), np.int64),
        label=label,
        person=person,
        recording=recording,
        labels=LABELS,
    )


def everyone(judged: Judged) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    return {"all": np.ones(len(judged.label), np.bool_)}


def of(scores: Sequence[Shot], head: str, k: int) -> Shot:
    return next(shot for shot in scores if (shot.head, shot.k) == (head, k))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(1, 40), st.integers(0, 5))
def test_support_comes_from_other_recordings_of_the_same_person(recordings: int, k: int, seed: int) -> None:
    judged = people(3, recordings)
    tested = np.zeros(len(judged.label), np.int64)
    for support, test in draw(judged, k, seed):
        assert set(judged.person[support]) == set(judged.person[test])
        assert len(set(judged.person[test])) == 1
        assert np.bincount(judged.label[support]).max() <= k
        for label in range(len(LABELS)):
            sources = judged.recording[support][judged.label[support] == label]
            tested_here = judged.recording[test][judged.label[test] == label]
            assert not set(sources) & set(tested_here)
        tested[test] += 1
    assert (tested == 1).all()


def test_more_support_finds_what_the_model_does_not_know() -> None:
    judged = people(4, 3, noise=1.5)
    scores = shots(judged, everyone(judged), draws=3)
    first, eight, many = (of(scores, "logistic on top of the model", k).macro_f1 for k in fewshot.KS)
    assert of(scores, "the model as it is", 0).macro_f1 < 0.2 < first < eight <= many
    assert eight > 0.8


def test_little_support_leaves_the_decision_to_a_model_that_knows() -> None:
    judged = people(4, 2, noise=3.0)
    sure = np.log(np.where(np.eye(3)[judged.label] > 0, 0.9, 0.05))
    knowing = Judged(
        **{name: getattr(judged, name) for name in judged.__struct_fields__} | {"log_probability": sure}
    )
    scores = shots(knowing, everyone(knowing), draws=3)
    helped, alone = (of(scores, head, 1).macro_f1 for head in ("logistic on top of the model", "logistic"))
    assert helped > alone + 0.1


def test_the_head_is_a_minimum_of_its_penalized_loss() -> None:
    judged = people(1, 1, noise=1.0)
    head = fit(judged.embedding, judged.log_probability, np.eye(3)[judged.label], penalty=1.0)
    scores = head.scores(judged.embedding, judged.log_probability)
    powers = np.exp(scores)
    x = np.column_stack([(judged.embedding - head.center) / head.scale, np.ones(len(scores))])
    slope = x.T @ (powers / powers.sum(axis=1, keepdims=True) - np.eye(3)[judged.label]) + head.weights
    assert np.abs(slope).max() < 1e-3


def test_a_constant_feature_and_a_single_window_per_class_are_no_trouble() -> None:
    embedding = np.array([[1.0, 5.0], [2.0, 5.0]])
    head = fit(embedding, np.zeros((2, 2)), np.eye(2))
    assert head.scores(embedding, np.zeros((2, 2))).argmax(axis=1).tolist() == [0, 1]


def test_the_same_draws_give_the_same_scores_whoever_else_is_there() -> None:
    judged = people(2, 2, noise=2.0)
    first = {"first": judged.person == 0}
    rows = first["first"]
    values = {name: getattr(judged, name) for name in judged.__struct_fields__}
    alone = Judged(**{name: v if name == "labels" else v[rows] for name, v in values.items()})
    assert shots(judged, first, draws=2) == shots(alone, {"first": np.ones(rows.sum(), np.bool_)}, draws=2)


def test_people_with_one_recording_each_are_refused() -> None:
    judged = people(2, 1)
    with pytest.raises(RecordingError, match="two recordings"):
        shots(judged, everyone(judged), draws=1)


def trials() -> list[Trial]:
    made = []
    wearer = Wearer(3, ["trouser_pocket"])
    for number in (1, 2):
        for activity in ("standing", "walking"):
            track = wearer.perform(activity, 12.0)[0]
            track = type(track)(track.placement, track.t - track.t[0], track.values, track.channels)
            made.append(Trial(1, activity, number, {track.placement: track}, [(0.0, 12.0, activity)]))
    return made


def test_windows_of_a_recording_carry_its_person_and_number() -> None:
    judged = judge(recognizer.load(ROOT / "models" / "imu_tcn.json"), trials())
    assert judged.labels == ("walking", "standing")
    assert len(judged.label) == len(judged.embedding) > 20
    assert set(zip(judged.label.tolist(), judged.recording.tolist(), strict=True)) == {
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    }


class WithoutEmbedding(Recognizer):
    """Recognizer that answers as another does, and shows no embedding."""

    def __init__(self, model: Recognizer) -> None:
        self.spec, self.model = model.spec, model

    def push(self, window: Window) -> list[Prediction]:
        return [replace(prediction, embedding=None) for prediction in self.model.push(window)]


def test_a_model_without_an_embedding_is_refused() -> None:
    model = WithoutEmbedding(recognizer.load(ROOT / "models" / "imu_tcn.json"))
    with pytest.raises(ModelError, match="embedding"):
        judge(model, trials())


def test_recordings_of_nothing_the_model_knows_are_refused() -> None:
    with pytest.raises(RecordingError, match="no windows"):
        judge(recognizer.load(ROOT / "models" / "imu_tcn.json"), [])


def test_real_people_are_known_better_after_a_few_windows(data: Path) -> None:
    scores = few_shot(recognizer.load(ROOT / "models" / "imu_tcn.json"), Recordings(data), draws=1)
    together = [shot for shot in scores if shot.people == "all"]
    assert (
        of(together, "the model as it is", 0).macro_f1
        < of(together, "logistic on top of the model", 8).macro_f1
    )
    assert json.decode(json.encode(scores), type=list[Shot]) == scores
    assert len(fewshot.markdown(scores).splitlines()) == 2 + 3 * 4
