"""A row of time, lane by lane: what was true, what was told, how sure that was, and what each sensor sent."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from edgehar.apps.report import chart
from edgehar.apps.report.chart import COLUMNS, Hole, Scale, Stretch
from edgehar.apps.report.collect import Collected
from edgehar.apps.report.envelope import Envelope
from edgehar.apps.report.looks import Looks
from edgehar.apps.report.markup import Markup, element, joined
from edgehar.apps.report.rows import Calendar, Row, lasted, plain
from edgehar.apps.report.sensor import STRIPS, SensorStrips

_TOPS = {
    "acceleration": (12.0, 16.0, 24.0, 40.0, 80.0, 160.0, 320.0),
    "turning": (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0),
    "keypoints seen": (1.0,),
}
"""Tops of scales, in the strips' units."""

_SHOWN = 0.998
"""Share of the columns whose peaks a scale has room for: one knock would flatten all else."""


_DIFFERS = "differs"


class Painter(Struct, frozen=True):
    """Measures that all rows are drawn with."""

    collected: Collected
    looks: Looks
    times: Calendar
    moments: Sequence[tuple[float, str, str]]
    """Marked moments and falls: time, s, kind and words."""
    told: Sequence[Stretch]
    true: Sequence[Stretch]
    silent: Sequence[Hole]
    """Stretches without an answer to be sure of."""


def painter(
    collected: Collected, looks: Looks, times: Calendar, moments: Sequence[tuple[float, str, str]]
) -> Painter:
    """Return what all rows of a recording are drawn with."""
    told = [Stretch(s.begin, s.end, s.state, s.confidence) for s in collected.spans.all]
    truth = collected.truth.segments if collected.truth else []
    falls = [(t, "fall", "a fall") for t in collected.falls]
    return Painter(
        collected=collected,
        looks=looks,
        times=times,
        moments=sorted([*moments, *falls]),
        told=told,
        true=[Stretch(begin, end, label) for begin, end, label in truth],
        silent=[(s.begin, s.end) for s in told if not s.confidence],
    )


def _scale(name: str, strip: Envelope) -> Scale:
    """Return one scale for all rows of a sensor's strip."""
    peaks = strip.largest[strip.count > 0]
    peak = float(np.quantile(peaks, _SHOWN)) if len(peaks) else 0.0
    return 0.0, next((top for top in _TOPS[name] if top >= peak), _TOPS[name][-1])


def row_of(painter: Painter, row: Row) -> Markup:
    """Return a row: its lanes and the times below them."""
    shown = [*_answers(painter, row), *_signals(painter, row)]
    lanes = joined(
        element(
            "div", element("span", name, class_="name"), element("div", drawn, class_="drawn"), class_="lane"
        )
        for name, drawn in shown
    )
    below = element("div", element("span", class_="name"), chart.axis(row, painter.times), class_="lane")
    return element("div", lanes, below, class_="row")


def _answers(painter: Painter, row: Row) -> Iterator[tuple[str, Markup]]:
    looks, when = painter.looks, _when(painter, row)
    times = painter.times if len(painter.told) + len(painter.true) < chart.MOST_TITLES else None
    if any(row.begin <= t <= row.end for t, *_ in painter.moments):
        words = ", ".join(
            f"{words} at {painter.times.clock(t)}"
            for t, _, words in painter.moments
            if row.begin <= t <= row.end
        )
        signs = chart.markers(painter.moments, row, painter.times)
        yield "marked", chart.picture(signs, 14, "signs", f"Marked {when}: {words}")
    told, true = within(painter.told, row), within(painter.true, row)
    if true:
        yield (
            "true",
            chart.picture(
                chart.bar(true, row, looks, times), 34, "bar", f"What was done {when}: {_most(true)}"
            ),
        )
        compared = list(_compared(painter, told, true))
        drawn = joined(
            element(
                "rect",
                x=f"{row.percent(s.begin):.2f}%",
                width=f"{row.percent(s.end) - row.percent(s.begin):.2f}%",
                height="100%",
                fill="url(#differs)",
            )
            for s in chart.drawable(compared, row)
            if s.state == _DIFFERS
        )
        seconds = time_in_states(compared).get(_DIFFERS, 0.0)
        yield (
            "differs",
            chart.picture(drawn, 9, "differs", f"True and told differ {when}: {lasted(seconds)}"),
        )
    label = f"What was told {when}: {_most(told) or 'nothing'}"
    yield "told", chart.picture(chart.bar(told, row, looks, times), 34, "bar", label)
    if painter.collected.confidence:
        columns = painter.collected.confidence.columns(row.begin, row.end, COLUMNS)
        mean = float(np.nanmean(columns.mean)) if columns.count.any() else None
        label = f"How sure it was {when}: " + (
            "no answer" if mean is None else f"{100 * mean:.0f} % on average"
        )
        yield (
            "sure, 0 to 100 %",
            chart.picture(chart.below(columns, row, 26, painter.silent), 26, "sure", label),
        )


