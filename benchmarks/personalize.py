"""`python -m benchmarks.personalize TABLE DATA [MODEL ...]`: what a minute of the wearer is worth, on real people.

TABLE is `motionsense`, `openpack`, `dsads`, `wisdm` or `time`; `docs/personalize.md` has what each printed. The wisdm
table is of the people whom `imu_tcn` holds out. Each takes some minutes on two cores.
"""

import resource
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks.personalize_heads import HEADS
from edgehar.evaluation import fewshot, forest
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import LABELS, decision_of
from edgehar.personal import background
from edgehar.personal.fit import teach
from edgehar.personal.judged import Judged
from edgehar.personal.logistic import Array, Indices
from edgehar.personal.recognizer import Personal
from edgehar.personal.takes import Take
from edgehar.pipeline import recognizer
from edgehar.pipeline.cut import cut
from edgehar.pipeline.manifest import read
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, joined, read_set
from edgehar.training.provenance import HELD_OUT, named
from edgehar.types import Activity, Event, FloatArray, Prediction, Samples

MODELS = ("imu_tcn", "imu_tcn_synthetic")
SUPPORT_S = 30.0
WORK = Path("build/personalize")
SEED = 20261201
RESAMPLES = 1000
DRAWS = 2


class Seen(Struct, frozen=True, eq=False):
    """Windows of recordings, as the network judges them."""

    label: NDArray[np.str_]
    embedding: Array
    probability: Array
    end: Array
    """(windows,), s from the recording's begin."""
    x: FloatArray
    """(windows, rows, columns), as the network would be shown them in the device's frame."""


def kept(
    network: Recognizer, name: str, trials: Sequence[Trial], worn: Sequence[str], hop_s: float
) -> list[Seen]:
    """Return `seen` of each trial of a set, which is kept in `build/personalize`."""
    words = f"{network.spec.sha256[:12]}-{name}-{'+'.join(worn)}-{hop_s:g}"
    path, count = WORK / f"{words}.npz", len(Seen.__struct_fields__)
    if not path.is_file():
        parts = [seen(network, trial, worn, hop_s) for trial in trials]
        WORK.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{i}": getattr(part, key) for i, (part, key) in enumerate(product(parts, Seen.__struct_fields__))
        }
        np.savez(path, **arrays)
    with np.load(path) as file:
        read_back = [file[f"{i}"] for i in range(len(file.files))]
    return [Seen(*read_back[i : i + count]) for i in range(0, len(read_back), count)]


def seen(
    network: Recognizer, trial: Trial, worn: Sequence[str], hop_s: float, *, with_x: bool = False
) -> Seen:
    """Judge the windows of a trial that lie wholly within one label."""
    spec, rows = network.spec, []
    length_s = spec.window / spec.rate_hz
    for window in cut(spec, {place: trial.tracks[place] for place in worn}, hop_s):
        begin, end = window.t_end - length_s, window.t_end
        word = next((word for a, b, word in trial.truth if a <= begin and end <= b), "")
        [p] = network.push(window)
        if word and p.probabilities is not None and p.embedding is not None and not window.excluded_sensors:
            x = window.x if with_x else np.zeros((0, 0), np.float32)
            rows.append((word, p.embedding.copy(), p.probabilities, end, x))
    label, embedding, probability, ends, shown = zip(*rows, strict=True)
    return Seen(
        np.array(label),
        np.array(embedding, np.float64),
        np.array(probability, np.float64),
        np.array(ends),
        np.array(shown),
    )


def joined_seen(parts: Sequence[Seen]) -> Seen:
    """Return several as one."""
    return Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in Seen.__struct_fields__))


def of_rows(some: Seen, rows: NDArray[np.bool_] | Indices) -> Judged:
    """Return these windows as `teach` has them."""
    return Judged(tuple(some.label[rows].tolist()), some.embedding[rows], some.probability[rows])


