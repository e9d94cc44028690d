"""All figures of one evaluation, and those of them that a manifest keeps."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from edgehar.evaluation.metrics import Confidence, Score

RULE = (
    "windows of 2.56 s every 1.28 s, wholly inside one trial and one label; arg-max over all labels that the "
    "worn sensors offer, no smoothing; any other answer is an error; where the truth is one of several labels, each of "
    "them is right; macro-F1 pooled over windows; coarsely: over the tops of the model's tree of labels"
)
TURNED = ", any orientation"
"""End of the name of a row in which every sensor of every trial has another random orientation."""

GREATER_PART = ", by the greater part"
"""End of the name of a row whose windows have the label that fills more than half of them."""

MANY = 1000
"""Least windows of the rows that the README beside a model shows: round number."""


class Line(Struct, frozen=True):
    """Scores of one row, by who is in it."""

    placements: tuple[str, ...]
    """Those that the model took; where rows are pooled, one after the other."""
    offered: int
    """Labels among which the model chose."""
    everybody: Score
    coarse: Score
    """The same, said by the tops of the model's tree of labels."""
    mark: str
    """One of `unseen`: how well the model knows who is scored."""
    is_headline: bool
    """As in `plan.Row`."""
    decided_on: Score | None = None
    """People whose scores were looked at for design decisions; None where there are none such."""
    apart: Score | None = None
    """All others; None where nobody was looked at."""


class Mean(Struct, frozen=True):
    """Macro-F1 of each sensor of a set alone, mean over sensors."""

    sensors: int
    everybody: float
    decided_on: float | None = None
    apart: float | None = None


class Swept(Struct, frozen=True):
    """One changed condition."""

    macro_f1: float
    ratio: float
    """To the same row with nothing changed."""
    answered: float
    """Share of windows that had enough samples to be judged; the others count as errors."""
    macro_f1_of_answered: float
    decided_macro_f1: float | None
    """By the state of the decision, which holds through a loss; None where it was not run."""


class Results(Struct, frozen=True):
    """All that one pair of files scored; holds no date, so that the same files give the same bytes."""

    model: str
    sha256: str
    command: str
    rule: str
    lines: dict[str, Line]
    means: dict[str, Mean]
    sweeps: dict[str, dict[str, Swept]]
    """By the row that is varied, by condition."""
    calibration: dict[str, Confidence]
    evidence: dict[str, dict[str, float]]
    """By label of the model: F1 in each plain row in which people really do it; empty: never tested on people."""
    skipped: dict[str, str]
    """Names of what was not scored, and why."""
    more: dict[str, Any] = {}
    """Results of the other measurements, by their name."""
    left_out: dict[str, list[int]] = {}
    """People who are not scored, by set: a model was fitted to them."""


def metrics(results: Results) -> dict[str, Any]:
    """Return what a manifest keeps: a few figures of the rows that stand for a set and placement."""
    return {name: _few(results, name) for name, line in results.lines.items() if line.is_headline}


def _few(results: Results, name: str) -> dict[str, Any]:
    line, turned = results.lines[name], results.lines.get(name + TURNED)
    score = line.everybody
    macro_f1 = {
        "decided_on": line.decided_on,
        "apart": line.apart,
        "any_orientation": turned and turned.everybody,
        "after_decision": score.decided,
    }
    return {
        "windows": score.windows,
        "people": score.people,
        "macro_f1": score.macro_f1,
        "interval": score.interval,
        "coarse": line.coarse.macro_f1,
        "mark": line.mark,
    } | {key: other.macro_f1 for key, other in macro_f1.items() if other}


def group_means(lines: Mapping[str, Line], members: Mapping[str, list[str]]) -> dict[str, Mean]:
    """Take, for each name, the mean over its member rows."""
    return {name: _mean([lines[row] for row in rows]) for name, rows in members.items() if rows}


def _mean(lines: list[Line]) -> Mean:
    def of(scores: list[Score | None]) -> float | None:
        macro_f1 = [score.macro_f1 for score in scores if score is not None]
        return round(sum(macro_f1) / len(macro_f1), 4) if macro_f1 else None

    everybody = of([line.everybody for line in lines])
    assert everybody is not None
    return Mean(
        len(lines),
        everybody,
        of([line.decided_on for line in lines]),
        of([line.apart for line in lines]),
    )
