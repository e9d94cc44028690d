"""Tables and picture of the study of joint pre-training."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.evaluation.markdown import table
from edgehar.evaluation.studies import curves, outcome as outcomes
from edgehar.evaluation.studies.curves import Axes, Line
from edgehar.evaluation.studies.joint.study import (
    ALL,
    FOREST,
    FROZEN,
    LABELS,
    LABELS_LONG,
    LONG,
    LONGER,
    PUBLISHED,
    RANDOM,
    ROWS,
    TUNED,
    Cell,
    Entry,
    Settings,
    at_hand,
    scored,
)
from edgehar.evaluation.studies.outcome import Counts, Interval, Outcome
from edgehar.evaluation.studies.results import NO_DATA, Results

FINE = (
    "dribbling_ball", "eating_chips", "eating_pasta", "eating_sandwich", "eating_soup", "kicking_ball", "playing_catch",
    "typing",
)  # fmt: skip
"""Labels of wisdm that hands do: eating, typing, ball games."""
_BESIDE = (LABELS, ALL)
"""Starts that all others are compared with."""
_FINE_TARGET, _ONE_PERSON = "wisdm wrist", "openpack wrist"
_PAPER = "+18.8 % (relative or absolute: not stated)"


class Scores(Struct, frozen=True):
    """Figures of some settings, as far as they were made."""

    settings: Settings
    results: Results[Entry]
    data: Path

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that are at hand."""
        return (*self.settings.targets, *at_hand(self.data))

    @property
    def people(self) -> tuple[str, ...]:
        """Names of the targets of several people."""
        return tuple(name for name in self.targets if name != _ONE_PERSON)

    def of(self, row: str, target: str, portion: float, way: str) -> Outcome | None:
        """Return the answers of all folds, if they are all there."""
        return scored(self.settings, self.results, Cell(row, target, portion, 0), way)

    def ways(self) -> list[tuple[str, str]]:
        """List the rows of tables: start and way; longer is only what fits all layers."""
        of = [
            (row, way)
            for way in (TUNED, FROZEN)
            for row in self.settings.rows
            if row != FOREST and not (way == FROZEN and row in LONGER)
        ]
        return [(FOREST, TUNED), *of] if FOREST in self.settings.rows else of


def tables(scores: Scores) -> str:
    """Lay out all tables of the study, as far as it went."""
    parts = {"": _starts(scores)}
    for portion in scores.settings.portions:
        parts[f"Macro-F1, with {portion:.0%} of the people who are not tested:"] = _levels(scores, portion)
        parts[f"Gain in macro-F1 over `{LABELS}`, of the same way, with {portion:.0%} of them:"] = _gains(
            scores, portion
        )
    parts[f"Gain in macro-F1 of `{LABELS_LONG}` over `{LONG}`, not frozen:"] = _longer(scores)
    parts[f"Eating, typing and ball games of `{_FINE_TARGET}` alone, macro-F1 over those labels:"] = _fine(
        scores
    )
    parts["Beside the paper, not frozen:"] = _beside(scores)
    return "\n\n".join(f"{title}\n\n{rows}" if title else rows for title, rows in parts.items() if rows)


def short(scores: Scores) -> str:
    """Lay out what a reader needs: means over the targets of several people, and the paper's figure."""
    rows = []
    for row, way in scores.ways():
        cells = []
        for portion in scores.settings.portions:
            cells += [_mean(scores, row, portion, way), _mean_gain(scores, row, LABELS, portion, way)]
        if any(cells):
            rows.append([*_title(row, way), *cells])
    head = [
        f"{portion:.0%} of the people{what}"
        for portion in scores.settings.portions
        for what in ("", f": gain over `{LABELS}` of the same way")
    ]
    means = f"Macro-F1, mean of {', '.join(scores.people)}:"
    parts = [_starts(scores), means, table(("start", "encoder", *head), rows, (0, 1))]
    return "\n\n".join(filter(None, [*parts, "Beside the paper, not frozen:", _beside(scores)]))


def _starts(scores: Scores) -> str:
    made = scores.settings.pretraining
    source = "simulated people and recorded motion" if made.mocap else "simulated people"
    amount = f"{made.windows:,} windows of {source}, {made.steps:,} steps of {made.batch}"
    rows = [
        [row, ", ".join(objectives) or "none", amount if objectives else "nothing"]
        for row, objectives in ROWS.items()
        if row in scores.settings.rows
    ]
    return table(("start", "objectives", "pre-trained on"), rows, (0, 1, 2))


def _levels(scores: Scores, portion: float) -> str:
    rows = []
    for row, way in scores.ways():
        each = [scores.of(row, name, portion, way) for name in scores.targets]
        if any(each):
            rows.append([*_title(row, way), *(_level(of) for of in each), _mean(scores, row, portion, way)])
    return table(("start", "encoder", *scores.targets, "mean"), rows, (0, 1))


def _title(row: str, way: str) -> tuple[str, str]:
    return row, "" if row == FOREST else way


def _level(of: Outcome | None) -> str:
    return "" if of is None else _shown(outcomes.value(of), outcomes.interval(of))


