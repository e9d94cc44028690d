"""All figures of one evaluation, and how they stand in a manifest and in `models/README.md`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from edgehar.evaluation.metrics import Confidence, Score

RULE = (
    "windows of 2.56 s every 1.28 s, wholly inside one trial and one label; arg-max over all labels that the "
    "worn sensors offer, no smoothing; any other answer is an error; macro-F1 pooled over windows"
)


TURNED = ", any orientation"
"""How the name of a row ends in which every sensor of every trial has another random orientation."""


class Line(Struct, frozen=True):
    """The scores of one row, by who is in it."""

    placements: tuple[str, ...]
    """As the model took them; where rows are pooled, one after the other."""
    offered: int
    """Labels among which the model chose."""
    everybody: Score
    decided_on: Score | None = None
    """People whose scores were looked at for design decisions; None where there are none such."""
    apart: Score | None = None
    """All others; None where nobody was looked at."""

    @property
    def groups(self) -> dict[str, Score]:
        """Those that there are."""
        named = {"everybody": self.everybody, "decided on": self.decided_on, "apart": self.apart}
        return {name: score for name, score in named.items() if score is not None}


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
    """Of one pair of files; holds no date, so that the same files give the same bytes."""

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
    """What was not scored, and why."""
    more: dict[str, Any] = {}
    """What other measurements found, by their name."""


def metrics(results: Results) -> dict[str, Any]:
    """As they stand in a manifest: without confusions, and of the turned rows only the macro-F1."""
    found: dict[str, Any] = {}
    for name, line in results.lines.items():
        for group, score in line.groups.items():
            title = name if group == "everybody" else f"{name}, {group}"
            found[title] = {"macro_f1": score.macro_f1} if name.endswith(TURNED) else _short(score)
    return found


def _short(score: Score) -> dict[str, Any]:
    short: dict[str, Any] = {
        "windows": score.windows,
        "people": score.people,
        "macro_f1": score.macro_f1,
        "interval": score.interval,
        "weighted_f1": score.weighted_f1,
        "accuracy": score.accuracy,
        "f1": score.f1,
    }
    if score.decided:
        short["decided_macro_f1"] = score.decided.macro_f1
    return short


def tables(results: Results) -> dict[str, str]:
    """By title, as they stand in `models/README.md`; those without rows are empty."""
    return {
        "On people, without a window of theirs": _main(results),
        "Each sensor of a set alone, mean": _means(results),
        "Under other conditions": _sweeps(results),
        "What each label rests on": _evidence(results),
    }


def _main(results: Results) -> str:
    head = (
        "recordings",
        "windows",
        "people",
        "macro-F1 [95 %]",
        "decided on",
        "apart",
        "any orientation",
        "decided on",
        "apart",
        "weighted",
        "accuracy",
        "chance of true / offered",
        "after decision: macro / weighted",
        "calibration error at 1 / tempered",
    )
    plain = (name for name in results.lines if not name.endswith(TURNED))
    return _table(head, [_row(results, name) for name in plain])


def _row(results: Results, name: str) -> list[str]:
    line, turned = results.lines[name], results.lines.get(name + TURNED)
    s, error = line.everybody, results.calibration.get(name)
    spread = f" [{s.interval[0]:.2f}, {s.interval[1]:.2f}]" if s.interval else ""
    return [
        name,
        str(s.windows),
        str(s.people),
        f"**{s.macro_f1:.3f}**{spread}",
        *_groups(line)[1:],
        *(_groups(turned) if turned else [""] * 3),
        f"{s.weighted_f1:.3f}",
        f"{s.accuracy:.3f}",
        f"{1 / len(s.f1):.2f} / {1 / line.offered:.2f}",
        f"{s.decided.macro_f1:.3f} / {s.decided.weighted_f1:.3f}" if s.decided else "",
        f"{error.before:.3f} / {error.after:.3f}" if error else "",
    ]


def _groups(line: Line) -> list[str]:
    """Macro-F1 of everybody, of the people decided on and of the others."""
    scores = (line.everybody, line.decided_on, line.apart)
    return [_figure(score.macro_f1 if score else None) for score in scores]


def _means(results: Results) -> str:
    rows = [
        (name, str(mean.sensors), f"**{mean.everybody:.3f}**", _figure(mean.decided_on), _figure(mean.apart))
        for name, mean in results.means.items()
    ]
    return _table(("set", "sensors", "macro-F1", "decided on", "apart"), rows)


def _sweeps(results: Results) -> str:
    conditions = list(dict.fromkeys(name for swept in results.sweeps.values() for name in swept))
    rows = [
        (
            name,
            *(_changed(swept[one]) if one in swept else "" for one in conditions),
        )
        for name, swept in results.sweeps.items()
    ]
    return _table(("macro-F1 (share of the unchanged)", *conditions), rows)


def _changed(swept: Swept) -> str:
    text = f"{swept.macro_f1:.3f} ({swept.ratio:.0%})"
    if swept.answered < 1.0:
        text += f", {swept.macro_f1_of_answered:.3f} of the {swept.answered:.0%} with an answer"
    if swept.decided_macro_f1 is not None:
        text += f", {swept.decided_macro_f1:.3f} after decision"
    return text


_ELSEWHERE = {
    "falling": ("falls", "falls found and false alarms, below"),
    "other": ("alarms", "false alarms, below"),
}
"""Labels that no row scores: the measurement that does, and how it is told."""


def _evidence(results: Results) -> str:
    rows = []
    for label, found in results.evidence.items():
        measured, told = _ELSEWHERE.get(label, ("", ""))
        none = told if measured in results.more else "never tested on people"
        rows.append((label, "; ".join(f"{row} {f1:.2f}" for row, f1 in found.items()) or none))
    return _table(("label", "F1 where people really do it"), rows, numbers=False)


def skipped(results: Results) -> str:
    """What was not scored and why, as a table."""
    return _table(("not scored", "why"), list(results.skipped.items()), numbers=False)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(head: Iterable[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A table of Markdown, numbers to the right; empty without rows."""
    names = list(head)
    if not rows:
        return ""
    marks = ["---", *["---:" if numbers else "---"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, marks, *rows))


def group_means(lines: Mapping[str, Line], members: Mapping[str, list[str]]) -> dict[str, Mean]:
    """For each name, the mean over its member rows."""
    return {name: _mean([lines[row] for row in rows]) for name, rows in members.items() if rows}


def _mean(lines: list[Line]) -> Mean:
    def of(scores: list[Score | None]) -> float | None:
        there = [score.macro_f1 for score in scores if score is not None]
        return round(sum(there) / len(there), 4) if there else None

    everybody = of([line.everybody for line in lines])
    assert everybody is not None
    return Mean(
        len(lines),
        everybody,
        of([line.decided_on for line in lines]),
        of([line.apart for line in lines]),
    )
