"""The picture of a study: a panel for each of its targets, a line with intervals for each way."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.evaluation import picture
from edgehar.evaluation.studies.outcome import Outcome, interval, value

_COLUMNS = 3
_MARKS = ("o", "s", "^", "v", "D", "P", "X")
_STYLES = ("-", "--", "-.", ":")


class Line(Struct, frozen=True):
    """One way through a panel."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    """Lower end of the interval of each y; y itself where there is none."""
    high: tuple[float, ...]


def line(points: Sequence[tuple[float, Outcome]]) -> Line:
    """Return the line through the macro-F1 of answers at places of x, at least one."""
    x, outcomes = zip(*points, strict=True)
    y = tuple(value(of) for of in outcomes)
    low, high = zip(*(interval(of) or (at, at) for of, at in zip(outcomes, y, strict=True)), strict=True)
    return Line(x, y, low, high)


class Axes(Struct, frozen=True):
    """Names and ticks of the axes of all panels."""

    x: str
    y: str
    ticks: Mapping[float, str]
    """Words at places of x."""
    logarithmic: bool = False


def draw(panels: Mapping[str, Mapping[str, Line]], axes: Axes, path: Path) -> None:
    """Write a grey PNG of panels by title, each with lines by name; no file without panels.

    ImportError without matplotlib, ConfigError if the file cannot be written.
    """
    if not panels:
        return
    figure_class, canvas_class, image = picture.libraries()
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = figure_class(figsize=(3.6 * columns, 3.0 * rows + 0.6), dpi=100, layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for place in places[len(panels) :]:
        place.set_axis_off()
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    drawn = {}
    for place, (title, lines) in zip(places, panels.items(), strict=False):
        for name, line in lines.items():
            i = names.index(name)
            # A bootstrap need not hold the figure itself, where a label is one person's alone.
            around = (
                [max(y - low, 0.0) for y, low in zip(line.y, line.low, strict=True)],
                [max(high - y, 0.0) for y, high in zip(line.y, line.high, strict=True)],
            )
            drawn[name] = place.errorbar(
                line.x, line.y, yerr=around, capsize=2, lw=1.1, ms=4, marker=_MARKS[i % len(_MARKS)],
                ls=_STYLES[i % len(_STYLES)], color=f"{0.65 * i / max(len(names) - 1, 1):.2f}",
            )  # fmt: skip
        if axes.logarithmic:
            place.set_xscale("log")
        place.set_xticks(list(axes.ticks), list(axes.ticks.values()), fontsize=7)
        place.minorticks_off()
        place.tick_params(axis="y", labelsize=7)
        place.set_title(title, fontsize=9)
        place.set_xlabel(axes.x, fontsize=8)
        place.set_ylabel(axes.y, fontsize=8)
        place.grid(visible=True, lw=0.3)
    figure.legend(list(drawn.values()), list(drawn), loc="outside lower center", ncols=3, fontsize=7)
    picture.save(figure, canvas_class, image, path)
