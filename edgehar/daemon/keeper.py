"""The keeper of one wearer: holds the last minutes in memory, and has the seconds around some moments written.

A moment is written once its time is over. Moments whose seconds overlap become one recording, also with one that was written
already, up to LONGEST_S. A correction says what was done in the time for which the wrong state was told; it changes nothing of
what is told, now or later: only a teaching with its recording can.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct, field

from edgehar import __version__
from edgehar.config.schema import Keep, Moment as Why
from edgehar.daemon.rejections import Rejections
from edgehar.daemon.told import Span, Told
from edgehar.errors import ConfigError
from edgehar.pipeline.intake import Intake
from edgehar.publishers.payloads import iso_utc, monotonic_to_unix
from edgehar.recordings.ehr import Header
from edgehar.recordings.excerpt import Excerpt
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.recordings.names import RecordingName
from edgehar.recordings.ring import Ring
from edgehar.recordings.scoring import Segment
from edgehar.types import Activity, Event, Stream

LONGEST_S = 120.0
"""Longest recording, s."""

_MOST_WAITING = 16
"""Moments of a wearer whose time is not over."""


class Kept(Struct, eq=False):
    """A moment, from its first second to its last, stream time, s."""

    begin: float
    end: float
    why: Why
    labels: list[Segment] = field(default_factory=list)
    """Stretches of what was done, in their order; none overlaps another."""
    notes: list[tuple[float, str]] = field(default_factory=list)
    former: list["Kept"] = field(default_factory=list)
    """Those that were written and whose place this takes."""
    path: Path | None = None
    """File, once it is written."""

    def overlaps(self, other: "Kept") -> bool:
        """Tell whether both can become one."""
        length = max(self.end, other.end) - min(self.begin, other.begin)
        return self.begin <= other.end and other.begin <= self.end and length <= LONGEST_S

    def absorb(self, older: "Kept") -> None:
        """Take in another one's seconds and marks; where both say what was done this one is right."""
        self.begin, self.end = min(self.begin, older.begin), max(self.end, older.end)
        self.labels = sorted([*_without(older.labels, self.labels), *self.labels])
        self.notes = sorted({*self.notes, *older.notes})
        if older.why == "corrected":
            self.why = older.why

    def marks(self) -> list[TimedMark]:
        """Return the marks of its recording, in their order."""
        timed: list[TimedMark] = [(t, Mark("moment", note=note)) for t, note in self.notes]
        for begin, end, label in self.labels:
            timed += [(begin, Mark("begin", label, self.why)), (end, Mark("end", note=self.why))]
        # What begins where something ends comes behind it.
        return sorted(timed, key=lambda mark: (mark[0], mark[1].kind == "begin"))


def _without(labels: Sequence[Segment], newer: Sequence[Segment]) -> list[Segment]:
    """Return what is left of labels where newer ones say nothing."""
    left = [*labels]
    for begin, end, _ in newer:
        parts = [((a, min(b, begin), label), (max(a, end), b, label)) for a, b, label in left]
        left = [part for pair in parts for part in pair if part[0] < part[1]]
    return left


Write = Callable[[Kept, RecordingName, Excerpt], None]
"""Has a moment written in the place of its former ones; returns at once."""


