"""Baselines that the network is measured against: a random forest on the same windows, and a network that never learned.

Both answer like `edgehar.pipeline.recognizer.Recognizer`, so that the same rows score all three.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.evaluation import comparison, fewshot, forest
from edgehar.evaluation.evaluate import set_names
from edgehar.evaluation.fewshot import Shot
from edgehar.evaluation.headlines import headlines
from edgehar.evaluation.markdown import figure, table
from edgehar.evaluation.report import add, lay_out
from edgehar.evaluation.results import MANY, Line
from edgehar.evaluation.unseen import Recordings
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.recognizer import Recognizer
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
    content = export.to_int8(model, fitting.network(build.recipe, build.recipe.network, batch=1), windows)
    export.write_pair(stem, content, export.describe(build.recipe, content, {}))
    return stem.with_name("untrained.json")


class BaselineScores(Struct, frozen=True):
    """Scores of one baseline."""

    lines: dict[str, Line]
    """By row of the evaluation."""
    few_shot: list[Shot] = []
    """With a head over its embedding, if it has one."""


def score(
    path: Path, recordings: Recordings, only: Sequence[str], workers: int, progress: Progress
) -> BaselineScores:
    """Score the baseline of `path` on the rows of the evaluation that stand for a set and placement."""
    lines = headlines(path, recordings, workers, progress, only=only, load=load)
    if path.suffix == ".npz" or "motionsense" not in set_names(recordings.folder, only):
        return BaselineScores(lines)
    shots = fewshot.few_shot(load(path), recordings)
    return BaselineScores(lines, shots)


def model_macro_f1(stem: Path) -> dict[str, float]:
    """Return the macro-F1 of the model `stem` by row, as its manifest has it; nothing without one."""
    if not manifest.file_of(stem, ".json").is_file():
        return {}
    return {name: few["macro_f1"] for name, few in manifest.read(stem).metrics.items()}


def markdown(scores: Mapping[str, BaselineScores], model: Mapping[str, float]) -> str:
    """Lay out macro-F1 by row, the model's, if there is such, beside each baseline's, and a few windows' worth."""
    rows = dict.fromkeys(row for baseline in scores.values() for row in baseline.lines)
    return "\n\n".join([_rows(scores, model, rows), *_few_shots(scores, fewshot.markdown)])


def short(scores: Mapping[str, BaselineScores], model: Mapping[str, float]) -> str:
    """Lay out the rows of many windows."""
    rows = dict.fromkeys(
        row
        for baseline in scores.values()
        for row, line in baseline.lines.items()
        if line.everybody.windows >= MANY
    )
    return "\n\n".join([_rows(scores, model, rows), *_few_shots(scores, fewshot.short)])


def _rows(scores: Mapping[str, BaselineScores], model: Mapping[str, float], rows: Iterable[str]) -> str:
    columns = {"the model": model} if model else {}
    columns |= {
        name: {row: line.everybody.macro_f1 for row, line in baseline.lines.items()}
        for name, baseline in scores.items()
    }
    cells = [(row, *(figure(of.get(row)) for of in columns.values())) for row in rows]
    return table(("macro-F1", *columns), cells)


def _few_shots(
    scores: Mapping[str, BaselineScores], lay_out: Callable[[Sequence[Shot]], str]
) -> Iterator[str]:
    for name, baseline in scores.items():
        if baseline.few_shot:
            yield f"{name}, a few windows of the wearer:\n\n{lay_out(baseline.few_shot)}"


def publish(stem: Path, folder: Path, scores: Mapping[str, BaselineScores]) -> None:
    """Write the scores into the results of a work folder, the short table into DETAILS.md beside the model `stem`.

    Those of the forest go into the tables of `comparison` in README.md, too.
    """
    model = model_macro_f1(stem)
    add(stem, folder, "baselines", scores, markdown(scores, model), short(scores, model))
    if forest.NAME in scores:
        name = f"{stem.name}_{forest.NAME}"
        sha256 = manifest.read(folder / f"{forest.NAME}.json").sha256
        lines = scores[forest.NAME].lines
        comparison.write(stem.parent, name, comparison.scores_of(name, sha256, lines))
        lay_out(stem.parent, stem.name)
