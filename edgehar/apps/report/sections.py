"""The parts of a page, each a card with its pictures and, behind them, the tables."""

from collections.abc import Sequence

from msgspec import Struct

from edgehar.apps.report.lanes import Painter, row_of, time_in_states, within
from edgehar.apps.report.looks import Looks
from edgehar.apps.report.markup import Markup, element, folded, joined, table
from edgehar.apps.report.rows import Row, lasted, percent, plain
from edgehar.apps.report.sensor import STRIPS, SensorStrips
from edgehar.types import NO_SIGNAL, NOT_WORN

MOST_LINES = 300
"""Lines of a table of stretches: the longest are listed."""

_MOST_REASONS = 24

_DECIMALS = {"acceleration": 2, "turning": 2, "keypoints seen": 2}


class Fact(Struct, frozen=True):
    """A figure of the head of a page."""

    name: str
    value: str


def card(heading: str, *inside: str, kind: str | None = None) -> Markup:
    """Return a card."""
    key = heading.lower().replace(" ", "-").replace(",", "").replace("?", "")
    return element(
        "section",
        element("h2", heading, id=key),
        *inside,
        class_=f"card {kind}" if kind else "card",
        aria_labelledby=key,
    )


def facts(entries: Sequence[Fact]) -> Markup:
    """Return figures side by side."""
    pairs = (element("div", element("dt", e.name), element("dd", e.value)) for e in entries)
    return element("dl", joined(pairs), class_="facts")


def activities(seconds: dict[str, float], looks: Looks) -> Markup:
    """Return the time in each state, which is the key to all colours and patterns as well."""
    if not seconds:
        return card("Time in each activity", element("p", "No answer: there were too few samples for one."))
    total = sum(seconds.values()) or 1.0
    most = max(seconds.values(), default=1.0) or 1.0
    rows = []
    for state, s in sorted(seconds.items(), key=lambda item: -item[1]):
        drawn = element("rect", width=f"{100 * s / most:.1f}%", height="100%", rx="3", fill=looks.fill(state))
        share = element("svg", drawn, width="100%", height="16", aria_hidden="true")
        name = joined([looks.swatch(state), plain(state)])
        rows.append((name, share, lasted(s), percent(s / total, 1)))
    shown = table(
        "Time in each activity",
        ("activity", element("span", "picture", class_="unseen"), "time", "share"),
        rows,
    )
    return card("Time in each activity", element("div", shown, class_="shares"))


def timeline(painter: Painter, rows: Sequence[Row], whole: Row) -> Markup:
    """Return the recording row by row; one of several rows is drawn whole first."""
    parts: list[str] = [_key(painter)]
    if len(rows) > 1:
        parts += [element("h3", "All of it"), row_of(painter, whole)]
    for row in rows:
        if len(rows) > 1:
            clock = painter.times.clock
            parts.append(
                element("h3", f"{clock(row.begin, seconds=False)} to {clock(row.end, seconds=False)}")
            )
        parts.append(row_of(painter, row))
    parts += [folded("The stretches as a table", _stretches(painter))]
    if len(rows) > 1:
        parts.append(folded("Time in each activity, row by row", _by_row(painter, rows)))
    parts.append(folded("What the sensors sent, as a table", _sent(painter, rows)))
    return card("What was done when", *parts)


def _key(painter: Painter) -> Markup:
    signs = [("gap", "nothing came"), ("lost", "packets lost, the higher the more")]
    if painter.true:
        signs.append(("differs", "true and told differ"))
    if painter.moments:
        signs.append(("moment", "marked"))
    if painter.collected.falls:
        signs.append(("fall", "fall"))
    return element("ul", joined(element("li", _sign(kind), words) for kind, words in signs), class_="key")


def _sign(kind: str) -> Markup:
    drawn = {
        "gap": element("rect", width="100%", height="100%", fill="url(#gap)"),
        "differs": element("rect", width="100%", height="100%", fill="url(#differs)"),
        "lost": element("path", d="M5 15v-8M11 15v-8M17 15v-8", class_="lost"),
        "moment": element("path", d="M11 13l-6-6 6-6 6 6z"),
        "fall": element("path", d="M11 14l-7-12h14z"),
    }[kind]
    return element("svg", drawn, class_=f"swatch {kind}", width="22", height="15", aria_hidden="true")


def _stretches(painter: Painter) -> Markup:
    spans, clock = painter.collected.spans, painter.times.clock
    rows = [
        (clock(s.begin), clock(s.end), lasted(s.seconds), plain(s.state), percent(s.confidence or None))
        for s in spans.longest(MOST_LINES)
    ]
    notes = []
    if len(spans.all) > MOST_LINES:
        notes.append(f"The {MOST_LINES} longest of {len(spans.all)}.")
    if spans.shortest_s:
        notes.append(f"Stretches shorter than {spans.shortest_s:g} s are part of those before them.")
    shown = table("Stretches", ("from", "to", "lasted", "told", "sure"), rows)
    return joined([element("p", " ".join(notes), class_="note") if notes else "", shown])


def _by_row(painter: Painter, rows: Sequence[Row]) -> Markup:
    states = list(time_in_states(painter.told))
    lines = []
    for row in rows:
        seconds = time_in_states(within(painter.told, row))
        cells = (lasted(seconds[state]) if state in seconds else "" for state in states)
        lines.append((painter.times.clock(row.begin, seconds=False), *cells))
    return table("Time in each activity, row by row", ("from", *map(plain, states)), lines)


