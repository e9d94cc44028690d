"""The plan of how each set is scored, by sensors, labels and conditions, and the answers of the model.

The sets are chosen by `evaluate.set_names`.

Windows follow each other at 1.28 s and lie wholly inside one trial; the answer is the plain arg-max
over all labels that the worn sensors offer, and beside it the state of the run-time decision at
that moment. Nothing is assumed about who is in a file: only whose recordings were looked at
while the model was designed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ModelError
from edgehar.evaluation.results import TURNED
from edgehar.motion.imu import random_rotations
from edgehar.pipeline.decision import Decision
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.telling import Telling
from edgehar.recordings.datasets import Trial
from edgehar.recordings.scoring import Segment
from edgehar.training.dataset_windows import HOP_S, Channels, taken, windows
from edgehar.types import Activity, FloatArray, Prediction

WINDOW_S = 2.56
"""Length of a scored window, s."""
NO_ANSWER = "no_answer"
DECIDED_ON: Mapping[str, frozenset[int]] = {
    "motionsense": frozenset(range(1, 7)),
    "dsads": frozenset({1, 2}),
}
"""People whose scores were looked at for design decisions; all others were only scored."""
GESTURES = ("waving", "clapping", "punching", "throwing")
LABELS: Mapping[str, tuple[str, ...]] = {
    "motionsense": ("walking", "running", "stairs_up", "stairs_down", "sitting", "standing"),
    "dsads": (
        "sitting",
        "standing",
        "lying",
        "walking",
        "running",
        "stairs_up",
        "stairs_down",
        "cycling",
        "rowing",
        "jumping",
    ),
}
"""Activities that a set is scored on whatever the model knows; of other sets, those it offers."""
SWEPT = {"motionsense": False, "dsads": True}
"""Sets whose conditions are varied, and whether all their sensors are worn for it."""
RATES_HZ = (15.0, 20.0, 25.0)
LOSSES = (0.05, 0.2)
_SEED = 20


class Run(Struct, frozen=True):
    """One pass of the model over a set."""

    data: str
    placements: tuple[str, ...]
    labels: tuple[str, ...]
    """Those of the truth; all else is passed over."""
    turned: bool = False
    """Every sensor of every trial in another random orientation."""
    greater_part: bool = False
    """A window's truth is what fills more than half of it; else it lies wholly in one label."""
    rate_hz: float | None = None
    loss: float = 0.0
    channels: Channels = "all"

    @property
    def is_decided(self) -> bool:
        """True if the decision is scored too: on what was recorded, and where it holds through a loss."""
        return not self.turned and self.rate_hz is None and self.channels == "all"


class Row(Struct, frozen=True):
    """One line of the table."""

    name: str
    runs: tuple[Run, ...]
    labels: tuple[str, ...]
    """Those of the truth that are scored."""
    of: str = ""
    """The row that it varies, in a sweep."""


class Plan(Struct, frozen=True):
    """All rows, and what cannot be scored, each with the reason."""

    rows: list[Row]
    skipped: dict[str, str]


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


