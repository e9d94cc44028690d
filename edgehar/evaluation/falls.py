"""Falls told at every placement where people were recorded falling, against the false alarms of everyday movement.

Beside the decision stands an alarm on every window whose probability of `falling` reaches a threshold: what the network
alone is worth. How the decision's evidence is weighed was chosen with `benchmarks.falls` on some of these sets, whoever
fitted the network (FITTED_ON); of the others nothing was.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.alarms import Alarms, alarms, bound_cell
from edgehar.evaluation.events import run_recording
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import offered
from edgehar.evaluation.unseen import NEVER, Recordings, mark, tuned_on
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, collection, set_files
from edgehar.training.dataset_windows import taken
from edgehar.types import ACCELERATION, FALLING, Samples

WITH_FALLS = ("weda_fall", "smartfallmm_meta_wrist", "smartfallmm_watch_wrist", "smartfallmm_meta_hip")
EVERYDAY = ("dsads", "openpack", "ha24_watch", "stress_predict", "hapt_waist", "berkeley_mhad")
FITTED_ON = frozenset({*WITH_FALLS, "dsads", "stress_predict", "hapt_waist"})
AIM_PER_HOUR = 0.5
"""The public bar of openWakeWord, false alarms per hour."""
REFRACTORY_S = 10.0
"""After an alarm none is raised for so long, and one later than that after the peak of |f| is not of that fall; a round
number, longer than a fall and the lying down after."""
EARLY_S = 2.0
"""An alarm this long before the peak of |f| may be of the same fall: losing balance comes first. Round number."""
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
SHOWN_THRESHOLDS = (0.5, 0.9)
DECISION = "the decision"
ALONE = "one window of"
_NOT_OFFERED = f"`{FALLING}`: offered by this model at no placement that was recorded."
_COLUMNS = (
    "sensor",
    "",
    "hours",
    "falls told",
    "95 %",
    "false alarms per hour",
    "at most (95 %)",
    "latency median, 95 % s",
)


TrialName = tuple[str, int, str, int]
"""Collection, person, activity and number: what several sensors recorded together."""


class Watch(Struct, frozen=True, eq=False):
    """One sensor's recording as the detector saw it."""

    source: str
    """Such as `dsads wrist_left`."""
    trial: TrialName
    activity: str
    is_fall: bool
    hours: float
    peak_s: float
    """Time of the largest |f|, s."""
    raised: dict[str, list[float]]
    """Times of the alarms, s, by operating point."""
    mark: str = NEVER
    """One of `unseen`: how well the model knows who was recorded."""


class Point(Struct, frozen=True):
    """One operating point."""

    name: str
    detected: int
    """Falls after which an alarm was raised."""
    falls: int
    share: float
    share_bounds: tuple[float, float]
    """95 %, Wilson; as if falls of one person were independent."""
    total: Alarms
    """False ones on everyday movement."""
    median_s: float | None
    """From the peak of |f| to the alarm, s, over the falls detected; negative: before the peak."""
    p95_s: float | None
    missed: dict[str, int]
    """By kind of fall."""
    raised: dict[str, int]
    """False alarms by activity."""


class Row(Struct, frozen=True):
    """One set's sensor, or all of a kind of placement."""

    hours: float
    """Everyday movement."""
    decided: Point
    windows: list[Point]
    """`THRESHOLDS` on single windows."""
    mark: str = ""
    """One of `unseen`; empty for all of a kind of placement."""


Falls = dict[str, Row]
"""By kind of placement, such as `every wrist`, then by source."""


def without_echoes(times: Sequence[float], refractory_s: float = REFRACTORY_S) -> list[float]:
    """Return those of rising times, s, that are no echo of the one before."""
    kept: list[float] = []
    for t in times:
        if not kept or t - kept[-1] >= refractory_s:
            kept.append(t)
    return kept


