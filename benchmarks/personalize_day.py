"""Labels that no model knows, taught by one wearer of wisdm_watch, and the rest of that wearer's day, for `benchmarks.personalize`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks.personalize_heads import HEADS
from benchmarks.personalize_windows import SUPPORT_S, f1_by_label, macro, with_interval
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import decision_of
from edgehar.personal import background
from edgehar.personal.recognizer import Personal
from edgehar.personal.statistics import of_window
from edgehar.personal.takes import Take
from edgehar.pipeline.cut import cut
from edgehar.pipeline.manifest import read
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, joined, read_set
from edgehar.training.provenance import HELD_OUT, named
from edgehar.types import Activity, Event, FloatArray, Prediction, Samples

_NO_ROWS = np.zeros((0, 0), np.float32)
"""Rows for windows that the network alone judges: none."""


class Day(Struct, frozen=True, eq=False):
    """One wearer of wisdm_watch: 30 s of each activity, and the rest as one recording."""

    takes: dict[str, Take]
    rest: list[Prediction]
    """Answers of the network alone."""
    statistics: FloatArray
    """(windows, statistics)."""
    truth: list[tuple[float, float, str]]
    hours: float


def later(trial: Trial, start: float) -> Trial:
    """Return a trial from a moment on."""
    tracks = {place: _from(track, start) for place, track in trial.tracks.items()}
    return replace(
        trial,
        tracks=tracks,
        truth=[(max(0.0, a - start), b - start, word) for a, b, word in trial.truth if b > start],
    )


def _from(track: Samples, start: float) -> Samples:
    rows = track.t >= start
    return replace(track, t=track.t[rows] - start, values=track.values[rows])


def day(network: Recognizer, trials: Sequence[Trial]) -> Day:
    """Split one wearer's recordings."""
    takes, rest = dict[str, Take](), []
    for trial in trials:
        word = trial.activity
        if word not in takes and trial.end_s > 2 * SUPPORT_S:
            takes[word] = Take(trial.tracks, [(0.0, SUPPORT_S, word)], word)
            rest.append(later(trial, SUPPORT_S))
        else:
            rest.append(trial)
    tracks, truth = joined(rest)
    spec = network.spec
    slots, answers, statistics = spec.slots(tracks), list[Prediction](), list[FloatArray]()
    for window in cut(spec, tracks, spec.hop / spec.rate_hz):
        [p] = network.push(window)
        answers.append(replace(p, embedding=None if p.embedding is None else p.embedding.copy()))
        statistics.append(of_window(spec, slots, window.x))
    return Day(takes, answers, np.array(statistics), truth, sum(b - a for a, b, _ in truth) / 3600.0)


class Told(Struct, frozen=True, eq=False):
    """The states and false starts of one wearer's rest of the day."""

    true: NDArray[np.str_]
    state: NDArray[np.str_]
    false: int
    """Starts of taught new labels while none of them was done, nor had ended within 4 s before."""
    hours: float
    """Time in which none of the taught new labels was done, h."""


def live(network: Recognizer, judge: Personal | None, some: Day, new: Sequence[str]) -> Told:
    """Run the decision over the rest of the day, with a head or without."""
    spec = judge.spec if judge else network.spec
    decision, length_s = decision_of(spec, ("wrist",)), spec.window / spec.rate_hz
    true, state, false = [], [], 0
    for p in personalized(some, judge):
        for item in decision.push(p):
            if isinstance(item, Event):
                begins = item.kind == "activity_started" and item.label in new
                t = item.detected_at
                done = {word for a, b, word in some.truth if a < t and t - 4.0 < b}
                false += begins and not done & {*new}
            elif isinstance(item, Activity):
                word = next((w for a, b, w in some.truth if a <= item.t - length_s and item.t <= b), "")
                if word:
                    true.append(word)
                    state.append(item.state)
    idle = sum(b - a for a, b, word in some.truth if word not in new) / 3600.0
    return Told(np.array(true), np.array(state), false, idle)


def personalized(some: Day, judge: Personal | None) -> list[Prediction]:
    """Return the answers as a head has them, as `Personal.push` gives them one by one."""
    answers = some.rest
    if judge is None:
        return [*answers]
    rows = [i for i, p in enumerate(answers) if p.probabilities is not None and not p.excluded_sensors]
    embedding, probability = (
        np.array([getattr(answers[i], key) for i in rows]) for key in ("embedding", "probabilities")
    )
    told = judge.probabilities(embedding, some.statistics[rows, : judge.head.statistics], probability)
    after = dict(zip(rows, told, strict=True))
    return [
        replace(p, probabilities=after[i]) if i in after else judge.personalized(p, _NO_ROWS)
        for i, p in enumerate(answers)
    ]


