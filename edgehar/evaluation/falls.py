"""Falls found on a wrist, against the false alarms that everyday movement raises.

Beside the decision as shipped stand its aftermath with other settings, and an alarm on every window
whose probability of `falling` reaches a threshold: what the network alone is worth.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.alarms import Alarms, alarms, bound_cell
from edgehar.evaluation.datasets import Trial, read_set
from edgehar.evaluation.events import report
from edgehar.evaluation.plan import offered, taken
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import FallConfirmation
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.types import ACCELERATION, FALLING, Prediction, Samples

REFRACTORY_S = 10.0
"""After an alarm none is raised for so long; a round number, longer than a fall and the lying down after."""
AIM_PER_HOUR = 0.5
"""The public bar of openWakeWord, false alarms per hour."""
AIM_SHARE = 0.85
"""Of falls found: round number."""
EARLY_S = 2.0
"""An alarm this long before the peak of |f| may be of the same fall: losing balance comes first. Round number."""
SUSPICIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
WITHOUT = {
    "without an impact": {"fall_peak": 0.0},
    "without lying still": {"fall_still_swing": np.inf},
    "without turning": {"fall_turn_deg": 0.0},
}
"""What the aftermath is worth, one proof at a time."""
THRESHOLDS = (0.1, 0.3, 0.4, 0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
DECISION = "the decision"
_ALONE = "one window of"


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
    found: int
    falls: int
    share: float
    share_bounds: tuple[float, float]
    """95 %, Wilson; as if falls of one person were independent."""
    total: Alarms
    """False ones on everyday movement."""
    alarms: dict[str, Alarms]
    """The same by source."""
    median_s: float | None
    """From the peak of |f| to the alarm, s, over the falls found; negative: before the peak."""
    p95_s: float | None
    missed: dict[str, int]
    """By kind of fall."""
    raised: dict[str, int]
    """False alarms by activity."""


class Falls(Struct, frozen=True):
    """The whole picture of a model that offers the label at the wrist."""

    hours: dict[str, float]
    """Of everyday movement, by source."""
    decided: Point
    aftermath: list[Point]
    """Other settings of the decision, `SUSPICIONS` and `WITHOUT`; none if it looks at no aftermath."""
    windows: list[Point]
    """`THRESHOLDS` on single windows."""


def apart(times: Sequence[float], refractory_s: float = REFRACTORY_S) -> list[float]:
    """Those of rising times, s, that are no echo of the one before."""
    kept: list[float] = []
    for t in times:
        if not kept or t - kept[-1] >= refractory_s:
            kept.append(t)
    return kept


def variants(settings: Settings) -> dict[str, Settings]:
    """Other settings of the aftermath by name."""
    if not settings.fall_within_s:
        return {}
    tried = {f"suspicion {p:g}": replace(settings, fall_suspicion=p) for p in SUSPICIONS}
    return tried | {name: replace(settings, **keys) for name, keys in WITHOUT.items()}


def watches(recognizer: Recognizer, folder: Path) -> Iterator[Watch]:
    """Falls and everyday movement of WEDA-FALL, both wrists of DSADS and OpenPack, each for itself."""
    for name in ("weda_fall", "dsads", "openpack"):
        for trial in read_set(folder, name):
            for placement in trial.tracks:
                wrist = placement.startswith("wrist") and taken(recognizer.spec, [placement])[0]
                if wrist and FALLING in offered(recognizer.spec, [placement]):
                    yield watch(recognizer, name, trial, placement)


def watch(recognizer: Recognizer, name: str, trial: Trial, placement: str) -> Watch:
    """Run the model and its decision over one sensor of a trial."""
    track = trial.tracks[placement]
    said = report(recognizer, {placement: track})
    starts = [e.detected_at for e in said.events if e.kind == "activity_started" and e.label == FALLING]
    raised = {DECISION: starts} | raised_by(recognizer.spec, said.predictions)
    return Watch(
        source=f"{name} {placement}",
        activity=trial.activity if len(trial.truth) == 1 else name,
        is_fall=trial.activity.startswith("fall_"),
        hours=said.hours,
        peak_s=_peak(track),
        raised={point: apart(times) for point, times in raised.items()},
    )


def raised_by(spec: ModelSpec, predictions: Sequence[Prediction]) -> dict[str, list[float]]:
    """Times of alarms, s, of other aftermaths and of single windows."""
    raised = {}
    column, window_s, hop_s = spec.labels.index(FALLING), spec.window / spec.rate_hz, spec.hop / spec.rate_hz
    for name, settings in variants(spec.decision).items():
        aftermath = FallConfirmation(column, window_s, hop_s, settings)
        raised[name] = [p.t for p in predictions if aftermath.push(p)]
    for threshold in THRESHOLDS:
        raised[f"{_ALONE} {threshold:g}"] = [
            p.t for p in predictions if p.probabilities is not None and p.probabilities[column] >= threshold
        ]
    return raised


def _peak(track: Samples) -> float:
    own = [i for i, name in enumerate(track.channels) if name in ACCELERATION]
    return float(track.t[np.argmax(np.sum(track.x[:, own] ** 2, axis=1))])


def point(seen: Sequence[Watch], name: str) -> Point:
    """Falls found and false alarms at one operating point."""
    raised: dict[str, int] = {}
    missed: dict[str, int] = {}
    per_source: dict[str, list[float]] = {}
    delays = []
    for one in seen:
        times = one.raised[name]
        if not one.is_fall:
            own = per_source.setdefault(one.source, [0.0, 0.0])
            own[0], own[1] = own[0] + len(times), own[1] + one.hours
            raised[one.activity] = raised.get(one.activity, 0) + len(times)
            continue
        after = [t - one.peak_s for t in times if t >= one.peak_s - EARLY_S]
        missed[one.activity] = missed.get(one.activity, 0) + (not after)
        delays += after[:1]
    falls = sum(one.is_fall for one in seen)
    number, hours = (
        (sum(column) for column in zip(*per_source.values(), strict=True)) if per_source else (0, 0.0)
    )
    median, p95 = np.percentile(delays, [50, 95]).round(2).tolist() if delays else (None, None)
    return Point(
        name=name,
        found=len(delays),
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
    """95 % interval of a share (Wilson 1927)."""
    if not tries:
        return 0.0, 1.0
    z, share = 1.96, hits / tries
    middle = share + z * z / (2 * tries)
    half = z * np.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries))
    low, high = ((middle + sign * half) / (1 + z * z / tries) for sign in (-1, 1))
    return round(float(max(low, 0.0)), 4), round(float(min(high, 1.0)), 4)


def falls(recognizer: Recognizer, folder: Path) -> Falls | None:
    """The decision and other operating points; None if the model does not offer `falling` at the wrist."""
    if FALLING not in recognizer.spec.labels:
        return None
    seen = list(watches(recognizer, folder))
    return picture(seen) if seen else None


def picture(seen: Sequence[Watch]) -> Falls:
    """All operating points of what was seen."""
    hours: dict[str, float] = {}
    for one in seen:
        if not one.is_fall:
            hours[one.source] = hours.get(one.source, 0.0) + one.hours
    names = [name for name in seen[0].raised if name != DECISION]
    return Falls(
        hours={source: round(h, 3) for source, h in hours.items()},
        decided=point(seen, DECISION),
        aftermath=[point(seen, name) for name in names if not name.startswith(_ALONE)],
        windows=[point(seen, name) for name in names if name.startswith(_ALONE)],
    )


def at_rate(points: Sequence[Point], per_hour: float = AIM_PER_HOUR) -> Point | None:
    """The point that finds most at no more false alarms; None if none is so quiet."""
    quiet = [one for one in points if one.total.per_hour <= per_hour]
    return max(quiet, key=lambda one: one.found, default=None)


def at_share(points: Sequence[Point], share: float = AIM_SHARE) -> Point | None:
    """The quietest point that finds as many; None if none does."""
    keen = [one for one in points if one.share >= share]
    return min(keen, key=lambda one: one.total.per_hour, default=None)


def markdown(found: Falls | None) -> str:
    """All operating points, with the false alarms of each source."""
    if found is None:
        return f"`{FALLING}`: not offered at the wrist by this model."
    columns = [
        "alarm by",
        "falls found",
        "95 %",
        "false alarms per hour",
        "at most (95 %)",
        *(f"{source} ({hours:.2f} h)" for source, hours in found.hours.items()),
        "latency median, 95 % s",
    ]
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    for p in (found.decided, *found.aftermath, *found.windows):
        low, high = p.share_bounds
        cells = [
            p.name,
            f"{p.found}/{p.falls} = {100 * p.share:.1f} %",
            f"{100 * low:.0f} to {100 * high:.0f} %",
            f"{p.total.per_hour:.2f}",
            bound_cell(p.total, 2),
            *(f"{p.alarms[source].alarms}" for source in found.hours),
            "" if p.median_s is None else f"{p.median_s:.2f}, {p.p95_s:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _in_reach([*found.aftermath, *found.windows])])


def _in_reach(points: Sequence[Point]) -> str:
    """A sentence: what was chosen on the recordings it is scored on is no result."""
    aims = {
        f"at no more than {AIM_PER_HOUR:g} false alarms per hour": at_rate(points),
        f"with {100 * AIM_SHARE:.0f} % of the falls found": at_share(points),
    }
    said = (
        f"{aim}: none"
        if p is None
        else f"{aim}: {100 * p.share:.1f} % at {p.total.per_hour:.2f} per hour ({p.name})"
        for aim, p in aims.items()
    )
    return f"Best {'; '.join(said)}. Chosen on these recordings, it says only what is in reach."
