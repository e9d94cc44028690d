"""False alarms on what people did who did none of the model's activities.

An alarm is a started event of the decision. Alarms are counted per label and hour; the hours stand
beside them, with the 95 % upper bound of the rate (exact Poisson, 3/T where there was none).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from edgehar.evaluation.events import Reported, run_recording, wearings
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import offered
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, read_set

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
    """Alarms of one label, or of all."""

    alarms: int
    per_hour: float
    bound_per_hour: float | None
    """95 % upper bound."""


class Null(Struct, frozen=True):
    """Alarms during one null activity, or several, with the same sensors."""

    hours: float
    """Duration of the recordings, each wearing for itself."""
    labels: dict[str, Alarms]
    """Every label that may give an alarm; `any` is all of them."""


def chi_squared() -> Any:
    """Load the distribution that gives the bounds; ImportError without scipy."""
    from scipy.stats import chi2  # noqa: PLC0415  # slow to load, and only the bounds need it

    return chi2


def upper_bound(count: int, hours: float, level: float = 0.95) -> float:
    """Return the one-sided upper bound of a Poisson rate per hour after `count` events in `hours`, which are not 0."""
    return float(chi_squared().ppf(level, 2 * (count + 1)) / 2.0 / hours)


def alarms(count: int, hours: float) -> Alarms:
    """Return the rate and its bound, per hour; without any hours 0, and no bound."""
    if hours <= 0.0:
        return Alarms(count, 0.0, None)
    return Alarms(count, round(count / hours, 3), round(upper_bound(count, hours), 3))


def null_trials(name: str, trials: Sequence[Trial], labels: Sequence[str]) -> list[tuple[str, Trial]]:
    """Choose the trials of activities that the model has no label for; a set of working people is one activity."""
    named = [(name if len(trial.truth) > 1 else trial.activity, trial) for trial in trials]
    return [(activity, trial) for activity, trial in named if activity not in labels]


def count(recognizer: Recognizer, trials: Sequence[tuple[str, Trial]], placements: Sequence[str]) -> Null:
    """Count alarms of every label that these sensors offer, on null activities by name."""
    labels = [label for label in offered(recognizer.spec, placements) if label != "other"]
    null: list[tuple[str, Reported]] = []
    for activity, trial in trials:
        if set(placements) <= set(trial.tracks):
            tracks = {placement: trial.tracks[placement] for placement in placements}
            null.append((activity, run_recording(recognizer, tracks)))
    counted = {label: raised for label in labels if (raised := _count(null, label)) is not None}
    hours = sum(reported.hours for _, reported in null)
    total = sum(raised.alarms for raised in counted.values())
    return Null(round(hours, 3), {**counted, "any": alarms(total, hours)})


def _count(null: Sequence[tuple[str, Reported]], label: str) -> Alarms | None:
    """Count over the hours in which the label is certainly wrong; None if there are none."""
    wrong = [reported for activity, reported in null if label not in _MAY_BE.get(activity, ())]
    if not wrong:
        return None
    events = [event for reported in wrong for event in reported.events if event.label == label]
    started = sum(event.kind == "activity_started" for event in events)
    return alarms(started, sum(reported.hours for reported in wrong))


def false_alarms(recognizer: Recognizer, folder: Path) -> dict[str, Null]:
    """Score packing work and the activities of DSADS outside the labels, each sensor alone and all together."""
    nulls = {}
    for name in SETS:
        trials = read_set(folder, name)
        for placements in wearings(recognizer, trials):
            chosen = null_trials(name, trials, offered(recognizer.spec, placements))
            if chosen:
                nulls[f"{name} {' + '.join(placements)}"] = count(recognizer, chosen, placements)
    return nulls


def markdown(nulls: Mapping[str, Null]) -> str:
    """Lay out a line per set and sensors, with the labels that were raised, most frequent first."""
    return _table(nulls, "by label, per hour", labels=None)


def short(nulls: Mapping[str, Null]) -> str:
    """Lay out the same with the two labels that were raised most."""
    return _table(nulls, "the two most frequent, per hour", labels=2)


def _table(nulls: Mapping[str, Null], title: str, labels: int | None) -> str:
    """Lay out as many labels as that, or all, under the title of their column."""
    rows = []
    for name, null in nulls.items():
        by_label = sorted(null.labels.items(), key=lambda item: -item[1].per_hour)
        raised = [f"{label} {a.per_hour:.1f}" for label, a in by_label if a.alarms and label != "any"]
        total, listed = null.labels["any"], ", ".join(raised[:labels])
        rows.append((name, f"{null.hours:.2f}", f"{total.per_hour:.1f}", bound_cell(total, 1), listed))
    head = ("null recordings", "hours", "false alarms per hour", "at most (95 %)", title)
    return table(head, rows, words=(0, 4))


def bound_cell(alarms: Alarms, digits: int) -> str:
    """Show the bound as it stands in a table."""
    return "" if alarms.bound_per_hour is None else f"{alarms.bound_per_hour:.{digits}f}"
