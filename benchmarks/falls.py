"""`python -m benchmarks.falls MODEL DATA`: fit the weights of the evidence of a fall to a model's network.

MODEL is a shipped model's name or a pair's path, DATA the folder that holds `imu/`. For each kind of placement the
evidence of every hit is collected as the run time does it, in acted falls and in everyday movement, and a logistic
regression weighs it. Printed are, on people to whom neither weights nor `needed` were fitted (five folds): falls told,
by set, and false alarms; then the weights as they stand in a recipe's `[decision.falls]`. `needed` is the least sum at
which these everyday sets raise at most as many alarms as `KINDS` allow. The network may have learned from some of these
people. No set of falls at the chest is public: falls at the hip stand in. Takes ten minutes.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.evaluation.falls import EARLY_S, peak_time
from edgehar.pipeline.fall_evidence import Evidence, Hits, evidence
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.recordings.datasets import collection, read_set
from edgehar.training.dataset_windows import windows
from edgehar.types import FALLING, Samples

Vectors = NDArray[np.float64]


class Kind(Struct, frozen=True):
    """A kind of placement: what is weighed there, and where people wore a sensor, by set."""

    fitted: tuple[str, ...]
    """Evidence whose weights are fitted."""
    held: dict[str, float]
    """Weights that are given, of evidence against what no set has enough of; all others are 0."""
    sources: tuple[tuple[str, str], ...]
    """Sets, each with the placement in it."""
    per_hour: float
    """False alarms that are allowed: below the aim of 0.5, and the fewer, the more of the hours are spent sitting."""
    worn_as: str = ""
    """The model's placement that these stand for; empty: their own."""

    def design(self, hops: Sequence["Hop"]) -> tuple[Vectors, Vectors]:
        """Return what is fitted, (hops, evidence), and the log-odds of what is held."""
        x = np.array([[getattr(hop.values, word) for word in self.fitted] for hop in hops], np.float64)
        held = [sum(w * getattr(hop.values, word) for word, w in self.held.items()) for hop in hops]
        return x, np.array(held, np.float64)


_TRUNK = ("network", "turned", "unrest")
# People who lie down on a bed.
_NOT_LYING_DOWN = {"fell": 1.0, "impact": 2.0}
_TRUNK_SETS = (("smartfallmm_meta_hip", "hip"), ("dsads", "chest"))
KINDS = {
    "waist": Kind(_TRUNK, _NOT_LYING_DOWN, _TRUNK_SETS, 0.4, "waist"),
    "chest": Kind(_TRUNK, _NOT_LYING_DOWN, _TRUNK_SETS, 0.4, "chest"),
    "wrist": Kind(
        ("network", "impact", "turned", "rest", "unrest"),
        {"repeats": -0.5},  # who claps a few times and lets the hands rest
        (
            ("weda_fall", "wrist"),
            ("smartfallmm_meta_wrist", "wrist"),
            ("smartfallmm_watch_wrist", "wrist"),
            ("dsads", "wrist_left"),
            ("dsads", "wrist_right"),
            ("wisdm_watch", "wrist"),
            ("selfback_wrist", "wrist"),
            ("stress_predict", "wrist"),
            ("sp_sw_har", "wrist_left"),
        ),
        0.2,
    ),
}
AGAINST = frozenset({"unrest", "repeats"})
"""Evidence whose weight is taken off."""
FOLDS = 5
RIDGE = 3.0
"""Pulls weights of standardized evidence towards 0, as a prior worth three hits would."""
FITTED_AT_HOPS = 4
"""After a hit its evidence is fitted; it is asked at every hop."""
LATE_S = 3.0
"""A fall's hit comes at most so long after the largest |f|, s; its bounces."""


class Hop(Struct, frozen=True):
    """The evidence of one hit, so many hops after it."""

    source: str
    person: str
    trial: int
    hit_t: float
    hops: int
    is_fall: bool
    values: Evidence


