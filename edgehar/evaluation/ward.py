"""Errors of continuous recognition told apart, one label against the rest.

After Ward, Lukowicz and Gellersen, "Performance metrics for activity recognition", ACM TIST 2(1),
2011: what was reported too much is an insertion, a merge of two true intervals or overfill at an edge;
what was missed is a deletion, a fragmentation of one true interval or underfill at an edge. Time is
weighed in seconds instead of frames, so no frame length enters.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from edgehar.evaluation.markdown import table
from edgehar.recordings.scoring import Segment

Interval = tuple[float, float]
"""Start and end, s."""


class Frames(Struct, frozen=True):
    """Seconds of each kind."""

    hit: float = 0.0
    """True and reported."""
    silence: float = 0.0
    """Neither of both."""
    insertion: float = 0.0
    merge: float = 0.0
    overfill_start: float = 0.0
    overfill_end: float = 0.0
    deletion: float = 0.0
    fragmentation: float = 0.0
    underfill_start: float = 0.0
    underfill_end: float = 0.0

    def __add__(self, other: "Frames") -> "Frames":
        return Frames(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


class Rates(Struct, frozen=True):
    """2SET rates: shares of what is true and of what is not, so that rare labels weigh as common ones."""

    hit: float | None
    """Share of the true time that was reported; None if there is none. With the next three it sums to 1."""
    deletion: float | None
    fragmentation: float | None
    underfill: float | None
    insertion: float | None
    """Share of all other time; None if there is none."""
    merge: float | None
    overfill: float | None


class Events(Struct, frozen=True):
    """Counts of true and of reported intervals."""

    correct: int = 0
    """One true interval met by one reported, and no other: C."""
    deleted: int = 0
    """True, and never reported: D."""
    fragmented: int = 0
    """True, reported in pieces: F."""
    merged: int = 0
    """True, reported in one with another: M."""
    fragmented_merged: int = 0
    """True, both: FM."""
    inserted: int = 0
    """Reported, and never true: I'."""
    fragmenting: int = 0
    """Reported, a piece of a true one: F'."""
    merging: int = 0
    """Reported, over several true ones: M'."""
    fragmenting_merging: int = 0
    """Reported, both: FM'."""

    def __add__(self, other: "Events") -> "Events":
        return Events(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


class Ward(Struct, frozen=True):
    """Errors of one label on one or more recordings."""

    frames: Frames
    rates: Rates
    events: Events


class _Piece(NamedTuple):
    seconds: float
    true: bool
    reported: bool


def compare(true: Iterable[Interval], reported: Iterable[Interval], start: float, end: float) -> Ward:
    """Compare reported and true intervals from `start` to `end`, s; those that touch or overlap are one."""
    true, reported = _joined(true, start, end), _joined(reported, start, end)
    return _ward(_frames(_pieces(true, reported, start, end)), _events(true, reported))


def pool(parts: Iterable[Ward]) -> Ward:
    """Pool all recordings: seconds and counts add up, rates are formed of the sums."""
    frames, events = Frames(), Events()
    for part in parts:
        frames, events = frames + part.frames, events + part.events
    return _ward(frames, events)


def by_label(
    true: Sequence[Segment], reported: Sequence[Segment], labels: Iterable[str], start: float, end: float
) -> dict[str, Ward]:
    """Compare each label against the rest, over the same stretch of time."""
    return {
        label: compare(
            [(a, b) for a, b, name in true if name == label],
            [(a, b) for a, b, name in reported if name == label],
            start,
            end,
        )
        for label in labels
    }


def _joined(intervals: Iterable[Interval], start: float, end: float) -> list[Interval]:
    """Sort and cut to [start, end], leave out those of no length, make touching ones one."""
    joined: list[Interval] = []
    for a, b in sorted((max(a, start), min(b, end)) for a, b in intervals):
        if b <= a:
            continue
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], b))
        else:
            joined.append((a, b))
    return joined


