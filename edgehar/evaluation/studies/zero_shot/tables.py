"""The tables of zero-shot by text, from the figures that were kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.evaluation.markdown import table
from edgehar.evaluation.studies.outcome import Counts, Outcome, accuracy, each_f1, interval, value
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.zero_shot.study import INT8, WAYS, Entry, Settings, Share, key
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.training.texts import embeddings, label_text, words

_SAME = 0.75
"""Cosine from which on a caption says what a text says: kicking a soccer ball and `a person kicks a soccer ball` have .87, pushing with
both hands and the nearest that anybody was told of .73."""


def tables(settings: Settings, results: Results[Entry]) -> str:
    """Return all tables as Markdown: of ways, of labels one by one, and of typed ones for all targets but the first."""
    entries = _kept(settings, results)
    scored = {name: entry for name, entry in entries.items() if entry.outcomes}
    first = next(iter(scored), None)
    parts = [
        _of_ways(scored),
        *(_of_labels(name, entry) for name, entry in scored.items()),
        _of_typed({name: entry for name, entry in scored.items() if name != first}),
        _of_elsewhere({name: entry for name, entry in entries.items() if name not in scored}),
    ]
    return "\n\n".join(part for part in parts if part)


def short(settings: Settings, results: Results[Entry]) -> str:
    """Return the table that a reader needs: each way on each target."""
    return _of_ways({name: entry for name, entry in _kept(settings, results).items() if entry.outcomes})


def _kept(settings: Settings, results: Results[Entry]) -> dict[str, Entry]:
    return {
        name: results.entries[key(settings, name)]
        for name in (*settings.targets, *settings.elsewhere)
        if key(settings, name) in results
    }


def _of_ways(entries: dict[str, Entry]) -> str:
    rows = []
    for name, entry in entries.items():
        ways = [way for way in WAYS if way in entry.outcomes]
        rows += [[f"{name}: {way}", *_figures(entry.outcomes[way])] for way in ways]
        rows.append([f"{name}: any label at random", *_chance(entry.outcomes[INT8])])
    head = (
        "by texts alone",
        "labels",
        "unseen",
        "people",
        "windows",
        "accuracy",
        "macro-F1",
        "95 %",
    )
    return table((*head, "F1 of the unseen"), rows)


def unseen(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Tell of each label whether the pre-training had neither its movement nor, in whatever words, its text."""
    captions = embeddings(text for texts in words().captions.values() for text in texts)
    nearest = (embeddings(map(label_text, labels)) @ captions.T).max(axis=1)
    is_simulated = np.array([label in CATALOGUE for label in labels])
    return np.asarray(~is_simulated & (nearest < _SAME))


def _figures(of: Outcome) -> list[str]:
    low_high, is_unseen = interval(of), unseen(of.labels)
    between = f"{low_high[0]:.3f} to {low_high[1]:.3f}" if low_high else ""
    sizes = [str(n) for n in (len(of.labels), int(is_unseen.sum()), len(of.people), of.windows)]
    f1 = each_f1(of.counts.sum(axis=0))
    return [*sizes, f"{value(of, accuracy):.3f}", f"{value(of):.3f}", between, _mean(f1[is_unseen])]


def _chance(of: Outcome) -> list[str]:
    """Return the figures of answers drawn with equal probabilities, in the mean."""
    counts = of.counts.sum(axis=0)
    true, labels, is_unseen = counts[0] + counts[1], len(of.labels), unseen(of.labels)
    right = true / labels
    f1 = 2.0 * right / (true + true.sum() / labels)
    sizes = (str(labels), str(int(is_unseen.sum())), "", "")
    return [*sizes, f"{1 / labels:.3f}", _mean(f1), "", _mean(f1[is_unseen])]


def _mean(f1: Counts) -> str:
    return f"{float(np.mean(f1)):.3f}" if len(f1) else ""


def _of_labels(name: str, entry: Entry) -> str:
    of = entry.outcomes[INT8]
    counts, is_unseen = of.counts.sum(axis=0), unseen(of.labels)
    rows = [
        [
            f"{label}{'' if is_unseen[i] else ' (seen)'}",
            label_text(label),
            f"{int(counts[:2, i].sum())}",
            f"{f1:.2f}",
            entry.commonest[label],
        ]
        for i, (label, f1) in enumerate(zip(of.labels, each_f1(counts), strict=True))
    ]
    rows.sort(key=lambda row: -float(row[3]))
    return table((name, "its text", "windows", "F1, int8", "commonest answer"), rows, (0, 1, 4))


def _of_typed(entries: dict[str, Entry]) -> str:
    rows = [
        [f"{name}: {label}", *_of_share(share), *_of_share(entry.not_done[label])]
        for name, entry in entries.items()
        for label, share in entry.done.items()
    ]
    each = ("mean share", "told")
    return table(("typed alone", "windows while done", *each, "while not done", *each), rows)


def _of_elsewhere(entries: dict[str, Entry]) -> str:
    texts = dict.fromkeys(text for entry in entries.values() for text in entry.not_done)
    rows = [
        [text, *(cell for entry in entries.values() for cell in _of_share(entry.not_done[text]))]
        for text in texts
    ]
    head = [column for name in entries for column in (f"{name}: windows", "mean share", "told")]
    return table(("typed alone, and never done", *head), rows)


def _of_share(share: Share) -> list[str]:
    return [str(share.windows), f"{share.mean:.3f}", f"{share.told:.3f}"]
