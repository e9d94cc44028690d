"""Scores of a model pair on recordings of real people, by the code that runs on the device.

Needs no TensorFlow. Which sets are scored stands here (`SETS`, `set_names`; events, alarms and falls choose theirs), how
each is scored in `plan`, the figures in `metrics`, the tables in `tables`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation import unseen
from edgehar.evaluation.answers import Answers, answer
from edgehar.evaluation.measurements import MEASUREMENTS, measure
from edgehar.evaluation.metrics import Score, calibration, score
from edgehar.evaluation.plan import DECIDED_ON, Row, Run, offered, plan, told_in
from edgehar.evaluation.results import RULE, TURNED, Line, Results, Swept, group_means
from edgehar.evaluation.truth import NO_ANSWER, Words, coarse_answers, held_to, is_certain
from edgehar.evaluation.unseen import Recordings
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, set_files
from edgehar.recordings.trials import has_form
from edgehar.training.progress import Progress
from edgehar.training.workers import processes

SETS = ("motionsense", "dsads", "sp_sw_har", "utd_mhad", "berkeley_mhad", "weda_fall")
"""In the order of the table; every other file of the common form is a set of its own behind them."""
_WORK = "openpack"
"""None of its activities is one that a model here knows: it counts among the events and false alarms."""

_ALL = slice(None)

Load = Callable[[Path], Recognizer]
"""Makes of a model's path what answers for it; a module's function, so that other processes know it."""


def evaluate(
    model: Path,
    folder: Path,
    *,
    only: Sequence[str] = (),
    unseen_by: Sequence[Path] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> Results:
    """Score what is in `folder`/imu, or some sets of it, on people whom no model of `unseen_by` has seen either.

    RecordingError if a set is broken.
    """
    spec = manifest.read(model)
    recordings = Recordings(folder, left_out(model, *unseen_by))
    names = set_names(folder, only)
    plans = plan(spec, {name: recordings.read(name) for name in names})
    measurements = [name for name in MEASUREMENTS if not only or name in only]
    runs = dict.fromkeys(run for row in plans.rows for run in row.runs)
    answers: dict[Run, Answers] = {}
    more: dict[str, Any] = {}
    jobs: list[Run | str] = [*measurements, *runs]
    for done, (job, result) in enumerate(each(model, recordings, jobs, workers), start=1):
        if isinstance(job, Run):
            answers[job] = result
        else:
            more[job] = result
        if progress:
            progress(f"scoring, {job.data if isinstance(job, Run) else job}", done, len(jobs))
    collected = _collect(spec, plans.rows, plans.skipped, answers)
    why = {name: more[name] for name in measurements if isinstance(more[name], str)}
    absent = {} if only else {name: "there are no such recordings" for name in SETS if name not in names}
    return replace(
        collected,
        command=" ".join(
            [collected.command, *(f"--unseen-by {manifest.read(other).name}" for other in unseen_by)]
        ),
        left_out=unseen.by_set(recordings.left_out),
        skipped=collected.skipped | absent | why,
        more={name: more[name] for name in measurements if name not in why},
    )


def left_out(*models: Path) -> unseen.People:
    """Return all whom one of these models was fitted to."""
    return frozenset[tuple[str, int]]().union(*(unseen.tuned_on(manifest.read(model)) for model in models))


def set_names(folder: Path, only: Sequence[str] = ()) -> list[str]:
    """Name the sets of the table and the other files of their form in `folder`/imu, or those among `only`.

    RecordingError names what is neither a set in the folder nor a measurement, or a file that is damaged.
    """
    if not (folder / "imu").is_dir():
        raise RecordingError(f"{folder}/imu: no such folder; --data takes the folder that holds imu/*.npz")
    present = [name for name in (*SETS, _WORK) if Recordings(folder).has(name)]
    files = {name: set_files(folder, name) for name in present}
    grouped = {path for paths in files.values() for path in paths}
    others = sorted(
        path.stem for path in (folder / "imu").glob("*.npz") if path not in grouped and has_form(path)
    )
    names = [name for name in SETS if name in files] + others
    choice = (*names, *MEASUREMENTS)
    unknown = [name for name in only if name not in choice]
    if not names:
        raise RecordingError(
            f"{folder}/imu: holds no set of the common form; --data takes the folder that holds it"
        )
    if unknown:
        raise RecordingError(
            f"{folder}/imu: nothing to score by the name {', '.join(unknown)}; choose of {', '.join(choice)}"
        )
    return [name for name in names if not only or name in only]


def each(
    model: Path,
    recordings: Recordings,
    jobs: Sequence[Run | str],
    workers: int,
    load: Load = recognizer.load,
) -> Iterator[tuple[Run | str, Any]]:
    """Yield each job with its result, as they end: passes over sets, and measurements by their name."""
    if workers == 1:
        yield from ((job, _job(load, model, recordings, job)) for job in jobs)
        return
    with processes(workers) as pool:
        waiting = {pool.submit(_job, load, model, recordings, job): job for job in jobs}
        yield from ((waiting[done], done.result()) for done in as_completed(waiting))


def _job(load: Load, model: Path, recordings: Recordings, job: Run | str) -> Any:
    if isinstance(job, str):
        return measure(job, _model(load, model), recordings)
    return answer(_model(load, model), _trials(recordings, job.data), job)


@cache
def _model(load: Load, path: Path) -> Recognizer:
    return load(path)


@lru_cache(maxsize=1)
def _trials(recordings: Recordings, name: str) -> list[Trial]:
    return recordings.read(name)


def _collect(
    spec: ModelSpec, rows: Sequence[Row], skipped: Mapping[str, str], answers: Mapping[Run, Answers]
) -> Results:
    why = dict(skipped)
    lines: dict[str, Line] = {}
    sweeps: dict[str, dict[str, Swept]] = {}
    for row in rows:
        pooled = pool([answers[run] for run in row.runs], row.labels)
        if not any(is_certain(label, told_in(spec, row)) for label in set(pooled.true.tolist())):
            why[row.name] = "no window lies wholly in one of its activities"
        elif row.of:
            condition = row.name.removeprefix(f"{row.of}, ")
            sweeps.setdefault(row.of, {})[condition] = _swept(spec, row, pooled, lines[row.of].everybody)
        else:
            lines[row.name] = line_of(spec, row, pooled)
    plain = [row for row in rows if row.name in lines and is_plain(row)]
    return Results(
        model=spec.id,
        sha256=spec.sha256,
        command=f"edgehar-train evaluate {spec.name} --data DIR",
        rule=RULE,
        lines=lines,
        means=group_means(lines, _alone(rows, lines)),
        sweeps=sweeps,
        calibration={
            row.name: calibration(
                pooled.true, pooled.probabilities, spec.labels, told_in(spec, row), spec.temperature
            )
            for row in plain
            for pooled in [pool([answers[run] for run in row.runs], row.labels)]
        },
        evidence={
            label: {
                row.name: lines[row.name].everybody.f1[label]
                for row in plain
                if label in lines[row.name].everybody.f1
                if len(row.runs) == 1 and not row.runs[0].greater_part
            }
            for label in spec.labels
        },
        skipped=why,
    )


def pool(answers: Sequence[Answers], labels: Sequence[str]) -> Answers:
    """Pool all windows of several passes whose truth is one of `labels`."""
    kept = [np.isin(run.true, labels) for run in answers]

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(run, name)[rows] for run, rows in zip(answers, kept, strict=True)])

    return Answers(**{name: column(name) for name in Answers.__struct_fields__})


def line_of(spec: ModelSpec, row: Row, pooled: Answers) -> Line:
    """Score everybody, and the people decided on and the others where a set has both."""
    told = told_in(spec, row)
    scored = [unseen.person(word) for word in np.unique(pooled.person).tolist()]
    whole = Line(
        placements=tuple(placement for run in row.runs for placement in run.placements),
        offered=max(len(offered(spec, run.placements)) for run in row.runs),
        everybody=_fine(pooled, told),
        coarse=_coarse(spec, pooled, told),
        mark=unseen.mark(unseen.tuned_on(spec), scored),
        is_headline=row.is_headline,
    )
    if row.runs[0].data not in DECIDED_ON:
        return whole
    looked_at = [f"{name} {subject}" for name, subject in scored if subject in DECIDED_ON[name]]
    decided_on = np.isin(pooled.person, looked_at)
    return replace(
        whole,
        decided_on=_fine(pooled, told, decided_on) if decided_on.any() else None,
        apart=_fine(pooled, told, ~decided_on) if not decided_on.all() else None,
    )


def _fine(pooled: Answers, told: Collection[str], rows: NDArray[np.bool_] | slice = _ALL) -> Score:
    states = pooled.state[rows] if all(pooled.state) else None
    return _score(pooled.person[rows], pooled.true[rows], pooled.predicted[rows], states, told)


def _coarse(spec: ModelSpec, pooled: Answers, told: Collection[str]) -> Score:
    top = LabelTree(spec.labels, spec.tree).top
    states = np.array([top(state) for state in pooled.state.tolist()]) if all(pooled.state) else None
    return _score(pooled.person, pooled.true, coarse_answers(spec, pooled.probabilities), states, told, top)


def _score(
    person: Words,
    true: Words,
    answers: Words,
    states: Words | None,
    told: Collection[str],
    word: Callable[[str], str] = str,
) -> Score:
    """Score the answers and, if there are such, the states of the decision, said by `word`."""
    raw = score(person, held_to(true, answers, told, word), answers)
    if states is None:
        return raw
    return replace(raw, decided=score(person, held_to(true, states, told, word), states))


def _swept(spec: ModelSpec, row: Row, pooled: Answers, whole: Score) -> Swept:
    told = told_in(spec, row)
    judged = pooled.predicted != NO_ANSWER
    macro, of_answered = (
        _score(pooled.person[rows], pooled.true[rows], pooled.predicted[rows], None, told).macro_f1
        if rows.any()
        else 0.0
        for rows in (np.ones_like(judged), judged)
    )
    decided = None
    if row.runs[0].is_decided:
        decided = score(pooled.person, held_to(pooled.true, pooled.state, told), pooled.state).macro_f1
    ratio = macro / whole.macro_f1 if whole.macro_f1 else 0.0
    return Swept(macro, round(ratio, 4), round(float(judged.mean()), 4), of_answered, decided)


def is_plain(row: Row) -> bool:
    """Tell whether it shows people as they were recorded."""
    return not row.of and not any(run.turned for run in row.runs)


def _alone(rows: Sequence[Row], lines: Mapping[str, Line]) -> dict[str, list[str]]:
    """Find the rows of one sensor each, by set and orientation, where a set has several sensors and activities."""
    members: dict[str, list[str]] = {}
    for row in rows:
        [first, *others] = row.runs
        if row.name not in lines or others or row.of or len(first.placements) > 1 or first.greater_part:
            continue
        if len(lines[row.name].everybody.f1) > 1:
            name = f"{first.data}{TURNED}" if first.turned else first.data
            members.setdefault(name, []).append(row.name)
    return {name: titles for name, titles in members.items() if len(titles) > 1}
