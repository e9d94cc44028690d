"""A recording in the place of the sensors it was made from."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header, read
from edgehar.sources import Deliver, LinkState
from edgehar.sources.pace import Pace
from edgehar.types import Item


class Track(Struct, frozen=True, eq=False):
    """A recording to be replayed; iterating reads it from the start."""

    header: Header
    """Whose it is, and where each stream's sensor was worn."""
    packets: Iterable[Item]
    """Can be iterated again and again."""
    truth: Sequence[tuple[float, float, str]] = ()
    """(start, end, label), stream time in s; empty if nobody wrote it down."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.packets)


def open_recording(
    path: Path, *, subject: str | None = None, placements: Sequence[str] | None = None
) -> Track:
    """Open a recording, `*.ehr`, or one person of a set, `*.npz`; RecordingError if it is neither.

    Args:
        path: The file.
        subject: Which person of a set.
        placements: Which sensors of a set; all by default.
    """
    if path.suffix == ".npz":
        from edgehar.recordings.npz import read_npz  # noqa: PLC0415 - sets are for trying out, not for the Pi

        trials = read_npz(path, subject=subject, placements=placements)
        return Track(trials.header, trials, trials.truth)
    if subject is not None or placements is not None:
        raise RecordingError(f"{path}: only an .npz set has subjects and sensors to choose from")
    recording = read(path)
    return Track(recording.header, recording)


class Replay:
    """A recording's packets, delivered with their recorded times; finite, so `run` returns."""

    def __init__(self, recording: Iterable[Item] | Path, *, speed: float = 1.0) -> None:
        """Open what is to be replayed.

        Args:
            recording: What is iterated anew for every life, or a file as in `open_recording`.
            speed: 1 is the recording's own pace, N is N times as fast, 0 as fast as it goes.
        """
        self._recording = open_recording(recording) if isinstance(recording, Path) else recording
        self._speed = speed
        self.link = LinkState()

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`, from the first packet to the last."""
        pace: Pace | None = None
        for t, stream, body in self._recording:
            pace = pace or Pace(t, self._speed)
            await pace.until(t)
            self.link.heard_at = time.monotonic()
            deliver(t, stream, body)
