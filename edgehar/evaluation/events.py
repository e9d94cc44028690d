"""Reports of the run time on recordings in which one activity follows another.

Recognizer and decision run as on the device, at the model's own hop. Ward's metrics and the starts
and ends are taken of the events as published, with their times corrected for the window's delay;
the latency is that of their detection.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import decision_of, offered
from edgehar.evaluation.unseen import Recordings
from edgehar.evaluation.ward import Ward, by_label, markdown as ward_markdown, pool
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, joined
from edgehar.recordings.scoring import Boundaries, Segment, merge, score
from edgehar.training.dataset_windows import taken, windows
from edgehar.types import Activity, Event, Prediction, Samples

SETS = ("sp_sw_har", "motionsense", "dsads", "openpack")
STEADY = "dsads"
"""Each of its trials is five minutes of one activity."""


class Reported(Struct, frozen=True, eq=False):
    """All that the run time answered on one recording."""

    hours: float
    predictions: list[Prediction]
    events: list[Event]
    answers: list[Activity]

    @property
    def segments(self) -> list[Segment]:
        """Activities by their events; the one that still ran ends with the last window."""
        ends = {event.id: event.ended_at for event in self.events if event.kind == "activity_ended"}
        starts = [event for event in self.events if event.kind == "activity_started"]
        last = self.answers[-1].t if self.answers else 0.0
        return [(start.started_at, ends.get(start.id) or last, start.label) for start in starts]

    @property
    def shown(self) -> list[Segment]:
        """States as they were shown at the time, each until the window that changed it."""
        firsts = [a for b, a in pairwise([None, *self.answers]) if a and (b is None or b.state != a.state)]
        times = [*(answer.t for answer in firsts), self.answers[-1].t if self.answers else 0.0]
        return [(a, b, answer.state) for (a, b), answer in zip(pairwise(times), firsts, strict=True)]


class Boundary(Struct, frozen=True):
    """Reported against true starts or ends, right within 2 s."""

    true: int
    reported: int
    right: int
    f1: float | None


class Latency(Struct, frozen=True):
    """Time from the true onset to the window on which the label was decided."""

    onsets: int
    missed: int
    """Not shown before the activity was over."""
    held: int
    """Shown already when the activity began, so not detected anew."""
    median_s: float | None
    p95_s: float | None


class Course(Struct, frozen=True):
    """Scores of all people of one set with the same sensors."""

    hours: float
    recordings: int
    ward: dict[str, Ward]
    """By label, and `all labels` pooled."""
    starts: Boundary
    ends: Boundary
    """An activity that goes on when a recording stops has a true end and no reported one."""
    latency: Latency


class Steadiness(Struct, frozen=True):
    """Changes of the state while one activity goes on, from the first label on."""

    hours: float
    changes: int
    per_hour: float
    shortest_s: float | None
    """The shortest state shown between two changes."""


class EventScores(Struct, frozen=True):
    """All scores, by set and sensors."""

    courses: dict[str, Course]
    steadiness: dict[str, dict[str, Steadiness]]
    """Then by activity, and `all`."""


def run_recording(recognizer: Recognizer, tracks: Mapping[str, Samples]) -> Reported:
    """Run recognizer and decision over one recording."""
    spec = recognizer.spec
    decision = decision_of(spec, tracks)
    predictions: list[Prediction] = []
    published: list[Activity | Event] = []
    for window in windows(spec, tracks, hop_s=spec.hop / spec.rate_hz):
        for prediction in recognizer.push(window):
            predictions.append(prediction)
            published += decision.push(prediction)
    return Reported(
        hours=min(float(track.t[-1] - track.t[0]) for track in tracks.values()) / 3600.0,
        predictions=predictions,
        events=[item for item in published if isinstance(item, Event)],
        answers=[item for item in published if isinstance(item, Activity)],
    )


def wearings(recognizer: Recognizer, trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """List each sensor of a set alone, then all that the model can take together."""
    recorded = list(dict.fromkeys(placement for trial in trials for placement in trial.tracks))
    alone = [kept for placement in recorded if (kept := taken(recognizer.spec, [placement])[0])]
    together = taken(recognizer.spec, recorded)[0]
    return [*alone, together] if len(together) > 1 else alone


def recordings(
    recognizer: Recognizer, trials: Sequence[Trial], placements: Sequence[str]
) -> Iterator[tuple[dict[str, Samples], list[Segment]]]:
    """Join, for each person, the trials that the model can be scored on, end to end.

    Where a trial has one label, it has to be one that these sensors offer; a trial with a label for
    each row is taken whole, and what the model does not know is nothing to it.
    """
    labels = offered(recognizer.spec, placements)
    people: dict[int, list[Trial]] = {}
    for trial in trials:
        has_label = len(trial.truth) > 1 or trial.activity in labels
        if has_label and set(placements) <= set(trial.tracks):
            people.setdefault(trial.subject, []).append(trial)
    for recorded in people.values():
        tracks, truth = joined(sorted(recorded, key=lambda trial: trial.number))
        yield {placement: tracks[placement] for placement in placements}, merge(truth)


def course(recognizer: Recognizer, trials: Sequence[Trial], placements: Sequence[str]) -> Course | None:
    """Score recordings with transitions; None if there is none."""
    labels = [label for label in offered(recognizer.spec, placements) if label != "other"]
    hours, parts, boundaries, delays = 0.0, [], [], []
    for tracks, truth in recordings(recognizer, trials, placements):
        reported = run_recording(recognizer, tracks)
        end = max(stop for _, stop, _ in truth)
        hours += reported.hours
        parts.append(by_label(truth, reported.segments, labels, 0.0, end))
        boundaries.append(score(reported.events, truth, labels))
        delays += onset_delays([segment for segment in truth if segment[2] in labels], reported.shown)
    if not parts:
        return None
    wards = {label: pool(part[label] for part in parts) for label in labels}
    occurring = {
        label: ward
        for label, ward in wards.items()
        if ward.frames.hit + ward.frames.deletion or reported_s(ward)
    }
    return Course(
        hours=round(hours, 3),
        recordings=len(parts),
        ward=occurring | {"all labels": pool(wards.values())},
        starts=_boundary([kinds["activity_started"] for kinds in boundaries]),
        ends=_boundary([kinds["activity_ended"] for kinds in boundaries]),
        latency=latency(delays),
    )


def reported_s(ward: Ward) -> float:
    """Return for how long the label was reported, s."""
    f = ward.frames
    return f.hit + f.insertion + f.merge + f.overfill_start + f.overfill_end


def _boundary(boundaries: Iterable[Boundaries]) -> Boundary:
    counts = [(people.true, people.reported, people.right) for people in boundaries]
    true, reported, right = np.sum(counts, axis=0).tolist()
    return Boundary(
        true, reported, right, round(2 * right / (true + reported), 4) if true + reported else None
    )


def onset_delays(truth: Iterable[Segment], shown: Sequence[Segment]) -> list[float | None]:
    """Measure s from each onset until its label was shown, negative where it was before, None if never."""
    delays: list[float | None] = []
    for start, end, label in truth:
        since = (begin for begin, until, state in shown if state == label and until > start and begin < end)
        first = next(since, None)
        delays.append(None if first is None else first - start)
    return delays


def latency(delays: Sequence[float | None]) -> Latency:
    """Sum up the delays of all onsets, s, as `onset_delays` gives them."""
    fresh = [delay for delay in delays if delay is not None and delay >= 0.0]
    missed = sum(delay is None for delay in delays)
    median, p95 = np.percentile(fresh, [50, 95]).round(2).tolist() if fresh else (None, None)
    return Latency(len(delays), missed, len(delays) - missed - len(fresh), median, p95)


def steadiness(
    recognizer: Recognizer, trials: Sequence[Trial], placements: Sequence[str]
) -> dict[str, Steadiness]:
    """Count changes by activity and for `all`: each trial by itself, of activities that the model knows."""
    courses: dict[str, list[tuple[float, list[Segment]]]] = {}
    for trial in trials:
        if trial.activity not in offered(recognizer.spec, placements):
            continue
        tracks = {placement: trial.tracks[placement] for placement in placements}
        shown = run_recording(recognizer, tracks).shown
        labels = [i for i, (_, _, state) in enumerate(shown) if state in recognizer.spec.labels]
        settled = shown[labels[0] :] if labels else []
        hours = (settled[-1][1] - settled[0][0]) / 3600.0 if settled else 0.0
        courses.setdefault(trial.activity, []).append((hours, settled))
    courses["all"] = [course for activity in courses.values() for course in activity]
    return {name: _steadiness(shown) for name, shown in courses.items() if shown}


def _steadiness(courses: Sequence[tuple[float, list[Segment]]]) -> Steadiness:
    hours, changes = sum(h for h, _ in courses), sum(max(0, len(states) - 1) for _, states in courses)
    inner = [end - start for _, states in courses for start, end, _ in states[1:-1]]
    return Steadiness(
        hours=round(hours, 3),
        changes=changes,
        per_hour=round(changes / hours, 1) if hours else 0.0,
        shortest_s=round(min(inner), 2) if inner else None,
    )


def event_scores(recognizer: Recognizer, sets: Recordings) -> EventScores:
    """Score every set with transitions, each sensor alone and all together."""
    courses: dict[str, Course] = {}
    steady: dict[str, dict[str, Steadiness]] = {}
    for name in SETS:
        trials = sets.read(name)
        for placements in wearings(recognizer, trials):
            title = f"{name} {' + '.join(placements)}"
            scored = course(recognizer, trials, placements)
            if scored:
                courses[title] = scored
            if name == STEADY:
                steady[title] = steadiness(recognizer, trials, placements)
    return EventScores(courses, steady)


def markdown(scores: EventScores) -> str:
    """Lay out boundaries and latency, Ward's metrics over all labels, and steadiness."""
    by_name = {name: activities["all"] for name, activities in scores.steadiness.items()}
    steady = table(
        ("constant activity", "hours", "changes per hour", "shortest s"),
        [(name, f"{s.hours:g}", f"{s.per_hour:g}", f"{s.shortest_s or ''}") for name, s in by_name.items()],
    )
    ward = ward_markdown({name: c.ward["all labels"] for name, c in scores.courses.items()})
    return "\n\n".join(part for part in (_boundaries(scores.courses), ward, steady) if part)


def _boundaries(courses: Mapping[str, Course]) -> str:
    rows = []
    for name, c in courses.items():
        cells = (c.hours, c.starts.f1, c.ends.f1, c.latency.onsets, c.latency.missed)
        times = (c.latency.median_s, c.latency.p95_s)
        rows.append((name, *("" if v is None else f"{v:g}" for v in (*cells, *times))))
    head = ("recordings", "hours", "F1 of starts", "F1 of ends", "onsets", "missed", "median s", "95 % s")
    return table(head, rows)


def short(scores: EventScores) -> str:
    """Lay out boundaries and latency of each set with all its sensors together."""
    fullest: dict[str, str] = {}
    for name, scored in scores.courses.items():
        data = name.partition(" ")[0]
        if scored.latency.onsets and name.count(" + ") >= fullest.get(data, "").count(" + "):
            fullest[data] = name
    return _boundaries({name: scores.courses[name] for name in fullest.values()})
