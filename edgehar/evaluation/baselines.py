"""Baselines that the network is measured against: a random forest on the same windows, and a network that never learned.

Both answer like `edgehar.pipeline.recognizer.Recognizer`, so that the same rows score all three.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.evaluation import forest
from edgehar.evaluation.evaluate import each, line_of, pool, set_names
from edgehar.evaluation.fewshot import Shot, markdown as few_shots, short as short_few_shots
from edgehar.evaluation.markdown import figure, table
from edgehar.evaluation.plan import Run, plan
from edgehar.evaluation.report import add
from edgehar.evaluation.results import MANY, TURNED, Line
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import read_set
from edgehar.training import export, fit as fitting
from edgehar.training.build import Build
from edgehar.training.progress import Progress


def load(path: Path) -> Recognizer:
    """Load the forest of `NAME.npz` and `NAME.json`, or else the network of a pair."""
    return forest.load(path) if path.suffix == ".npz" else recognizer.load(path)


def untrained(build: Build) -> Path:
    """Return the manifest of a pair that never learned, exported like the one that did."""
    model, stem = fitting.untrained(build.recipe), build.folder / "untrained"
    windows = fitting.representative(build.recipe, build.windows())
    content = export.to_int8(model, fitting.network(build.recipe, batch=1), windows)
    export.write_pair(stem, content, export.describe(build.recipe, content, {}))
    return stem.with_name("untrained.json")


class BaselineScores(Struct, frozen=True):
    """Scores of one baseline."""

    lines: dict[str, Line]
    """By row of the evaluation, the plain and the turned ones."""
    few_shot: list[Shot] = []
    """With a head over its embedding, if it has one."""


def score(path: Path, folder: Path, only: Sequence[str], workers: int, progress: Progress) -> BaselineScores:
    """Score the baseline of `path` on the rows of the evaluation, without its sweeps."""
    spec = manifest.read(path.with_suffix(".json"))
    sets = {name: read_set(folder, name) for name in set_names(folder, only)}
    planned = [row for row in plan(spec, sets).rows if not row.of]
    jobs: list[Run | str] = list(dict.fromkeys(run for row in planned for run in row.runs))
    if path.suffix != ".npz" and "motionsense" in sets:
        jobs.append("few_shot")
    del sets
    results: dict[Run | str, Any] = {}
    for job, result in each(path, folder, jobs, workers, load):
        results[job] = result
        progress(f"scoring {path.stem}", len(results), len(jobs))
    lines = {}
    for row in planned:
        pooled = pool([results[run] for run in row.runs], row.labels)
        if len(pooled.true):
            lines[row.name] = line_of(spec, row, pooled)
    return BaselineScores(lines, msgspec.convert(results.get("few_shot", []), list[Shot]))


def model_macro_f1(stem: Path) -> dict[str, float]:
    """Return the macro-F1 of the model `stem` by row, as its manifest has it; nothing without one."""
    if not manifest.file_of(stem, ".json").is_file():
        return {}
    rows = manifest.read(stem).metrics
    turned = {name + TURNED: few["any_orientation"] for name, few in rows.items() if "any_orientation" in few}
    return {name: few["macro_f1"] for name, few in rows.items()} | turned


def markdown(scores: Mapping[str, BaselineScores], model: Mapping[str, float]) -> str:
    """Lay out macro-F1 by row, the model's, if there is such, beside each baseline's, and a few windows' worth."""
    columns = _columns(scores, model)
    rows = dict.fromkeys(row for baseline in scores.values() for row in baseline.lines)
    cells = [(row, *(figure(of.get(row)) for of in columns.values())) for row in rows]
    return "\n\n".join([table(("macro-F1", *columns), cells), *_few_shots(scores, few_shots)])


def short(scores: Mapping[str, BaselineScores], model: Mapping[str, float]) -> str:
    """Lay out the rows of many windows, each as people wore the sensors and in any orientation."""
    columns = _columns(scores, model)
    rows = dict.fromkeys(
        row
        for baseline in scores.values()
        for row, line in baseline.lines.items()
        if line.everybody.windows >= MANY and not row.endswith(TURNED)
    )
    cells = [
        (row, *(f"{figure(of.get(row))} / {figure(of.get(row + TURNED))}" for of in columns.values()))
        for row in rows
    ]
    head = (f"macro-F1, rows of {MANY} windows or more: as worn / any orientation", *columns)
    return "\n\n".join([table(head, cells), *_few_shots(scores, short_few_shots)])


def _columns(
    scores: Mapping[str, BaselineScores], model: Mapping[str, float]
) -> dict[str, Mapping[str, float]]:
    columns = {"the model": model} if model else {}
    return columns | {
        name: {row: line.everybody.macro_f1 for row, line in baseline.lines.items()}
        for name, baseline in scores.items()
    }


def _few_shots(
    scores: Mapping[str, BaselineScores], lay_out: Callable[[Sequence[Shot]], str]
) -> Iterator[str]:
    for name, baseline in scores.items():
        if baseline.few_shot:
            yield f"{name}, a few windows of the wearer:\n\n{lay_out(baseline.few_shot)}"


def publish(stem: Path, folder: Path, scores: Mapping[str, BaselineScores]) -> None:
    """Write the scores into the results of a work folder, and the short table into README.md beside the model `stem`."""
    model = model_macro_f1(stem)
    add(stem, folder, "baselines", scores, markdown(scores, model), short(scores, model))
