"""Falls found on a wrist, against the false alarms that everyday movement raises.

Beside the decision as shipped stand its confirmation of falls with other settings, and an alarm on every window
whose probability of `falling` reaches a threshold: what the network alone is worth.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.alarms import Alarms, alarms, bound_cell
from edgehar.evaluation.events import run_recording
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import offered
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import FallConfirmation
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, read_set
from edgehar.training.dataset_windows import taken
from edgehar.types import ACCELERATION, FALLING, Prediction, Samples

REFRACTORY_S = 10.0
"""After an alarm none is raised for so long; a round number, longer than a fall and the lying down after."""
AIM_PER_HOUR = 0.5
"""The public bar of openWakeWord, false alarms per hour."""
AIM_SHARE = 0.85
"""Share of the falls to detect: round number."""
EARLY_S = 2.0
"""An alarm this long before the peak of |f| may be of the same fall: losing balance comes first. Round number."""
SUSPICIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
WITHOUT = {
    "without an impact": {"fall_peak": 0.0},
    "without lying still": {"fall_still_swing": np.inf},
    "without turning": {"fall_turn_deg": 0.0},
}
"""The confirmation without one proof at a time: what each is worth."""
THRESHOLDS = (0.1, 0.3, 0.4, 0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
DECISION = "the decision"
_ALONE = "one window of"
_COLUMNS = (
    "alarm by",
    "falls found",
    "95 %",
    "false alarms per hour",
    "at most (95 %)",
    "latency median, 95 % s",
)
_NOT_OFFERED = f"`{FALLING}`: not offered at the wrist by this model."


class Watch(Struct, frozen=True, eq=False):
    """One sensor's recording as the detector saw it."""

    source: str
    """Such as `dsads wrist_left`."""
    activity: str
    is_fall: bool
    hours: float
    peak_s: float
    """Time of the largest |f|, s."""
    raised: dict[str, list[float]]
    """Times of the alarms, s, by operating point."""


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
    alarms: dict[str, Alarms]
    """The same by source."""
    median_s: float | None
    """From the peak of |f| to the alarm, s, over the falls detected; negative: before the peak."""
    p95_s: float | None
    missed: dict[str, int]
    """By kind of fall."""
    raised: dict[str, int]
    """False alarms by activity."""


class Falls(Struct, frozen=True):
    """All operating points of a model that offers the label at the wrist."""

    hours: dict[str, float]
    """Everyday movement, by source."""
    decided: Point
    aftermath: list[Point]
    """Other settings of the decision, `SUSPICIONS` and `WITHOUT`; none if it confirms no falls."""
    windows: list[Point]
    """`THRESHOLDS` on single windows."""


def without_echoes(times: Sequence[float], refractory_s: float = REFRACTORY_S) -> list[float]:
    """Return those of rising times, s, that are no echo of the one before."""
    kept: list[float] = []
    for t in times:
        if not kept or t - kept[-1] >= refractory_s:
            kept.append(t)
    return kept


def variants(settings: Settings) -> dict[str, Settings]:
    """Return other settings of the confirmation by name."""
    if not settings.fall_within_s:
        return {}
    tried = {f"suspicion {p:g}": replace(settings, fall_suspicion=p) for p in SUSPICIONS}
    return tried | {name: replace(settings, **keys) for name, keys in WITHOUT.items()}


def watches(recognizer: Recognizer, folder: Path) -> Iterator[Watch]:
    """Watch falls and everyday movement of WEDA-FALL, both wrists of DSADS and OpenPack, each for itself."""
    for name in ("weda_fall", "dsads", "openpack"):
        for trial in read_set(folder, name):
            for placement in trial.tracks:
                wrist = placement.startswith("wrist") and taken(recognizer.spec, [placement])[0]
                if wrist and FALLING in offered(recognizer.spec, [placement]):
                    yield watch(recognizer, name, trial, placement)


def watch(recognizer: Recognizer, name: str, trial: Trial, placement: str) -> Watch:
    """Run the model and its decision over one sensor of a trial."""
    track = trial.tracks[placement]
    reported = run_recording(recognizer, {placement: track})
    starts = [e.detected_at for e in reported.events if e.kind == "activity_started" and e.label == FALLING]
    raised = {DECISION: starts} | raised_by(recognizer.spec, reported.predictions)
    return Watch(
        source=f"{name} {placement}",
        activity=trial.activity if len(trial.truth) == 1 else name,
        is_fall=trial.activity.startswith("fall_"),
        hours=reported.hours,
        peak_s=_peak(track),
        raised={point: without_echoes(times) for point, times in raised.items()},
    )


def raised_by(spec: ModelSpec, predictions: Sequence[Prediction]) -> dict[str, list[float]]:
    """Return the times of alarms, s, of other confirmations and of single windows."""
    raised = {}
    column, window_s, hop_s = spec.labels.index(FALLING), spec.window / spec.rate_hz, spec.hop / spec.rate_hz
    for name, settings in variants(spec.decision).items():
        confirmation = FallConfirmation(column, window_s, hop_s, settings)
        raised[name] = [p.t for p in predictions if confirmation.push(p)]
    for threshold in THRESHOLDS:
        raised[f"{_ALONE} {threshold:g}"] = [
            p.t for p in predictions if p.probabilities is not None and p.probabilities[column] >= threshold
        ]
    return raised


def _peak(track: Samples) -> float:
    columns = [i for i, name in enumerate(track.channels) if name in ACCELERATION]
    return float(track.t[np.argmax(np.sum(track.x[:, columns] ** 2, axis=1))])