class Keeper:
    """The keeper of one wearer; never waits for the disk."""

    def __init__(self, wearer: str, streams: Sequence[Stream], settings: Keep, write: Write) -> None:
        """Hold nothing yet."""
        self.wearer, self._streams, self._settings, self._write = wearer, tuple(streams), settings, write
        around = settings.before_s + settings.after_s
        self.ring = Ring(settings.reach_s + LONGEST_S + around)
        self.intakes: Sequence[Intake] = ()
        """Those that read its packets now: how they are to be read may change."""
        self._told = Told(settings.reach_s)
        self._rejections = Rejections(settings.rejected_per_hour)
        self._open: list[Kept] = []
        self._written: list[Kept] = []

    def take(self, t: float, stream: int, body: bytes) -> None:
        """Take a packet, or that time went on, at stream time t, s."""
        if self.ring.wants_preambles(t):
            self.ring.note_preambles(t, [intake.reader.preamble for intake in self.intakes])
        self.ring.push(t, stream, body)
        if self._open and any(kept.end < t for kept in self._open):
            self._finish([kept for kept in self._open if kept.end < t], t)

    def push(self, item: Activity | Event) -> None:
        """Take an answer; keep the moment if it shows that nothing was certain."""
        self._told.push(item)
        if isinstance(item, Activity) and "rejected" in self._settings.moments:
            rejection = self._rejections.push(item)
            if rejection:
                self._keep("rejected", rejection.t, rejection.t, item.t, note=rejection.note)

    def mark(self, now: float, note: str) -> bool:
        """Keep the seconds around now, stream time, s; return False if such moments are not kept."""
        if "marked" not in self._settings.moments:
            return False
        self._keep("marked", now, now, now, note=note)
        return True

    def correct(self, label: str, now: float, *, at: float | None = None, event: str | None = None) -> Span:
        """Keep the time of a wrong state with what was done: that of an event, of a time, else what holds `now`.

        Return what is kept of it; ConfigError says why nothing can be. Times are stream time, s.
        """
        if "corrected" not in self._settings.moments:
            raise ConfigError("corrections are not kept: add `corrected` to moments under [keep]")
        span = self._wrong(now, at, event)
        if span.state == label:
            raise ConfigError(f"{label} is what was told; say what it was instead")
        settings, end = self._settings, min(span.end, now)
        longest = LONGEST_S - settings.before_s - settings.after_s
        begin = max(span.begin, now - settings.reach_s, end - longest)
        if not any(body for _, _, body in self.ring.between(begin, end)):
            raise ConfigError(
                f"nothing is left of what the sensors sent then; a correction reaches {settings.reach_s:g} s back, "
                "which is reach_s under [keep]"
            )
        self._keep("corrected", begin, end, now, note=f"told {span.state}", label=label)
        return Span(span.state, begin, end)

    def _wrong(self, now: float, at: float | None, event: str | None) -> Span:
        """Return the state that is corrected; ConfigError if it is not known."""
        reach = f"a correction reaches {self._settings.reach_s:g} s back, which is reach_s under [keep]"
        if event is not None:
            span, which = self._told.event(event), f"no event {event} of {self.wearer} is remembered"
        elif at is not None:
            span = self._told.at(at) if now - self._settings.reach_s <= at <= now else None
            which = f"nothing is remembered of {self.wearer} at that time"
        else:
            span, which = self._told.newest(), f"nothing was told of {self.wearer} yet"
        if span is None or span.end < now - self._settings.reach_s:
            raise ConfigError(f"{which}; {reach}")
        return span

    def _keep(self, why: Why, begin: float, end: float, now: float, *, note: str, label: str = "") -> None:
        """Have the seconds around a stretch of time written when they are over."""
        settings = self._settings
        kept = Kept(begin - settings.before_s, end + settings.after_s, why, notes=[(begin, note)])
        if label:
            kept.labels = [(begin, end, label)]
        for other in [other for other in self._open if kept.overlaps(other)]:
            self._open.remove(other)
            kept.absorb(other)
            kept.former += other.former
        complete = [other for other in self._written if other.begin >= self.ring.oldest]
        for other in [other for other in complete if kept.overlaps(other)]:
            self._written.remove(other)
            kept.absorb(other)
            kept.former += [other, *other.former]
        self._open.append(kept)
        if len(self._open) > _MOST_WAITING:
            self._finish(self._open[:1], now)

    def flush(self) -> None:
        """Have all moments written with the seconds that there are: no more come."""
        self._finish([*self._open], time.monotonic())

    def forget(self) -> None:
        """Drop all that is in memory."""
        self.ring.clear()
        self._told.clear()
        self._open.clear()
        self._written.clear()

    def _finish(self, over: Sequence[Kept], t: float) -> None:
        self._written = [kept for kept in self._written if kept.end > t - self._settings.reach_s]
        for kept in over:
            self._open.remove(kept)
            items = self.ring.between(kept.begin, kept.end)
            if not any(body for _, _, body in items):
                continue
            kept.begin, epoch = items[0][0], monotonic_to_unix(0.0)
            unix_s = epoch + kept.begin
            created = f"edgehar {__version__}, {iso_utc(unix_s)}, {kept.why}"
            header = Header(self.wearer, self._streams, epoch=epoch, created=created)
            name = RecordingName(self.wearer, unix_s, kept.why)
            self._written.append(kept)
            self._write(kept, name, Excerpt(header, items, kept.marks()))
