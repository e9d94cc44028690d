"""The layout of a recording's time: a short one in one row, a day hour by hour; and how moments are written."""

from datetime import UTC, datetime
from math import ceil, floor

from msgspec import Struct

from edgehar.apps.playback import has_dates

_LENGTHS_S = (600.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0)
"""Lengths of a row."""

_MOST_ROWS = 26
"""A day that begins within an hour has 25."""

_TICKS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_MOST_TICKS = 6


class Row(Struct, frozen=True):
    """A stretch of stream time, s."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Length, s."""
        return self.end - self.begin

    def percent(self, t: float) -> float:
        """Return where a time stands in the row, 0..100."""
        return min(max(100 * (t - self.begin) / self.seconds, 0.0), 100.0)


class Calendar(Struct, frozen=True):
    """Writes moments: with dates where the recording has them, else as minutes since its begin."""

    epoch: float
    """Unix time at stream time 0, s."""
    begin: float
    """Stream time of the recording's begin, s."""
    is_long: bool = False
    """More than a day: the day is told as well."""

    def clock(self, t: float, *, seconds: bool = True) -> str:
        """Write a stream time."""
        if has_dates(self.epoch):
            form = ("%d %b " if self.is_long else "") + ("%H:%M:%S" if seconds else "%H:%M")
            return self._local(round(t + self.epoch) - self.epoch).strftime(form)
        s = max(round(t - self.begin), 0)
        hours = f"{s // 3600}:{s % 3600 // 60:02}" if s >= 3600 else f"{s // 60}"
        return f"{hours}:{s % 60:02}"

    def date(self, t: float) -> str:
        """Write the day of a stream time; nothing where nobody knows it."""
        return f"{self._local(t):%A, %d %B %Y}" if has_dates(self.epoch) else ""

    def zero(self) -> float:
        """Return a stream time at which a full day of the place's clock begins, or the recording, s."""
        if not has_dates(self.epoch):
            return self.begin
        midnight = self._local(self.begin).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.timestamp() - self.epoch

    def _local(self, t: float) -> datetime:
        return datetime.fromtimestamp(self.epoch + t, UTC).astimezone()


def rows(times: Calendar, begin: float, end: float) -> list[Row]:
    """Cut the time into rows of one length that begin at full ones; a single row is as long as the recording."""
    end = max(end, begin + 1.0)
    if end - begin <= _LENGTHS_S[0]:
        return [Row(begin, end)]
    zero = times.zero()
    length = _LENGTHS_S[-1]
    for longer in reversed(_LENGTHS_S):
        if ceil((end - begin) / longer) < _MOST_ROWS:
            length = longer
    while ceil((end - begin) / length) > _MOST_ROWS:
        length *= 2
    first, last = floor((begin - zero) / length), ceil((end - zero) / length)
    return [Row(zero + i * length, zero + (i + 1) * length) for i in range(first, last)]


def ticks(times: Calendar, row: Row) -> list[float]:
    """Return full times within a row, few enough to be written below it."""
    step = next((step for step in _TICKS_S if row.seconds / step <= _MOST_TICKS), _TICKS_S[-1])
    while row.seconds / step > _MOST_TICKS:
        step *= 2
    zero = times.zero()
    first = ceil((row.begin - zero) / step)
    return [zero + i * step for i in range(first, floor((row.end - zero) / step) + 1)]


def lasted(seconds: float) -> str:
    """Return a length of time in words, as the live page does."""
    s = max(round(seconds), 0)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60} s" if s % 60 else f"{s // 60} min"
    return f"{s // 3600} h {s % 3600 // 60} min" if s < 172_800 else f"{s / 86400:.1f} days"


def plain(name: str) -> str:
    """Return a state or a placement as words."""
    return name.replace("_", " ")


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share in percent; a dash if there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"
