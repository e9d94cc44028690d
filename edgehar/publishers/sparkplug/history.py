"""Changes that Sparkplug hosts have yet to hear of: they wait for births, or were sent just before a loss."""

from collections import deque

from edgehar.publishers.sparkplug.parts import Change

RESENT_MS = 60_000
"""Time before a session was lost from which on what was sent is sent again, ms: longer than a broker takes to miss a host."""


class History:
    """Changes that wait, at most `limit`, and as many that were sent of late; times are Unix time, ms."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: deque[Change] = deque()
        """Changes that were never sent."""
        self._again: deque[Change] = deque()
        """Changes that were sent in a session that was lost."""
        self._recent: deque[tuple[int, Change]] = deque(maxlen=limit)
        """Changes that were sent in this session for the first time, and when."""
        self.dropped = 0
        """Changes that were never sent and never will be."""

    def __bool__(self) -> bool:
        return bool(self._again or self._kept)

    @property
    def unsent(self) -> int:
        """Changes that wait and were never sent."""
        return len(self._kept)

    def keep(self, change: Change) -> None:
        """Have a change wait."""
        self._kept.append(change)
        self._shorten()

    def note_sent(self, change: Change, now_ms: int) -> None:
        """Take note of a change that was sent when it happened."""
        self._recent.append((now_ms, change))

    def take(self, most: int, now_ms: int) -> tuple[list[Change], bool]:
        """Take the oldest changes, to be sent now, and tell whether that is for the first time.

        What was sent already is not sent a third time: else a link that breaks soon after every birth would have
        more to carry each time.
        """
        queue = self._next()
        changes: list[Change] = []
        while queue and len(changes) < most and queue is self._next():
            changes.append(queue.popleft())
        is_first = queue is self._kept
        if is_first:
            self._recent.extend((now_ms, change) for change in changes)
        return changes, is_first

    def _next(self) -> deque[Change]:
        """Return where the oldest is."""
        again, kept = self._again, self._kept
        return again if again and not (kept and kept[0].t_ms < again[0].t_ms) else kept

    def close_session(self, now_ms: int, *, is_delivered: bool) -> None:
        """Have what was sent of late wait again unless it is delivered."""
        if not is_delivered:
            recent = [change for at, change in self._recent if now_ms - at <= RESENT_MS]
            # What changed while history was told was sent before older things.
            self._again.extend(sorted(recent, key=lambda change: change.t_ms))
        self._recent.clear()
        self._shorten()

    def succeed(self, former: "History") -> None:
        """Take over what waited elsewhere."""
        self.dropped = former.dropped
        self._again.extend(former._again)  # noqa: SLF001  # one of its kind
        self._kept.extend(former._kept)  # noqa: SLF001  # one of its kind
        self._shorten()

    def _shorten(self) -> None:
        """Drop what is beyond the limit: first what was sent, then the oldest of what was not, which is counted."""
        while len(self._again) + len(self._kept) > self._limit:
            if self._again:
                self._again.popleft()
            else:
                self._kept.popleft()
                self.dropped += 1