def _sent(painter: Painter, rows: Sequence[Row]) -> Markup:
    lines = []
    for row in rows:
        for sensor in painter.collected.sensors:
            lost = sensor.lost.columns(row.begin, row.end, 1).total.sum()
            gap_s = sum(max(min(b, row.end) - max(a, row.begin), 0.0) for a, b in sensor.gaps)
            for name, strip in sensor.strips.items():
                columns, digits = strip.columns(row.begin, row.end, 1), _DECIMALS[name]
                if not columns.count.any():
                    continue
                values = (
                    columns.least.min(),
                    columns.total.sum() / columns.count.sum(),
                    columns.largest.max(),
                )
                lines.append(
                    (
                        painter.times.clock(row.begin, seconds=False),
                        plain(sensor.placement),
                        f"{name}, {STRIPS[name]}",
                        *(f"{value:.{digits}f}" for value in values),
                        f"{lost:.0f}",
                        lasted(gap_s),
                    )
                )
    head = ("from", "sensor", "of", "least", "mean", "largest", "packets lost", "in gaps")
    return table("What the sensors sent", head, lines)


def doubts(painter: Painter, whole_s: float) -> Markup:
    """Return what was uncertain, and why."""
    collected, clock = painter.collected, painter.times.clock
    groups = collected.doubts.largest()
    if not groups:
        nothing = "Nothing was." if collected.answers else "There was no answer to be sure of."
        return card("What was uncertain, and why", element("p", nothing))
    rows = []
    for group in groups[:_MOST_REASONS]:
        times = ", ".join(f"{clock(begin)} ({lasted(end - begin)})" for begin, end in group.times())
        more = group.stretches - len(group.times())
        rows.append(
            (
                group.reason,
                lasted(group.seconds),
                f"{group.stretches}",
                times + (f" and {more} more" if more > 0 else ""),
            )
        )
    left_out = len(groups) - _MOST_REASONS
    note = (
        f"{lasted(collected.doubts.seconds)} of {lasted(whole_s)} had no answer, one that was less than even, or one without all "
        "sensors. Reasons that differ by their figures alone are one line, in the words of the first."
        + (f" {left_out} rarer reasons are left out." if left_out > 0 else "")
    )
    shown = table("Reasons", ("why", "time", "times", "when, and for how long"), rows)
    return card("What was uncertain, and why", element("p", note, class_="note"), shown, kind="doubts")


def absences(painter: Painter) -> Markup:
    """Return when nothing was worn, or no signal came."""
    clock = painter.times.clock
    spans = [s for s in painter.collected.spans.all if s.state in {NO_SIGNAL, NOT_WORN}]
    if not spans:
        return card("Not worn, no signal", element("p", "At no time."))
    longest = sorted(sorted(spans, key=lambda s: -s.seconds)[:MOST_LINES], key=lambda s: s.begin)
    rows = [(clock(s.begin), clock(s.end), lasted(s.seconds), plain(s.state)) for s in longest]
    return card("Not worn, no signal", table("Not worn, no signal", ("from", "to", "lasted", "state"), rows))


def moments(painter: Painter) -> Markup:
    """Return what somebody marked, and falls."""
    rows = [(painter.times.clock(t), words) for t, _, words in painter.moments]
    if not rows:
        return Markup("")
    return card(
        "Marked moments and falls", table("Marked moments and falls", ("when", "what"), rows[:MOST_LINES])
    )


def sensors(painter: Painter) -> Markup:
    """Return how each sensor did."""
    head = (
        "sensor",
        "profile",
        "rate",
        "packets",
        "lost",
        "gaps",
        "longest gap",
        "clock",
        "battery",
        "at rest",
        "remarks",
    )
    collected = painter.collected
    intakes = collected.pipeline.intakes
    rows = []
    for i, intake in enumerate(intakes):
        health = intake.health()
        sensor = collected.sensors[i] if collected.sensors else SensorStrips(intake.placement, 0.0)
        sent = health["packets"] + health["lost"]
        longest = max((b - a for a, b in sensor.gaps), default=None)
        skew, battery = health["skew_ppm"], health["battery"]
        remarks = [*filter(None, (intake.problem, intake.remark))]
        if health.get("malformed"):
            remarks.append(f"{health['malformed']} bodies break its format")
        rows.append(
            (
                plain(intake.placement),
                painter.collected.streams[i].profile,
                "–" if sensor.rate_hz is None else f"{sensor.rate_hz:.1f} /s",
                f"{health['packets']:,}",
                percent(health["lost"] / sent if sent else None, 2),
                f"{sensor.gap_count}, {lasted(sensor.gap_s)}" if sensor.gap_count else "none",
                "–" if longest is None else f"{longest:.1f} s" if longest < 60 else lasted(longest),
                "–" if skew is None else f"{skew:+.0f} ppm",
                "–" if battery is None else f"{battery} %",
                "–" if sensor.at_rest is None else f"{sensor.at_rest:.2f} m/s²",
                "; ".join(remarks) or "–",
            )
        )
    note = "Gaps are times without a sample. At rest an accelerometer feels 9.81 m/s²; the figure is the median of its still seconds."
    return card("Sensors", table("Sensors", head, rows), element("p", note, class_="note"))


def made(entries: Sequence[Fact]) -> Markup:
    """Return how the page was made."""
    pairs = (element("div", element("dt", e.name), element("dd", e.value)) for e in entries)
    return card("How this was made", element("dl", joined(pairs), class_="made"))