def watches(recognizer: Recognizer, recordings: Recordings) -> Iterator[Watch]:
    """Watch every sensor, each for itself, that can tell a fall; of the sets those that there are.

    RecordingError if none of those with falls is there.
    """
    names = [name for name in (*WITH_FALLS, *EVERYDAY) if recordings.has(name)]
    if not set(names) & set(WITH_FALLS):
        set_files(recordings.folder, WITH_FALLS[0])
    seen = tuned_on(recognizer.spec)
    for name in names:
        trials = recordings.read(name)
        told = mark(seen, ((name, trial.subject) for trial in trials))
        for trial in trials:
            for placement in trial.tracks:
                if taken(recognizer.spec, [placement])[0] and FALLING in offered(
                    recognizer.spec, [placement]
                ):
                    yield replace(watch(recognizer, name, trial, placement), mark=told)


def watch(recognizer: Recognizer, name: str, trial: Trial, placement: str) -> Watch:
    """Run the model and its decision over one sensor of a trial."""
    track, column = trial.tracks[placement], recognizer.spec.labels.index(FALLING)
    reported = run_recording(recognizer, {placement: track})
    raised = {
        DECISION: [
            e.detected_at for e in reported.events if e.kind == "activity_started" and e.label == FALLING
        ]
    }
    for threshold in THRESHOLDS:
        raised[f"{ALONE} {threshold:g}"] = [
            p.t
            for p in reported.predictions
            if p.probabilities is not None and p.probabilities[column] >= threshold
        ]
    return Watch(
        source=name if name.endswith(placement) else f"{name} {placement}",
        trial=(collection(name), trial.subject, trial.activity, trial.number),
        activity=trial.activity if len(trial.truth) == 1 else name,
        is_fall=trial.activity.startswith("fall_"),
        hours=reported.hours,
        peak_s=peak_time(track),
        raised={point: without_echoes(times) for point, times in raised.items()},
    )


def peak_time(track: Samples) -> float:
    """Return the time of the largest |f|, s."""
    columns = [i for i, name in enumerate(track.channels) if name in ACCELERATION]
    return float(track.t[np.argmax(np.sum(track.x[:, columns] ** 2, axis=1))])


def point(watched: Sequence[Watch], name: str) -> Point:
    """Count falls detected and false alarms at one operating point."""
    fallen = [w for w in watched if w.is_fall]
    everyday = [w for w in watched if not w.is_fall]
    delays, missed = list[float](), Counter[str]()
    for w in fallen:
        after = [t - w.peak_s for t in w.raised[name] if -EARLY_S <= t - w.peak_s <= REFRACTORY_S]
        delays += after[:1]
        missed[w.activity] += not after
    raised = Counter[str]()
    for w in everyday:
        raised[w.activity] += len(w.raised[name])
    median, p95 = np.percentile(delays, [50, 95]).round(2).tolist() if delays else (None, None)
    return Point(
        name=name,
        detected=len(delays),
        falls=len(fallen),
        share=round(len(delays) / len(fallen), 4) if fallen else 0.0,
        share_bounds=wilson(len(delays), len(fallen)),
        total=alarms(raised.total(), sum(w.hours for w in everyday)),
        median_s=median,
        p95_s=p95,
        missed=dict(+missed),
        raised=dict(+raised),
    )


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not tries:
        return 0.0, 1.0
    z, share = 1.96, hits / tries
    middle = share + z * z / (2 * tries)
    half = z * np.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    low, high = ((middle + sign * half) / (1 + z * z / tries) for sign in (-1, 1))
    return round(float(max(low, 0.0)), 4), round(float(min(high, 1.0)), 4)


def falls(recognizer: Recognizer, recordings: Recordings) -> Falls | None:
    """Score the decision and single windows; None if the model offers `falling` at no placement that was recorded."""
    if FALLING not in recognizer.spec.labels:
        return None
    return operating_points(list(watches(recognizer, recordings))) or None