def _pieces(true: list[Interval], reported: list[Interval], start: float, end: float) -> list[_Piece]:
    """Cut the time into stretches in which neither truth nor answer changes."""
    edges = sorted({start, end, *(edge for interval in (*true, *reported) for edge in interval)})
    pieces, i, j = [], 0, 0
    for a, b in pairwise(edges):
        while i < len(true) and true[i][1] <= a:
            i += 1
        while j < len(reported) and reported[j][1] <= a:
            j += 1
        is_true = i < len(true) and true[i][0] <= a
        is_reported = j < len(reported) and reported[j][0] <= a
        pieces.append(_Piece(b - a, is_true, is_reported))
    return pieces


# By whether a hit stands right before and right after the piece.
_TOO_MUCH = {
    (False, False): "insertion",
    (True, True): "merge",
    (False, True): "overfill_start",
    (True, False): "overfill_end",
}
_MISSED = {
    (False, False): "deletion",
    (True, True): "fragmentation",
    (False, True): "underfill_start",
    (True, False): "underfill_end",
}


def _frames(pieces: Sequence[_Piece]) -> Frames:
    hits = [False, *(piece.true and piece.reported for piece in pieces), False]
    seconds = dict.fromkeys(Frames.__struct_fields__, 0.0)
    for i, piece in enumerate(pieces):
        if piece.true == piece.reported:
            kind = "hit" if piece.true else "silence"
        else:
            kind = (_MISSED if piece.true else _TOO_MUCH)[hits[i], hits[i + 2]]
        seconds[kind] += piece.seconds
    return Frames(**seconds)


def _events(true: list[Interval], reported: list[Interval]) -> Events:
    met = [[j for j, r in enumerate(reported) if _overlap(t, r)] for t in true]
    covered = [[i for i, t in enumerate(true) if _overlap(t, r)] for r in reported]
    of_true = [(len(js) > 0, len(js) > 1, any(len(covered[j]) > 1 for j in js)) for js in met]
    of_reported = [(len(ks) > 0, any(len(met[k]) > 1 for k in ks), len(ks) > 1) for ks in covered]
    return Events(
        correct=of_true.count((True, False, False)),
        deleted=of_true.count((False, False, False)),
        fragmented=of_true.count((True, True, False)),
        merged=of_true.count((True, False, True)),
        fragmented_merged=of_true.count((True, True, True)),
        inserted=of_reported.count((False, False, False)),
        fragmenting=of_reported.count((True, True, False)),
        merging=of_reported.count((True, False, True)),
        fragmenting_merging=of_reported.count((True, True, True)),
    )


def _overlap(a: Interval, b: Interval) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _ward(frames: Frames, events: Events) -> Ward:
    f = frames
    true = f.hit + f.deletion + f.fragmentation + f.underfill_start + f.underfill_end
    rest = f.silence + f.insertion + f.merge + f.overfill_start + f.overfill_end
    return Ward(
        frames,
        Rates(
            hit=_share(f.hit, true),
            deletion=_share(f.deletion, true),
            fragmentation=_share(f.fragmentation, true),
            underfill=_share(f.underfill_start + f.underfill_end, true),
            insertion=_share(f.insertion, rest),
            merge=_share(f.merge, rest),
            overfill=_share(f.overfill_start + f.overfill_end, rest),
        ),
        events,
    )


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def markdown(results: Mapping[str, Ward]) -> str:
    """Lay out a line per name: rates in percent, then the counts of events."""
    rates, events = Rates.__struct_fields__, Events.__struct_fields__
    head = ["", *(f"{name} %" for name in rates), *(name.replace("_", " + ") for name in events)]
    rows = []
    for name, ward in results.items():
        shares = ["" if v is None else f"{100 * v:.1f}" for v in asdict(ward.rates).values()]
        rows.append([name, *shares, *map(str, asdict(ward.events).values())])
    return table(head, rows)
