"""The events that a broker has yet to acknowledge: in memory, and where there is an `event_file` there too."""

import time
from collections.abc import Iterator

from edgehar.publishers.event_file import EventFile, Row
from edgehar.publishers.payloads import Message

CLOCK_BEGINS = 1_735_689_600.0
"""A date before 2025, Unix time, s, is of a clock that was not set: some machines begin with 1970."""


class KeptEvents:
    """Events in the order in which they came, each until the broker has it or it is given up."""

    def __init__(self, file: EventFile | None = None) -> None:
        """Begin with the events of the file; without one they are in memory alone."""
        self._file = file
        self._rows: dict[Message, Row] = {}
        self._ages: dict[Message, float] = {}
        """By event, the monotonic time at which it was new."""
        self._number = 0
        self.size = 0
        """Bytes of their topics and payloads."""
        now = time.time()
        for row in file.rows() if file else ():
            self._hold(row, max(0.0, now - row[1]) if row[1] > CLOCK_BEGINS else 0.0)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._rows)

    def __contains__(self, event: Message) -> bool:
        return event in self._rows

    @property
    def outlive(self) -> bool:
        """True if they are there again after a restart."""
        return self._file is not None and self._file.problem is None

    @property
    def problem(self) -> str | None:
        """Reason why they are in memory alone although there is a file; None: they are not."""
        return self._file.problem if self._file else None

    def age_s(self, event: Message) -> float:
        """Return how long an event waits, s; setting the clock ages none that came in this life."""
        return time.monotonic() - self._ages[event]

    def came_at(self, event: Message) -> float:
        """Return when an event was new, Unix time, s."""
        return self._rows[event][1]

    def scrub(self) -> None:
        """Have nothing left on the disk of what is kept no longer; return at once."""
        if self._file:
            self._file.scrub()

    def written(self) -> bool:
        """Wait until the disk has it all, but not for ever; False if it has not. Not in the loop's thread."""
        return self._file is None or self._file.flush()

    def keep(self, event: Message) -> None:
        """Keep one more; return at once."""
        self._keep(event, 0.0)

    def _keep(self, event: Message, age_s: float) -> None:
        row = (self._number + 1, time.time() - age_s, event.topic, event.payload)
        self._hold(row, age_s)
        if self._file:
            self._file.write(row)

    def _hold(self, row: Row, age_s: float) -> None:
        number, _, topic, payload = row
        event = Message(topic, payload, retain=False)
        self._number = number
        self._rows[event] = row
        self._ages[event] = time.monotonic() - age_s
        self.size += len(topic) + len(payload)

    def let_go(self, event: Message) -> None:
        """Keep it no longer, if it is kept; return at once."""
        row = self._rows.pop(event, None)
        if row is None:
            return
        del self._ages[event]
        self.size -= len(row[2]) + len(row[3])
        if self._file:
            self._file.erase(row[0])

    def move_to(self, other: "KeptEvents") -> None:
        """Let another one keep them; here they are gone once they are on its disk, if it has one."""
        for event in self:
            if event not in other:
                other._keep(event, self.age_s(event))  # noqa: SLF001  # one of its kind
        if other._file is None or other._file.flush():  # noqa: SLF001  # the same
            for event in list(self):
                self.let_go(event)

    def close(self) -> None:
        """Write what is left."""
        if self._file:
            self._file.close()
