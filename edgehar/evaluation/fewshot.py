"""Scores of a model that saw a few windows of the wearer.

The network stays as it is; a small head over its embedding is fitted to k windows of each activity
and tried on other recordings of the same person. The head is a multinomial logistic regression
that starts from the model's own opinion, so that with little support the model decides, with much
the person does. Its two constants were chosen on the people on whom the model was designed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ModelError, RecordingError
from edgehar.evaluation.markdown import figure, table
from edgehar.evaluation.plan import DECIDED_ON
from edgehar.evaluation.unseen import Recordings
from edgehar.personal.logistic import Array, Logistic, features, fit, standard
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.training.confusion import Indices, confusion, f1
from edgehar.training.dataset_windows import windows
from edgehar.types import FloatArray

KS = (1, 8, 32)
"""Windows of support per activity."""
DRAWS = 20
ONLY_SCORED = "only scored"

_FLOOR = 1e-6
"""Least probability whose logarithm is taken."""


class Judged(Struct, frozen=True, eq=False):
    """Windows of several people with what the network made of them."""

    embedding: Array
    """(windows, features)."""
    log_probability: Array
    """(windows, labels), among the scored labels alone."""
    predicted: Indices
    """(windows,), arg-max over all labels; -1 for one that is not scored."""
    label: Indices
    """(windows,), the true one of the scored labels."""
    person: Indices
    recording: Indices
    """(windows,), number of the trial in its file."""
    labels: tuple[str, ...]


class Shot(Struct, frozen=True):
    """One line of the table: macro-F1 of all tested windows of these people pooled, over the draws."""

    people: str
    head: str
    k: int
    """Windows of support per activity, 0 without any; fewer where the support has not so many."""
    macro_f1: float
    """Mean over the draws."""
    spread: float
    """Standard deviation over the draws."""
    windows: int
    """Tested in each draw."""
    f1: dict[str, float]
    """Mean over the draws."""


Fit = Callable[[Array, Array, Indices], Logistic]
"""Embeddings (n, features), log-probabilities (n, labels) and labels (n,) of the support to a head."""


def nearest_mean(embedding: Array, log_probability: Array, label: Indices) -> Logistic:
    """Choose the class whose mean embedding is nearest: what a head has to beat."""
    center, scale = standard(embedding)
    x = features(embedding, center, scale)[:, :-1]
    means = np.stack([x[label == i].mean(axis=0) for i in range(log_probability.shape[1])])
    weights = np.concatenate([means.T, -0.5 * np.sum(means**2, axis=1)[None]])
    return Logistic(center, scale, weights, 0.0)


HEADS: Mapping[str, Fit] = {
    "nearest class mean": nearest_mean,
    "logistic": lambda e, p, y: fit(e, p, np.eye(p.shape[1])[y], trust=0.0),
    "logistic on top of the model": lambda e, p, y: fit(e, p, np.eye(p.shape[1])[y]),
}
"""The last one is the head that is meant; the others show what its parts are worth."""


def judge(recognizer: Recognizer, trials: Sequence[Trial]) -> Judged:
    """Judge all windows of the trials whose activity the model knows.

    Raises:
        ModelError: if the model has no embedding.
        RecordingError: if there is no such window.
    """
    spec = recognizer.spec
    activities = {trial.activity for trial in trials}
    labels = tuple(label for label in spec.labels if label in activities)
    columns = [spec.labels.index(label) for label in labels]
    judged: list[tuple[FloatArray, FloatArray, int, int, int]] = []
    for trial in trials:
        if trial.activity not in labels:
            continue
        about = (labels.index(trial.activity), trial.subject, trial.number)
        for window in windows(spec, trial.tracks):
            [prediction] = recognizer.push(window)
            if prediction.probabilities is None:
                continue
            if prediction.embedding is None:
                raise ModelError(f"{spec.id}: few-shot needs an embedding, the network's second output")
            judged.append((prediction.embedding.copy(), prediction.probabilities, *about))
    if not judged:
        raise RecordingError("no windows of an activity that the model knows")
    embedding, probability, label, person, recording = (
        np.array(column) for column in zip(*judged, strict=True)
    )
    scored = np.maximum(probability[:, columns].astype(np.float64), _FLOOR)
    index = np.array([labels.index(name) if name in labels else -1 for name in spec.labels])
    return Judged(
        embedding=embedding.astype(np.float64),
        log_probability=np.log(scored / scored.sum(axis=1, keepdims=True)),
        predicted=index[probability.argmax(axis=1)],
        label=label,
        person=person,
        recording=recording,
        labels=labels,
    )


def draw(judged: Judged, k: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Draw windows of support and windows to test, for each half of each person's recordings.

    The recordings of each activity are dealt into two halves; each half is tested with support from
    the other, so that every recording is tested once. An activity of one recording is left out.
    A person's draw is the same whoever else is there.
    """
    for person in np.unique(judged.person).tolist():
        rng = np.random.default_rng((seed, k, person))
        half = np.full(len(judged.label), -1)
        for i in range(len(judged.labels)):
            rows = (judged.person == person) & (judged.label == i)
            recordings = rng.permutation(np.unique(judged.recording[rows]))
            if len(recordings) > 1:
                first = recordings[: (len(recordings) + int(rng.integers(2))) // 2]
                half[rows] = np.isin(judged.recording[rows], first)
        for side in (0, 1):
            pools = [np.flatnonzero((half == side) & (judged.label == i)) for i in range(len(judged.labels))]
            support = np.concatenate([rng.permutation(pool)[:k] for pool in pools])
            if len(support):
                yield support, np.flatnonzero(half == 1 - side)


def shots(judged: Judged, groups: Mapping[str, NDArray[np.bool_]], draws: int = DRAWS) -> list[Shot]:
    """Score for each group of windows the model as it is, then every head with every k on the same draws."""
    answers: dict[tuple[str, int], list[Indices]] = {("the model as it is", 0): [judged.predicted]}
    for k in KS:
        splits = [list(draw(judged, k, seed)) for seed in range(draws)]
        for name, fitting in HEADS.items():
            answers[name, k] = [_answers(judged, split, fitting) for split in splits]
    return [
        _shot(judged, people, rows, name, k, predicted)
        for people, rows in groups.items()
        if rows.any()
        for (name, k), predicted in answers.items()
    ]


def _answers(judged: Judged, splits: Sequence[tuple[Indices, Indices]], fitting: Fit) -> Indices:
    """Recognize labels (windows,) in one draw; -2 where a window was not tested."""
    predicted = np.full(len(judged.label), -2)
    for support, tested in splits:
        labels = np.unique(judged.label[support])
        at = np.searchsorted(labels, judged.label[support])
        log_probability = judged.log_probability[:, labels]
        head = fitting(judged.embedding[support], log_probability[support], at)
        scores = head.scores(judged.embedding[tested], log_probability[tested])
        predicted[tested] = labels[scores.argmax(axis=1)]
    return predicted


def _shot(
    judged: Judged, people: str, rows: NDArray[np.bool_], head: str, k: int, draws: Sequence[Indices]
) -> Shot:
    tested = [rows & (predicted != -2) for predicted in draws]
    count = len(judged.labels)
    # What is none of the labels, -1, becomes the last column.
    counts = [
        confusion(judged.label[of_draw], predicted[of_draw] % (count + 1), count, count + 1)
        for of_draw, predicted in zip(tested, draws, strict=True)
    ]
    each = f1(np.array(counts))
    present = ~np.isnan(each[0])
    if not present.any():
        raise RecordingError(f"{people}: few-shot needs two recordings of an activity by one person")
    macro = each[:, present].mean(axis=1)
    return Shot(
        people=people,
        head=head,
        k=k,
        macro_f1=round(float(macro.mean()), 4),
        spread=round(float(macro.std()), 4),
        windows=int(tested[0].sum()),
        f1={judged.labels[i]: round(float(each[:, i].mean()), 3) for i in np.flatnonzero(present)},
    )


def few_shot(recognizer: Recognizer, recordings: Recordings, draws: int = DRAWS) -> list[Shot]:
    """Score MotionSense: the people on whom decisions were taken, the others, and all together."""
    judged = judge(recognizer, recordings.read("motionsense"))
    decided_on = np.isin(judged.person, sorted(DECIDED_ON["motionsense"]))
    groups = {"decided on": decided_on, ONLY_SCORED: ~decided_on, "all": np.ones_like(decided_on)}
    return shots(judged, groups, draws)


def short(scores: Sequence[Shot]) -> str:
    """Lay out the people on whom no decision was taken."""
    return markdown([shot for shot in scores if shot.people == ONLY_SCORED])


def markdown(scores: Sequence[Shot]) -> str:
    """Lay out a line per people and head, a column per k."""
    rows = []
    for people, head in dict.fromkeys((shot.people, shot.head) for shot in scores):
        by_k = {shot.k: shot for shot in scores if (shot.people, shot.head) == (people, head)}
        cells = [f"{s.macro_f1:.3f} ± {s.spread:.3f}" for s in by_k.values() if s.k]
        if 0 in by_k:
            cells = [figure(by_k[0].macro_f1)] * len(KS)
        rows.append((people, head, *cells))
    return table(("people", "head", *(f"k = {k}" for k in KS)), rows, words=(0, 1))
