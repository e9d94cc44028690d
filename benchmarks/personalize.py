"""`python -m benchmarks.personalize TABLE DATA [MODEL ...]`: what a minute of the wearer is worth, on real people.

TABLE is `motionsense`, `openpack`, `dsads`, `wisdm`, `turned` or `time`; `docs/personalize_scores.md` has what each printed. The wisdm
table is of the people whom `imu_tcn` holds out. Each takes some minutes on two cores.
"""

import resource
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from benchmarks.personalize_day import wisdm
from benchmarks.personalize_heads import HEADS
from benchmarks.personalize_windows import (
    SEED,
    SUPPORT_S,
    Turn,
    joined_seen,
    kept,
    of_rows,
    seen,
    told_by,
    with_interval,
)
from edgehar.evaluation import fewshot, forest
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import LABELS
from edgehar.personal import background
from edgehar.personal.fit import teach
from edgehar.personal.logistic import Array
from edgehar.personal.recognizer import Personal
from edgehar.personal.takes import Take
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, read_set

MODELS = ("imu_tcn", "imu_tcn_synthetic")
TURNS: tuple[Turn | None, ...] = (None, (1, -1, -1), (-1, -1, 1))
"""None, and half turns about x and z."""
DRAWS = 2
"""Draws of support, for motionsense."""


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
    others, slots = background.of(network.spec, network.spec.slots(worn)), network.spec.slots(worn)
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
        some, slots = seen(network, trial, worn, 0.32), network.spec.slots(worn)
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
        x = some.in_axes.astype(np.float32)
        trees = forest.grow(x[learn], index[learn], SEED, 1)
        told["random forest"] = np.array(labels)[trees.predict(x[test])]
        for name, words in told.items():
            among = with_interval(some.label[test], words, labels, box[test])
            rows.append((", ".join(worn), name, among, f"{len(learn)}", f"{len(test)}"))
    head = (network.spec.id, "head", "macro-F1 (over boxes)", "windows to learn", "to test")
    print(table(head, rows, words=(0, 1)))


def dsads(network: Recognizer, data: Path) -> None:
    """Print each subject's own 30 s of each activity to learn, the rest of that subject to test."""
    trials, rows = read_set(data, "dsads"), []
    for worn in (("wrist_left",), ("chest",), ("knee_left",)):
        every_trial = kept(network, "dsads", trials, worn, 0.64)
        slots, results = network.spec.slots(worn), dict[str, list[tuple[NDArray[np.str_], ...]]]()
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


def turned(network: Recognizer, data: Path) -> None:
    """Print what a head is worth once its sensor is worn turned over: people of dsads as above, ten activities."""
    trials, rows = read_set(data, "dsads"), []
    for worn in (("wrist_left",), ("chest",)):
        slots = network.spec.slots(worn)
        whole = background.of(network.spec, slots)
        results = dict[tuple[str, Turn | None], list[tuple[NDArray[np.str_], ...]]]()
        for subject in sorted({trial.subject for trial in trials}):
            mine = [trial for trial in trials if trial.subject == subject]
            worn_so = {
                turn: joined_seen([seen(network, trial, worn, 1.28, turn) for trial in mine])
                for turn in TURNS
            }
            some = worn_so[None]
            learn, test = np.flatnonzero(some.end <= SUPPORT_S), np.flatnonzero(some.end > SUPPORT_S + 2.56)
            others = whole.without(f"dsads {subject} ") if whole else None
            judges: dict[str, Personal | None] = {"the network alone": None}
            judges |= {name: v.put(network, slots, of_rows(some, learn), others) for name, v in HEADS.items()}
            for (name, judge), (turn, shown) in product(judges.items(), worn_so.items()):
                told = told_by(network, judge, shown, test)
                each = results.setdefault((name, turn), [])
                each.append((shown.label[test], told, np.full(len(test), f"{subject}")))
        for name in dict.fromkeys(name for name, _ in results):
            columns = [map(np.concatenate, zip(*results[name, turn], strict=True)) for turn in TURNS]
            cells = [with_interval(true, told, LABELS["dsads"], who) for true, told, who in columns]
            rows.append((", ".join(worn), name, *cells))
    head = (f"dsads, {network.spec.id}", "head", "as taught", "turned about x", "turned about z")
    print(table(head, rows, words=(0, 1)))


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


TABLES = {
    "motionsense": motionsense,
    "openpack": openpack,
    "dsads": dsads,
    "wisdm": wisdm,
    "turned": turned,
    "time": timing,
}


def main(name: str, data: str, *models: str) -> None:
    """Print one table for each of the models."""
    for model in models or MODELS:
        TABLES[name](recognizer.load(Path("models") / f"{model}.json"), Path(data))
        print(flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
