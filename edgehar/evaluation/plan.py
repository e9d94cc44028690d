"""The plan of how each set is scored, by sensors, labels and conditions.

The sets are chosen by `evaluate.set_names`. Nothing is assumed about who is in a file: only whose recordings were
looked at while the model was designed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.evaluation.results import GREATER_PART, TURNED
from edgehar.evaluation.truth import is_certain
from edgehar.pipeline.decision import Decision
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.telling import Telling
from edgehar.recordings.datasets import Trial
from edgehar.recordings.labels import possible_labels
from edgehar.training.dataset_windows import HOP_S, Channels, taken
from edgehar.types import OTHER

WINDOW_S = 2.56
"""Length of a scored window, s."""
DECIDED_ON: Mapping[str, frozenset[int]] = {
    "motionsense": frozenset(range(1, 7)),
    "dsads": frozenset({1, 2}),
}
"""People whose scores were looked at for design decisions; all others were only scored."""
GESTURES = ("waving", "clapping", "punching", "throwing")
GESTURES_ROW = "gestures at the wrist"
"""Name of the row of all gestures, whose windows are in the rows of their sets too."""
LABELS: Mapping[str, tuple[str, ...]] = {
    "motionsense": ("walking", "running", "stairs_up", "stairs_down", "sitting", "standing"),
    "dsads": (
        "sitting",
        "standing",
        "lying",
        "walking",
        "running",
        "stairs_up",
        "stairs_down",
        "cycling",
        "rowing",
        "jumping",
    ),
}
"""Activities that a set is scored on whatever the model knows; of other sets, those of which it offers a label."""
SWEPT = {"motionsense": False, "dsads": True}
"""Sets whose conditions are varied, and whether all their sensors are worn for it."""
RATES_HZ = (15.0, 20.0, 25.0)
LOSSES = (0.05, 0.2)


class Run(Struct, frozen=True):
    """One pass of the model over a set."""

    data: str
    placements: tuple[str, ...]
    labels: tuple[str, ...]
    """Those of the truth, in the words of the set; all else is passed over."""
    turned: bool = False
    """Every sensor of every trial in another random orientation."""
    greater_part: bool = False
    """A window's truth is what fills more than half of it; else it lies wholly in one label."""
    rate_hz: float | None = None
    loss: float = 0.0
    channels: Channels = "all"
    decides: bool = True
    """False where nobody wants to know what the decision makes of it."""

    @property
    def is_decided(self) -> bool:
        """True if the decision is scored too: on what was recorded, and where it holds through a loss."""
        return self.decides and not self.turned and self.rate_hz is None and self.channels == "all"


class Row(Struct, frozen=True):
    """One line of the table."""

    name: str
    runs: tuple[Run, ...]
    labels: tuple[str, ...]
    """Those of the truth that are scored."""
    of: str = ""
    """The row that it varies, in a sweep."""
    is_headline: bool = False
    """True for the row that stands for its set and placement where there is room for one."""


class Plan(Struct, frozen=True):
    """All rows, and what cannot be scored, each with the reason."""

    rows: list[Row]
    skipped: dict[str, str]


