"""The report of operating points: what each costs in false starts, in activities that are missed, and in time.

An activity of ten seconds or more is missed for a label, or kind of labels, if that is not told before it is over, nor
what is of that kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct, field

from edgehar.evaluation import picture
from edgehar.evaluation.courses import Course
from edgehar.evaluation.exposure import Exposure, Key, false_runs, stated
from edgehar.evaluation.markdown import table
from edgehar.evaluation.operate import Fitted
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.operating_points import FALSE_STARTS_PER_HOUR, Point
from edgehar.recordings.bounds import upper_bound
from edgehar.recordings.labels import possible_labels
from edgehar.types import OTHER

_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998)
"""Thresholds of a curve, the same for all labels and kinds."""
_SHOWN = (0.9, 0.98)
"""Those of them that stand in a table."""
_LEAST_S = 10.0
"""Least length of an activity that counts, s: what is over sooner, no window shows for long enough."""
_MARKS: Mapping[Point, str] = {"quiet": "s", "normal": "D", "eager": "^"}


class Cost(Struct, frozen=True):
    """False starts, misses and delays that thresholds lead to, over all that was counted."""

    false_per_hour: float
    """False starts of any label or kind, per hour of recording."""
    missed: float
    """Share of the activities whose label is not told, be it that its kind is."""
    onset_s: float | None
    """Median time from the begin of an activity until its label is told, s; None if none ever was."""


class Told(Struct):
    """Sums over the courses of one placement, of one node or of all."""

    false_starts: int = 0
    activities: int = 0
    missed: int = 0
    delays: list[float] = field(default_factory=list)
    """From the begin of an activity until it is told, s, where it was not told before."""


class Trade(Struct, frozen=True):
    """Misses against false starts at one placement."""

    hours: float
    activities: int
    curve: tuple[Cost, ...]
    """A point for each of some thresholds, the same for all."""
    points: dict[Point, Cost]
    """Cost of each operating point."""


def observe(exposed: Exposure, thresholds: Mapping[Key, float]) -> dict[Key, Told]:
    """Count by what is worn and node; the node "" is all: activities of which nothing true is told, and any start."""
    sums = {key: Told() for key in exposed.hours} | {(worn, ""): Told() for worn, _ in exposed.hours}
    for course, telling, states in stated(exposed, thresholds):
        for node, _ in false_runs(exposed.tree, course, telling, states):
            for key in ((course.worn, node), (course.worn, "")):
                if key in sums:
                    sums[key].false_starts += 1
        for start, end, labels in _activities(exposed.tree, course):
            for (worn, node), of_node in sums.items():
                if worn == course.worn and labels <= {*(exposed.tree.leaves(node) if node else labels)}:
                    _add(of_node, exposed.tree, course, states, (start, end, node, labels))
    return sums


_Activity = tuple[float, float, str, set[str]]
"""Start and end, s, the node that is looked for, or any, and the labels that may be true."""


def _activities(tree: LabelTree, course: Course) -> Iterator[tuple[float, float, set[str]]]:
    """Yield what was done that is one of the labels, whichever of those that may be true."""
    for start, end, word in course.truth:
        labels = {*possible_labels(word, course.offered)}
        if OTHER not in labels and labels <= {*tree.labels} and end - start >= _LEAST_S:
            yield start, end, labels


def _add(sums: Told, tree: LabelTree, course: Course, states: Sequence[str], activity: _Activity) -> None:
    start, end, node, labels = activity
    first, last = np.searchsorted(course.times, [start, end], side="right").tolist()
    if first == last:
        return

    def is_told(state: str) -> bool:
        if node:
            return node in tree.path(state)
        return any(state in tree.path(label) for label in labels)

    sums.activities += 1
    i = next((i for i in range(first, last) if is_told(states[i])), None)
    if i is None:
        sums.missed += 1
    elif not (i == first and first and is_told(states[first - 1])):
        sums.delays.append(float(course.times[i]) - start)


def trades(exposed: Exposure, points: Mapping[Point, Fitted]) -> dict[str, Trade]:
    """Return for each placement that was recorded what its thresholds trade."""
    curve = [observe(exposed, dict.fromkeys(exposed.hours, level)) for level in _LEVELS]
    at_points = {point: observe(exposed, fitted.thresholds) for point, fitted in points.items()}
    made = {}
    for worn in _worn([exposed]):
        made[worn] = Trade(
            hours=_hours(exposed, worn),
            activities=sum(of_label.activities for of_label in _labels(exposed, curve[0], worn)),
            curve=tuple(cost_of([(exposed, sums)], worn) for sums in curve),
            points={point: cost_of([(exposed, sums)], worn) for point, sums in at_points.items()},
        )
    return made


Fold = tuple[Exposure, Mapping[Point, Fitted]]
"""Courses, and points that were fitted to other people."""


def on_others(parts: Sequence[Fold]) -> dict[str, dict[Point, Cost]]:
    """Return what the points of other people cost: by what is worn, "" for all, of all parts together."""
    sums = [
        (point, part, observe(part, fitted.thresholds))
        for part, points in parts
        for point, fitted in points.items()
    ]
    return {
        worn: {
            point: cost_of([(part, told) for of, part, told in sums if of == point], worn)
            for point in FALSE_STARTS_PER_HOUR
        }
        for worn in ("", *_worn([part for part, _ in parts]))
    }


def cost_of(observed: Sequence[tuple[Exposure, Mapping[Key, Told]]], worn: str) -> Cost:
    """Return the cost of all that was counted, of one thing worn or of all, ""."""
    hours = sum(_hours(exposed, worn) for exposed, _ in observed)
    labels = [told for exposed, sums in observed for told in _labels(exposed, sums, worn)]
    false_starts = sum(
        told.false_starts
        for _, sums in observed
        for (of, node), told in sums.items()
        if not node and worn in {"", of}
    )
    missed = sum(told.missed for told in labels)
    delays = [delay for told in labels for delay in told.delays]
    return Cost(
        false_starts / hours if hours else 0.0,
        missed / max(1, sum(told.activities for told in labels)),
        median(delays) if delays else None,
    )


def _worn(exposed: Sequence[Exposure]) -> list[str]:
    return sorted({course.worn for each in exposed for course in each.courses})


def _hours(exposed: Exposure, worn: str) -> float:
    windows = sum(len(course.times) for course in exposed.courses if worn in {"", course.worn})
    return windows * exposed.spec.hop / exposed.spec.rate_hz / 3600.0


def _labels(exposed: Exposure, sums: Mapping[Key, Told], worn: str) -> list[Told]:
    return [sums[of, node] for of, node in exposed.hours if worn in {"", of} and node in exposed.tree.labels]


def totals(exposed: Exposure, points: Mapping[Point, Fitted], parts: Sequence[Fold]) -> str:
    """Lay out a line for each placement: what the points cost here and on people left out, and one threshold for all."""
    here = {point: observe(exposed, fitted.thresholds) for point, fitted in points.items()}
    plain = [observe(exposed, dict.fromkeys(exposed.hours, level)) for level in _SHOWN]
    others = on_others(parts)
    rows = []
    for worn in (*_worn([exposed]), ""):
        cells = [worn or "all", f"{_hours(exposed, worn):.1f}"]
        for point, sums in here.items():
            cells += [_cell(cost_of([(exposed, sums)], worn)), _cell(others.get(worn, {}).get(point))]
        rows.append([*cells, *(_cell(cost_of([(exposed, sums)], worn)) for sums in plain)])
    heads = [head for point in here for head in (f"{point}: fitted", f"{point}: others")]
    return table(
        (
            "false starts per hour, activities missed, onset",
            "hours",
            *heads,
            *(f"{level:g} for all" for level in _SHOWN),
        ),
        rows,
    )


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return ""
    onset = "" if cost.onset_s is None else f", {cost.onset_s:.1f} s"
    return f"{cost.false_per_hour:.1f}, {cost.missed:.0%}{onset}"


def markdown(exposed: Exposure, points: Mapping[Point, Fitted]) -> str:
    """Lay out a line for each placement and node that was recorded: at each point threshold, rate, misses and onset."""
    observed = {point: observe(exposed, fitted.thresholds) for point, fitted in points.items()}
    rows = []
    for worn, node in exposed.hours:
        hours = exposed.hours[worn, node]
        if not hours:
            continue
        cells = [worn, node, f"{hours:.1f}", f"{observed['normal'][worn, node].activities}"]
        for point, fitted in points.items():
            sums = observed[point][worn, node]
            bound = upper_bound(sums.false_starts, hours)
            cells.append(f"{fitted.thresholds[worn, node]:.4g}")
            cells.append(f"{sums.false_starts / hours:.1f} (≤ {bound:.1f})")
            cells.append(f"{sums.missed / sums.activities:.0%}" if sums.activities else "")
            cells.append(f"{median(sums.delays):.1f}" if sums.delays else "")
        rows.append(cells)
    head = ["worn", "label or kind", "hours", "activities"]
    for point, rate in FALSE_STARTS_PER_HOUR.items():
        head += [f"{point} ({rate:g}/h): from", "false starts/h", "missed", "onset s"]
    return table(head, rows, words=(0, 1))


def draw(made: Mapping[str, Trade], path: Path) -> None:
    """Write a PNG with a panel for each placement: misses over false starts per hour on log axes, and the points.

    What never was stands at half of one event. ImportError without matplotlib, ConfigError if the file cannot be
    written.
    """
    figure_class, canvas_class, image = picture.libraries()
    columns = min(3, len(made))
    rows = -(-len(made) // columns)
    figure = figure_class(figsize=(3.3 * columns, 3.0 * rows), dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for ax in axes[len(made) :]:
        ax.set_axis_off()
    for ax, (worn, trade) in zip(axes, made.items(), strict=False):
        ax.plot(*_shown(trade, trade.curve), "k.-", lw=1.0, ms=4, label="one threshold for all")
        for point, at in trade.points.items():
            ax.plot(*_shown(trade, [at]), _MARKS[point], mfc="0.8", mec="k", ms=7, label=point)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(f"{worn}, {trade.hours:.1f} h, {trade.activities} activities", fontsize=8)
        ax.set_xlabel("false starts per hour, of all labels and kinds", fontsize=7)
        ax.set_ylabel("share of activities whose label is not told", fontsize=7)
        ax.tick_params(labelsize=7, which="both")
        ax.grid(visible=True, which="both", lw=0.2)
    axes[0].legend(fontsize=6)
    picture.save(figure, canvas_class, image, path)


def _shown(trade: Trade, costs: Sequence[Cost]) -> tuple[list[float], list[float]]:
    least_false, least_missed = 0.5 / trade.hours, 0.5 / max(1, trade.activities)
    x = [max(cost.false_per_hour, least_false) for cost in costs]
    return x, [max(cost.missed, least_missed) for cost in costs]
