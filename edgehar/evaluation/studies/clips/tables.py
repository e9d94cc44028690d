"""The tables and the picture of the study of clips, each beside what was published."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.evaluation.markdown import table
from edgehar.evaluation.studies import curves
from edgehar.evaluation.studies.clips import hmdb51
from edgehar.evaluation.studies.clips.fits import (
    ADVANCED,
    AMONG,
    ANEW,
    AS_SHIPPED,
    BASIC,
    FOREST,
    MAJORITY,
    ON_PICTURES,
    ON_POSES,
    RECURRENT,
    TUNED,
)
from edgehar.evaluation.studies.clips.study import Entry, SetName, is_at_hand
from edgehar.evaluation.studies.outcome import (
    Interval,
    Outcome,
    accuracy,
    interval,
    pooled,
    value,
    wilson,
)
from edgehar.evaluation.studies.results import NO_DATA, NOT_RUN

_NO_SPLIT = "not run: the labels at hand have no split"
_PUBLISHED = {BASIC: "34 %", ADVANCED: "41 %", RECURRENT: "70 % (50 of 71 clips)"}
"""`LoreImbo/hmdb51-video-classification`, its README: accuracy on a random quarter of the clips."""
_DD_NET = (
    ("DD-Net, published", "77.2 %", "1.82 M"),
    ("DD-Net, small, published", "73.7 %", "0.5 M"),
    ("DD-Net, its page after a correction", "82 to 83 %", ""),
)
"""Yang et al. 2019, on annotated poses of JHMDB. Its program has 21 labels where 14 are at hand, and its page does not say of
which splits its figures are."""


class Score(Struct, frozen=True):
    """A way on a set, over its folds and seeds."""

    clips: int
    seeds: int
    accuracy: float
    """Mean over seeds."""
    spread: Interval
    """Least and most of a seed."""
    wilson: Interval
    macro_f1: float
    recordings: Interval | None
    """95 % of the macro-F1 by bootstrap over recordings."""
    parameters: int
    classify_ms: float


def scores(entries: Mapping[str, Entry], name: str) -> dict[str, Score]:
    """Return the scores on a set of all ways that went through all of its folds."""
    about = entries.get(name)
    if about is None:
        return {}
    by_way: dict[str, list[Entry]] = {}
    for entry in entries.values():
        if entry.set == name and entry.outcome is not None:
            by_way.setdefault(entry.way, []).append(entry)
    made = {way: _score(fits, about.folds) for way, fits in by_way.items()}
    return {way: score for way, score in made.items() if score is not None}


def _score(fits: Sequence[Entry], folds: int) -> Score | None:
    whole: list[Outcome] = []
    for seed in sorted({fit.seed for fit in fits}):
        outcomes = [fit.outcome for fit in fits if fit.seed == seed and fit.outcome is not None]
        if len(outcomes) == folds:
            whole.append(pooled(outcomes))
    if not whole:
        return None
    shares = [value(each, accuracy) for each in whole]
    mean, count = float(np.mean(shares)), whole[0].windows
    return Score(
        count, len(whole), mean, (min(shares), max(shares)), wilson(round(mean * count), count),
        float(np.mean([value(each) for each in whole])), interval(pooled(whole)),
        fits[0].parameters, float(np.median([fit.classify_ms for fit in fits])),
    )  # fmt: skip


def tables(entries: Mapping[str, Entry], data: Path) -> str:
    """Lay out all tables; what is missing in them is at hand below the data folder or not."""
    parts = [
        ("### Films", _films(entries) or _absence(data, "films")),
        ("### HMDB51", _hmdb(entries, data)),
        ("### JHMDB, split 1: poses alone", _poses(entries, data, "jhmdb", _DD_NET)),
        ("### Penn Action, halves of each action by number: poses alone", _poses(entries, data, "penn", ())),
        ("### Penn Action, its own split: poses alone", _poses(entries, data, "penn own", ())),
    ]
    return "\n\n".join(f"{title}\n\n{text}" for title, text in parts)


def _absence(data: Path, name: SetName) -> str:
    """Say why there are no figures of a set."""
    if is_at_hand(data, name):
        return NOT_RUN
    return _NO_SPLIT if name == "penn own" and is_at_hand(data, "penn") else NO_DATA


def _films(entries: Mapping[str, Entry]) -> str:
    scored = scores(entries, "films")
    if not scored:
        return ""
    about = entries["films"]
    costs = {way: score.classify_ms + _looking(way, about) for way, score in scored.items()}
    ours = costs.get(AS_SHIPPED, 0.0)
    rows = [
        [
            way, *_figures(score), _between(score.recordings), _parameters(score.parameters),
            f"{costs[way]:.1f}" if costs[way] else "", f"{costs[way] / ours:.2f}" if ours else "",
        ]
        for way, score in ((way, scored[way]) for way in ON_PICTURES if way in scored)
    ]  # fmt: skip
    head = (
        "way",
        "accuracy",
        "95 %",
        "macro-F1",
        "95 % over recordings",
        "parameters",
        "ms per clip",
        "beside ours",
    )
    return f"{about.clips} clips: {about.note}.\n\n{table(head, rows)}"


def _looking(way: str, about: Entry) -> float:
    """Return the CPU time of what a way sees of a clip, ms."""
    if way == MAJORITY:
        return 0.0
    small, keypoints = about.looking_ms
    return small if way in {BASIC, ADVANCED} else keypoints


def _hmdb(entries: Mapping[str, Entry], data: Path) -> str:
    splits = {split: scores(entries, f"hmdb51 {split}") for split in hmdb51.SPLITS}
    ways, absent = (BASIC, ADVANCED, RECURRENT, MAJORITY, FOREST, ANEW, TUNED), _absence(data, "hmdb51 1")
    rows = [
        [way, _PUBLISHED.get(way, ""), *(_cell(scored, way) or absent for scored in splits.values())]
        for way in ways
    ]
    notes = [f"Split {i}: {entries[f'hmdb51 {i}'].note}.\n\n" for i in splits if f"hmdb51 {i}" in entries]
    head = (
        "way",
        "published, other clips and labels",
        *(f"split {split}, accuracy / macro-F1" for split in splits),
    )
    return "".join(notes) + table(head, rows, words=(0, 1, 2, 3, 4))


def _cell(scored: Mapping[str, Score], way: str) -> str:
    if way not in scored:
        return ""
    score = scored[way]
    return f"{score.accuracy:.3f} ({_between(score.wilson)}) / {score.macro_f1:.3f}"


def _poses(
    entries: Mapping[str, Entry], data: Path, name: SetName, published: Sequence[tuple[str, str, str]]
) -> str:
    scored = scores(entries, name)
    rows = [[_bare(way), *_of_seeds(scored[way])] for way in ON_POSES if way in scored]
    rows += [[title, share, "", "", "", "", count] for title, share, count in published]
    head = ("way", "accuracy", "95 %", "macro-F1", "seeds", "accuracy of the seeds", "parameters")
    if not scored:
        rows.insert(0, ["all ways", _absence(data, name), *[""] * 5])
    note = f"{entries[name].note}.\n\n" if name in entries else ""
    return note + table(head, rows)


def _of_seeds(score: Score) -> list[str]:
    return [*_figures(score), str(score.seeds), _between(score.spread), _parameters(score.parameters)]


def _bare(way: str) -> str:
    """Return a way's name without MoveNet: annotated poses need none."""
    return way.removeprefix("MoveNet, ")


def _figures(score: Score) -> list[str]:
    return [f"{score.accuracy:.3f}", _between(score.wilson), f"{score.macro_f1:.3f}"]


def _between(ends: Interval | None) -> str:
    return "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _parameters(count: int) -> str:
    return f"{count:,}" if count else ""


def picture(entries: Mapping[str, Entry], path: Path) -> None:
    """Draw the accuracy of each way on each set, with Wilson's interval."""
    panels = {}
    names = [(AMONG, "as shipped"), (TUNED, "fine-tuned"), (ANEW, "random start"), (FOREST, "forest")]
    names += [(RECURRENT, "recurrent"), (ADVANCED, "adv. LRCN"), (BASIC, "LRCN"), (MAJORITY, "commonest")]
    for name in dict.fromkeys(entry.set for entry in entries.values()):
        scored = scores(entries, name)
        panels[name] = {
            title: _point(float(place), scored[way])
            for place, (way, title) in enumerate(names)
            if way in scored
        }
    curves.draw({k: v for k, v in panels.items() if v}, curves.Axes("way", "accuracy", {}), path)


def _point(place: float, score: Score) -> curves.Line:
    low, high = score.wilson
    return curves.Line((place,), (score.accuracy,), (low,), (high,))
