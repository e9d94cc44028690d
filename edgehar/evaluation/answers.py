"""The answers of a model to all windows of a set, with the truth of each.

Windows follow each other at 1.28 s; the answer is the plain arg-max over all labels that the worn sensors offer, and
beside it the state of the run-time decision at that moment.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.evaluation.plan import Run, decision_of
from edgehar.evaluation.truth import NO_ANSWER, truth_of
from edgehar.motion.imu import random_rotations
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.training.dataset_windows import HOP_S, windows
from edgehar.types import Activity, FloatArray, Prediction

_SEED = 20


class Answers(Struct, frozen=True, eq=False):
    """Truth and answers of the model, window by window."""

    person: NDArray[np.str_]
    """Such as `dsads 1`."""
    true: NDArray[np.str_]
    predicted: NDArray[np.str_]
    """The arg-max, or NO_ANSWER."""
    state: NDArray[np.str_]
    """State that the decision held at the window's end; empty where none was run."""
    probabilities: FloatArray
    """(windows, labels); zero where there is no answer."""


def answer(recognizer: Recognizer, trials: Sequence[Trial], run: Run) -> Answers:
    """Judge all windows of all trials that have what is worn."""
    words: list[tuple[str, str, str, str]] = []
    probabilities: list[FloatArray] = []
    for index, trial in enumerate(trials):
        true = {label for *_, label in trial.truth}
        if not (set(run.placements) <= set(trial.tracks) and true & set(run.labels)):
            continue
        for label, prediction, state in _of_trial(recognizer, trial, run, index):
            p, predicted = prediction.probabilities, NO_ANSWER
            if p is not None:
                predicted = recognizer.spec.labels[int(np.argmax(p))]
            words.append((f"{run.data} {trial.subject}", label, predicted, state))
            probabilities.append(np.zeros(len(recognizer.spec.labels), np.float32) if p is None else p)
    person, truth, top, held = np.array(words, np.str_).reshape(-1, 4).T
    judged = np.array(probabilities, np.float32).reshape(-1, len(recognizer.spec.labels))
    return Answers(person, truth, top, held, judged)


def _of_trial(
    recognizer: Recognizer, trial: Trial, run: Run, index: int
) -> Iterator[tuple[str, Prediction, str]]:
    """Yield truth, answer and state of each scored window."""
    spec, rng = recognizer.spec, np.random.default_rng((_SEED, index))
    turns = random_rotations(rng, len(run.placements))
    hop_s = spec.hop / spec.rate_hz if run.is_decided else HOP_S
    every = round(HOP_S / hop_s)
    cut = windows(
        spec,
        {placement: trial.tracks[placement] for placement in run.placements},
        hop_s=hop_s,
        loss=run.loss,
        rate_hz=run.rate_hz,
        turn=dict(zip(run.placements, turns, strict=True)) if run.turned else None,
        channels=run.channels,
        rng=rng,
    )
    decision = decision_of(spec, run.placements) if run.is_decided else None
    for k, window in enumerate(cut):
        begin = window.t_end - spec.window / spec.rate_hz
        true = truth_of(trial.truth, begin, window.t_end, greater_part=run.greater_part)
        if decision is None and true not in run.labels:
            continue
        [prediction] = recognizer.push(window)
        state = ""
        if decision:
            last = decision.push(prediction)[-1]
            assert isinstance(last, Activity)
            state = last.state
        if k % every == 0 and true in run.labels:
            yield true, prediction, state
