"""JSON lines on a stream: one object per line, told apart by `type` (`activity` or `event`)."""

import math
from typing import TextIO

from edgehar.publishers import payloads
from edgehar.types import Activity, Event


class JsonLines:
    """Writes events, and states when they change, to a text stream.

    A reader that closes its end shows as the stream's own BrokenPipeError, which is left to rise:
    with nobody to read, a command whose output this is has nothing left to do.
    """

    def __init__(
        self, stream: TextIO, wall: payloads.Wall = payloads.this_host, *, every: bool = False
    ) -> None:
        """`every`: also states that did not change, one line for every window."""
        self._stream = stream
        self._wall = wall
        self._news = payloads.News(0.0 if every else math.inf)

    def push(self, item: Activity | Event) -> None:
        """Write one line and flush it, so that a reader sees it now; an unchanged state writes none."""
        if isinstance(item, Event) or self._news.is_new(item):
            self._stream.write(payloads.line(item, self._wall))
            self._stream.flush()
