"""A recording in the place of the sensors it was made from."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header, read, require_no_pipe
from edgehar.recordings.ehr_records import Unread
from edgehar.recordings.scoring import Segment
from edgehar.sources import Deliver, LinkState
from edgehar.sources.pace import Pace
from edgehar.types import Item

_LOGGER = logging.getLogger(__name__)


class Packets(Protocol):
    """Packets of a recording; iterating reads it from the start, again and again."""

    @property
    def unread(self) -> Unread:
        """Counts of what the latest iteration met so far and could not read."""
        ...

    def __iter__(self) -> Iterator[Item]: ...


class Track(Struct, frozen=True, eq=False):
    """A recording to be replayed."""

    header: Header
    """Header of the recording: whose it is, and where each stream's sensor was worn."""
    packets: Packets
    truth: Sequence[Segment] = ()
    """Stretches of what was done; empty if nobody wrote it down."""
    name: str = ""
    """Name of the file, for messages; empty if it came from none."""


def open_recording(
    path: Path, *, subject: str | None = None, placements: Sequence[str] | None = None
) -> Track:
    """Open a recording, `*.ehr`, with its labels, or one person of a set, `*.npz`; RecordingError if it is neither.

    Args:
        path: The file.
        subject: Which person of a set.
        placements: Which sensors, all by default; `RECORDED=WORN` lets one stand for a sensor worn elsewhere.
    """
    require_no_pipe(path, "copy it to one, for it is read more than once")
    recorded = [placement.partition("=")[0] for placement in placements or ()]
    if len(set(recorded)) < len(recorded):
        raise RecordingError(f"{path}: placements {', '.join(recorded)}; each can be chosen once")
    if path.suffix == ".npz":
        from edgehar.recordings.npz import read_npz  # noqa: PLC0415 - sets are for trying out, not for the Pi

        trials = read_npz(path, subject=subject, placements=recorded)
        track = Track(trials.header, trials, trials.truth, str(path))
    elif subject is not None:
        raise RecordingError(f"{path}: only an .npz set has subjects to choose from")
    else:
        chosen = _Chosen(path, recorded)
        track = Track(chosen.header, chosen, chosen.truth(), str(path))
    if not placements:
        return track
    worn = [placement.rpartition("=")[2] for placement in placements]
    streams = [replace(s, placement=as_) for s, as_ in zip(track.header.streams, worn, strict=True)]
    return replace(track, header=replace(track.header, streams=tuple(streams)))


class _Chosen:
    """Those sensors of a recording that stood at some placements, in their order; all if none is named."""

    def __init__(self, path: Path, placements: Sequence[str]) -> None:
        self._recording = read(path)
        header = self._recording.header
        recorded = [stream.placement for stream in header.streams]
        if unknown := [placement for placement in placements if placement not in recorded]:
            raise RecordingError(
                f"{path}: no placement {', '.join(unknown)}; there are {', '.join(recorded)}"
            )
        chosen = [recorded.index(placement) for placement in placements] or range(len(recorded))
        self.header = replace(header, streams=tuple(header.streams[i] for i in chosen))
        self._index = {stream: i for i, stream in enumerate(chosen)}

    @property
    def unread(self) -> Unread:
        """Counts of what the latest iteration met so far and could not read."""
        return self._recording.unread

    def truth(self) -> Sequence[Segment]:
        """Return what was done, as far as anybody says it."""
        return tuple(self._recording.truth())

    def __iter__(self) -> Iterator[Item]:
        for t, stream, body in self._recording:
            if stream in self._index:
                yield t, self._index[stream], body
            elif not body:
                yield t, min(stream, 0), body


class Replay:
    """A recording's packets, delivered with their recorded times; finite, so `run` returns."""

    def __init__(self, recording: Track | Path, *, speed: float = 1.0) -> None:
        """Open what is to be replayed.

        Args:
            recording: What is read anew for every life, or a file as in `open_recording`.
            speed: 1 is the recording's own pace, N is N times as fast, 0 as fast as it goes.
        """
        self._recording = open_recording(recording) if isinstance(recording, Path) else recording
        self._speed = speed
        self.link = LinkState()

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`, from the first packet to the last."""
        pace: Pace | None = None
        for t, stream, body in self._recording.packets:
            pace = pace or Pace(t, self._speed)
            await pace.until(t)
            self.link.heard_at = time.monotonic()
            deliver(t, stream, body)
        if unread := self._recording.packets.unread.in_words():
            _LOGGER.warning("%s: could not be read: %s", self._recording.name, unread)
