"""JSON lines on a stream: one object per line, of `type` `activity` or `event`.

A reader may be slow, be stopped or go away; none of that may hold up who pushes, so the publisher has
a thread that writes, from a queue that drops its oldest lines. It writes many at once: a busy loop lets
another thread run a few hundred times a second.
"""

import contextlib
import logging
import math
import os
import threading
from collections import deque
from contextlib import AbstractContextManager
from typing import Self, TextIO

from edgehar.publishers import payloads
from edgehar.types import Activity, Event

_LOGGER = logging.getLogger(__name__)

QUEUE_LINES = 10_000
"""So many lines wait for a reader before the oldest is dropped: some 4 MB."""

MOST_AT_ONCE = 20
"""So many lines are written in one go; of a write that a reader breaks off, nobody knows how many it has."""

CLOSE_S = 2.0
"""A close waits at most this long for a reader to take the rest, s."""


class JsonLines:
    """Writer of events, and of states when they change, to a text stream.

    A reader that has closed its end gets one warning, and nothing is written from then on.
    """

    def __init__(
        self,
        stream: TextIO,
        to_unix: payloads.ToUnixTime = payloads.monotonic_to_unix,
        *,
        every: bool = False,
    ) -> None:
        """Start the thread that writes.

        Args:
            stream: Gets the lines; it stays open at the end.
            to_unix: Turns times of the stream into Unix time.
            every: Also states that did not change, one line for every window.
        """
        self.dropped = 0
        """Lines that no reader took in time; the first is told at once, all of them at the end."""
        self._stream = stream
        self._to_unix = to_unix
        self._states = payloads.StateFilter(0.0 if every else math.inf)
        self._lines: deque[str] = deque(maxlen=QUEUE_LINES)
        self._being_written = 0
        self._changed = threading.Condition()
        self._has_ended = False
        self._thread = threading.Thread(target=self._write, args=(_reopen(stream),), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Open nothing: the stream is the caller's."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened."""
        self.close()

    def push(self, item: Activity | Event) -> None:
        """Have one line written at once; an unchanged state is none, and after the end nothing is.

        Never raises and never waits for a reader; of more lines than QUEUE_LINES the oldest is dropped.
        """
        if self._has_ended or not (isinstance(item, Event) or self._states.passes(item)):
            return
        line = payloads.json_line(item, self._to_unix)
        with self._changed:
            if self._has_ended:
                return
            is_first = len(self._lines) == QUEUE_LINES and not self.dropped
            self.dropped += len(self._lines) == QUEUE_LINES
            self._lines.append(line)
            self._changed.notify()
        if is_first:
            message = "stdout is read too slowly: %d JSON lines wait, and the oldest are dropped"
            _LOGGER.warning(message, QUEUE_LINES)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Take no more lines, and wait at most `timeout_s` until the others are written; not the stream's end."""
        with self._changed:
            self._has_ended = True
            self._changed.notify()
        self._thread.join(timeout_s)
        with self._changed:
            self.dropped += self._being_written + len(self._lines)
            self._being_written = 0
            self._lines.clear()
        if self.dropped:
            _LOGGER.warning("stdout was not read in time: %d JSON lines were dropped", self.dropped)

    def _write(self, opened: AbstractContextManager[TextIO]) -> None:
        with opened as stream:
            try:
                while lines := self._next_lines():
                    stream.write("".join(lines))
                    stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(stream, error)

    def _next_lines(self) -> list[str]:
        """Wait for lines and take all that wait, at most MOST_AT_ONCE; none at the end."""
        with self._changed:
            self._being_written = 0
            self._changed.wait_for(lambda: self._lines or self._has_ended)
            lines = [self._lines.popleft() for _ in range(min(len(self._lines), MOST_AT_ONCE))]
            self._being_written = len(lines)
            return lines

    def _give_up(self, stream: TextIO, error: Exception) -> None:
        with self._changed:
            self._has_ended = True
            self._being_written = 0
            self._lines.clear()
        _LOGGER.warning("nobody reads stdout any more: JSON lines end (%s)", error)
        # What is left in a buffer is flushed when the interpreter ends, and would fail once more.
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            for broken in (stream, self._stream):
                os.dup2(nowhere.fileno(), broken.fileno())


def _reopen(stream: TextIO) -> AbstractContextManager[TextIO]:
    """Return the same file with another buffer: an interpreter that ends waits for the lock of stdout's."""
    try:
        return open(os.dup(stream.fileno()), "w", encoding="utf-8")  # noqa: PTH123 - a descriptor
    except (OSError, ValueError):
        return contextlib.nullcontext(stream)  # in memory, or closed already
