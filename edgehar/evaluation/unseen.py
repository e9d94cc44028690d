"""The people who are scored: not those whom the model has seen.

The manifest of a model that was fitted to recordings of people names them: `provenance["tuned_on"]`, by set. Who was
seen with one sensor is not scored with another of the same collection.
"""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.pipeline.model_spec import SEEN, ModelSpec
from edgehar.recordings.datasets import Trial, collection, read_set, set_files
from edgehar.training import provenance
from edgehar.training.provenance import POINTS_FITTED_ON, TUNED_ON

OTHERS = "other people of a set it was tuned on"
NEVER = "set never seen"
THRESHOLDS = "people its thresholds were fitted to"

People = frozenset[tuple[str, int]]
"""Sets, each with the number of one person."""


class Recordings(Struct, frozen=True):
    """The sets below `folder`/imu, without people who are left out."""

    folder: Path
    left_out: People = frozenset()

    def has(self, name: str) -> bool:
        """Tell whether there are files of this set."""
        try:
            return bool(set_files(self.folder, name))
        except RecordingError:
            return False

    def read(self, name: str) -> list[Trial]:
        """Read the trials of one set, of everybody if all are left out; RecordingError as `read_set`."""
        trials = read_set(self.folder, name)
        others = [trial for trial in trials if not _is_among(self.left_out, name, trial.subject)]
        return others or trials


def tuned_on(spec: ModelSpec) -> People:
    """Return the people of sets whom the model was fitted to; ModelError if the manifest says it in another form."""
    return named(spec, TUNED_ON)


def named(spec: ModelSpec, key: str) -> People:
    """Return the people of sets whom a manifest's provenance names under a key; ModelError if in another form.

    Who has a name instead of a number is of a user's own recordings.
    """
    by_set = provenance.named(spec, key)
    return frozenset(
        (name, subject) for name, who in by_set.items() for subject in who if isinstance(subject, int)
    )


def by_set(people: People) -> dict[str, list[int]]:
    """List the people of each set, in order."""
    return {
        name: sorted(subject for data, subject in people if data == name)
        for name in sorted({data for data, _ in people})
    }


def mark(seen: People, scored: Iterable[tuple[str, int]]) -> str:
    """Say what a model that has seen these people knows of those who are scored, each with the set."""
    people = set(scored)
    if any(_is_among(seen, name, subject) for name, subject in people):
        return SEEN
    return OTHERS if {name for name, _ in people} & {name for name, _ in seen} else NEVER


def decision_mark(spec: ModelSpec, scored: Iterable[tuple[str, int]]) -> str:
    """Say as `mark` what a model knows of these people, and also whether its operating points were fitted to any."""
    people = set(scored)
    told = mark(tuned_on(spec), people)
    fitted = named(spec, POINTS_FITTED_ON)
    is_fitted = any(_is_among(fitted, name, subject) for name, subject in people)
    return THRESHOLDS if is_fitted and told != SEEN else told


def _is_among(people: People, name: str, subject: int) -> bool:
    return any(number == subject and collection(data) == collection(name) for data, number in people)


def person(word: str) -> tuple[str, int]:
    """Return set and number of a person who is called such as `dsads 1`."""
    name, _, number = word.rpartition(" ")
    return name, int(number)
