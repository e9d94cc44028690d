"""Publishers: activities and events go out into the world, and the pipeline never waits for that.

To add one: a module here with a `push` as below (`jsonl` is the short example). An activity comes with every
window, which `payloads.StateFilter` thins out, and times are stream time, which a `payloads.ToUnixTime` dates.
`daemon.daemon` has the publishers made, runs what they do in the background, and asks them at the end; the keys stand
in `config.schema`.
"""

from typing import Protocol

from edgehar.types import Activity, Event


class Publisher(Protocol):
    """Taker of the pipeline's answers, one item at a time, in the event loop's thread."""

    def push(self, item: Activity | Event) -> None:
        """Take one item at once: never waits for a reader, never fails because one is away."""
