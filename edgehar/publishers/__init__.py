"""Publishers: they tell the world what the pipeline found, and never hold it up."""

from typing import Protocol

from edgehar.types import Activity, Event


class Publisher(Protocol):
    """Takes what the pipeline found, one item at a time, in the event loop's thread."""

    def push(self, item: Activity | Event) -> None:
        """Take one item at once: never waits for a reader, never fails because one is away."""
