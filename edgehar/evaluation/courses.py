"""Courses: what people did, and what the network's answers let the decision believe meanwhile.

The belief does not depend on the thresholds, so that these can be tried on it in seconds (`told`). A course is one
person's recordings of a set, end to end, with the same sensors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation.events import wearings
from edgehar.evaluation.plan import offered
from edgehar.evaluation.unseen import People, Recordings, by_set, named, tuned_on
from edgehar.pipeline import recognizer
from edgehar.pipeline.belief import belief_in
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import worn_as
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.telling import Telling
from edgehar.recordings.datasets import Trial, joined
from edgehar.recordings.false_starts import may_begin
from edgehar.recordings.scoring import Segment, merge
from edgehar.training.dataset_windows import windows
from edgehar.training.progress import Progress
from edgehar.training.provenance import HELD_OUT
from edgehar.training.workers import processes
from edgehar.types import NO_SIGNAL, OTHER, Prediction, Samples

SETS = (
    *("dsads", "sp_sw_har", "wisdm_watch", "wisdm_phone"),
    *("selfback_thigh", "selfback_wrist", "stress_predict"),
)
"""Sets to whose people a model that names none may be fitted: their licences let them fit what ships."""
_ONLY_PEOPLE_OF = {"selfback_wrist": "selfback_thigh"}
"""The other people of the set are there without a statement of licence."""


class Course(Struct, frozen=True, eq=False):
    """One person, and the decision's belief at the end of each judged window."""

    person: str
    """Such as `dsads 1`."""
    worn: str
    """Name of the worn sensor, or `operating_points.SEVERAL`."""
    offered: tuple[str, ...]
    """Labels that what is worn can tell."""
    times: NDArray[np.float64]
    """End of each window, (windows,), s."""
    beliefs: NDArray[np.float64]
    """(windows, labels)."""
    resumes: NDArray[np.bool_]
    """Windows before which the signal was lost, (windows,)."""
    possible: NDArray[np.bool_]
    """Labels that may begin to be told, (windows, labels): true then, or so shortly before that it took the time."""
    truth: list[Segment]
    """Activities that were done, in common labels."""


def course(
    spec: ModelSpec,
    placements: Sequence[str],
    person: str,
    predictions: Iterable[Prediction],
    truth: Iterable[Segment],
) -> Course:
    """Return what the decision believed of these answers of the network; windows that were not judged are left out."""
    belief = belief_in(LabelTree(spec.labels, spec.tree), spec.decision)
    longest_s = spec.decision.no_signal_after_s + spec.window / spec.rate_hz
    times: list[float] = []
    beliefs: list[list[float]] = []
    resumes: list[bool] = []
    for p in predictions:
        if p.probabilities is not None:
            resumes.append(not times or p.t - times[-1] > longest_s)
            belief.push(p.probabilities.tolist(), p.t)
            times.append(p.t)
            beliefs.append(belief.now)
    segments, can_tell = merge(truth), offered(spec, placements)
    return Course(
        person=person,
        worn=worn_as([sensor.name for sensor in spec.sensors], spec.slots(placements)),
        offered=can_tell,
        times=np.array(times),
        beliefs=np.array(beliefs).reshape(-1, len(spec.labels)),
        resumes=np.array(resumes, np.bool_),
        possible=may_begin(spec.labels, can_tell, np.array(times), segments),
        truth=segments,
    )


def told(course: Course, telling: Telling, window_s: float) -> list[str]:
    """Return the state after each window, as `pipeline.decision` has it of everyday movement.

    Neither falls, which the belief does not tell, nor sensors that nobody wears are looked for.
    """
    state: str = NO_SIGNAL
    begun, states = 0.0, list[str]()
    rows = zip(course.times.tolist(), course.beliefs.tolist(), course.resumes.tolist(), strict=True)
    for t, belief, resumes in rows:
        if resumes:
            state, begun = NO_SIGNAL, t
        target = telling.choose(belief, state)
        if target != OTHER or state != NO_SIGNAL or t - begun >= window_s:
            state = target
        states.append(state)
    return states