def point(watched: Sequence[Watch], name: str) -> Point:
    """Count falls detected and false alarms at one operating point."""
    raised: dict[str, int] = {}
    missed: dict[str, int] = {}
    per_source: dict[str, list[float]] = {}
    delays = []
    for w in watched:
        times = w.raised[name]
        if not w.is_fall:
            count_and_hours = per_source.setdefault(w.source, [0.0, 0.0])
            count_and_hours[0] += len(times)
            count_and_hours[1] += w.hours
            raised[w.activity] = raised.get(w.activity, 0) + len(times)
            continue
        after = [t - w.peak_s for t in times if t >= w.peak_s - EARLY_S]
        missed[w.activity] = missed.get(w.activity, 0) + (not after)
        delays += after[:1]
    falls = sum(w.is_fall for w in watched)
    number, hours = (
        (sum(column) for column in zip(*per_source.values(), strict=True)) if per_source else (0, 0.0)
    )
    median, p95 = np.percentile(delays, [50, 95]).round(2).tolist() if delays else (None, None)
    return Point(
        name=name,
        detected=len(delays),
        falls=falls,
        share=round(len(delays) / falls, 4) if falls else 0.0,
        share_bounds=wilson(len(delays), falls),
        total=alarms(int(number), hours),
        alarms={source: alarms(int(n), h) for source, (n, h) in per_source.items()},
        median_s=median,
        p95_s=p95,
        missed={name: n for name, n in missed.items() if n},
        raised={name: n for name, n in raised.items() if n},
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


def falls(recognizer: Recognizer, folder: Path) -> Falls | None:
    """Score the decision and other operating points; None if the model does not offer `falling` at the wrist."""
    if FALLING not in recognizer.spec.labels:
        return None
    watched = list(watches(recognizer, folder))
    return operating_points(watched) if watched else None


def operating_points(watched: Sequence[Watch]) -> Falls:
    """Score all operating points on what was watched."""
    hours: dict[str, float] = {}
    for w in watched:
        if not w.is_fall:
            hours[w.source] = hours.get(w.source, 0.0) + w.hours
    names = [name for name in watched[0].raised if name != DECISION]
    return Falls(
        hours={source: round(h, 3) for source, h in hours.items()},
        decided=point(watched, DECISION),
        aftermath=[point(watched, name) for name in names if not name.startswith(_ALONE)],
        windows=[point(watched, name) for name in names if name.startswith(_ALONE)],
    )


def at_rate(points: Sequence[Point], per_hour: float = AIM_PER_HOUR) -> Point | None:
    """Choose the point that detects most at no more false alarms; None if none is so quiet."""
    quiet = [p for p in points if p.total.per_hour <= per_hour]
    return max(quiet, key=lambda p: p.detected, default=None)


def at_share(points: Sequence[Point], share: float = AIM_SHARE) -> Point | None:
    """Choose the quietest point that detects as many; None if none does."""
    keen = [p for p in points if p.share >= share]
    return min(keen, key=lambda p: p.total.per_hour, default=None)


def markdown(scores: Falls | None) -> str:
    """Lay out all operating points, with the false alarms of each source."""
    if scores is None:
        return _NOT_OFFERED
    *head, latency_title = _COLUMNS
    sources = [f"{source} ({hours:.2f} h)" for source, hours in scores.hours.items()]
    rows = []
    for p in (scores.decided, *scores.aftermath, *scores.windows):
        *cells, latency = _cells(p)
        rows.append([*cells, *(f"{p.alarms[source].alarms}" for source in scores.hours), latency])
    return f"{table((*head, *sources, latency_title), rows)}\n\n{_in_reach([*scores.aftermath, *scores.windows])}"


def short(scores: Falls | None) -> str:
    """Lay out the decision, what its proofs are worth, and single windows that reach one of the two aims."""
    if scores is None:
        return _NOT_OFFERED
    without = [p for p in scores.aftermath if p.name in WITHOUT]
    alone = [p for p in (at_share(scores.windows), at_rate(scores.windows)) if p]
    rows = [_cells(p) for p in (scores.decided, *without, *alone)]
    false, hours = scores.decided.total.alarms, sum(scores.hours.values())
    return f"{table(_COLUMNS, rows)}\n\nFalse alarms of the decision: {false} in {hours:.1f} h."


def _cells(p: Point) -> list[str]:
    low, high = p.share_bounds
    return [
        p.name,
        f"{p.detected}/{p.falls} = {100 * p.share:.1f} %",
        f"{100 * low:.0f} to {100 * high:.0f} %",
        f"{p.total.per_hour:.2f}",
        bound_cell(p.total, 2),
        "" if p.median_s is None else f"{p.median_s:.2f}, {p.p95_s:.2f}",
    ]


def _in_reach(points: Sequence[Point]) -> str:
    """Name the best points in a sentence: what was chosen on the recordings it is scored on is no result."""
    aims = {
        f"at no more than {AIM_PER_HOUR:g} false alarms per hour": at_rate(points),
        f"with {100 * AIM_SHARE:.0f} % of the falls found": at_share(points),
    }
    best = (
        f"{aim}: none"
        if p is None
        else f"{aim}: {100 * p.share:.1f} % at {p.total.per_hour:.2f} per hour ({p.name})"
        for aim, p in aims.items()
    )
    return f"Best {'; '.join(best)}. Chosen on these recordings, it says only what is in reach."
