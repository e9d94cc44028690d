"""Recordings that repeat each other: copies, and parts of one that were cut out or overlap.

What was recorded once counts once: a head that is judged beside a copy is judged by what it was taught.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from edgehar.recordings.scoring import Segment
from edgehar.sources.replay import Track
from edgehar.types import UNREADABLE

LEAST_S = 1.0
"""Time that is repeated without a break from which it counts as such, and that has to be left of what was done, s."""

_IN_A_ROW = 3
"""Packets of a sensor that are compared together: one alone, such as a description, is often the same."""

Stretch = tuple[float, float]
"""Start and end, stream time, s."""


class Repeats:
    """The packets of recordings, some 100 bytes of memory for each."""

    def __init__(self) -> None:
        self._of: dict[int, str] = {}

    def fresh(self, track: Track) -> tuple[Track, str]:
        """Return a recording with what is known of it only where no recording before has the same packets.

        Also which recordings those are and for how long, in words, empty where there are none.
        """
        new, stretches, others = dict[int, str](), list[Stretch](), dict[str, None]()
        latest = 0.0
        for begin, end, run in _runs(track):
            latest = end
            if run not in self._of:
                new[run] = track.name
                continue
            others[self._of[run]] = None
            if stretches and begin <= stretches[-1][1]:
                stretches[-1] = (stretches[-1][0], max(stretches[-1][1], end))
            else:
                stretches.append((begin, end))
        self._of |= new
        repeated = [(begin, end) for begin, end in stretches if end - begin >= LEAST_S]
        if not repeated:
            return track, ""
        seconds = sum(end - begin for begin, end in repeated)
        recorded = ((start, min(end, latest), label) for start, end, label in track.truth)
        truth = tuple(part for segment in recorded for part in _without(segment, repeated))
        says = f"{track.name}: {seconds:.0f} s of it stand in {' and '.join(others)} too, and count once"
        return replace(track, truth=truth), says


def _runs(track: Track) -> Iterator[tuple[float, float, int]]:
    """Yield packets of a sensor in a row: begin and end, stream time, s, and a number that stands for what they hold."""
    latest: dict[int, list[tuple[float, bytes]]] = {}
    for t, stream, body in track.packets:
        if body and stream != UNREADABLE:
            row = latest[stream] = [*latest.get(stream, ()), (t, body)][-_IN_A_ROW:]
            if len(row) == _IN_A_ROW:
                placement = track.header.streams[stream].placement
                yield row[0][0], t, hash((placement, *(each for _, each in row)))


def _without(segment: Segment, stretches: list[Stretch]) -> Iterator[Segment]:
    start, end, label = segment
    for begin, stop in (*stretches, (end, end)):
        if min(begin, end) - start >= LEAST_S:
            yield start, min(begin, end), label
        start = max(start, stop)
