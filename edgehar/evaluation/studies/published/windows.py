"""Windows out of a published recording: its rows made even and whole, its labels those of a study."""

from math import inf
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.recordings.published.form import PublishedRecording
from edgehar.types import FloatArray, Times

Rows = NDArray[np.bool_]
Indices = NDArray[np.int64]


class Cut(Struct, frozen=True):
    """Columns that a study takes of each recording, and the way it cuts it."""

    labels: tuple[str, ...]
    """In the order of their indices; rows with another word are left out, and no window spans them."""
    columns: tuple[str, ...]
    window: int
    """Rows, of those that are taken."""
    step: int
    """Rows from one window to the next."""
    label_at: Literal["end", "middle", "mode"]
    """The row that gives a window its label, or the label that most of its rows have."""
    track: str = "activity"
    stride: int = 1
    """Every how manieth row is taken."""
    rate_hz: float | None = None
    """Even rows that the recording is brought to by straight lines; None: its rows as they are."""
    longest_gap_s: float = 1.0
    """Losses up to here are drawn straight, a window with a longer one is left out. inf: all are drawn, what was lost at an
    end is held, and a column without any value is 0."""


class Windows(Struct, frozen=True, eq=False):
    """Windows of one recording, as rows and where in them each window begins."""

    rows: FloatArray
    """(rows, columns); those with a label."""
    begin: Indices
    """(windows,)"""
    label: Indices
    """(windows,), index into the study's labels."""
    lost: int
    """Windows that were left out, because something in them was lost."""


def cut_windows(recording: PublishedRecording, cut: Cut) -> Windows:
    """Cut the windows of one recording; each lies in consecutive rows that have a label of the study."""
    x, label = _rows(recording, cut)
    labelled = label >= 0
    bad = np.append(0, np.cumsum(np.isnan(x[labelled]).any(axis=1)))
    begins: list[Indices] = [np.zeros(0, np.int64)]
    first = 0
    for length in _stretches(labelled):
        begins.append(np.arange(first, first + length - cut.window + 1, cut.step))
        first += length
    begin = np.concatenate(begins)
    whole = bad[begin + cut.window] == bad[begin]
    begin, x, label = begin[whole], x[labelled], label[labelled]
    return Windows(x, begin, _labels(label, begin, cut), int((~whole).sum()))


def _rows(recording: PublishedRecording, cut: Cut) -> tuple[FloatArray, Indices]:
    """Return rows as a study takes them, with the index of each one's label; -1 for no label of it."""
    track = recording.labels[cut.track]
    place = {word: i for i, word in enumerate(cut.labels)}
    label = np.array([place.get(word, -1) for word in track.words], np.int64)[track.index]
    x = recording.x[:, [recording.columns.index(name) for name in cut.columns]]
    rate_hz = recording.rate_hz
    if cut.rate_hz is not None:
        rate_hz = cut.rate_hz
        x, label = _even(recording.t, x, label, rate_hz, cut.longest_gap_s)
    _draw_losses(x, cut.longest_gap_s * rate_hz)
    return x[:: cut.stride], label[:: cut.stride]


def later_rows(t: Times) -> Rows:
    """Tell of each row whether it is later than all before it."""
    return np.append(True, t[1:] > np.maximum.accumulate(t)[:-1])


def _even(
    t: Times, x: FloatArray, label: Indices, rate_hz: float, longest_gap_s: float
) -> tuple[FloatArray, Indices]:
    """Bring rows to even times; those that are not later than all before them are left out, long gaps are NaN."""
    later = later_rows(t)
    t, x, label = t[later], x[later], label[later]
    at = np.arange(t[0], t[-1] + 1e-9, 1.0 / rate_hz)
    before = np.searchsorted(t, at + 1e-9, side="right") - 1
    after = np.minimum(before + 1, len(t) - 1)
    even = np.stack([np.interp(at, t, column) for column in x.T], axis=1).astype(np.float32)
    even[t[after] - t[before] > longest_gap_s] = np.nan
    return even, label[before]


def _draw_losses(x: FloatArray, longest: float) -> None:
    """Draw what was lost as straight lines, in place, over at most that many rows."""
    at = np.arange(len(x))
    for column in x.T:
        lost = np.isnan(column)
        if not lost.any():
            continue
        kept = at[~lost]
        if not len(kept):
            column[:] = 0.0 if longest == inf else np.nan
            continue
        column[lost] = np.interp(at[lost], kept, column[~lost])
        if longest < inf:
            after = np.searchsorted(kept, at[lost])
            is_inside = (after > 0) & (after < len(kept))
            gap = kept[np.minimum(after, len(kept) - 1)] - kept[np.maximum(after, 1) - 1] - 1
            column[at[lost][~is_inside | (gap > longest)]] = np.nan


def _stretches(rows: Rows) -> list[int]:
    """List the lengths of runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return [int(length) for length in edges[1::2] - edges[::2]]


def _labels(label: Indices, begin: Indices, cut: Cut) -> Indices:
    if cut.label_at == "end":
        return label[begin + cut.window - 1]
    if cut.label_at == "middle":
        return label[begin + cut.window // 2]
    counts = np.zeros((len(label) + 1, len(cut.labels)), np.int32)
    np.cumsum(label[:, None] == np.arange(len(cut.labels)), axis=0, out=counts[1:])
    return np.asarray((counts[begin + cut.window] - counts[begin]).argmax(axis=1))