def operating_points(watched: Sequence[Watch]) -> Falls:
    """Score all that was watched, by kind of placement, of two that recorded the same the first, and by source."""
    first: dict[str, dict[tuple[TrialName, int], Watch]] = {}
    times = Counter[tuple[str, TrialName]]()
    for w in watched:
        times[w.source, w.trial] += 1  # some sets have several trials of one number
        kind = first.setdefault(f"every {_kind(w.source)}", {})
        kind.setdefault((w.trial, times[w.source, w.trial]), w)
    by_source: dict[str, list[Watch]] = {}
    for w in watched:
        by_source.setdefault(w.source, []).append(w)
    every = {kind: _row([*by_trial.values()]) for kind, by_trial in first.items()}
    return every | {source: _row(of_one, of_one[0].mark) for source, of_one in by_source.items()}


def _row(watched: Sequence[Watch], told: str = "") -> Row:
    hours = sum(w.hours for w in watched if not w.is_fall)
    windows = [point(watched, f"{ALONE} {threshold:g}") for threshold in THRESHOLDS]
    return Row(round(hours, 3), point(watched, DECISION), windows, told)


def _kind(source: str) -> str:
    """Return `wrist` for `dsads wrist_left` and for `smartfallmm_meta_wrist`."""
    words = source.replace(" ", "_").removesuffix("_left").removesuffix("_right")
    return words.rpartition("_")[2]


def markdown(scores: Falls | None) -> str:
    """Lay out every row, with all thresholds on single windows, and what was missed and raised."""
    if scores is None:
        return _NOT_OFFERED
    rows = [_cells(name, row, THRESHOLDS) for name, row in scores.items()]
    details = [_detail(name, row.decided) for name, row in scores.items() if not name.startswith("every ")]
    laid_out = table((*_COLUMNS, *_titles(THRESHOLDS)), rows, words=(0, 1))
    return "\n\n".join([laid_out, *filter(None, details)])


def short(scores: Falls | None) -> str:
    """Lay out every row, with two thresholds on single windows."""
    if scores is None:
        return _NOT_OFFERED
    rows = [_cells(name, row, SHOWN_THRESHOLDS) for name, row in scores.items()]
    laid_out = table((*_COLUMNS, *_titles(SHOWN_THRESHOLDS)), rows, words=(0, 1))
    remark = "\\* its people chose the weights of the evidence. Of two sensors at once a row of every one counts the first."
    return f"{laid_out}\n\n{remark}"


def _titles(thresholds: Iterable[float]) -> list[str]:
    return [f"network alone at {threshold:g}: told, false per hour" for threshold in thresholds]


def _cells(name: str, row: Row, thresholds: Sequence[float]) -> list[str]:
    p, (low, high) = row.decided, row.decided.share_bounds
    alone = [window for window in row.windows if window.name in {f"{ALONE} {t:g}" for t in thresholds}]
    return [
        f"{name}\\*" if name.partition(" ")[0] in FITTED_ON else name,
        row.mark,
        f"{row.hours:.2f}",
        f"{p.detected}/{p.falls} = {100 * p.share:.1f} %" if p.falls else "",
        f"{100 * low:.0f} to {100 * high:.0f} %" if p.falls else "",
        f"{p.total.per_hour:.2f}" if row.hours else "",
        bound_cell(p.total, 2),
        "" if p.median_s is None else f"{p.median_s:.2f}, {p.p95_s:.2f}",
        *(_alone(window) for window in alone),
    ]


def _alone(p: Point) -> str:
    told = f"{100 * p.share:.0f} %, " if p.falls else ""
    return f"{told}{p.total.per_hour:.1f}"


def _detail(name: str, p: Point) -> str:
    missed, raised = (
        ", ".join(f"{activity} {count}" for activity, count in sorted(counts.items()))
        for counts in (p.missed, p.raised)
    )
    parts = [f"missed {missed}" if missed else "", f"false alarms in {raised}" if raised else ""]
    return f"{name}: {'; '.join(filter(None, parts))}." if any(parts) else ""
