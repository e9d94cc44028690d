"""The events that a broker has yet to acknowledge: in memory, and where there is an `event_file` there too."""

from collections.abc import Iterator
from typing import Self

from edgehar.publishers.event_file import EventFile, Row
from edgehar.publishers.payloads import Message


class KeptEvents:
    """Events in the order in which they came, each until the broker has it or it is given up."""

    def __init__(self, file: EventFile | None = None) -> None:
        """Begin with the events of the file; without one they are in memory alone."""
        self._file = file
        self._rows: dict[Message, Row] = {}
        self._number = 0
        self.size = 0
        """Bytes of their topics and payloads."""
        for row in file.rows() if file else ():
            self._hold(row)

    def __enter__(self) -> Self:
        """Open nothing: that is done."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left."""
        if self._file:
            self._file.close()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._rows)

    def __contains__(self, event: Message) -> bool:
        return event in self._rows

    @property
    def outlive(self) -> bool:
        """True if they are there again after a restart."""
        return self._file is not None

    @property
    def problem(self) -> str | None:
        """Why they are in memory alone although there is a file; None: they are not."""
        return self._file.problem if self._file else None

    def pushed_at(self, event: Message) -> float:
        """Return when an event was pushed, Unix time."""
        return self._rows[event][1]

    def keep(self, event: Message, at: float) -> None:
        """Keep one more that was pushed at `at`, Unix time; return at once."""
        row = self._hold((self._number + 1, at, event.topic, event.payload))
        if self._file:
            self._file.write(row)

    def _hold(self, row: Row) -> Row:
        number, _, topic, payload = row
        self._number = number
        self._rows[Message(topic, payload, retain=False)] = row
        self.size += len(topic) + len(payload)
        return row

    def let_go(self, event: Message) -> None:
        """Keep it no longer, if it is kept; return at once."""
        row = self._rows.pop(event, None)
        if row is None:
            return
        self.size -= len(row[2]) + len(row[3])
        if self._file:
            self._file.erase(row[0])
