"""Pictures of one row of time, as SVG that is as wide as the page."""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.apps.report.envelope import Columns, Numbers
from edgehar.apps.report.looks import Looks
from edgehar.apps.report.markup import Markup, element, joined
from edgehar.apps.report.rows import Calendar, Row, lasted, percent, plain, ticks

COLUMNS = 640
"""Most columns of a row: about as many as a page has pixels for."""

_WIDE = 1000
"""Units of a row's width in paths."""

_LETTER_WIDE, _LETTER_NARROW = 0.95, 2.9
"""Percent of the width that a letter takes on a desktop and on a telephone, and a little more."""

_THIN = 0.7
"""Percent of the width."""

_TICK, _FULL_TICK = 9, 0.25
"""Height of a tick, and the share of packets lost from which it has that."""

MOST_TITLES = 3000
"""Stretches of a page that tell about themselves under the pointer."""

Scale = tuple[float, float]
"""Values at the bottom of a picture and at its top."""

Hole = tuple[float, float]
"""Stream times, s, between which nothing came."""


class Stretch(Struct, frozen=True):
    """A stretch of a bar."""

    begin: float
    end: float
    state: str
    confidence: float | None = None


def bar(stretches: Sequence[Stretch], row: Row, looks: Looks, times: Calendar | None) -> Markup:
    """Return a bar of states; with `times` they tell about themselves."""
    parts: list[Markup] = []
    for stretch in drawable(stretches, row):
        begin, end = row.percent(stretch.begin), row.percent(stretch.end)
        place = {"x": f"{begin:.2f}%", "width": f"{end - begin:.2f}%", "height": "100%"}
        title = element("title", _in_words(stretch, times)) if times else ""
        # An edge around each would be all that is seen.
        thin = "thin" if end - begin < _THIN else None
        parts.append(element("rect", title, **place, fill=looks.fill(stretch.state), class_=thin))
        word = plain(stretch.state)
        if len(word) * _LETTER_WIDE < end - begin:
            short = "short" if len(word) * _LETTER_NARROW < end - begin else None
            text = element("text", word, x="50%", y="50%", class_=short)
            # An SVG of its own cuts off what does not fit.
            parts.append(element("svg", text, **place, class_=looks.name(stretch.state)))
    return joined(parts)


def drawable(stretches: Sequence[Stretch], row: Row) -> Sequence[Stretch]:
    """Return the stretches as they are, or, where some are shorter than a column, what took most of each column."""
    wide = row.seconds / COLUMNS
    if all(s.end - s.begin >= wide for s in stretches):
        return stretches
    seconds: list[dict[str, float]] = [{} for _ in range(COLUMNS)]
    for s in stretches:
        first, last = (int((t - row.begin) / wide) for t in (s.begin, s.end))
        for i in range(max(first, 0), min(last + 1, COLUMNS)):
            begin = row.begin + i * wide
            inside = min(s.end, begin + wide) - max(s.begin, begin)
            if inside > 0:
                seconds[i][s.state] = seconds[i].get(s.state, 0.0) + inside
    drawn: list[Stretch] = []
    for i, of_column in enumerate(seconds):
        if not of_column:
            continue
        state, _ = max(of_column.items(), key=lambda item: item[1])
        begin, end = row.begin + i * wide, row.begin + (i + 1) * wide
        is_more = drawn and drawn[-1].state == state and begin - drawn[-1].end < wide / 2
        begin = drawn.pop().begin if is_more else begin
        drawn.append(Stretch(begin, end, state))
    return drawn


def _in_words(stretch: Stretch, times: Calendar) -> str:
    sure = f", {percent(stretch.confidence)} sure" if stretch.confidence else ""
    return f"{plain(stretch.state)}, {times.clock(stretch.begin)} to {times.clock(stretch.end)} ({lasted(stretch.end - stretch.begin)}){sure}"


def picture(inside: Markup, height: int, kind: str, label: str) -> Markup:
    """Return a picture with a name for who does not see it."""
    return element("svg", inside, class_=kind, width="100%", height=height, role="img", aria_label=label)


def area(columns: Columns, row: Row, scale: Scale, height: int, holes: Sequence[Hole]) -> Markup:
    """Return a band from the least to the largest of each column, cut by holes."""
    path = (
        _closed(columns.t[run], columns.largest[run], columns.least[run], row, scale, height)
        for run in runs(columns, holes)
    )
    return _path("".join(path), height, "band")


def below(columns: Columns, row: Row, height: int, holes: Sequence[Hole]) -> Markup:
    """Return the area below the mean of each column, 0..1, cut by holes."""
    floor, mean = np.zeros(len(columns.t)), columns.mean
    path = (
        _closed(columns.t[run], mean[run], floor[run], row, (0.0, 1.0), height)
        for run in runs(columns, holes)
    )
    return _path("".join(path), height, "below")