def f1_by_label(true: NDArray[np.str_], told: NDArray[np.str_], labels: Sequence[str]) -> dict[str, float]:
    """Return F1 of each label that was done."""
    scores = {}
    for label in labels:
        if (true == label).any():
            right = ((true == label) & (told == label)).sum()
            scores[label] = 2 * right / ((true == label).sum() + (told == label).sum())
    return scores


def macro(true: NDArray[np.str_], told: NDArray[np.str_], labels: Sequence[str]) -> float:
    """Return macro-F1 of the labels that were done."""
    return float(np.mean([*f1_by_label(true, told, labels).values()]))


def with_interval(
    true: NDArray[np.str_], told: NDArray[np.str_], labels: Sequence[str], who: NDArray[np.generic]
) -> str:
    """Show macro-F1 with a 95 % interval by bootstrap over people, or whatever is drawn."""
    rng, units = np.random.default_rng(SEED), np.unique(who)
    rows = {unit: np.flatnonzero(who == unit) for unit in units.tolist()}
    draws = []
    for _ in range(RESAMPLES):
        at = np.concatenate([rows[unit] for unit in rng.choice(units, len(units)).tolist()])
        draws.append(macro(true[at], told[at], labels))
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{macro(true, told, labels):.3f} ({low:.3f}–{high:.3f})"


def slots_of(network: Recognizer, worn: Sequence[str]) -> tuple[str | None, ...]:
    """Return the places of what is worn."""
    return network.spec.slots(worn)


def told_by(network: Recognizer, judge: Personal | None, some: Seen, rows: Indices) -> NDArray[np.str_]:
    """Return the arg-max of the network, or of a head on it."""
    p, labels = some.probability[rows], network.spec.labels
    if judge is not None:
        shown = some.embedding[rows].astype(np.float32), p.astype(np.float32)
        p = judge.probabilities(*shown).astype(np.float64)
        labels = judge.spec.labels
    return np.array([labels[i] for i in p.argmax(axis=1).tolist()], np.str_)


def motionsense(network: Recognizer, data: Path) -> None:
    """Print k windows of support per activity, on the draws of `evaluation.fewshot`, which has the other heads."""
    worn, labels = ("trouser_pocket",), LABELS["motionsense"]
    trials = read_set(data, "motionsense")
    parts = kept(network, "motionsense", trials, worn, 1.28)
    some = joined_seen(parts)
    person = np.concatenate(
        [np.full(len(part.label), t.subject) for part, t in zip(parts, trials, strict=True)]
    )
    number = np.concatenate(
        [np.full(len(part.label), t.number) for part, t in zip(parts, trials, strict=True)]
    )
    index = np.array([labels.index(word) for word in some.label])
    draws = fewshot.Judged(some.embedding, some.probability, index, index, person, number, labels)
    others, slots = background.of(network.spec, slots_of(network, worn)), slots_of(network, worn)
    rows = [
        (
            "the network alone",
            *[with_interval(some.label, told_by(network, None, some, np.arange(len(index))), labels, person)]
            * 3,
        )
    ]
    for name, variant in HEADS.items():
        cells = []
        for k in fewshot.KS:
            true, told, who = [], [], []
            for seed in range(DRAWS):
                for support, tested in fewshot.draw(draws, k, seed):
                    judge = variant.put(network, slots, of_rows(some, support), others)
                    told.append(told_by(network, judge, some, tested))
                    true.append(some.label[tested])
                    who.append(person[tested])
            cells.append(
                with_interval(np.concatenate(true), np.concatenate(told), labels, np.concatenate(who))
            )
        rows.append((name, *cells))
    print(table((f"motionsense, {network.spec.id}", *(f"k = {k}" for k in fewshot.KS)), rows))


def boxes(data: Path) -> tuple[Trial, Array]:
    """Return the recording of openpack_sample, and when each box begins, s."""
    [trial] = read_set(data, "openpack_sample")
    with np.load(data / "imu" / "openpack_sample.npz") as file:
        box = file["row_box"]
    times = next(iter(trial.tracks.values())).t
    return trial, np.array([times[np.argmax(box == k)] for k in range(1, 11)])