def poisson(count: int, hours: float) -> str:
    """Show a rate per hour with its exact 95 % interval (Garwood 1936)."""
    from scipy.stats import chi2  # noqa: PLC0415  # slow to load

    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{count / hours:.1f} ({low / hours:.1f}–{high / hours:.1f})"


def wisdm(network: Recognizer, data: Path) -> None:
    """Print labels that no model knows, 30 s of each, taught together and one at a time, through the decision."""
    held = named(read(Path("models/imu_tcn.json")), HELD_OUT)["wisdm_watch"]
    trials = read_set(data, "wisdm_watch")
    days = {who: day(network, [t for t in trials if t.subject == who]) for who in held}
    shipped = ("walking", "running", "sitting", "standing", "clapping")
    new = sorted(
        {word for d in days.values() for word in d.takes} - {*network.spec.labels, "stairs_up_or_down"}
    )
    slots = network.spec.slots(("wrist",))
    others = background.of(network.spec, slots)
    alone = [live(network, None, d, []) for d in days.values()]
    rows, labels = [_wisdm_row("the network alone", "", alone, new, shipped)], []
    for name, variant in HEADS.items():
        together = []
        for d in days.values():
            taught = [word for word in new if word in d.takes]
            judge = variant.taught(network, slots, [d.takes[word] for word in taught], others)
            together.append(live(network, judge, d, taught))
        rows.append(_wisdm_row("all twelve", name, together, new, shipped))
        if not variant.is_shipped:
            continue
        each: dict[str, list[Told]] = {}
        for d in days.values():
            for word in [word for word in new if word in d.takes]:
                judge = variant.taught(network, slots, [d.takes[word]], others)
                each.setdefault(word, []).append(live(network, judge, d, [word]))
        labels = [_label_row(word, together, each[word]) for word in each]
        rows.append(
            _wisdm_row(
                "one at a time",
                name,
                [told for some in each.values() for told in some],
                [],
                shipped,
                [_f1(word, some) for word, some in each.items()],
            )
        )
    head = (
        f"wisdm_watch, {network.spec.id}",
        "head",
        "macro-F1 of the new",
        "of the known",
        "false starts per hour",
        "hours",
    )
    print(table(head, rows, words=(0, 1)))
    print()
    print(
        table(
            (
                "label",
                "F1, twelve taught",
                "F1, alone",
                "recall",
                "precision",
                "false starts per hour, alone",
            ),
            labels,
        )
    )


def _f1(word: str, some: Sequence[Told]) -> float:
    true, state = (np.concatenate([getattr(told, name) for told in some]) for name in ("true", "state"))
    return f1_by_label(true, state, [word])[word]


def _wisdm_row(
    what: str,
    name: str,
    some: Sequence[Told],
    new: Sequence[str],
    shipped: Sequence[str],
    alone: Sequence[float] = (),
) -> tuple[str, ...]:
    true, state = (np.concatenate([getattr(told, key) for told in some]) for key in ("true", "state"))
    who = np.concatenate([np.full(len(told.true), i) for i, told in enumerate(some)])
    hours, false = sum(told.hours for told in some), sum(told.false for told in some)
    scored = with_interval(true, state, new, who) if new else f"{np.mean(alone):.3f}"
    rate = poisson(false, hours) if name else ""
    return what, name, scored, f"{macro(true, state, shipped):.3f}", rate, f"{hours:.1f}"


def _label_row(word: str, together: Sequence[Told], alone: Sequence[Told]) -> tuple[str, ...]:
    true, state = (np.concatenate([getattr(told, key) for told in alone]) for key in ("true", "state"))
    right = ((true == word) & (state == word)).sum()
    recall, precision = right / max((true == word).sum(), 1), right / max((state == word).sum(), 1)
    rate = poisson(sum(t.false for t in alone), sum(t.hours for t in alone))
    return (
        word,
        f"{_f1(word, together):.3f}",
        f"{_f1(word, alone):.3f}",
        f"{recall:.3f}",
        f"{precision:.3f}",
        rate,
    )
