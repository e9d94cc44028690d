"""Comparison of ways to show a sensor of unknown mounting: the recipe's network fitted to each way, and scored on people.

Only on those people whose recordings are looked at for design decisions, `plan.DECIDED_ON`; by the float32
network, arg-max over what the worn sensors offer, windows as in `plan`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation import plan
from edgehar.evaluation.markdown import figure, table
from edgehar.evaluation.metrics import score
from edgehar.evaluation.results import TURNED
from edgehar.motion.imu import random_rotations
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.datasets import Trial, read_set
from edgehar.training import export, fit as fitting
from edgehar.training.dataset_windows import HOP_S, windows as cut
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, normalize
from edgehar.types import FloatArray

_SEED = 23
_ALONE = "dsads, each sensor alone, mean"
_OTHERS = 2
"""Ways beside those of the recipe's axes that the short table shows."""


class Variant(Struct, frozen=True):
    """One way to train and to show."""

    frames: tuple[str, ...]
    """Axes, as in `recipe.Recipe`."""
    free: float
    """Share of sensors in any orientation, as in `recipe.Views`."""


VARIANTS: Mapping[str, Variant] = {
    "habits of wearing, device's and level axes": Variant(("device", "level"), 0.0),
    "half habits, half any orientation, device's and level axes": Variant(("device", "level"), 0.5),
    "habits of wearing, device's axes": Variant(("device",), 0.0),
    "half habits, half any orientation, device's axes": Variant(("device",), 0.5),
    "any orientation, device's axes": Variant(("device",), 1.0),
    "any orientation, gravity up": Variant(("gravity",), 1.0),
    "any orientation, level axes": Variant(("level",), 1.0),
    "any orientation, invariant channels": Variant(("invariant",), 1.0),
}


class Case(Struct, frozen=True, eq=False):
    """Windows of people."""

    name: str
    turned: bool
    x: FloatArray
    """(n, sensors, 2, window, 3), m/s² and rad/s; zero where nothing is worn."""
    true: NDArray[np.str_]
    offered: tuple[int, ...]


def cases(spec: ModelSpec, folder: Path) -> list[Case]:
    """Cut MotionSense, DSADS with all sensors, and each sensor of DSADS alone, each as worn and turned anyhow.

    RecordingError if there is nothing of one of them.
    """
    cut_cases = []
    for name, people in plan.DECIDED_ON.items():
        trials = [trial for trial in read_set(folder, name) if trial.subject in people]
        placements = list(dict.fromkeys(placement for trial in trials for placement in trial.tracks))
        groups = {name: placements} | (
            {} if len(placements) == 1 else {f"{name} {p}": [p] for p in placements}
        )
        for title, worn in groups.items():
            labels = plan.LABELS[name]
            cut_cases += [_case(spec, title, trials, labels, worn, turned=turned) for turned in (False, True)]
    return cut_cases


def _case(
    spec: ModelSpec,
    title: str,
    trials: Sequence[Trial],
    labels: Sequence[str],
    worn: Sequence[str],
    *,
    turned: bool,
) -> Case:
    x: list[FloatArray] = []
    true: list[str] = []
    for index, trial in enumerate(trials):
        if trial.activity not in labels or not set(worn) <= set(trial.tracks):
            continue
        turns = random_rotations(np.random.default_rng((_SEED, index)), len(worn))
        for window in cut(
            spec,
            {placement: trial.tracks[placement] for placement in worn},
            hop_s=HOP_S,
            turn=dict(zip(worn, turns, strict=True)) if turned else None,
        ):
            x.append(window.x.reshape(spec.window, -1, 2, 3).transpose(1, 2, 0, 3).astype(np.float32))
            true.append(trial.activity)
    if not true:
        raise RecordingError(f"{title}: no window of the people decided on; check --data")
    slots = [i for i, placement in enumerate(spec.slots(worn)) if placement is not None]
    return Case(title, turned, np.asarray(x), np.asarray(true), spec.offered(slots))


def macro_f1(recipe: Recipe, model: Any, case: Case) -> float:
    """Score the float32 network on one case."""
    logits = fitting.logits(model, normalize(recipe, case.x))[:, list(case.offered)]
    predicted = np.asarray(recipe.labels)[np.asarray(case.offered)[logits.argmax(axis=1)]]
    return score(np.full(len(predicted), case.name), case.true, predicted).macro_f1


def ablate(
    recipe: Recipe,
    windows: Callable[[], Dataset],
    folder: Path,
    epochs: int,
    progress: Progress,
    variants: Mapping[str, Variant] = VARIANTS,
) -> dict[str, dict[str, float]]:
    """Score each case in macro-F1, by variant; `epochs` of fitting for each to `windows`, made after the cases."""
    people = cases(export.describe(recipe, b"", {}), folder)
    data = windows()
    return {
        name: dict(_scores(_varied(recipe, variant, epochs), data, people, name, progress))
        for name, variant in variants.items()
    }


def _varied(recipe: Recipe, variant: Variant, epochs: int) -> Recipe:
    replace = msgspec.structs.replace
    fit, views = replace(recipe.fit, epochs=epochs), replace(recipe.views, free=variant.free)
    return replace(recipe, fit=fit, views=views, frames=variant.frames)


def _scores(
    recipe: Recipe, data: Dataset, people: Sequence[Case], name: str, progress: Progress
) -> Iterator[tuple[str, float]]:
    model = fitting.fit(recipe, data, lambda _, done, total: progress(f"fitting: {name}", done, total))
    scores = {(case.name, case.turned): macro_f1(recipe, model, case) for case in people}
    for turned, suffix in ((False, ""), (True, TURNED)):
        alone = [f1 for (title, way), f1 in scores.items() if way is turned and " " in title]
        for (title, way), f1 in scores.items():
            if way is turned and " " not in title:
                yield f"{title}{suffix}", f1
        if alone:
            yield f"{_ALONE}{suffix}", round(sum(alone) / len(alone), 4)


def markdown(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out all ways to show a sensor."""
    columns = list(next(iter(scores.values())))
    rows = [(name, *(figure(row[column]) for column in columns)) for name, row in scores.items()]
    return table(("macro-F1, people decided on", *columns), rows)


def short(scores: Mapping[str, Mapping[str, float]], frames: Sequence[str]) -> str:
    """Lay out the ways that show a sensor in the recipe's `frames`, and of the others the best two in the mean."""

    def mean(name: str) -> float:
        return sum(scores[name].values()) / len(scores[name])

    ours = [name for name in scores if VARIANTS[name].frames == tuple(frames)]
    best = sorted((name for name in scores if name not in ours), key=mean, reverse=True)[:_OTHERS]
    return markdown({name: row for name, row in scores.items() if name in {*ours, *best}})
