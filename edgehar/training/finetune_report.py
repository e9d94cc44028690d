"""The report of a fine-tuning: what base and new pair answer on people who were held out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import calibrate
from edgehar.training.confusion import resolved
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
    """Held-out windows of the same recordings and sensors; both pairs are scored on those of labels that both know."""

    name: str
    people: int
    windows: int
    base: Score
    tuned: Score
    new: float | None
    """Share of the windows of new labels that the new pair answers right; None if there are none."""


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
            allowed = held_out.allowed[these]
            of_base = [tuned.spec.labels.index(label) for label in base.spec.labels]
            both = allowed[:, of_base].any(axis=1)
            yield Row(
                f"{some.name} {name}",
                len(np.unique(held_out.subject[these])),
                len(these),
                _score(base, x[both], allowed[both][:, of_base]),
                _score(tuned, x[both], allowed[both]),
                _right(tuned, x[~both], allowed[~both]),
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


def _right(recognizer: Recognizer, x: FloatArray, allowed: Mask) -> float | None:
    """Return the share of the windows that are answered by what may be true; None without windows."""
    if not len(x):
        return None
    answer = calibrate.answers(recognizer, x).argmax(axis=1)
    return round(float(allowed[np.arange(len(answer)), answer].mean()), 4)


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
        fine = calibrate.macro_f1(true[certain], answer[certain])
        coarse = calibrate.macro_f1(
            calibrate.as_sets(top_of[truth], len(spec.labels)), top_of[answer[certain]]
        )
    wrong = ~allowed[np.arange(len(answer)), answer]
    return Score(fine, coarse, round(float(wrong[null].mean()), 4) if null.any() else None)


def text(rows: Iterable[Row]) -> str:
    """Lay out a line for each row: windows, people, and what the base and the new pair score."""
    rows = list(rows)
    new = any(row.new is not None for row in rows)
    head = ("held out", "people", "windows", *(("new",) if new else ()), "fine", "coarse", "false")
    lines: list[tuple[str, ...]] = [(*head, "(base:", "fine", "coarse", "false)")]
    for row in rows:
        scores = [
            _figure(value)
            for score in (row.tuned, row.base)
            for value in (score.fine, score.coarse, score.false)
        ]
        first = (row.name, f"{row.people}", f"{row.windows}", *((_figure(row.new),) if new else ()))
        lines.append((*first, *scores[:3], "", *scores[3:]))
    width = max(len(line[0]) for line in lines)
    return "\n".join(
        " ".join([line[0].ljust(width), *(cell.rjust(8) for cell in line[1:])]).rstrip() for line in lines
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