def openpack(network: Recognizer, data: Path) -> None:
    """Print the ten operations: the first five boxes to learn, the next five to test."""
    trial, begins = boxes(data)
    trial = replace(trial, truth=[segment for segment in trial.truth if segment[2] != "null"])
    rows = []
    for worn in (("wrist_right",), ("wrist_left", "wrist_right")):
        some, slots = seen(network, trial, worn, 0.32, with_x=True), slots_of(network, worn)
        labels = sorted(set(some.label.tolist()))
        box = np.searchsorted(begins, some.end, side="right")
        learn = np.flatnonzero((box <= 5) & (np.searchsorted(begins, some.end - 2.56, side="right") >= 1))
        test = np.flatnonzero(np.searchsorted(begins, some.end - 2.56, side="right") >= 6)
        others = background.of(network.spec, slots)
        told = {
            name: told_by(network, v.put(network, slots, of_rows(some, learn), others), some, test)
            for name, v in HEADS.items()
        }
        index = np.array([labels.index(word) for word in some.label])
        plain = fewshot.nearest_mean(some.embedding[learn], np.zeros((len(learn), len(labels))), index[learn])
        scores = plain.scores(some.embedding[test], np.zeros((len(test), len(labels))))
        told["nearest class mean"] = np.array(labels)[scores.argmax(axis=1)]
        filled = [i for i, slot in enumerate(slots) if slot is not None]
        columns = np.concatenate([np.arange(i * 6, i * 6 + 6) for i in filled])
        x = forest.features(_scaled(network, some.x[:, :, columns]), network.spec.rate_hz)
        trees = forest.grow(x[learn], index[learn], SEED, 1)
        told["random forest"] = np.array(labels)[trees.predict(x[test])]
        for name, words in told.items():
            among = with_interval(some.label[test], words, labels, box[test])
            rows.append((", ".join(worn), name, among, f"{len(learn)}", f"{len(test)}"))
    head = (network.spec.id, "head", "macro-F1 (over boxes)", "windows to learn", "to test")
    print(table(head, rows, words=(0, 1)))


def _scaled(network: Recognizer, x: FloatArray) -> FloatArray:
    """Clip and scale windows as the network's input is."""
    normalization, sensors = network.spec.normalization, x.shape[-1] // len(network.spec.channels)
    clip, scale = (
        np.tile(np.array(v, np.float32), sensors) for v in (normalization.clip, normalization.scale)
    )
    return np.asarray(np.clip(x, -clip, clip) / scale, np.float32)


def dsads(network: Recognizer, data: Path) -> None:
    """Print each subject's own 30 s of each activity to learn, the rest of that subject to test."""
    trials, rows = read_set(data, "dsads"), []
    for worn in (("wrist_left",), ("chest",), ("knee_left",)):
        every_trial = kept(network, "dsads", trials, worn, 0.64)
        slots, results = slots_of(network, worn), dict[str, list[tuple[NDArray[np.str_], ...]]]()
        whole = background.of(network.spec, slots)
        for subject in sorted({trial.subject for trial in trials}):
            parts = [part for part, t in zip(every_trial, trials, strict=True) if t.subject == subject]
            some = joined_seen(parts)
            learn, test = np.flatnonzero(some.end <= SUPPORT_S), np.flatnonzero(some.end > SUPPORT_S + 2.56)
            others = whole.without(f"dsads {subject} ") if whole else None
            judges: dict[str, Personal | None] = {"the network alone": None}
            judges |= {name: v.put(network, slots, of_rows(some, learn), others) for name, v in HEADS.items()}
            for name, judge in judges.items():
                told = told_by(network, judge, some, test)
                results.setdefault(name, []).append(
                    (some.label[test], told, np.full(len(test), f"{subject}"))
                )
        for name, each in results.items():
            true, told, who = map(np.concatenate, zip(*each, strict=True))
            every = sorted(set(true.tolist()))
            rows.append(
                (
                    ", ".join(worn),
                    name,
                    with_interval(true, told, LABELS["dsads"], who),
                    with_interval(true, told, every, who),
                )
            )
    print(table((f"dsads, {network.spec.id}", "head", "ten activities", "all fifteen"), rows, words=(0, 1)))