def _signals(painter: Painter, row: Row) -> Iterator[tuple[str, Markup]]:
    for sensor in painter.collected.sensors:
        for name, strip in sensor.strips.items():
            yield _strip(painter, row, sensor, name, strip)


def _strip(
    painter: Painter, row: Row, sensor: SensorStrips, name: str, strip: Envelope
) -> tuple[str, Markup]:
    height, scale = 40, _scale(name, strip)
    columns, lost = (each.columns(row.begin, row.end, COLUMNS) for each in (strip, sensor.lost))
    inside = joined(
        [
            chart.gaps(sensor.holes(), row),
            chart.area(columns, row, scale, height, sensor.holes()),
            chart.losses(lost, row, height),
        ]
    )
    has = columns.count > 0
    ranged = (
        f"{columns.least[has].min():.1f} to {columns.largest[has].max():.1f} {STRIPS[name]}"
        if has.any()
        else "nothing came"
    )
    label = f"{plain(sensor.placement)}, {name} {_when(painter, row)}: {ranged}; {lost.total.sum():.0f} packets lost"
    kind = "strip " + name.partition(" ")[0]
    top = "100 %" if name == "keypoints seen" else f"{scale[1]:g} {STRIPS[name]}"
    return f"{plain(sensor.placement)}: {name}, 0 to {top}", chart.picture(inside, height, kind, label)


def within(stretches: Sequence[Stretch], row: Row) -> list[Stretch]:
    """Return the stretches that reach into a row, cut to it."""
    return [
        Stretch(max(s.begin, row.begin), min(s.end, row.end), s.state, s.confidence)
        for s in stretches
        if s.end > row.begin and s.begin < row.end
    ]


def time_in_states(stretches: Sequence[Stretch]) -> dict[str, float]:
    """Return the seconds in each state, the most first."""
    seconds: dict[str, float] = {}
    for s in stretches:
        seconds[s.state] = seconds.get(s.state, 0.0) + s.end - s.begin
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def _most(stretches: Sequence[Stretch]) -> str:
    return ", ".join(f"{plain(state)} {lasted(s)}" for state, s in [*time_in_states(stretches).items()][:8])


def _when(painter: Painter, row: Row) -> str:
    return f"from {painter.times.clock(row.begin)} to {painter.times.clock(row.end)}"


def _compared(painter: Painter, told: Sequence[Stretch], true: Sequence[Stretch]) -> Iterator[Stretch]:
    """Yield stretches in which what was told is what was done or a kind of it, and those in which it is neither."""
    tree = painter.collected.tree
    edges = sorted({t for s in (*told, *true) for t in (s.begin, s.end)})
    i = j = 0
    for a, b in pairwise(edges):
        while i < len(told) and told[i].end <= a:
            i += 1
        while j < len(true) and true[j].end <= a:
            j += 1
        if i < len(told) and j < len(true) and told[i].begin <= a and true[j].begin <= a:
            yield Stretch(a, b, "agrees" if told[i].state in tree.path(true[j].state) else _DIFFERS)
