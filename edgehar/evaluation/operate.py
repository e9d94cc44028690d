"""Fit of operating points: thresholds that keep the false starts of each label and placement at a rate.

A start is false if no label of what is told may be true. By point, the most eager first, all thresholds begin as low as
the point before has them, but the quiet one's not below `QUIET_LEAST`, and those that leave too many false starts are
raised until none does; each time to what the belief did not reach in the starts that are too many. Counted is what the
decision tells with all thresholds together, because the label that one of them holds back gives way to another, or to its
kind.

How often something rare happens shows only after a long time. Where fewer than `EXPECTED` false starts of a label are
allowed, those labels of the placement are counted and raised together, each from where the point before has it; where even
they are too few, the threshold is the median of the other placements.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor
from statistics import median_high

from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.courses import Course
from edgehar.evaluation.exposure import LEAST, STEP, Exposure, Key, Thresholds, exposure, false_starts
from edgehar.evaluation.unseen import People, by_set, person
from edgehar.pipeline.decision_settings import PLAIN_KIND_THRESHOLD, PLAIN_THRESHOLD
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import (
    FALSE_STARTS_PER_HOUR,
    POINTS,
    Basis,
    OperatingPoints,
    Point,
    Rated,
)
from edgehar.recordings.bounds import upper_bound
from edgehar.recordings.datasets import collection
from edgehar.training.progress import Progress
from edgehar.training.provenance import POINTS_FITTED_ON

QUIET_LEAST, QUIET_KIND_LEAST = 0.98, PLAIN_KIND_THRESHOLD
"""`LEAST` of the quiet point, for labels and kinds: what never began falsely here would else be told others as soon as
at the eager one (`apart`)."""
EXPECTED = 3.0
"""With so many allowed, none at all would be a one in twenty chance: the 95 % bound of a rate without any."""
FOLDS = 4
"""Parts of the people for `apart`: of the sets of fewest people, four, each part has one."""
Pool = tuple[Key, ...]
"""Thresholds whose false starts are counted together, as the recordings show no more of each."""


class Fitted(Struct, frozen=True):
    """The thresholds of one point."""

    thresholds: Thresholds
    pools: dict[Key, Pool]
    """Thresholds on whose false starts each rests: its own alone, or those of others too; none if there is too little."""


def fit(exposed: Exposure, progress: Progress | None = None) -> dict[Point, Fitted]:
    """Fit the thresholds of each point, the most eager first; a quieter one has no more false starts."""
    by_point: dict[Point, Fitted] = {}
    eager = dict.fromkeys(exposed.hours, max(LEAST, exposed.spec.decision.held_threshold))
    for done, point in enumerate(reversed(POINTS), start=1):
        floors = {key: max(least, _least(exposed, point, key[1])) for key, least in eager.items()}
        fitted = _fit_point(exposed, FALSE_STARTS_PER_HOUR[point], floors)
        if by_point:
            fitted = replace(fitted, thresholds=_no_worse(exposed, fitted.thresholds, eager))
        by_point[point], eager = fitted, fitted.thresholds
        if progress:
            progress("fitting points", done, len(POINTS))
    return {point: by_point[point] for point in POINTS}


def apart(
    exposed: Exposure, progress: Progress | None = None
) -> Iterator[tuple[Exposure, dict[Point, Fitted]]]:
    """Yield each of `FOLDS` parts of the people, a person in one of them, and the points fitted to everybody else."""
    fold = {who: k % FOLDS for k, who in enumerate(sorted({_who(course) for course in exposed.courses}))}
    folds = sorted({*fold.values()})
    for k in folds:
        others, part = (
            exposure(
                exposed.spec, (course for course in exposed.courses if (fold[_who(course)] == k) is is_part)
            )
            for is_part in (False, True)
        )
        yield part, fit(others)
        if progress:
            progress("fitting to others", k + 1, len(folds))


def _who(course: Course) -> tuple[str, int]:
    """Return who it is, the same in every set of a collection."""
    name, number = person(course.person)
    return collection(name), number


def _least(exposed: Exposure, point: Point, node: str) -> float:
    if point != "quiet":
        return LEAST
    return QUIET_LEAST if node in exposed.tree.labels else QUIET_KIND_LEAST


def _fit_point(exposed: Exposure, rate: float, floors: Thresholds) -> Fitted:
    pools = _pools(exposed, rate)
    shown = {key: floors[key] for key, pool in pools.items() if pool}
    raised = _raised(exposed, shown, dict.fromkeys(pools.values()), rate)
    thresholds = {
        key: raised[key] if pools[key] else max(_elsewhere(exposed, raised, key[1]), least)
        for key, least in floors.items()
    }
    return Fitted(thresholds, pools)


def _elsewhere(exposed: Exposure, thresholds: Thresholds, node: str) -> float:
    plain = PLAIN_THRESHOLD if node in exposed.tree.labels else PLAIN_KIND_THRESHOLD
    return median_high([threshold for (_, of), threshold in thresholds.items() if of == node] or [plain])


def _pools(exposed: Exposure, rate: float) -> dict[Key, Pool]:
    """Choose for each threshold whose false starts it has to rest on, so that `EXPECTED` are allowed."""
    pools: dict[Key, Pool] = {}
    few: dict[str, list[Key]] = {}
    for key, hours in exposed.hours.items():
        if rate * hours >= EXPECTED:
            pools[key] = (key,)
        else:
            few.setdefault(key[0], []).append(key)
    for keys in few.values():
        is_enough = rate * sum(exposed.hours[key] for key in keys) >= EXPECTED
        pools |= dict.fromkeys(keys, tuple(keys) if is_enough else ())
    return {key: pools[key] for key in exposed.hours}


def _raised(exposed: Exposure, thresholds: Thresholds, pools: Iterable[Pool], rate: float) -> Thresholds:
    """Raise thresholds until the false starts of each pool are at the rate, or no threshold could avoid more."""
    raised, before = dict(thresholds), Thresholds()
    while raised != before:
        before = dict(raised)
        peaks = false_starts(exposed, raised)
        for pool in pools:
            highest = {key: sorted(peaks.get(key, ()), reverse=True) for key in pool}
            for key, allowed in _allowances(exposed, highest, rate).items():
                if len(highest[key]) > allowed:
                    beyond = (floor(round(highest[key][allowed] / STEP, 6)) + 1) * STEP
                    raised[key] = round(max(raised[key], beyond), 4)
    return raised


def _allowances(exposed: Exposure, peaks: Mapping[Key, Sequence[float]], rate: float) -> dict[Key, int]:
    """Return how many false starts each threshold of a pool may leave: some get what others leave of theirs.

    Those that no threshold could avoid are allowed, and taken from nobody.
    """
    hours = {key: exposed.hours[key] for key in peaks}
    shares = {key: floor(rate * hours[key]) for key in peaks}
    sure = {key: sum(peak >= exposed.surest for peak in each) for key, each in peaks.items()}
    allowed = {key: max(share, sure[key]) for key, share in shares.items()}
    used = sum(min(len(each), shares[key]) for key, each in peaks.items())
    for _ in range(floor(rate * sum(hours.values())) - used):
        wanting = [key for key, each in peaks.items() if len(each) > allowed[key]]
        if not wanting:
            break
        allowed[min(wanting, key=lambda key: (allowed[key] / hours[key], key))] += 1
    return allowed


def _no_worse(exposed: Exposure, thresholds: Thresholds, eager: Thresholds) -> Thresholds:
    """Return for everything worn the thresholds with fewer false starts in all; raising one may start another."""
    counts, before = (_by_worn(false_starts(exposed, each)) for each in (thresholds, eager))
    worse = {worn for worn, count in counts.items() if count > before.get(worn, 0)}
    return {key: eager[key] if key[0] in worse else threshold for key, threshold in thresholds.items()}


def _by_worn(peaks: Mapping[Key, Sequence[float]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (worn, _), of_node in peaks.items():
        counts[worn] = counts.get(worn, 0) + len(of_node)
    return counts


def rated(exposed: Exposure, points: Mapping[Point, Fitted]) -> OperatingPoints:
    """Return the points as a manifest has them: each threshold with what it rests on."""
    made: OperatingPoints = {}
    for point, fitted in points.items():
        counts = {key: len(each) for key, each in false_starts(exposed, fitted.thresholds).items()}
        by_worn = made.setdefault(point, {})
        for key, threshold in fitted.thresholds.items():
            hours = exposed.hours[key]
            bound = round(upper_bound(counts.get(key, 0), hours), 2) if hours else None
            basis = _basis(fitted, key)
            by_worn.setdefault(key[0], {})[key[1]] = Rated(threshold, round(hours, 2), bound, basis)
    return made


def with_points(exposed: Exposure, points: Mapping[Point, Fitted], people: People) -> ModelSpec:
    """Return the manifest with these points, in the place of any thresholds that hold everywhere."""
    spec = exposed.spec
    return replace(
        spec,
        operating_points=rated(exposed, points),
        decision=replace(spec.decision, threshold=None, kind_threshold=None),
        provenance=spec.provenance | {POINTS_FITTED_ON: by_set(people)},
    )


def _basis(fitted: Fitted, key: Key) -> Basis:
    pool = fitted.pools[key]
    if pool:
        return "label" if pool == (key,) else "placement"
    is_elsewhere = any(of[1] == key[1] and others for of, others in fitted.pools.items())
    return "elsewhere" if is_elsewhere else "default"
