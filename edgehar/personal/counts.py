"""Counts of what the whole pipeline tells on labelled recordings: false starts, activities it misses, windows that are right.

A start is false if nothing of its kind may begin just then (`recordings.false_starts`). An activity is missed if its label is not
told before it is over, or so shortly after it that a start would still be true.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from math import inf

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.false_starts import SETTLED_S, may_begin
from edgehar.recordings.scoring import Segment, merge
from edgehar.sources.replay import Track
from edgehar.types import FALLING, OTHER, Activity, Event

Stretch = tuple[float, float]
"""Start and end, stream time, s."""
WHOLE: Sequence[Stretch] = ((-inf, inf),)
"""All of a recording."""

ANY = "any label"
"""Stands for all labels and kinds of labels together."""


class Run(Struct, frozen=True, eq=False):
    """All that was told of one recording."""

    tree: LabelTree
    told: tuple[str, ...]
    """Labels and kinds of labels that are told."""
    window_s: float
    hop_s: float
    times: NDArray[np.float64]
    """End of each window, s."""
    states: list[str]
    """State after each window."""
    starts: list[tuple[float, str]]
    """End of the window on which an activity began, s, and its label."""

    @property
    def labels(self) -> list[str]:
        """Those labels, without their kinds, that are told."""
        return [label for label in self.tree.labels if label in self.told]


class Counts(Struct, frozen=True):
    """Counts over the stretches of some recordings in which it is known what was done."""

    hours: dict[str, float] = {}
    """Time in which a false start would show, h, by label and kind of labels; `ANY`: all of it."""
    false_starts: dict[str, int] = {}
    """The same keys."""
    takes: dict[str, tuple[int, int]] = {}
    """By label that was done: how often it was missed, and how often it was done."""
    windows: dict[str, tuple[int, int]] = {}
    """By label: windows told so, and windows wholly within it."""


def run(track: Track, model: Recognizer, settings: Settings) -> Run:
    """Replay a recording through the whole pipeline, as fast as it goes; ModelError if the model has no place for a sensor."""
    spec, header = model.spec, track.header
    pipeline = Pipeline(header.wearer, header.streams, [model], settings)
    answers = [answer for item in track.packets for answer in pipeline.push(*item)]
    answers += pipeline.finish()
    states = [answer for answer in answers if isinstance(answer, Activity)]
    starts = [
        (answer.detected_at, answer.label)
        for answer in answers
        if isinstance(answer, Event) and answer.kind == "activity_started"
    ]
    return Run(
        tree=pipeline.tree,
        told=tuple(name for name in pipeline.told if name not in {OTHER, FALLING}),
        window_s=spec.window / spec.rate_hz,
        hop_s=spec.hop / spec.rate_hz,
        times=np.array([state.t for state in states], np.float64),
        states=[state.state for state in states],
        starts=starts,
    )


def count(
    told: Run,
    truth: Sequence[Segment],
    labels: Collection[str],
    stretches: Iterable[Stretch] = WHOLE,
) -> Counts:
    """Count within some stretches of a recording, all of it by default, as far as its truth is known.

    `labels` are all that is told of it by any of the models that are compared, so that all are held to the same truth.
    """
    segments = merge(truth)
    parts = [*_parts(segments, stretches)]
    judged = np.zeros(len(told.times), np.bool_)
    for part in parts:
        judged |= part.holds(told.times)
    possible = may_begin(told.tree.labels, labels, told.times, segments)
    begun = dict(told.starts)
    starts = np.array([begun.get(t, "") for t in told.times.tolist()], np.str_)
    hours, false = {ANY: float(judged.sum()) * told.hop_s / 3600.0}, {ANY: 0}
    for node in told.told:
        columns = [told.tree.labels.index(label) for label in told.tree.leaves(node)]
        wrong = judged & ~possible[:, columns].any(axis=1)
        hours[node] = float(wrong.sum()) * told.hop_s / 3600.0
        false[node] = int((starts[wrong] == node).sum())
        false[ANY] += false[node]
    done = dict.fromkeys(part.label for part in parts)
    return Counts(
        hours,
        false,
        {label: _missed(told, parts, label) for label in done if label not in {OTHER, FALLING}},
        {label: _right(told, parts, label) for label in done},
    )


class _Part(Struct, frozen=True):
    """A part of an activity that is counted."""

    begin: float
    end: float
    label: str
    began: float
    """Begin of the whole activity, s."""
    is_last: bool
    """The activity ends with it."""

    def holds(self, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which times lie within."""
        return np.asarray((times > self.begin) & (times <= self.end))


def _parts(truth: Iterable[Segment], stretches: Iterable[Stretch]) -> Iterator[_Part]:
    for (begin, stop), (start, end, label) in product(stretches, truth):
        if max(start, begin) < min(end, stop):
            yield _Part(max(start, begin), min(end, stop), label, start, stop >= end)


def _missed(told: Run, parts: Iterable[_Part], label: str) -> tuple[int, int]:
    missed = done = 0
    is_told = np.array(told.states, np.str_) == label
    for part in parts:
        if part.label == label:
            until = replace(part, end=part.end + SETTLED_S) if part.is_last else part
            done += 1
            missed += not is_told[until.holds(told.times)].any()
    return missed, done


def _right(told: Run, parts: Iterable[_Part], label: str) -> tuple[int, int]:
    right = of = 0
    is_told = np.array(told.states, np.str_) == label
    for part in parts:
        if part.label == label:
            whole = part.holds(told.times) & (told.times >= part.began + told.window_s)
            right, of = right + int(is_told[whole].sum()), of + int(whole.sum())
    return right, of


def total(counts: Iterable[Counts]) -> Counts:
    """Add up counts."""
    hours, false = dict[str, float](), dict[str, int]()
    takes, windows = dict[str, tuple[int, int]](), dict[str, tuple[int, int]]()
    for each in counts:
        for node, value in each.hours.items():
            hours[node] = hours.get(node, 0.0) + value
            false[node] = false.get(node, 0) + each.false_starts[node]
        for sums, pairs in ((takes, each.takes), (windows, each.windows)):
            for label, (part, of) in pairs.items():
                before = sums.get(label, (0, 0))
                sums[label] = before[0] + part, before[1] + of
    return Counts(hours, false, takes, windows)
