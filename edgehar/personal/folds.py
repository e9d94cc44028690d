"""Takes held out in turn: what is taught from some is judged on the others.

Of a label that was done several times each time is held out once, in up to `FOLDS` turns. What was done once alone is cut in
two, of which each half is held out once: then a window lies between what is taught and what is judged.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from edgehar.personal.counts import Stretch
from edgehar.personal.takes import Take
from edgehar.recordings.scoring import Segment, merge

FOLDS = 3
"""Turns: each costs a fit and a replay."""


class Fold(Struct, frozen=True, eq=False):
    """One turn."""

    taught: list[Take]
    held_out: list[list[Stretch]]
    """Stretches of each take, in its time, s."""


class _Part(Struct, frozen=True):
    """A part of a take that is held out in one turn, or of no turn always taught."""

    take: int
    segment: Segment
    judged: Stretch
    turn: int | None


def folds(takes: Sequence[Take], window_s: float) -> list[Fold]:
    """Return the turns; none where all that was done is too short to be held out. `window_s` is the model's."""
    parts = [*_parts(takes, window_s)]
    turns = sorted({part.turn for part in parts if part.turn is not None})
    return [_fold(takes, parts, turn) for turn in turns]


def _fold(takes: Sequence[Take], parts: Sequence[_Part], turn: int) -> Fold:
    taught, held_out = [], []
    for i, take in enumerate(takes):
        truth = [part.segment for part in parts if part.take == i and part.turn != turn]
        held_out.append([part.judged for part in parts if part.take == i and part.turn == turn])
        if truth:
            taught.append(replace(take, truth=sorted(truth)))
    return Fold(taught, held_out)


def _parts(takes: Sequence[Take], window_s: float) -> Iterator[_Part]:
    done: dict[str, list[tuple[int, Segment]]] = {}
    for i, take in enumerate(takes):
        for segment in merge(take.truth):
            done.setdefault(segment[2], []).append((i, segment))
    for segments in done.values():
        long = [(i, segment) for i, segment in segments if segment[1] - segment[0] > window_s]
        for i, segment in segments:
            if (i, segment) not in long:
                yield _Part(i, segment, segment[:2], None)
        if len(long) == 1:
            yield from _halves(*long[0], window_s)
            continue
        for k, (i, segment) in enumerate(long):
            yield _Part(i, segment, segment[:2], k % min(FOLDS, len(long)))


def _halves(take: int, segment: Segment, window_s: float) -> Iterator[_Part]:
    """Yield two parts, or one that is always taught where a half would be shorter than one and a half windows."""
    start, end, label = segment
    middle = (start + end) / 2.0
    if middle + 1.5 * window_s > end:
        yield _Part(take, segment, (start, end), None)
        return
    yield _Part(take, (start, middle, label), (start, middle), 0)
    # What was taught lies in the windows before.
    yield _Part(take, (middle, end, label), (middle + window_s, end), 1)
