"""Courses that thresholds are fitted to: the time in which each node could begin falsely, and each false start in it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import floor

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.evaluation.courses import Course, told
from edgehar.pipeline.belief import belief_in
from edgehar.pipeline.decision_settings import PLAIN_THRESHOLD
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import SEVERAL
from edgehar.pipeline.telling import Telling
from edgehar.types import FALLING, OTHER

LEAST = PLAIN_THRESHOLD
"""Threshold below which nothing is told, however seldom these people were told it falsely: others are not them."""
STEP = 0.0001
"""Distance of the thresholds between which a fit chooses."""
_SURE, _SURE_REST, _SURE_WINDOWS = 0.9, 0.01, 50
"""Probability of what a network tells well and of all but it and a rival, and windows after which the belief rises no more."""

Key = tuple[str, str]
"""Name in the operating points of what is worn, and node of the label tree."""
Thresholds = dict[Key, float]


class Exposure(Struct, frozen=True, eq=False):
    """Courses that thresholds are fitted to, and how long each node was not done in them."""

    spec: ModelSpec
    tree: LabelTree
    courses: tuple[Course, ...]
    hours: dict[Key, float]
    """Time in which a false start of a node would show, h, for everything that may be worn; 0 where nobody was recorded."""
    surest: float
    """Belief of which no threshold can be asked to avoid a false start."""


def exposure(spec: ModelSpec, courses: Iterable[Course]) -> Exposure:
    """Add up the time in which each node may not be true."""
    tree = LabelTree(spec.labels, spec.tree)
    hours = dict.fromkeys(_keys(spec, tree), 0.0)
    ordered = tuple(sorted(courses, key=lambda course: (course.worn, course.person)))
    for course in ordered:
        for worn, node in hours:
            if worn == course.worn:
                windows = int((~_possible(tree, course, node)).sum())
                hours[worn, node] += windows * spec.hop / spec.rate_hz / 3600.0
    return Exposure(spec, tree, ordered, hours, _surest(spec, tree))


def _keys(spec: ModelSpec, tree: LabelTree) -> list[Key]:
    """List what may be worn, of two sensors of a kind the first, and the nodes that can be told of it.

    A fall is not among them: it is confirmed by what follows it.
    """
    first: dict[tuple[str, ...], int] = {}
    for i, sensor in enumerate(spec.sensors):
        first.setdefault(sensor.placements, i)
    worn = {spec.sensors[i].name: spec.offered([i]) for i in first.values()}
    if len(spec.sensors) > 1:
        worn[SEVERAL] = spec.offered(range(len(spec.sensors)))
    labels = {name: {spec.labels[i] for i in offered} for name, offered in worn.items()}
    return [
        (name, node)
        for name, offered in labels.items()
        for node in tree.nodes
        if node not in {OTHER, FALLING} and offered & {*tree.leaves(node)}
    ]


def false_starts(exposed: Exposure, thresholds: Mapping[Key, float]) -> dict[Key, list[float]]:
    """Return of each false start of the decision the largest belief in it while it was told falsely."""
    peaks: dict[Key, list[float]] = {}
    for course, telling, states in stated(exposed, thresholds):
        for node, peak in false_runs(exposed.tree, course, telling, states):
            peaks.setdefault((course.worn, node), []).append(peak)
    return peaks


def stated(exposed: Exposure, thresholds: Mapping[Key, float]) -> Iterator[tuple[Course, Telling, list[str]]]:
    """Yield each course with what tells of it with these thresholds, and the state after each window."""
    settings = replace(exposed.spec.decision, threshold=None, kind_threshold=None)
    for worn, courses in groupby(exposed.courses, key=lambda course: course.worn):
        fitted = {node: threshold for (of, node), threshold in thresholds.items() if of == worn}
        telling = Telling(exposed.tree, settings, fitted=fitted)
        for course in courses:
            yield course, telling, told(course, telling, exposed.spec.window / exposed.spec.rate_hz)


def false_runs(
    tree: LabelTree, course: Course, telling: Telling, states: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Yield each node that begins to be told falsely, and the largest belief in it until it ends or comes true."""
    first = 0
    for node, run in groupby(states):
        end = first + len(list(run))
        if node in telling:
            possible = _possible(tree, course, node)[first:end]
            if not possible[0]:
                wrong = int(possible.argmax()) or len(possible)
                labels = telling.indices(node)
                yield node, float(course.beliefs[first : first + wrong, labels].sum(axis=1).max())
        first = end


def _possible(tree: LabelTree, course: Course, node: str) -> NDArray[np.bool_]:
    labels = [tree.labels.index(label) for label in tree.leaves(node)]
    return np.logical_or.reduce(course.possible[:, labels], axis=1)  # type: ignore[no-any-return]


def _surest(spec: ModelSpec, tree: LabelTree) -> float:
    """Return the belief to which windows lead that say 0.9 of one label and nearly all else of a rival, the least of all pairs.

    A rival is of the same kind, or anything to a label that is a kind by itself. A false start at more is as sure as true
    ones are: no threshold can be asked to avoid it.
    """
    reached, hop_s, count = [1.0], spec.hop / spec.rate_hz, len(tree.labels)
    told = [i for i, label in enumerate(tree.labels) if label not in {OTHER, FALLING}]
    for i in told:
        same = [j for j in told if j != i and tree.top(tree.labels[i]) == tree.top(tree.labels[j])]
        for rival in same or [j for j in range(count) if j != i]:
            answer = [_SURE_REST / count] * count
            answer[i], answer[rival] = _SURE, 1.0 - _SURE - _SURE_REST
            belief = belief_in(tree, spec.decision)
            for k in range(_SURE_WINDOWS):
                belief.push(answer, k * hop_s)
            reached.append(belief.now[i])
    # On the grid of thresholds, so that what is avoided below it is avoided by at most this.
    return max(LEAST, round(floor(min(reached) / STEP) * STEP, 4))
