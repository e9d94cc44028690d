"""False alarms on what people did who did none of the model's activities.

An alarm is a started event of the decision that cannot be true: none of the labels that may be true (`recordings.labels`)
is what was told, or of the kind that was told. Alarms are counted per label and hour; the hours stand
beside them, with the 95 % upper bound of the rate (exact Poisson, 3/T where there was none).
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.evaluation.events import run_recording, wearings
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import offered
from edgehar.evaluation.unseen import Recordings, decision_mark
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.bounds import upper_bound
from edgehar.recordings.datasets import Trial
from edgehar.recordings.labels import possible_labels, told_as
from edgehar.types import OTHER

SETS: Mapping[str, tuple[str, ...]] = {
    "openpack": (),
    "dsads": (),
    "stress_predict": (),
    "ha24_watch": (),
    "wisdm_watch": (
        *("typing", "writing", "drinking"),
        *("eating_soup", "eating_chips", "eating_pasta", "eating_sandwich"),
    ),
}
"""Sets with people who do none of the activities, and which of what they do that is; empty: all that is no label."""


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
    """Every label, and kind of label, that may give an alarm; `any` is all of them."""
    mark: str = ""
    """One of `unseen`: how well the model knows who was recorded."""


def alarms(count: int, hours: float) -> Alarms:
    """Return the rate and its bound, per hour; without any hours 0, and no bound."""
    if hours <= 0.0:
        return Alarms(count, 0.0, None)
    return Alarms(count, round(count / hours, 3), round(upper_bound(count, hours), 3))


def null_trials(name: str, trials: Sequence[Trial], labels: Sequence[str]) -> list[Trial]:
    """Choose the trials of null activities; those of working people, with a label for each row, are one activity.

    What is one of the labels is none, though it be so to other models.
    """
    chosen = SETS.get(name, ())
    return [
        trial
        for trial in trials
        if told_as(trial.activity, labels) is None and (not chosen or trial.activity in chosen)
    ]


def count(recognizer: Recognizer, trials: Sequence[Trial], placements: Sequence[str]) -> Null:
    """Count alarms of every label, and kind of label, that these sensors offer, on null activities."""
    spec = recognizer.spec
    tree, told = LabelTree(spec.labels, spec.tree), offered(spec, placements)
    labels = set(told) - {OTHER}
    null: list[_Course] = []
    for trial in trials:
        if set(placements) <= set(trial.tracks):
            reported = run_recording(
                recognizer, {placement: trial.tracks[placement] for placement in placements}
            )
            started = Counter(event.label for event in reported.events if event.kind == "activity_started")
            possible = {label for *_, word in trial.truth for label in possible_labels(word, told)}
            null.append(_Course(possible, reported.hours, started))
    nodes = [node for node in tree.nodes if labels & set(tree.leaves(node))]
    counted = {node: raised for node in nodes if (raised := _count(null, node, tree)) is not None}
    hours = sum(course.hours for course in null)
    total = sum(raised.alarms for raised in counted.values())
    return Null(round(hours, 3), {**counted, "any": alarms(total, hours)})


class _Course(Struct, frozen=True):
    """One recording of a null activity."""

    possible: set[str]
    """Labels that may be true."""
    hours: float
    started: Counter[str]


def _count(null: Sequence[_Course], node: str, tree: LabelTree) -> Alarms | None:
    """Count over the hours in which no label of this kind may be true; None if there are none."""
    wrong = [course for course in null if not course.possible & set(tree.leaves(node))]
    if not wrong:
        return None
    return alarms(sum(course.started[node] for course in wrong), sum(course.hours for course in wrong))


def false_alarms(recognizer: Recognizer, recordings: Recordings) -> dict[str, Null]:
    """Score work, hands at a desk and activities outside the labels, each sensor alone and all together.

    RecordingError if there is none of the sets.
    """
    nulls = {}
    present = [name for name in SETS if recordings.has(name)]
    if not present:
        raise RecordingError(f"{recordings.folder}/imu: no such file: none of {', '.join(SETS)}")
    for name in present:
        trials = recordings.read(name)
        for placements in wearings(recognizer, trials):
            chosen = null_trials(name, trials, offered(recognizer.spec, placements))
            if chosen:
                null = count(recognizer, chosen, placements)
                told = decision_mark(recognizer.spec, ((name, trial.subject) for trial in chosen))
                nulls[f"{name} {' + '.join(placements)}"] = replace(null, mark=told)
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
