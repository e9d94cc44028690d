"""The rows that stand for a set and placement, by the arg-max alone: what is compared of many models."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from edgehar.evaluation.answers import Answers
from edgehar.evaluation.evaluate import Load, each, line_of, pool, set_names
from edgehar.evaluation.plan import Row, Run, plan, told_in
from edgehar.evaluation.results import Line
from edgehar.evaluation.truth import is_certain
from edgehar.evaluation.unseen import Recordings
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.progress import Progress


def headlines(
    model: Path,
    recordings: Recordings,
    workers: int,
    progress: Progress,
    *,
    only: Sequence[str] = (),
    load: Load = recognizer.load,
    knows: ModelSpec | None = None,
) -> dict[str, Line]:
    """Score those rows of all sets, or of some; the marks are those of a model `knows`, else of its own manifest."""
    spec = manifest.read(model.with_suffix(".json"))
    sets = {name: recordings.read(name) for name in set_names(recordings.folder, only)}
    rows = [_undecided(row) for row in plan(spec, sets).rows if row.is_headline]
    del sets
    runs = list(dict.fromkeys(run for row in rows for run in row.runs))
    answers: dict[Run | str, Answers] = {}
    for run, result in each(model, recordings, runs, workers, load):
        answers[run] = result
        progress(f"scoring {model.stem}", len(answers), len(runs))
    pooled = {row.name: (row, pool([answers[run] for run in row.runs], row.labels)) for row in rows}
    return {
        name: line_of(knows or spec, row, windows)
        for name, (row, windows) in pooled.items()
        if any(is_certain(label, told_in(spec, row)) for label in set(windows.true.tolist()))
    }


def _undecided(row: Row) -> Row:
    return replace(row, runs=tuple(replace(run, decides=False) for run in row.runs))
