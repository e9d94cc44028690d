"""Scores of a camera's model: on annotated poses, clip by clip, and on films of people through the whole run time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation import pose_sets
from edgehar.evaluation.films import FILMS, FilmScore, score_film
from edgehar.evaluation.pose_sets import PoseClip
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import calibrate
from edgehar.training.progress import Progress
from edgehar.types import OTHER

_DRAWS = 1000
_SEED = 5


class SetScore(Struct, frozen=True):
    """Share of the clips of a set that are answered right."""

    clips: int
    windows: int
    right: float
    """0..1."""
    interval: tuple[float, float]
    """95 %, bootstrap over clips."""
    majority: float
    """Share of the clips of the commonest label."""
    macro_f1: float
    """Over the labels that occur."""
    recall: dict[str, float]
    """By the set's own words: share whose answer is the label."""


class PictureScores(Struct, frozen=True):
    """All scores of one pair."""

    model: str
    sha256: str
    command: str
    sets: dict[str, SetScore]
    """By set, and by which clips of it: those that the model has a label for, or all."""
    films: dict[str, FilmScore]
    answers: dict[str, dict[str, dict[str, int]]]
    """By set, by the set's own words: how many clips got which answer."""


def score(model: Path, folder: Path, progress: Progress | None = None) -> PictureScores:
    """Score a pair on what `folder` holds; RecordingError if it lacks the poses."""
    loaded = recognizer.load(model)
    sets: dict[str, SetScore] = {}
    told: dict[str, dict[str, dict[str, int]]] = {}
    for name in (pose_sets.JHMDB, pose_sets.PENN):
        if not (folder / "pose" / f"{name}.npz").is_file():
            raise RecordingError(
                f"{folder}/pose/{name}.npz: no such file; --data takes the folder that holds pose/"
            )
        if progress:
            progress(f"scoring, {name}", 0, 1)
        clips = pose_sets.read_clips(folder / "pose", name)
        answers, windows = answers_to(loaded, clips)
        for title, scored in scores_of(clips, answers, windows).items():
            sets[f"{name}, {title}"] = scored
        told[name] = _counts(clips, answers)
    films = {}
    for i, film in enumerate(FILMS):
        if progress:
            progress(f"scoring, {film.file}", i, len(FILMS))
        films[film.file] = score_film(loaded, film, folder)
    spec = loaded.spec
    command = f"edgehar-train evaluate models/{spec.name}.json --data DIR"
    return PictureScores(spec.id, spec.sha256, command, sets, films, told)


def answers_to(loaded: Recognizer, clips: Sequence[PoseClip]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Return the label of the largest mean probability over each clip's windows, and how many they are."""
    spec, labels, windows = loaded.spec, [], []
    for clip in clips:
        x = pose_sets.windows(clip, spec.rate_hz, spec.window, spec.hop)
        labels.append(spec.labels[int(calibrate.answers(loaded, x).mean(axis=0).argmax())])
        windows.append(len(x))
    return np.array(labels), np.array(windows)


def scores_of(
    clips: Sequence[PoseClip], answers: NDArray[np.str_], windows: NDArray[np.int64]
) -> dict[str, SetScore]:
    """Score the answers to the clips that have a label, and to all, of which the rest are `other`."""
    truth, content = np.array([clip.label for clip in clips]), np.array([clip.content for clip in clips])
    labelled, everything = truth != OTHER, np.ones(len(truth), np.bool_)
    return {
        title: _score(truth[rows], answers[rows], content[rows], int(windows[rows].sum()))
        for title, rows in (("labelled clips", labelled), ("all clips", everything))
    }


def _score(
    truth: NDArray[np.str_], answers: NDArray[np.str_], content: NDArray[np.str_], windows: int
) -> SetScore:
    right = truth == answers
    rng = np.random.default_rng(_SEED)
    means = right[rng.integers(0, len(right), (_DRAWS, len(right)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    labels, counts = np.unique(truth, return_counts=True)
    return SetScore(
        clips=len(truth),
        windows=windows,
        right=_rounded(right.mean()),
        interval=(_rounded(low), _rounded(high)),
        majority=_rounded(counts.max() / len(truth)),
        macro_f1=_rounded(np.mean([_f1(truth, answers, label) for label in labels])),
        recall={str(word): _rounded(right[content == word].mean()) for word in np.unique(content)},
    )


def _f1(truth: NDArray[np.str_], answers: NDArray[np.str_], label: str) -> float:
    both = np.count_nonzero((truth == label) & (answers == label))
    return float(2 * both / (np.count_nonzero(truth == label) + np.count_nonzero(answers == label)))


def _rounded(x: Any) -> float:
    return round(float(x), 3)


def _counts(clips: Sequence[PoseClip], answers: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    content = np.array([clip.content for clip in clips])
    counts = {}
    for word in np.unique(content):
        labels, times = np.unique(answers[content == word], return_counts=True)
        counts[str(word)] = dict(zip(labels.tolist(), times.tolist(), strict=True))
    return counts
