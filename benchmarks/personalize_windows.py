"""Windows of real people as a network judges them, and their scores, for `benchmarks.personalize`."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.personal.judged import Judged
from edgehar.personal.logistic import Array, Indices
from edgehar.personal.recognizer import Personal
from edgehar.personal.statistics import in_axes, of_window
from edgehar.pipeline.cut import cut
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.types import Samples

SUPPORT_S = 30.0
"""Time of each activity to learn from, s."""
WORK = Path("build/personalize")
SEED = 20261201
RESAMPLES = 1000

Words = NDArray[np.str_]
"""(windows,), labels."""
Turn = tuple[int, int, int]
"""Signs of the axes of a sensor that is turned over."""


class Seen(Struct, frozen=True, eq=False):
    """Windows of recordings, as the network judges them."""

    label: NDArray[np.str_]
    embedding: Array
    statistics: Array
    probability: Array
    end: Array
    """(windows,), s from the recording's begin."""
    in_axes: Array
    """(windows, statistics), those of the device's own axes, as the forest has them."""


def kept(
    network: Recognizer, name: str, trials: Sequence[Trial], worn: Sequence[str], hop_s: float
) -> list[Seen]:
    """Return `seen` of each trial of a set, which is kept in `build/personalize`."""
    words = f"3-{network.spec.sha256[:12]}-{name}-{'+'.join(worn)}-{hop_s:g}"
    path, count = WORK / f"{words}.npz", len(Seen.__struct_fields__)
    if not path.is_file():
        parts = [seen(network, trial, worn, hop_s) for trial in trials]
        WORK.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{i}": getattr(part, key) for i, (part, key) in enumerate(product(parts, Seen.__struct_fields__))
        }
        np.savez(path, **arrays)
    with np.load(path) as file:
        read_back = [file[f"{i}"] for i in range(len(file.files))]
    return [Seen(*read_back[i : i + count]) for i in range(0, len(read_back), count)]


def seen(
    network: Recognizer, trial: Trial, worn: Sequence[str], hop_s: float, turned: Turn | None = None
) -> Seen:
    """Judge the windows of a trial that lie wholly within one label, of sensors `turned` as these signs of their axes say."""
    spec, rows = network.spec, []
    length_s = spec.window / spec.rate_hz
    slots = spec.slots(worn)
    for window in cut(spec, {place: turn(trial.tracks[place], turned) for place in worn}, hop_s):
        begin, end = window.t_end - length_s, window.t_end
        word = next((word for a, b, word in trial.truth if a <= begin and end <= b), "")
        [p] = network.push(window)
        if word and p.probabilities is not None and p.embedding is not None and not window.excluded_sensors:
            statistics = of_window(spec, slots, window.x)
            rows.append(
                (word, p.embedding.copy(), statistics, p.probabilities, end, in_axes(spec, slots, window.x))
            )
    label, *arrays = zip(*rows, strict=True)
    return Seen(np.array(label), *(np.array(each, np.float64) for each in arrays))


def turn(track: Samples, signs: Turn | None) -> Samples:
    """Return what a sensor would have sent that is worn turned by half a turn about one of its axes."""
    if not signs:
        return track
    both = np.array([signs[("x", "y", "z").index(name[-1])] for name in track.channels], track.values.dtype)
    return replace(track, values=track.values * both)


def joined_seen(parts: Sequence[Seen]) -> Seen:
    """Return several as one."""
    return Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in Seen.__struct_fields__))


def of_rows(some: Seen, rows: NDArray[np.bool_] | Indices) -> Judged:
    """Return these windows as `teach` has them."""
    arrays = some.embedding[rows], some.statistics[rows], some.probability[rows]
    return Judged(tuple(some.label[rows].tolist()), *arrays)


def f1_by_label(true: Words, told: Words, labels: Sequence[str]) -> dict[str, float]:
    """Return F1 of each label that was done."""
    right, done, answered = counts(true, told, labels)
    return {label: 2 * right[i] / (done[i] + answered[i]) for i, label in enumerate(labels) if done[i]}


def macro(true: Words, told: Words, labels: Sequence[str]) -> float:
    """Return macro-F1 of the labels that were done."""
    return float(np.mean([*f1_by_label(true, told, labels).values()]))


def counts(true: Words, told: Words, labels: Sequence[str]) -> Array:
    """Return windows (3, labels): right ones, those in which each was done, and those in which it was told."""
    masks = [(true == label, told == label) for label in labels]
    rows = [[(a & b).sum() for a, b in masks], [a.sum() for a, _ in masks], [b.sum() for _, b in masks]]
    return np.array(rows, np.float64)


def with_interval(true: Words, told: Words, labels: Sequence[str], who: NDArray[np.generic]) -> str:
    """Show macro-F1 with a 95 % interval by bootstrap over people, or whatever is drawn."""
    rng, units = np.random.default_rng(SEED), np.unique(who)
    each = np.stack([counts(true[who == unit], told[who == unit], labels) for unit in units])
    drawn = each[rng.integers(len(units), size=(RESAMPLES, len(units)))].sum(axis=1)
    right, done, answered = drawn.transpose(1, 0, 2)
    scores = np.where(done > 0, 2 * right / np.maximum(done + answered, 1), np.nan)
    low, high = np.quantile(np.nanmean(scores, axis=1), (0.025, 0.975))
    return f"{macro(true, told, labels):.3f} ({low:.3f}–{high:.3f})"


def told_by(network: Recognizer, judge: Personal | None, some: Seen, rows: Indices) -> NDArray[np.str_]:
    """Return the arg-max of the network, or of a head on it."""
    p, labels = some.probability[rows], network.spec.labels
    if judge is not None:
        shown = some.embedding[rows], some.statistics[rows, : judge.head.statistics], p
        p = judge.probabilities(*(each.astype(np.float32) for each in shown)).astype(np.float64)
        labels = judge.spec.labels
    return np.array([labels[i] for i in p.argmax(axis=1).tolist()], np.str_)