def runs(columns: Columns, holes: Sequence[Hole]) -> list[NDArray[np.int64]]:
    """Return the indices of columns that hold something, cut where a hole lies between two of them."""
    at = np.flatnonzero(columns.count > 0)
    if not len(at):
        return []
    middles = np.array([(begin + end) / 2 for begin, end in holes])
    t = columns.t[at]
    between = np.searchsorted(middles, t[1:]) > np.searchsorted(middles, t[:-1])
    return np.split(at, np.flatnonzero(between & (np.diff(at) > 1)) + 1)


def _closed(t: Numbers, top: Numbers, bottom: Numbers, row: Row, scale: Scale, height: int) -> str:
    """Return a closed path between two lines, in whole units, each point by its distance from the one before."""
    x = np.rint((t - row.begin) / row.seconds * _WIDE).astype(int)
    if len(x) == 1:
        x, top, bottom = np.append(x, x + 1), np.repeat(top, 2), np.repeat(bottom, 2)
    points = np.stack(
        [
            np.concatenate((x, x[::-1])),
            np.concatenate((_heights(top, scale, height), _heights(bottom[::-1], scale, height))),
        ],
        axis=1,
    )
    steps = "".join(f"{dx}{'' if dy < 0 else ' '}{dy} " for dx, dy in np.diff(points, axis=0).tolist())
    return f"M{points[0, 0]} {points[0, 1]}l{steps.rstrip()}z"


def _heights(values: Numbers, scale: Scale, height: int) -> NDArray[np.int64]:
    low, high = scale
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint((height - 2) * (1 - share)) + 1, np.int64)


def _path(path: str, height: int, kind: str) -> Markup:
    if not path:
        return Markup("")
    drawn = element("path", d=path, class_=kind, vector_effect="non-scaling-stroke")
    return element("svg", drawn, viewBox=f"0 0 {_WIDE} {height}", preserveAspectRatio="none", height=height)


def gaps(stretches: Iterable[tuple[float, float]], row: Row) -> Markup:
    """Return hatched stretches; those that would lie on one another are one."""
    joint: list[tuple[float, float]] = []
    for begin, end in stretches:
        if end <= row.begin or begin >= row.end:
            continue
        left, right = row.percent(begin), row.percent(end)
        if joint and left - joint[-1][1] < 100 / COLUMNS:
            joint[-1] = (joint[-1][0], max(right, joint[-1][1]))
        else:
            joint.append((left, right))
    return joined(
        element(
            "rect",
            class_="gap",
            x=f"{left:.2f}%",
            width=f"{max(right - left, 0.1):.2f}%",
            height="100%",
            fill="url(#gap)",
        )
        for left, right in joint
    )


def losses(columns: Columns, row: Row, height: int) -> Markup:
    """Return a tick at the bottom of each column in which packets were lost, the higher the more of them."""
    is_lossy = columns.total > 0
    share = columns.total[is_lossy] / (columns.total + columns.count)[is_lossy]
    high = np.rint(1 + _TICK * np.minimum(share / _FULL_TICK, 1)).astype(int)
    x = np.rint((columns.t[is_lossy] - row.begin) / row.seconds * _WIDE).astype(int)
    signs = (f"M{at} {height}v-{up}" for at, up in zip(x.tolist(), high.tolist(), strict=True))
    return _path("".join(signs), height, "lost")


def markers(moments: Iterable[tuple[float, str, str]], row: Row, times: Calendar) -> Markup:
    """Return signs that hang above a bar; a moment has its time, s, its kind and its words."""
    return joined(
        element(
            "svg",
            element(
                "path",
                element("title", f"{words}, {times.clock(t)}"),
                d="M0 12l-6-6 6-6 6 6z" if kind == "moment" else "M0 12l-7-12h14z",
            ),
            x=f"{row.percent(t):.2f}%",
            class_=f"marker {kind}",
        )
        for t, kind, words in moments
        if row.begin <= t <= row.end
    )


def axis(row: Row, times: Calendar) -> Markup:
    """Return the times below a row."""
    texts = []
    at = ticks(times, row)
    shows_seconds = len(at) > 1 and at[1] - at[0] < 60
    for t in at:
        x = row.percent(t)
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        clock = times.clock(t, seconds=shows_seconds)
        texts.append(element("text", clock, x=f"{x:.2f}%", y="13", text_anchor=anchor))
    return element("svg", joined(texts), class_="axis", width="100%", height="18", aria_hidden="true")
