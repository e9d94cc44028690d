"""Publishers: activities and events go out into the world, and the pipeline never waits for that."""

from typing import Protocol

from edgehar.types import Activity, Event


class Publisher(Protocol):
    """Taker of the pipeline's answers, one item at a time, in the event loop's thread."""

    def push(self, item: Activity | Event) -> None:
        """Take one item at once: never waits for a reader, never fails because one is away."""