def people(spec: ModelSpec, folder: Path) -> People:
    """Name the people whom thresholds may be fitted to, each with the set.

    Of each set that the model was tuned on those who were held out, else those whom it was tuned on; of a model that
    names nobody, all whose recordings may fit what ships. RecordingError if there are no recordings of them.
    """
    recordings, held_out, tuned = Recordings(folder), named(spec, HELD_OUT), tuned_on(spec)
    apart = {name for name, _ in held_out}
    chosen = held_out | {person for person in tuned if person[0] not in apart}
    if missing := [name for name in by_set(chosen) if not recordings.has(name)]:
        raise RecordingError(
            f"{folder}/imu: no such file: {', '.join(missing)}, of which {spec.id} names people; check --data"
        )
    if chosen:
        return chosen
    numbers = {name: _numbers(recordings, name) for name in SETS if recordings.has(name)}
    if not numbers:
        raise RecordingError(f"{folder}/imu: no such file: none of {', '.join(SETS)}; check --data")
    return frozenset(
        (name, number)
        for name, subjects in numbers.items()
        for number in subjects
        if name not in _ONLY_PEOPLE_OF or number in numbers.get(_ONLY_PEOPLE_OF[name], ())
    )


def _numbers(recordings: Recordings, name: str) -> set[int]:
    return {trial.subject for trial in recordings.read(name)}


_Job = tuple[str, int, tuple[str, ...]]
"""Set, person, placements."""


def courses(
    model: Path, folder: Path, chosen: People, workers: int, progress: Progress | None = None
) -> Iterator[Course]:
    """Let the network judge all recordings of these people: one sensor of each kind alone, and all of a person's together.

    The other wrist, at the same time, would count the same hours again.
    """
    judge = recognizer.load(model)
    sensors = [sensor.name for sensor in judge.spec.sensors]
    jobs: list[_Job] = []
    for name, numbers in by_set(chosen).items():
        trials = Recordings(folder).read(name)
        for number in numbers:
            recorded = [trial for trial in trials if trial.subject == number]
            first: dict[str, tuple[str, ...]] = {}
            for placements in wearings(judge, recorded):
                first.setdefault(worn_as(sensors, judge.spec.slots(placements)), placements)
            jobs += [(name, number, placements) for placements in first.values()]
    for done, made in enumerate(_each(model, folder, jobs, workers), start=1):
        yield made
        if progress:
            progress("judging recordings", done, len(jobs))


def _each(model: Path, folder: Path, jobs: Sequence[_Job], workers: int) -> Iterator[Course]:
    if workers == 1:
        yield from (_judged(model, folder, job) for job in jobs)
        return
    with processes(workers) as pool:
        waiting = [pool.submit(_judged, model, folder, job) for job in jobs]
        yield from (done.result() for done in as_completed(waiting))


def _judged(model: Path, folder: Path, job: _Job) -> Course:
    name, number, placements = job
    judge = _model(model)
    trials = [
        trial
        for trial in _trials(folder, name)
        if trial.subject == number and set(placements) <= set(trial.tracks)
    ]
    tracks, truth = joined(sorted(trials, key=lambda trial: trial.number))
    worn = {placement: tracks[placement] for placement in placements}
    return course(judge.spec, placements, f"{name} {number}", _predictions(judge, worn), truth)


def _predictions(judge: Recognizer, tracks: Mapping[str, Samples]) -> Iterator[Prediction]:
    spec = judge.spec
    for window in windows(spec, tracks, hop_s=spec.hop / spec.rate_hz):
        yield from judge.push(window)


@cache
def _model(path: Path) -> Recognizer:
    return recognizer.load(path)


@lru_cache(maxsize=1)
def _trials(folder: Path, name: str) -> list[Trial]:
    return Recordings(folder).read(name)