def offered(spec: ModelSpec, placements: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that sensors at these placements can tell apart together."""
    worn = [i for i, placement in enumerate(spec.slots(placements)) if placement is not None]
    return tuple(spec.labels[i] for i in spec.offered(worn))


def told_in(spec: ModelSpec, row: Row) -> tuple[str, ...]:
    """Return the labels that the sensors of a row tell: of pooled rows, those that any of them tells."""
    return tuple(dict.fromkeys(label for run in row.runs for label in offered(spec, run.placements)))


def plan(spec: ModelSpec, sets: Mapping[str, Sequence[Trial]]) -> Plan:
    """Plan every set: each sensor alone, all together, plain and turned; then the sweeps and the gestures.

    ModelError if the model's own windows do not hold those that are scored.
    """
    window_s, hop_s = spec.window / spec.rate_hz, spec.hop / spec.rate_hz
    if not isclose(window_s, WINDOW_S) or spec.window % (2 * spec.hop):
        raise ModelError(
            f"{spec.id}: windows of {window_s:g} s, one each {hop_s:g} s, cannot be scored; expected "
            f"{WINDOW_S:g} s, and a hop that divides {HOP_S:g} s: mend window and hop in its recipe"
        )
    made = Plan([], {})
    for name, trials in sets.items():
        _plan_set(spec, name, trials, made)
    _plan_gestures(spec, made)
    return made


def _plan_set(spec: ModelSpec, name: str, trials: Sequence[Trial], made: Plan) -> None:
    recorded = tuple(dict.fromkeys(placement for trial in trials for placement in trial.tracks))
    wearings: dict[str, tuple[str, ...]] = {}
    if any(len(trial.tracks) > 1 for trial in trials):
        wearings[f"{name} all together"] = recorded
    wearings |= {f"{name} {placement}": (placement,) for placement in recorded}
    by_row = any(len(trial.truth) > 1 for trial in trials)
    sides: dict[str, list[Row]] = {}
    for title, wanted in wearings.items():
        placements, why = taken(spec, wanted)
        made.skipped.update({f"{title}: {placement}": reason for placement, reason in why.items()})
        if not placements or (len(wanted) > 1 and len(placements) == 1):
            continue
        scored = _scored(spec, name, trials, placements)
        if not scored:
            made.skipped[title] = "none of its activities is for certain a label that the model offers there"
            continue
        run = Run(name, placements, scored)
        limb = _limb(placements[0])
        is_side = len(wanted) == 1 and [_limb(placement) for placement in recorded].count(limb) > 1
        rows = list(_variants(title, run, by_row=by_row, is_headline=not is_side))
        made.rows.extend(rows)
        if is_side:
            sides.setdefault(limb, []).extend(rows)
        if name in SWEPT and SWEPT[name] == (len(wanted) > 1):
            made.rows.extend(_sweep(title, run, _rate_of(trials)))
    for limb, rows in sides.items():
        made.rows.extend(_either(name, limb, rows, by_row=by_row))


def _scored(
    spec: ModelSpec, name: str, trials: Sequence[Trial], placements: Sequence[str]
) -> tuple[str, ...]:
    """Choose the activities that a set is scored on; none if the truth of all of them is several labels."""
    worn = [trial for trial in trials if set(placements) <= set(trial.tracks)]
    true = dict.fromkeys(label for trial in worn for *_, label in trial.truth)
    if name in LABELS:
        return tuple(label for label in LABELS[name] if label in true)
    told = offered(spec, placements)
    scored = tuple(label for label in true if (set(told) - {OTHER}) & set(possible_labels(label, told)))
    return scored if any(is_certain(label, told) for label in scored) else ()


def _variants(title: str, run: Run, *, by_row: bool, is_headline: bool) -> Iterator[Row]:
    plain = {title: run}
    if by_row:
        plain[f"{title}{GREATER_PART}"] = replace(run, greater_part=True)
    for name, upright in plain.items():
        yield Row(name, (upright,), run.labels, is_headline=is_headline and upright.greater_part is by_row)
        yield Row(f"{name}{TURNED}", (replace(upright, turned=True),), run.labels)


def _limb(placement: str) -> str:
    return placement.removesuffix("_left").removesuffix("_right")


def _either(name: str, limb: str, rows: Sequence[Row], *, by_row: bool) -> Iterator[Row]:
    """Pool the rows of the left and of the right."""
    kinds = dict.fromkeys((row.runs[0].greater_part, row.runs[0].turned) for row in rows)
    for greater_part, turned in kinds:
        pooled = [
            row for row in rows if (row.runs[0].greater_part, row.runs[0].turned) == (greater_part, turned)
        ]
        title = f"{name} either {limb}{GREATER_PART * greater_part}{TURNED * turned}"
        labels = dict.fromkeys(label for row in pooled for label in row.labels)
        runs = tuple(row.runs[0] for row in pooled)
        yield Row(title, runs, tuple(labels), is_headline=greater_part is by_row and not turned)


def _sweep(title: str, run: Run, native_hz: float) -> Iterator[Row]:
    conditions = {f"{rate:g} Hz": replace(run, rate_hz=rate) for rate in RATES_HZ if rate < native_hz - 0.5}
    conditions |= {f"{loss:.0%} of packets lost": replace(run, loss=loss) for loss in LOSSES}
    conditions["without gyroscope"] = replace(run, channels="acc")
    for name, changed in conditions.items():
        yield Row(f"{title}, {name}", (changed,), run.labels, of=title)


def _rate_of(trials: Sequence[Trial]) -> float:
    track = next(iter(trials[0].tracks.values()))
    return float(1.0 / np.median(np.diff(track.t)))


def _plan_gestures(spec: ModelSpec, made: Plan) -> None:
    """Put all wrists of the two sets of gestures in one row."""
    for suffix in ("", TURNED):
        runs = tuple(
            row.runs[0]
            for row in made.rows
            for name in ("utd_mhad", "berkeley_mhad")
            if row.name.startswith(f"{name} wrist") and row.name.endswith(suffix) and not row.of
            if row.runs[0].turned == bool(suffix) and len(row.runs) == 1
        )
        gestures = tuple(label for label in GESTURES if label in spec.labels)
        if not (runs and gestures):
            made.skipped[f"{GESTURES_ROW}{suffix}"] = "the model knows none of them, or there is no set"
        else:
            made.rows.append(Row(f"{GESTURES_ROW}{suffix}", runs, gestures, is_headline=not suffix))


def decision_of(spec: ModelSpec, placements: Iterable[str]) -> Decision:
    """Make the model's own decision, for what is worn."""
    slots, settings = spec.slots(placements), spec.decision
    fitted = spec.thresholds(slots, settings.operating_point)
    return Decision(
        Episode("evaluation", spec.id, 0.0),
        Telling(LabelTree(spec.labels, spec.tree), settings, fitted=fitted),
        spec.window / spec.rate_hz,
        spec.hop / spec.rate_hz,
        settings,
        placements=slots,
    )