class Day(Struct, frozen=True, eq=False):
    """One wearer of wisdm_watch: 30 s of each activity, and the rest as one recording."""

    takes: dict[str, Take]
    rest: list[Prediction]
    """Answers of the network alone."""
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
    answers = [
        replace(p, embedding=None if p.embedding is None else p.embedding.copy())
        for window in cut(spec, tracks, spec.hop / spec.rate_hz)
        for p in network.push(window)
    ]
    return Day(takes, answers, truth, sum(b - a for a, b, _ in truth) / 3600.0)


class Told(Struct, frozen=True, eq=False):
    """The states and false starts of one wearer's rest of the day."""

    true: NDArray[np.str_]
    state: NDArray[np.str_]
    false: int
    """Starts of taught new labels that were not done then, nor ended within 4 s before."""
    hours: float
    """In which none of the taught new labels was done."""


def live(network: Recognizer, judge: Personal | None, some: Day, new: Sequence[str]) -> Told:
    """Run the decision over the rest of the day, with a head or without."""
    spec = judge.spec if judge else network.spec
    decision, length_s = decision_of(spec, ("wrist",)), spec.window / spec.rate_hz
    true, state, false = [], [], 0
    for p in personalized(some.rest, judge):
        for item in decision.push(p):
            if isinstance(item, Event):
                begins = item.kind == "activity_started" and item.label in new
                t = item.detected_at
                done = {word for a, b, word in some.truth if a < t and t - 4.0 < b}
                false += begins and item.label not in done
            elif isinstance(item, Activity):
                word = next((w for a, b, w in some.truth if a <= item.t - length_s and item.t <= b), "")
                if word:
                    true.append(word)
                    state.append(item.state)
    idle = sum(b - a for a, b, word in some.truth if word not in new) / 3600.0
    return Told(np.array(true), np.array(state), false, idle)


def personalized(answers: Sequence[Prediction], judge: Personal | None) -> list[Prediction]:
    """Return the answers as a head has them, as `Personal.personalized` does one by one."""
    if judge is None:
        return [*answers]
    rows = [i for i, p in enumerate(answers) if p.probabilities is not None and not p.excluded_sensors]
    embedding, probability = (
        np.array([getattr(answers[i], key) for i in rows]) for key in ("embedding", "probabilities")
    )
    after = dict(zip(rows, judge.probabilities(embedding, probability), strict=True))
    return [
        replace(p, probabilities=after[i]) if i in after else judge.personalized(p)
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
    slots = slots_of(network, ("wrist",))
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


def timing(network: Recognizer, data: Path) -> None:
    """Print how long ten labels of 30 s each take to be taught, from samples to head."""
    trials = [t for t in read_set(data, "wisdm_watch") if t.subject == 1601]
    takes = []
    for trial in trials[:10]:
        track = replace(
            trial.tracks["wrist"], t=trial.tracks["wrist"].t[:601], values=trial.tracks["wrist"].values[:601]
        )
        takes.append(Take({"wrist": track}, [(0.0, SUPPORT_S, trial.activity)], trial.activity))
    teach(network, takes[:1])
    begin, cpu = time.perf_counter(), time.process_time()
    teach(network, takes)
    spent, cpu = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{network.spec.id}: {len(takes)} labels of 30 s: {spent * 1e3:.0f} ms, {cpu * 1e3:.0f} ms of CPU; peak {peak:.0f} MiB of the process"
    )


TABLES = {"motionsense": motionsense, "openpack": openpack, "dsads": dsads, "wisdm": wisdm, "time": timing}


def main(name: str, data: str, *models: str) -> None:
    """Print one table for each of the models."""
    for model in models or MODELS:
        TABLES[name](recognizer.load(Path("models") / f"{model}.json"), Path(data))
        print(flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