class Recorded(Struct, frozen=True):
    """A trial: where its hits come from."""

    source: str
    person: str
    is_fall: bool
    hours: float


def collect(recognizer: Recognizer, folder: Path, kind: Kind) -> tuple[list[Recorded], list[Hop]]:
    """Return all trials of a kind of placement, and the evidence of their hits."""
    trials: list[Recorded] = []
    hops: list[Hop] = []
    for name, placement in kind.sources:
        for trial in read_set(folder, name):
            if track := trial.tracks.get(placement):
                is_fall = trial.activity.startswith("fall_")
                seen = Recorded(
                    name,
                    f"{collection(name)} {trial.subject}",
                    is_fall,
                    float(track.t[-1] - track.t[0]) / 3600,
                )
                trials.append(seen)
                worn = replace(track, placement=kind.worn_as or placement)
                hops += hits_of(recognizer, worn, seen, len(trials) - 1)
        print(f"# {name} {placement}: {len(hops)} hops after hits", file=sys.stderr, flush=True)
    return trials, hops


def hits_of(recognizer: Recognizer, track: Samples, seen: Recorded, index: int) -> Iterator[Hop]:
    """Yield the evidence of every suspected hit of one sensor, hop by hop."""
    spec = recognizer.spec
    hop_s, column = spec.hop / spec.rate_hz, spec.labels.index(FALLING)
    slot = spec.slots([track.placement]).index(track.placement)
    settings, peak_s = spec.decision.falls, peak_time(track)
    hits = Hits(spec.window / spec.rate_hz, hop_s, settings.within_s)
    for window in windows(spec, {track.placement: track}, hop_s=hop_s):
        [p] = recognizer.push(window)
        for t, hops in (*p.earlier_hops, (p.t, p.hop_accelerations)):
            hits.push(t, hops.get(slot))
        if p.probabilities is not None:
            hits.judge(p.t, float(p.probabilities[column]))
        for hit in hits.followed():
            is_fall = seen.is_fall and -EARLY_S <= hit.t - peak_s <= LATE_S
            if hit.probability >= settings.suspicion and is_fall == seen.is_fall:
                after = round((p.t - hit.t) / hop_s)
                yield Hop(seen.source, seen.person, index, hit.t, after, is_fall, evidence(hit))


def fit(x: Vectors, held: Vectors, y: Vectors) -> Vectors:
    """Return weights of a logistic regression beside `held` log-odds, the last for 1: Newton's method, standardized."""
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([(x - centre) / spread, np.ones(len(x))])
    pull = np.diag([RIDGE] * x.shape[1] + [1e-6])
    w = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-np.clip(z @ w + held, -30.0, 30.0)))
        gradient = z.T @ (p - y) + pull @ w
        w -= np.linalg.solve((z * (p * (1.0 - p))[:, None]).T @ z + pull, gradient)
    weights = w[:-1] / spread
    return np.append(weights, w[-1] - weights @ centre)


def folds(hops: Sequence[Hop]) -> dict[str, int]:
    """Deal the people into `FOLDS` folds."""
    people = sorted({hop.person for hop in hops})
    return {
        person: i % FOLDS for i, person in enumerate(np.random.default_rng(0).permutation(people).tolist())
    }


def told_to_others(
    trials: Sequence[Recorded], hops: Sequence[Hop], x: Vectors, held: Vectors, per_hour: float
) -> NDArray[np.bool_]:
    """Tell which hops raise an alarm by weights, and by what is needed, of other people."""
    fold, log_odds = folds(hops), held_out(hops, x, held)
    of = np.array([fold[hop.person] for hop in hops])
    told = np.zeros(len(hops), np.bool_)
    for k in range(FOLDS):
        others = np.flatnonzero(of != k).tolist()
        their_hops = [hops[i] for i in others]
        their_log_odds = held_out(their_hops, x[others], held[others])
        their_trials = [trial for trial in trials if fold.get(trial.person) != k]
        told[of == k] = log_odds[of == k] > threshold(their_trials, their_hops, their_log_odds, per_hour)
    return told


