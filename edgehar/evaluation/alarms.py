"""False alarms on what people did who did none of the model's activities.

An alarm is a started event of the decision. Alarms are counted per label and hour; the hours stand
beside them, with the 95 % upper bound of the rate (exact Poisson, 3/T where there was none).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from scipy.stats import chi2

from edgehar.evaluation.datasets import Trial, read_set
from edgehar.evaluation.events import Reported, report, wearings
from edgehar.evaluation.plan import offered
from edgehar.pipeline.recognizer import Recognizer

SETS = ("openpack", "dsads")

# Common sense: who packs stands and goes between the tables, who is in a lift stands, who plays
# basketball does all of these. A stepper or cross trainer is neither stairs nor walking.
_MAY_BE: Mapping[str, frozenset[str]] = {
    "openpack": frozenset({"standing", "walking"}),
    "standing_elevator": frozenset({"standing"}),
    "moving_elevator": frozenset({"standing", "walking"}),
    "basketball": frozenset({"standing", "walking", "running", "jumping", "throwing"}),
}
"""Labels that may well be true during an activity that the model has no label for, and are no alarms."""


class Alarms(Struct, frozen=True):
    """Of one label, or of all."""

    alarms: int
    per_hour: float
    bound_per_hour: float | None
    """95 % upper bound."""


class Null(Struct, frozen=True):
    """Of one null activity, or of several, with the same sensors."""

    hours: float
    """Of recording, each wearing for itself."""
    labels: dict[str, Alarms]
    """Every label that may give an alarm; `any` is all of them."""


def upper_bound(count: int, hours: float, level: float = 0.95) -> float:
    """One-sided upper bound of a Poisson rate per hour after `count` events in `hours`, which are not 0."""
    return float(chi2.ppf(level, 2 * (count + 1)) / 2.0 / hours)


def alarms(count: int, hours: float) -> Alarms:
    """The rate and its bound, per hour; without any hours 0, and no bound."""
    if hours <= 0.0:
        return Alarms(count, 0.0, None)
    return Alarms(count, round(count / hours, 3), round(upper_bound(count, hours), 3))


def null_trials(name: str, trials: Sequence[Trial], labels: Sequence[str]) -> list[tuple[str, Trial]]:
    """Trials of activities that the model has no label for; a set of working people is one activity."""
    named = [(name if len(trial.truth) > 1 else trial.activity, trial) for trial in trials]
    return [(activity, trial) for activity, trial in named if activity not in labels]


def count(recognizer: Recognizer, trials: Sequence[tuple[str, Trial]], placements: Sequence[str]) -> Null:
    """Alarms of every label that these sensors offer, on null activities by name."""
    labels = [label for label in offered(recognizer.spec, placements) if label != "other"]
    found: list[tuple[str, Reported]] = []
    for activity, trial in trials:
        if set(placements) <= set(trial.tracks):
            tracks = {placement: trial.tracks[placement] for placement in placements}
            found.append((activity, report(recognizer, tracks)))
    counted = {label: own for label in labels if (own := _count(found, label)) is not None}
    hours = sum(said.hours for _, said in found)
    total = sum(own.alarms for own in counted.values())
    return Null(round(hours, 3), {**counted, "any": alarms(total, hours)})


def _count(found: Sequence[tuple[str, Reported]], label: str) -> Alarms | None:
    """Over the hours in which the label is certainly wrong; None if there are none."""
    wrong = [said for activity, said in found if label not in _MAY_BE.get(activity, ())]
    if not wrong:
        return None
    started = [e for said in wrong for e in said.events if e.kind == "activity_started" and e.label == label]
    return alarms(len(started), sum(said.hours for said in wrong))


def false_alarms(recognizer: Recognizer, folder: Path) -> dict[str, Null]:
    """Packing work and the activities of DSADS outside the labels, each sensor alone and all together."""
    found = {}
    for name in SETS:
        trials = read_set(folder, name)
        for placements in wearings(recognizer, trials):
            null = null_trials(name, trials, offered(recognizer.spec, placements))
            if null:
                found[f"{name} {' + '.join(placements)}"] = count(recognizer, null, placements)
    return found


def markdown(found: Mapping[str, Null]) -> str:
    """A line per set and sensors, with the labels that were raised, most frequent first."""
    lines = [
        "| null recordings | hours | false alarms per hour | at most (95 %) | by label, per hour |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, null in found.items():
        by_label = sorted(null.labels.items(), key=lambda item: -item[1].per_hour)
        raised = [f"{label} {own.per_hour:.1f}" for label, own in by_label if own.alarms and label != "any"]
        of = null.labels["any"]
        lines.append(
            f"| {name} | {null.hours:.2f} | {of.per_hour:.1f} | {bound_cell(of, 1)} | {', '.join(raised)} |"
        )
    return "\n".join(lines)


def bound_cell(of: Alarms, digits: int) -> str:
    """The bound as it stands in a table."""
    return "" if of.bound_per_hour is None else f"{of.bound_per_hour:.{digits}f}"
