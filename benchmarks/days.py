"""Days of people and of simulated wearers, as the network judged them: what settings of a decision are chosen on.

People are of sets that may fit what ships, each activity of one behind the other; simulated wearers go through
activities at random, half of them none of the labels. What the network answers is kept in a folder, so that the
decision can be tried in minutes; that of another network or of other recordings is made anew.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from edgehar.evaluation.unseen import Recordings, mark, tuned_on
from edgehar.motion.wearer import Wearer
from edgehar.pipeline.model_spec import SEEN, ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, joined, read_set, set_files
from edgehar.recordings.labels import possible_labels
from edgehar.recordings.scoring import Segment
from edgehar.training.cache import Arrays, CachedArrays, cache_key, file_digests
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
"""People of each set, its first; enough hours of each for figures that hold still."""
SIMULATED = ("trouser_pocket", "wrist_left", "waist", "chest", "knee_left")
WEARERS = 8
"""At each placement."""
STRETCHES = 24
LASTS_S = (12.0, 45.0)

DAYS_VERSION = 1
"""Raise it with any change that judges the same recordings otherwise: of the grid, the windows or the recognizer; or of
the body that the simulated wearers have."""

Stretch = tuple[float, float, tuple[str, ...]]
"""Start and end, s, and the labels of the model of which any may be true."""
Lived = tuple[dict[str, Samples], list[Segment]]
"""Samples of each sensor of a wearer, by placement, and what was done meanwhile."""


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
        recorded = file_digests(set_files(folder, name))
        for person in sorted(people)[:PEOPLE]:
            for placements in worn:
                trials = [trial for trial in people[person] if set(placements) <= set(trial.tracks)]
                if trials:
                    place = placements[0] if len(placements) == 1 else "all sensors"
                    file = kept_file(kept, recognizer, f"{name} {place}", person, recorded)
                    yield day_of(recognizer, f"{name} {place}", file, partial(_lived_by, trials, placements))


def of_simulated(recognizer: Recognizer, recipe: Recipe, kept: Path) -> Iterator[Day]:
    """Yield days of wearers who never lived."""
    for i, placement in enumerate(SIMULATED, start=1):
        for k in range(WEARERS):
            seed = 1000 * i + k
            source = f"simulated {placement}"
            file = kept_file(kept, recognizer, source, seed, recipe)
            yield day_of(
                recognizer, source, file, partial(_simulated, recognizer.spec, recipe, placement, seed)
            )


def kept_file(kept: Path, recognizer: Recognizer, source: str, number: int, origin: Any) -> CachedArrays:
    """Name the file of a day's answers; its key says which network gave them, and of what."""
    spec = recognizer.spec
    judge = (spec.sha256, spec.temperature, spec.sensors, spec.decision.min_coverage)
    key = cache_key({"judge": judge, "origin": origin}, f"days {DAYS_VERSION}", np.__version__)
    return CachedArrays(kept / f"{source} {number}.npz".replace(" ", "_"), key)


def _lived_by(trials: Sequence[Trial], placements: Sequence[str]) -> Lived:
    tracks, truth = joined(sorted(trials, key=lambda trial: trial.number))
    return {placement: tracks[placement] for placement in placements}, truth


def _simulated(spec: ModelSpec, recipe: Recipe, placement: str, seed: int) -> Lived:
    rng = random.Random(seed)
    labels = [label for label in _offered(spec, [placement]) if label not in {OTHER, "falling"}]
    # What only hands show is standing or sitting to a sensor elsewhere.
    hidden = set() if "wrist" in placement else set(recipe.views.by_hand)
    others = [name for name in dict.fromkeys(recipe.synthesis.of(OTHER)) if name not in hidden]
    wearer = Wearer(seed, [placement])
    parts: list[Samples] = []
    truth: list[Segment] = []
    for _ in range(STRETCHES):
        label = rng.choice(labels) if rng.random() < 0.5 else OTHER
        start = wearer.t
        activity = rng.choice(others if label == OTHER else recipe.synthesis.of(label))
        parts += wearer.perform(activity, rng.uniform(*LASTS_S))
        truth.append((start, wearer.t, label))
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    return {placement: Samples(placement, t, x, parts[0].channels)}, truth


def day_of(recognizer: Recognizer, source: str, file: CachedArrays, live: Callable[[], Lived]) -> Day:
    """Let the network judge a day, unless its answers are kept."""
    arrays: Arrays | None = file.load()
    if arrays is None:
        arrays = _judged(recognizer, *live())
        file.save(arrays)
    placements = tuple(arrays["placements"].tolist())
    offered = _offered(recognizer.spec, placements)
    truth = [
        (start, end, _possible(word, offered))
        for (start, end), word in zip(arrays["ends"].tolist(), arrays["words"].tolist(), strict=True)
    ]
    rows = zip(arrays["t"].tolist(), arrays["probabilities"], arrays["swing"].tolist(), strict=True)
    judged = [Prediction(t, None if np.isnan(p[0]) else p, None, 1.0, moved) for t, p, moved in rows]
    return Day(source, placements, truth, judged)


def _possible(word: str, offered: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({label if label in offered else OTHER for label in possible_labels(word, offered)}))


def _judged(recognizer: Recognizer, tracks: dict[str, Samples], truth: Sequence[Segment]) -> Arrays:
    spec = recognizer.spec
    judged = [
        prediction
        for window in windows(spec, tracks, hop_s=spec.hop / spec.rate_hz)
        for prediction in recognizer.push(window)
    ]
    blank = np.full(len(spec.labels), np.nan, np.float32)
    return {
        "placements": np.array([*tracks], np.str_),
        "t": np.array([p.t for p in judged]),
        "probabilities": np.array([blank if p.probabilities is None else p.probabilities for p in judged]),
        "swing": np.array([p.peak_to_peak for p in judged]),
        "ends": np.array([(start, end) for start, end, _ in truth]),
        "words": np.array([word for *_, word in truth], np.str_),
    }


def _offered(spec: ModelSpec, placements: Sequence[str]) -> list[str]:
    worn = [i for i, placement in enumerate(spec.slots(placements)) if placement is not None]
    return [spec.labels[i] for i in spec.offered(worn)]
