"""Recorded people as windows of one sensor: who is tested in which fold, and which part of the others is learned from.

A movement that is shorter than a window is held at both ends.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.datasets import Trial, read_set
from edgehar.recordings.scoring import Segment
from edgehar.training.dataset_windows import windows
from edgehar.training.studies.simulated_source import BASE
from edgehar.types import FloatArray, Samples

FOLDS = 5
"""At most; as many as people, if those are fewer."""
HOP_S = 1.28
"""From one window to the next, s."""
_FEWEST = 10
"""Windows of a label below which it is left out."""


class Chosen(Struct, frozen=True):
    """A set and the sensor of it that is looked at."""

    set: str
    placement: str
    left_out: frozenset[str] = frozenset()
    """Labels that are no activity."""


TARGETS: Mapping[str, Chosen] = {
    "dsads wrist": Chosen("dsads", "wrist_right"),
    "selfback wrist": Chosen("selfback_wrist", "wrist"),
    "selfback thigh": Chosen("selfback_thigh", "thigh"),
    "wisdm wrist": Chosen("wisdm_watch", "wrist"),
    "utd wrist": Chosen("utd_mhad", "wrist_right"),
    "weda wrist": Chosen("weda_fall", "wrist"),
    "openpack wrist": Chosen("openpack_sample", "wrist_right", frozenset({"null"})),
}
"""Targets by name; openpack has one worker, tenths of whose time are taken for people: no figure of it says what others would get."""


_Row = tuple[FloatArray, str, str]
"""A window (2, rows, 3), its label and its person."""


class Target(Struct, frozen=True, eq=False):
    """Windows of one sensor; each lies wholly in what one person did, of one label."""

    name: str
    labels: tuple[str, ...]
    x: FloatArray
    """(n, 2, rows, 3): acceleration, then angular rate, m/s² and rad/s; zeros where there was no gyroscope."""
    label: NDArray[np.int64]
    """(n,), index into the labels."""
    person: NDArray[np.str_]
    """(n,)"""
    place: NDArray[np.float64]
    """(n,), share of the windows of the same person and label that come before."""

    def people(self) -> list[str]:
        """List the people in order."""
        return sorted(set(self.person.tolist()))

    def tested(self, fold: int) -> NDArray[np.bool_]:
        """Tell of each window whether its person is tested in a fold: every fifth; of few people each in a fold of its own."""
        people = self.people()
        folds = min(FOLDS, len(people))
        return np.isin(self.person, people[fold % folds :: folds])

    def learned(self, fold: int, portion: float) -> NDArray[np.bool_]:
        """Tell of each window whether it is in a portion, above 0, of the people who are not tested.

        They come in an order that the fold draws; of the last the first windows of each label count.
        """
        people = np.array(sorted({*self.person[~self.tested(fold)].tolist()}))
        people = people[np.random.default_rng((fold, 31)).permutation(len(people))]
        count = portion * len(people)
        whole = int(count + 1e-9)
        taken = np.isin(self.person, people[:whole])
        if whole < len(people):
            taken |= (self.person == people[whole]) & (self.place < count - whole - 1e-9)
        return taken


def read_target(data: Path, name: str) -> Target:
    """Read one of `TARGETS`; RecordingError as of `read_set`."""
    chosen = TARGETS[name]
    return target_of(name, read_set(data, chosen.set), chosen)


def target_of(name: str, trials: Iterable[Trial], chosen: Chosen) -> Target:
    """Cut the windows of one sensor out of trials; labels with few windows are left out, RecordingError if there is no window."""
    spec = manifest.read(manifest.find(BASE))
    rows: list[_Row] = []
    for trial in trials:
        if chosen.placement in trial.tracks:
            rows += _windows(spec, trial, chosen)
    if not rows:
        raise RecordingError(
            f"{name}: not one window of {chosen.placement} lies wholly in what somebody did; check --data"
        )
    counts = Counter(label for _, label, _ in rows)
    labels = tuple(sorted(label for label, count in counts.items() if count >= _FEWEST))
    rows = [row for row in rows if row[1] in labels]
    label = np.array([labels.index(row[1]) for row in rows])
    person = np.array([row[2] for row in rows])
    return Target(name, labels, np.stack([row[0] for row in rows]), label, person, _places(label, person))


def _places(label: NDArray[np.int64], person: NDArray[np.str_]) -> NDArray[np.float64]:
    places = np.zeros(len(label))
    for name in set(person.tolist()):
        for index in set(label[person == name].tolist()):
            rows = np.flatnonzero((person == name) & (label == index))
            places[rows] = np.arange(len(rows)) / len(rows)
    return places


def _windows(spec: ModelSpec, trial: Trial, chosen: Chosen) -> list[_Row]:
    length = spec.window / spec.rate_hz
    track, began = _held(trial.tracks[chosen.placement], length)
    slot = next(i for i, worn in enumerate(spec.slots([chosen.placement])) if worn)
    channels = len(spec.channels)
    rows: list[_Row] = []
    is_one_worker = chosen.set == "openpack_sample"
    for window in windows(spec, {chosen.placement: track}, hop_s=HOP_S):
        begin = window.t_end - length - began
        segment = trial.truth[0] if began else _within(trial.truth, begin, begin + length)
        if segment is None or segment[2] in chosen.left_out:
            continue
        x = window.x.reshape(spec.window, -1, channels)[:, slot].reshape(spec.window, 2, 3).transpose(1, 0, 2)
        person = f"part {int(10 * begin / trial.end_s)}" if is_one_worker else str(trial.subject)
        rows.append((x.astype(np.float32), segment[2], person))
    return rows


def _held(track: Samples, length: float) -> tuple[Samples, float]:
    """Hold the ends of a track that is shorter than a window, s, to that length; return also for how long before it."""
    missing = length + 0.1 - float(track.t[-1])
    if missing <= 0.0:
        return track, 0.0
    period = float(np.median(np.diff(track.t)))
    count = int(np.ceil(0.5 * missing / period))
    values = np.pad(track.x, ((count, count), (0, 0)), "edge")
    t = np.concatenate(
        [
            np.arange(count) * period,
            track.t + count * period,
            track.t[-1] + (np.arange(count) + count + 1) * period,
        ]
    )
    return replace(track, t=t, values=values, scale=None), count * period


def _within(truth: list[Segment], begin: float, end: float) -> Segment | None:
    """Return the stretch that a window lies in, a grid row's rounding aside; None if it lies in several, or none."""
    slack = 0.05
    return next((each for each in truth if each[0] - slack <= begin and end <= each[1] + slack), None)
