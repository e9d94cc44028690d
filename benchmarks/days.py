"""Days of people and of simulated wearers, as the network judged them: what settings of a decision are chosen on.

People are of sets that may fit what ships, each activity of one behind the other; simulated wearers go through
activities at random, half of them none of the labels. What the network answers is kept in a folder, so that the
decision can be tried in minutes.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.evaluation.unseen import Recordings, mark, tuned_on
from edgehar.motion.wearer import Wearer
from edgehar.pipeline.manifest import SEEN, ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, joined, read_set
from edgehar.recordings.labels import possible_labels
from edgehar.training.dataset_windows import windows
from edgehar.training.recipe import Recipe
from edgehar.types import OTHER, Prediction, Samples

SETS = {
    "sp_sw_har": (("trouser_pocket_left",), ("wrist_left",)),
    "stress_predict": (("wrist",),),
    "selfback_thigh": (("thigh",),),
    "selfback_wrist": (("wrist",),),
    "wisdm_phone": (("trouser_pocket",),),
    "wisdm_watch": (("wrist",),),
    "dsads": (
        ("chest",),
        ("wrist_left",),
        ("knee_right",),
        ("chest", "wrist_left", "wrist_right", "knee_left", "knee_right"),
    ),
}
"""Sets that may fit what ships, and what is worn of each."""
PEOPLE = 8
"""Of each set, its first; enough hours of each for figures that hold still."""
SIMULATED = ("trouser_pocket", "wrist_left", "waist", "chest", "knee_left")
WEARERS = 8
"""At each placement."""
STRETCHES = 24
LASTS_S = (12.0, 45.0)

Stretch = tuple[float, float, tuple[str, ...]]
"""Start and end, s, and the labels of the model of which any may be true."""


class Day(Struct, frozen=True, eq=False):
    """Truth of one wearer, and the network's answer to each window."""

    source: str
    """Such as `dsads chest`."""
    placements: tuple[str, ...]
    truth: list[Stretch]
    predictions: list[Prediction]


def of_people(recognizer: Recognizer, folder: Path, kept: Path) -> Iterator[Day]:
    """Yield a day of each person and each way of wearing; `folder` holds the sets, `kept` the network's answers.

    Nobody whom the network was fitted to: it is surer of them than of others.
    """
    seen = tuned_on(recognizer.spec)
    recordings = Recordings(folder, seen)
    for name, worn in SETS.items():
        people: dict[int, list[Trial]] = {}
        for trial in recordings.read(name):
            if mark(seen, [(name, trial.subject)]) != SEEN:
                people.setdefault(trial.subject, []).append(trial)
        if name == "selfback_wrist":  # of others nobody says that they may be used
            stated = {trial.subject for trial in read_set(folder, "selfback_thigh")}
            people = {person: trials for person, trials in people.items() if person in stated}
        for person in sorted(people)[:PEOPLE]:
            for placements in worn:
                trials = [trial for trial in people[person] if set(placements) <= set(trial.tracks)]
                if trials:
                    place = placements[0] if len(placements) == 1 else "all sensors"
                    source = f"{name} {place}"
                    file = kept / f"{source} {person}.npz".replace(" ", "_")
                    if not file.exists():
                        tracks, truth = joined(sorted(trials, key=lambda trial: trial.number))
                        tracks = {placement: tracks[placement] for placement in placements}
                        stretches = [(a, b, possible_labels(label)) for a, b, label in truth]
                        _judge(recognizer, tracks, stretches, file)
                    yield _read(source, placements, file)


def of_simulated(recognizer: Recognizer, recipe: Recipe, kept: Path) -> Iterator[Day]:
    """Yield days of wearers who never lived."""
    for i, placement in enumerate(SIMULATED, start=1):
        for k in range(WEARERS):
            seed = 1000 * i + k
            source = f"simulated {placement}"
            file = kept / f"{source} {seed}.npz".replace(" ", "_")
            if not file.exists():
                _judge(recognizer, *_lived(recognizer.spec, recipe, placement, seed), file)
            yield _read(source, (placement,), file)


def _lived(
    spec: ModelSpec, recipe: Recipe, placement: str, seed: int
) -> tuple[dict[str, Samples], list[Stretch]]:
    rng = random.Random(seed)
    labels = [label for label in _offered(spec, [placement]) if label not in {OTHER, "falling"}]
    # What only hands show is standing or sitting to a sensor elsewhere.
    hidden = set() if "wrist" in placement else set(recipe.views.by_hand)
    others = [name for name in dict.fromkeys(recipe.synthesis.of(OTHER)) if name not in hidden]
    wearer = Wearer(seed, [placement])
    parts: list[Samples] = []
    truth: list[Stretch] = []
    for _ in range(STRETCHES):
        label = rng.choice(labels) if rng.random() < 0.5 else OTHER
        start = wearer.t
        activity = rng.choice(others if label == OTHER else recipe.synthesis.of(label))
        parts += wearer.perform(activity, rng.uniform(*LASTS_S))
        truth.append((start, wearer.t, (label,)))
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    return {placement: Samples(placement, t, x, parts[0].channels)}, truth


def _judge(recognizer: Recognizer, tracks: dict[str, Samples], truth: Sequence[Stretch], file: Path) -> None:
    """Let the network judge what was recorded, and keep its answers beside the truth."""
    spec, offered = recognizer.spec, set(_offered(recognizer.spec, [*tracks]))
    judged = [
        prediction
        for window in windows(spec, tracks, hop_s=spec.hop / spec.rate_hz)
        for prediction in recognizer.push(window)
    ]
    blank = np.full(len(spec.labels), np.nan, np.float32)
    possible = [{label if label in offered else OTHER for label in labels} for _, _, labels in truth]
    np.savez(
        file,
        t=[p.t for p in judged],
        probabilities=[blank if p.probabilities is None else p.probabilities for p in judged],
        swing=[p.peak_to_peak for p in judged],
        ends=[(start, end) for start, end, _ in truth],
        labels=["|".join(sorted(labels)) for labels in possible],
    )


def _read(source: str, placements: tuple[str, ...], file: Path) -> Day:
    with np.load(file) as arrays:
        ends, labels = arrays["ends"].tolist(), arrays["labels"].tolist()
        truth = [(*end, tuple(words.split("|"))) for end, words in zip(ends, labels, strict=True)]
        rows = zip(arrays["t"].tolist(), arrays["probabilities"], arrays["swing"].tolist(), strict=True)
        judged = [Prediction(t, None if np.isnan(p[0]) else p, None, 1.0, moved) for t, p, moved in rows]
    return Day(source, placements, truth, judged)


def _offered(spec: ModelSpec, placements: Sequence[str]) -> list[str]:
    worn = [i for i, placement in enumerate(spec.slots(placements)) if placement is not None]
    return [spec.labels[i] for i in spec.offered(worn)]
