"""The tables of an evaluation in Markdown: all of them, and the few that a reader needs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from edgehar.evaluation import measurements
from edgehar.evaluation.markdown import figure, table
from edgehar.evaluation.results import TURNED, Line, Results, Swept, metrics

_ELSEWHERE = {
    "falling": ("falls", "falls found and false alarms, below"),
    "other": ("alarms", "false alarms, below"),
}
"""Labels that no row scores: the measurement that does, and how it is told."""


def document(results: Results) -> str:
    """Lay out all tables under their titles."""
    parts = {
        "On people, by placement": _rows(results),
        "Each sensor of a set alone, mean": _means(results),
        "Under other conditions": _sweeps(results),
        "What each label rests on": _evidence(results),
        **measurements.tables(results.more),
        "Not scored": table(("not scored", "why"), list(results.skipped.items()), words=(0, 1)),
    }
    return _titled(parts)


def summary(results: Results) -> str:
    """Lay out the tables that stand beside the model."""
    parts = {
        "On people, by placement": scores_table(metrics(results)),
        "Under other conditions": _sweeps(results),
        "What each label rests on": _short_evidence(results),
        **measurements.tables(results.more, short=True),
    }
    return _titled(parts)


def _titled(parts: Mapping[str, str]) -> str:
    return "\n\n".join(f"#### {title}\n\n{text}" for title, text in parts.items() if text)


def scores_table(figures: Mapping[str, Any]) -> str:
    """Lay out metrics as a manifest has them, a line for each row of the evaluation."""
    head = ("recordings", "", "windows", "people", "macro-F1 [95 %]")
    groups = ("coarse", "decided_on", "apart", "any_orientation", "after_decision")
    rows = [
        (
            name,
            few.get("mark", ""),
            str(few["windows"]),
            str(few["people"]),
            _with_interval(few["macro_f1"], few["interval"]),
            *(figure(few.get(group)) for group in groups),
        )
        for name, few in figures.items()
    ]
    return table((*head, *(group.replace("_", " ") for group in groups)), rows, words=(0, 1))


def _rows(results: Results) -> str:
    head = (
        "recordings",
        "",
        "windows",
        "people",
        "macro-F1 [95 %]",
        "coarse [95 %]",
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
    return table(head, [_row(results, name) for name in plain], words=(0, 1))


def _row(results: Results, name: str) -> list[str]:
    line, turned = results.lines[name], results.lines.get(name + TURNED)
    s, error = line.everybody, results.calibration.get(name)
    return [
        name,
        line.mark,
        str(s.windows),
        str(s.people),
        _with_interval(s.macro_f1, s.interval),
        _with_interval(line.coarse.macro_f1, line.coarse.interval),
        *_groups(line)[1:],
        *(_groups(turned) if turned else [""] * 3),
        f"{s.weighted_f1:.3f}",
        f"{s.accuracy:.3f}",
        f"{1 / len(s.f1):.2f} / {1 / line.offered:.2f}",
        f"{s.decided.macro_f1:.3f} / {s.decided.weighted_f1:.3f}" if s.decided else "",
        f"{error.before:.3f} / {error.after:.3f}" if error else "",
    ]


def _with_interval(macro_f1: float, interval: Sequence[float] | None) -> str:
    return f"**{macro_f1:.3f}**" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _groups(line: Line) -> list[str]:
    """Show the macro-F1 of everybody, of the people decided on and of the others."""
    scores = (line.everybody, line.decided_on, line.apart)
    return [figure(score.macro_f1 if score else None) for score in scores]


def _means(results: Results) -> str:
    rows = [
        (name, str(mean.sensors), f"**{mean.everybody:.3f}**", figure(mean.decided_on), figure(mean.apart))
        for name, mean in results.means.items()
    ]
    return table(("set", "sensors", "macro-F1", "decided on", "apart"), rows)


def _sweeps(results: Results) -> str:
    conditions = list(dict.fromkeys(name for swept in results.sweeps.values() for name in swept))
    rows = [
        (name, *(_changed(swept[condition]) if condition in swept else "" for condition in conditions))
        for name, swept in results.sweeps.items()
    ]
    return table(("macro-F1 (share of the unchanged)", *conditions), rows)


def _changed(swept: Swept) -> str:
    text = f"{swept.macro_f1:.3f} ({swept.ratio:.0%})"
    if swept.answered < 1.0:
        text += f", {swept.macro_f1_of_answered:.3f} of the {swept.answered:.0%} with an answer"
    if swept.decided_macro_f1 is not None:
        text += f", {swept.decided_macro_f1:.3f} after decision"
    return text


def _evidence(results: Results) -> str:
    rows = [
        (label, "; ".join(f"{row} {f1:.2f}" for row, f1 in by_row.items()) or _without_row(label, results))
        for label, by_row in results.evidence.items()
    ]
    return table(("label", "F1 where people really do it"), rows, words=(0, 1))


def _short_evidence(results: Results) -> str:
    rows: list[Sequence[str]] = []
    for label, by_row in results.evidence.items():
        if not by_row:
            rows.append((label, "0", _without_row(label, results), "", ""))
            continue
        least, most = (choose(by_row, key=by_row.__getitem__) for choose in (min, max))
        ends = (f"{by_row[row]:.2f} {row}" for row in (least, most))
        rows.append((label, str(len(by_row)), f"{median(by_row.values()):.2f}", *ends))
    head = ("label", "rows in which people do it", "F1, median", "least", "most")
    return table(head, rows, words=range(len(head)))


def _without_row(label: str, results: Results) -> str:
    measurement, reference = _ELSEWHERE.get(label, ("", ""))
    return reference if measurement in results.more else "never tested on people"