def offered(spec: ModelSpec, placements: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that sensors at these placements can tell apart together."""
    worn = [i for i, placement in enumerate(spec.slots(placements)) if placement is not None]
    return tuple(spec.labels[i] for i in spec.offered(worn))


def plan(spec: ModelSpec, sets: Mapping[str, Sequence[Trial]]) -> Plan:
    """Plan every set: each sensor alone, all together, plain and turned; then the sweeps and the gestures.

    ModelError if the model's own windows do not hold those that are scored.
    """
    window_s, hop_s = spec.window / spec.rate_hz, spec.hop / spec.rate_hz
    if not isclose(window_s, WINDOW_S) or spec.window % (2 * spec.hop):
        raise ModelError(
            f"{spec.id}: windows of {window_s:g} s, one each {hop_s:g} s, cannot be scored; expected "
            f"{WINDOW_S:g} s, and a hop that divides {HOP_S:g} s: mend window and hop in its recipe"
        )
    made = Plan([], {})
    for name, trials in sets.items():
        _plan_set(spec, name, trials, made)
    _plan_gestures(spec, made)
    return made


def _plan_set(spec: ModelSpec, name: str, trials: Sequence[Trial], made: Plan) -> None:
    recorded = tuple(dict.fromkeys(placement for trial in trials for placement in trial.tracks))
    wearings: dict[str, tuple[str, ...]] = {}
    if any(len(trial.tracks) > 1 for trial in trials):
        wearings[f"{name} all together"] = recorded
    wearings |= {f"{name} {placement}": (placement,) for placement in recorded}
    for title, wanted in wearings.items():
        placements, why = taken(spec, wanted)
        made.skipped.update({f"{title}: {placement}": reason for placement, reason in why.items()})
        if not placements or (len(wanted) > 1 and len(placements) == 1):
            continue
        true = {
            label for trial in trials if set(placements) <= set(trial.tracks) for *_, label in trial.truth
        }
        labels = LABELS.get(name, offered(spec, placements))
        scored = tuple(label for label in labels if label in true and label != "other")
        if not scored:
            made.skipped[title] = "none of its activities is a label that the model offers there"
            continue
        by_row = any(len(trial.truth) > 1 for trial in trials)
        run = Run(name, placements, scored)
        made.rows.extend(_variants(title, run, by_row=by_row))
        if name in SWEPT and SWEPT[name] == (len(wanted) > 1):
            made.rows.extend(_sweep(title, run, _rate_of(trials)))


def _variants(title: str, run: Run, *, by_row: bool) -> Iterator[Row]:
    plain = {title: run}
    if by_row:
        plain[f"{title}, by the greater part"] = replace(run, greater_part=True)
    for name, upright in plain.items():
        yield Row(name, (upright,), run.labels)
        yield Row(f"{name}{TURNED}", (replace(upright, turned=True),), run.labels)


def _sweep(title: str, run: Run, native_hz: float) -> Iterator[Row]:
    conditions = {f"{rate:g} Hz": replace(run, rate_hz=rate) for rate in RATES_HZ if rate < native_hz - 0.5}
    conditions |= {f"{loss:.0%} of packets lost": replace(run, loss=loss) for loss in LOSSES}
    conditions["without gyroscope"] = replace(run, channels="acc")
    for name, changed in conditions.items():
        yield Row(f"{title}, {name}", (changed,), run.labels, of=title)


def _rate_of(trials: Sequence[Trial]) -> float:
    track = next(iter(trials[0].tracks.values()))
    return float(1.0 / np.median(np.diff(track.t)))


def _plan_gestures(spec: ModelSpec, made: Plan) -> None:
    """Put all wrists of the two sets of gestures in one row."""
    for suffix in ("", TURNED):
        runs = tuple(
            row.runs[0]
            for row in made.rows
            for name in ("utd_mhad", "berkeley_mhad")
            if row.name.startswith(f"{name} wrist") and row.name.endswith(suffix) and not row.of
            if row.runs[0].turned == bool(suffix)
        )
        gestures = tuple(label for label in GESTURES if label in spec.labels)
        if not (runs and gestures):
            made.skipped[f"gestures at the wrist{suffix}"] = (
                "the model knows none of them, or there is no set"
            )
        else:
            made.rows.append(Row(f"gestures at the wrist{suffix}", runs, gestures))


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


def decision_of(spec: ModelSpec, placements: Iterable[str]) -> Decision:
    """Make the model's own decision, for what is worn."""
    return Decision(
        "evaluation",
        Telling(LabelTree(spec.labels, spec.tree), spec.decision),
        spec.window / spec.rate_hz,
        spec.hop / spec.rate_hz,
        spec.decision,
        spec.id,
        placements=spec.slots(placements),
    )


def truth_of(truth: Sequence[Segment], begin: float, end: float, *, greater_part: bool) -> str | None:
    """Return the label of a window, s; None if it lies in several or, by the greater part, none fills half of it."""
    edge = 1e-6
    for start, stop, label in truth:
        if start - edge <= begin and end <= stop + edge:
            return label
        if greater_part and min(stop, end) - max(start, begin) > 0.5 * (end - begin):
            return label
    return None
