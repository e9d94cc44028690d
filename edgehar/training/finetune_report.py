"""The report of a fine-tuning: what base and new pair answer on people who were held out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import calibrate
from edgehar.training.confusion import confusion, f1, resolved
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows
from edgehar.types import OTHER, FloatArray

_MOST = 2000
"""Windows of one row, drawn evenly: round number."""

Mask = NDArray[np.bool_]
Labels = NDArray[np.int64]


class Score(Struct, frozen=True):
    """Answers of one pair to the windows of a row."""

    fine: float | None
    """Macro-F1 over the labels that are done; None if the recordings know none for certain."""
    coarse: float | None
    """The same, of the tops of the label tree."""
    false: float | None
    """Share of the windows of something else that are told as what cannot be true; None if there are none."""


class Row(Struct, frozen=True):
    """Held-out windows of the same recordings and sensors."""

    name: str
    people: int
    windows: int
    base: Score
    tuned: Score


def rows(
    recipe: FinetuneRecipe, held_out: PeopleWindows, base: Recognizer, tuned: Recognizer
) -> Iterator[Row]:
    """Yield a row for each of the recipe's recordings and each sensor alone, and for all of them together."""
    sensors = [sensor.name for sensor in tuned.spec.sensors]
    for index, some in enumerate(recipe.recordings):
        of_source = np.flatnonzero(held_out.source == index)
        worn = [i for i in range(len(sensors)) if (held_out.shown[of_source, i] >= 0).any()]
        wearings = [(sensors[i], [i]) for i in worn] + ([("all together", worn)] if len(worn) > 1 else [])
        for name, wearing in wearings:
            these = of_source[(held_out.shown[of_source][:, wearing] >= 0).all(axis=1)]
            these = these[:: -(-len(these) // _MOST)] if len(these) else these
            if not len(these):
                continue
            x = _seen(held_out, these, dict(zip(wearing, _places(tuned.spec, wearing), strict=True)))
            yield Row(
                f"{some.name} {name}",
                len(np.unique(held_out.subject[these])),
                len(these),
                _score(base, x, _known_to(base, tuned, held_out.allowed[these])),
                _score(tuned, x, held_out.allowed[these]),
            )


def _places(spec: ModelSpec, wearing: Sequence[int]) -> list[int]:
    """Return the sensors of the model that these fill when no others are worn: one of two of a kind is the first."""
    filled: list[int] = []
    for i in wearing:
        alike = (k for k in range(i + 1) if spec.sensors[k].placements == spec.sensors[i].placements)
        filled.append(next(k for k in alike if k not in filled))
    return filled


def _seen(held_out: PeopleWindows, rows: Labels, places: Mapping[int, int]) -> FloatArray:
    """Return (n, sensors, 2, window, 3): what each of these sensors read, in its place among those of the model."""
    shown = held_out.shown[rows]
    x = np.zeros((*shown.shape, *held_out.x.shape[1:]), np.float32)
    for sensor, place in places.items():
        x[:, place] = held_out.x[shown[:, sensor]]
    return x


def _known_to(base: Recognizer, tuned: Recognizer, allowed: Mask) -> Mask:
    """Return what may be true in the labels of the base; what only the new pair knows is `other` to it."""
    ours = [tuned.spec.labels.index(label) for label in base.spec.labels]
    before: Mask = allowed[:, ours].copy()
    if OTHER in base.spec.labels:
        before[~before.any(axis=1), base.spec.labels.index(OTHER)] = True
    return before


def _score(recognizer: Recognizer, x: FloatArray, allowed: Mask) -> Score:
    spec = recognizer.spec
    offered = calibrate.offered(spec, x)
    answer = calibrate.answers(recognizer, x).argmax(axis=1)
    true = allowed & offered
    is_other = np.array([label == OTHER for label in spec.labels])
    certain = true.any(axis=1) & ~(allowed & is_other).any(axis=1)
    null = (allowed & is_other).any(axis=1)
    tree = LabelTree(spec.labels, spec.tree)
    tops = [tree.top(label) for label in spec.labels]
    top_of = np.array([sorted(set(tops)).index(top) for top in tops])
    fine = coarse = None
    if certain.any():
        truth = resolved(true[certain], answer[certain])
        fine = _macro_f1(truth, answer[certain])
        coarse = _macro_f1(top_of[truth], top_of[answer[certain]])
    wrong = ~allowed[np.arange(len(answer)), answer]
    return Score(fine, coarse, round(float(wrong[null].mean()), 4) if null.any() else None)


def _macro_f1(true: Labels, answer: Labels) -> float:
    size = int(max(true.max(), answer.max())) + 1
    return round(float(np.nanmean(f1(confusion(true, answer, size, size)))), 4)


def text(rows: Iterable[Row]) -> str:
    """Lay out a line for each row: windows, people, and what the base and the new pair score."""
    head = ("held out", "people", "windows", "fine", "coarse", "false", "(base:", "fine", "coarse", "false)")
    lines: list[tuple[str, ...]] = [head]
    for row in rows:
        scores = [
            _figure(value)
            for score in (row.tuned, row.base)
            for value in (score.fine, score.coarse, score.false)
        ]
        lines.append((row.name, f"{row.people}", f"{row.windows}", *scores[:3], "", *scores[3:]))
    width = max(len(line[0]) for line in lines)
    return "\n".join(
        " ".join([line[0].ljust(width), *(cell.rjust(8) for cell in line[1:])]).rstrip() for line in lines
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