def held_out(hops: Sequence[Hop], x: Vectors, held: Vectors) -> Vectors:
    """Return the log-odds of every hop by weights of other people."""
    fold = folds(hops)
    of = np.array([fold[hop.person] for hop in hops])
    y, fitted = truth(hops)
    log_odds = np.zeros(len(hops))
    for k in range(FOLDS):
        others = fitted & (of != k)
        w = fit(x[others], held[others], y[others])
        log_odds[of == k] = x[of == k] @ w[:-1] + held[of == k] + w[-1]
    return log_odds


def truth(hops: Sequence[Hop]) -> tuple[Vectors, NDArray[np.bool_]]:
    """Return 1 for falls, else 0, and which hops the weights are fitted to."""
    y = np.array([float(hop.is_fall) for hop in hops])
    return y, np.array([hop.hops == FITTED_AT_HOPS for hop in hops])


def threshold(trials: Sequence[Recorded], hops: Sequence[Hop], log_odds: Vectors, per_hour: float) -> float:
    """Return the least log-odds at which everyday movement raises at most so many alarms per hour."""
    largest: dict[tuple[int, float], float] = {}
    for hop, value in zip(hops, log_odds.tolist(), strict=True):
        if not hop.is_fall:
            key = (hop.trial, hop.hit_t)
            largest[key] = max(largest.get(key, -np.inf), value)
    hours = sum(trial.hours for trial in trials if not trial.is_fall)
    ranked = sorted(largest.values(), reverse=True)
    allowed = int(per_hour * hours)
    return ranked[allowed] if allowed < len(ranked) else -np.inf


def report(trials: Sequence[Recorded], hops: Sequence[Hop], told: NDArray[np.bool_]) -> Iterator[str]:
    """Yield a line for each set: falls told, and false alarms."""
    hits = {(hop.trial, hop.hit_t) for hop, is_told in zip(hops, told.tolist(), strict=True) if is_told}
    for source in dict.fromkeys(trial.source for trial in trials):
        falls = [i for i, trial in enumerate(trials) if trial.source == source and trial.is_fall]
        detected = len({trial for trial, _ in hits} & set(falls))
        alarms = sum(trials[i].source == source and not trials[i].is_fall for i, _ in hits)
        hours = sum(trial.hours for trial in trials if trial.source == source and not trial.is_fall)
        shown = f"{detected} of {len(falls)} falls = {detected / len(falls):.0%}, " if falls else ""
        yield f"{source}: {shown}{alarms} false alarms in {hours:.1f} h = {alarms / hours:.2f} per hour"


def weigh(recognizer: Recognizer, folder: Path, name: str, kind: Kind) -> None:
    """Print what the evidence is worth on other people, and the weights of all."""
    trials, hops = collect(recognizer, folder, kind)
    x, held = kind.design(hops)
    least = threshold(trials, hops, held_out(hops, x, held), kind.per_hour)
    for line in report(trials, hops, told_to_others(trials, hops, x, held, kind.per_hour)):
        print(f"# {name}: {line}")
    y, fitted = truth(hops)
    *weights, constant = fit(x[fitted], held[fitted], y[fitted]).tolist()
    by_word = dict(zip(kind.fitted, weights, strict=True)) | kind.held
    print(f"[decision.falls.{name}]\nneeded = {least - constant:.2f}")
    for word in Evidence.__struct_fields__:
        against = -1.0 if word in AGAINST else 1.0
        print(f"{word} = {against * by_word.get(word, 0.0) + 0.0:.2f}")
    sys.stdout.flush()


def main(model: str = "imu_tcn", data: str = "../shared/data") -> None:
    """Weigh the evidence at every kind of placement."""
    recognizer = load(find(model))
    for name, kind in KINDS.items():
        weigh(recognizer, Path(data), name, kind)


if __name__ == "__main__":
    main(*sys.argv[1:3])