def _shown(value: float, interval: Interval | None, sign: str = "") -> str:
    around = "" if interval is None else f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})"
    return f"{value:{sign}.3f}{around}"


def _mean(scores: Scores, row: str, portion: float, way: str) -> str:
    each = [scores.of(row, name, portion, way) for name in scores.people]
    return f"{np.mean([outcomes.value(of) for of in each if of]):.3f}" if all(each) else ""


def _gains(scores: Scores, portion: float) -> str:
    rows = []
    for row, way in scores.ways():
        if row == FOREST:
            continue
        each = [_pair(scores, row, LABELS, name, portion, way) for name in scores.targets]
        if row == LABELS or any(each):
            cells = ["" if pair is None else _shown(*outcomes.gain(*pair), sign="+") for pair in each]
            over = [_mean_gain(scores, row, other, portion, way) for other in _BESIDE]
            rows.append([row, way, *cells, *over])
    head = ("start", "encoder", *scores.targets, *(f"mean over `{other}`" for other in _BESIDE))
    return table(head, [row for row in rows if any(row[2:])], (0, 1))


def _longer(scores: Scores) -> str:
    """Lay out what is left of the labels' gain where both starts have more steps."""
    rows = []
    for portion in scores.settings.portions:
        each = [_pair(scores, LABELS_LONG, LONG, name, portion, TUNED) for name in scores.targets]
        if any(each):
            cells = [_shown(*outcomes.gain(*pair), sign="+") if pair else "" for pair in each]
            mean = _mean_gain(scores, LABELS_LONG, LONG, portion, TUNED)
            rows.append([f"{portion:.0%}", *cells, mean])
    return table(("of the people", *scores.targets, "mean"), rows)


def _pair(
    scores: Scores, row: str, over: str, target: str, portion: float, way: str
) -> tuple[Outcome, Outcome] | None:
    if row == over:
        return None
    first, second = (scores.of(name, target, portion, way) for name in (row, over))
    return (first, second) if first and second else None


def _mean_gain(scores: Scores, row: str, over: str, portion: float, way: str) -> str:
    pairs = [_pair(scores, row, over, name, portion, way) for name in scores.people]
    whole = [pair for pair in pairs if pair]
    return _shown(*outcomes.mean_gain(whole), sign="+") if whole and len(whole) == len(pairs) else ""


def _among(labels: Sequence[int], counts: Counts) -> Counts:
    return np.asarray(np.nanmean(outcomes.each_f1(counts)[..., list(labels)], axis=-1))


def _fine(scores: Scores) -> str:
    rows = []
    head = [f"{p:.0%}{what}" for p in scores.settings.portions for what in ("", f", gain over `{LABELS}`")]
    for row, way in scores.ways() if _FINE_TARGET in scores.targets else ():
        cells = []
        for portion in scores.settings.portions:
            of = scores.of(row, _FINE_TARGET, portion, way)
            pair = None if row == FOREST else _pair(scores, row, LABELS, _FINE_TARGET, portion, way)
            fine = [i for i, label in enumerate(of.labels) if label in FINE] if of else []
            measure = partial(_among, fine)
            cells.append(
                _shown(outcomes.value(of, measure), outcomes.interval(of, measure)) if of and fine else ""
            )
            cells.append(_shown(*outcomes.gain(*pair, measure), sign="+") if pair and fine else "")
        if any(cells):
            rows.append([*_title(row, way), *cells])
    return table(("start", "encoder", *head), rows, (0, 1))


def _beside(scores: Scores) -> str:
    rows = [["Multi³Net, published", "OpenPack", "", "", _PAPER]]
    for name in (_ONE_PERSON, *PUBLISHED):
        if name not in (*scores.targets, *PUBLISHED):
            continue
        for portion in scores.settings.portions:
            pair = _pair(scores, ALL, RANDOM, name, portion, TUNED)
            if pair:
                all_four, random = map(outcomes.value, pair)
                gain = f"{_shown(*outcomes.gain(*pair), sign='+')}; {all_four / random - 1.0:+.1%} relative"
                rows.append(
                    [f"edgehar, {portion:.0%}", _words(name), f"{random:.3f}", f"{all_four:.3f}", gain]
                )
        if name in PUBLISHED and name not in scores.targets:
            rows.append(["edgehar", name, "", "", NO_DATA])
    return table(("", "people", RANDOM, ALL, "gain in macro-F1"), rows, (0, 1, 4))


def _words(name: str) -> str:
    return f"{name}, tenths of one worker's time" if name == _ONE_PERSON else name


def draw(scores: Scores, path: Path) -> None:
    """Draw a panel for each target: macro-F1 not frozen against the portion, a line for each start."""
    panels: dict[str, dict[str, Line]] = {}
    portions = sorted(scores.settings.portions)
    for name in scores.targets:
        for row in scores.settings.rows:
            each = [(portion, scores.of(row, name, portion, TUNED)) for portion in portions]
            points = [(portion, of) for portion, of in each if of]
            if points:
                panels.setdefault(name, {})[row] = curves.line(points)
    ticks = {portion: f"{portion:.0%}" for portion in portions}
    curves.draw(panels, Axes("people learned from", "macro-F1, not frozen", ticks, logarithmic=True), path)
