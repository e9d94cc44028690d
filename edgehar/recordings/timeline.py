"""The times of a recording out of those of its writers, and which of those can be."""

from collections.abc import Iterator

from edgehar.recordings.ehr_records import MARK_STREAM, Record, Unread

# A machine without a battery-backed clock may believe that decades lie between two parts.
_MAX_PAUSE_S = 60.0

LATEST_S = 1e9
"""Largest time that a host's monotonic clock shows, s: thirty years; a float64 still counts it in tenths of a µs."""
_BACK_S = 1.0
"""Threads may hand on a little late what they stamped; further back than this, s, no arrival was written."""


class ArrivalCheck:
    """Passes the records of one writer whose times can be those of arrivals, one behind; the others are counted.

    Of two records in a row of which the later one goes back in time, the one is refused that does not follow what
    came before both.
    """

    def __init__(self, streams: int, unread: Unread) -> None:
        self._streams, self._unread = streams, unread
        self._held: Record | None = None
        self._floor = -LATEST_S

    def goes_back(self, record: Record) -> bool:
        """Tell whether a record lies before the one that came last."""
        return self._held is not None and record.t < self._held.t - _BACK_S

    def push(self, record: Record) -> Iterator[Record]:
        """Yield the record before, once this one tells that it is sound."""
        is_known = record.stream < self._streams or record.stream == MARK_STREAM
        if not (is_known and self._floor <= record.t <= LATEST_S):
            self._refuse(record)
            return
        if self._held and self.goes_back(record):
            self._refuse(self._held)
        else:
            yield from self.flush()
        self._held = record

    def flush(self) -> Iterator[Record]:
        """Yield the last record: no other will come."""
        if self._held:
            self._floor = max(self._floor, self._held.t - _BACK_S)
            yield self._held
        self._held = None

    def _refuse(self, record: Record) -> None:
        self._unread.refused += 1
        self._unread.note(record.offset)


class Timeline:
    """The times of a recording: those of a later writer are moved behind the packets before it."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._floor = float("-inf")
        self._shift = 0.0
        self._new_shift: float | None = None

    def begin_part(self, shift: float) -> None:
        """Begin the part of a writer whose stream time 0 lies this much after the first writer's, s."""
        if self._last is not None:
            self._floor, self._new_shift = self._last, shift

    def recording_time(self, t: float) -> float:
        """Return the recording's time for a writer's, s; for the first writer's the same to the bit."""
        if self._new_shift is not None:
            earliest = self._floor - t
            self._shift = min(max(self._new_shift, earliest), earliest + _MAX_PAUSE_S)
            self._new_shift = None
        # A sum may fall short of the floor by rounding.
        self._last = max(t + self._shift, self._floor) if self._shift else t
        return self._last
