"""The writings of the page's buttons: recordings of a wearer, with labels and marked moments in them.

A recording is `<wearer>-<time>-<label>.ehr`, as `edgehar record` writes it. A moment that is marked while nothing is recorded
goes into `<wearer>.moments.jsonl`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgehar import __version__
from edgehar.daemon.control import WearerControl
from edgehar.errors import ConfigError, RecordingError
from edgehar.publishers.payloads import iso_utc
from edgehar.recordings import moments
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.free_space import require_space
from edgehar.recordings.marks import Mark
from edgehar.recordings.moments import Moment
from edgehar.recordings.names import RecordingName

_LOGGER = logging.getLogger(__name__)

FOLDER = "recordings"
"""Below the folder for what outlives the process."""

LONGEST_S = 3600.0
"""A recording ends by itself after so long, s: somebody forgot it."""

LARGEST = 256 * 2**20
"""Bytes of a recording; a sensor at 1,000 samples a second fills some 60 MB in an hour."""

CHECK_EVERY = 2**20
"""Bytes of a recording after which is looked how much of the disk is free: others write to it too."""

_MARKED_BY = "button"

_RECORD_BYTES = 17
"""Bytes that each packet takes beside its body (recordings.ehr)."""

Note = Callable[[str, str], None]
"""Takes a wearer and a sentence for the event log."""


class _Running:
    """A recording that is being written."""

    def __init__(self, path: Path, label: str, writer: Writer) -> None:
        self.path, self.label, self.writer = path, label, writer
        self.began = time.time()
        self.seconds: float | None = None
        """It ends by itself after so long, as was asked for, s."""
        self.size, self.check_at = 0, CHECK_EVERY
        """Bytes that were written, and at which to look at the disk again."""
        self.end = ""
        """Words on how it ended, which follow `ended`; empty where somebody ended it."""


class Recorder:
    """The recorder of one wearer."""

    def __init__(self, folder: Path, control: WearerControl, note: Note) -> None:
        """Write below a folder, which is made when it is needed; nothing is recorded yet."""
        self.control = control
        self.running: _Running | None = None
        self._folder, self._note = folder, note
        self._ending: asyncio.TimerHandle | None = None
        control.on_end = lambda: self.stop("as edgehar reads their sensors no longer")
        self._closing: set[asyncio.Task[None]] = set()

    def start(self, label: str, seconds: float | None = None) -> None:
        """Begin to record, until `stop` or for some seconds; OperatorError says why it cannot be."""
        if self.running:
            raise ConfigError(
                f"{self.control.id} is being recorded already, as {self.running.label}; stop that first"
            )
        _make_folder(self._folder)
        now, feed = time.time(), self.control.feed
        path = self._folder / f"{RecordingName(feed.id, now, label)}"
        if path.exists():
            raise ConfigError(f"{path.name} was recorded within this second; wait for the next")
        header = Header(
            feed.id, feed.streams, epoch=feed.epoch, created=f"edgehar {__version__}, {iso_utc(now)}"
        )
        writer = Writer(path, header)
        self.running = _Running(path, label, writer)
        self.control.tap = self._take
        self._begin(time.monotonic())
        self._mark(Mark("begin", label, _MARKED_BY))
        self.running.seconds = seconds
        why = "" if seconds else f"after {LONGEST_S / 60:.0f} minutes, the most there can be"
        self._ending = asyncio.get_running_loop().call_later(seconds or LONGEST_S, self.stop, why)
        self._note(feed.id, f"Recording of {label} began: {path.name}")

    def stop(self, why: str = "") -> None:
        """End the recording, if there is one, for a reason in words if nobody asked for it."""
        running = self.running
        if running is None:
            return
        self.running = self.control.tap = None
        if self._ending:
            self._ending.cancel()
        running.end += f" {why}" if why else ""
        try:
            running.writer.mark(time.monotonic(), Mark("end", note=_MARKED_BY))
        except RecordingError as error:
            running.end += f", but that is not written down: {error}"
        # The disk may take seconds to have it all, for which no sensor waits.
        closing = asyncio.create_task(self._close(running), name=f"{self.control.id} recording ends")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def mark(self, by: str = _MARKED_BY) -> None:
        """Write down this moment, and what marked it; OperatorError if it cannot be."""
        if self.running:
            self._mark(Mark("moment", note=by))
        else:
            _make_folder(self._folder)
            moment = Moment(iso_utc(time.time()), self.control.id, by)
            moments.append(self._folder / f"{self.control.id}{moments.SUFFIX}", moment)
        self._note(self.control.id, "This moment was marked")

    async def closed(self) -> None:
        """End the recording, and wait until the disk has it."""
        self.stop("as edgehar was stopped")
        if self._closing:
            await asyncio.wait([*self._closing])

    def _begin(self, t: float) -> None:
        """Write where it began, and what its sensors told before of how their packets are to be read."""
        self._take(t, 0, b"")
        for stream, intake in enumerate(self.control.feed.pipeline.intakes):
            for body in intake.reader.preamble:
                self._take(t, stream, body)

    def _take(self, t: float, stream: int, body: bytes) -> None:
        """Write a packet; never raises, for the sensor it came from has no part in it."""
        if (running := self.running) is None:
            return
        try:
            running.writer.push(t, stream, body)
            if running.size >= running.check_at:
                running.check_at += CHECK_EVERY
                require_space(self._folder)
        except RecordingError as error:
            self.stop(f"as the disk refused: {error}")
            return
        running.size += len(body) + _RECORD_BYTES
        if running.size > LARGEST:
            self.stop(f"at {LARGEST >> 20} MB, the most there can be")

    def _mark(self, mark: Mark) -> None:
        """Write a mark into the recording; a disk that refuses ends it."""
        if running := self.running:
            try:
                running.writer.mark(time.monotonic(), mark)
            except RecordingError as error:
                self.stop(f"as the disk refused: {error}")

    async def _close(self, running: _Running) -> None:
        try:
            await asyncio.to_thread(running.writer.close)
        except RecordingError as error:
            running.end += f", and not all of it is on the disk: {error}"
        if running.end:
            _LOGGER.warning("%s: the recording %s ended%s", self.control.id, running.path, running.end)
        ended = f"Recording of {running.label} ended{running.end}"
        self._note(self.control.id, f"{ended}; packets: {running.writer.packets}")


class Recorders:
    """The recorders of all wearers, each made when it is first needed."""

    def __init__(self, state_folder: Path | None, note: Note) -> None:
        """Record below a folder; None: nothing can be recorded."""
        self._folder = state_folder / FOLDER if state_folder else None
        self._note = note
        self._recorders: dict[str, Recorder] = {}

    def obstacle(self, control: WearerControl) -> str | None:
        """Say why a wearer cannot be recorded; None if they can."""
        if self._folder is None:
            return "there is no folder to write to; give state_dir under [gateway] in edgehar.toml"
        return None if control.feed.is_live else "this is a recording already"

    def running(self, control: WearerControl) -> dict[str, Any] | None:
        """Return what a wearer is recorded doing, since which Unix time and for how long, s; None if they are not."""
        recorder = self._recorders.get(control.id)
        running = recorder.running if recorder and recorder.control is control else None
        if running is None:
            return None
        return {"label": running.label, "since": running.began, "seconds": running.seconds}

    def of(self, control: WearerControl) -> Recorder:
        """Return a wearer's recorder; ConfigError says why there can be none."""
        if self._folder is None or not control.feed.is_live:
            raise ConfigError(f"{control.id} cannot be recorded: {self.obstacle(control)}")
        recorder = self._recorders.get(control.id)
        if recorder is None or recorder.control is not control:
            if recorder:
                recorder.stop("as the wearer's configuration has changed")
            recorder = self._recorders[control.id] = Recorder(self._folder, control, self._note)
        return recorder

    async def closed(self) -> None:
        """End all recordings, and wait until the disk has them."""
        for recorder in self._recorders.values():
            await recorder.closed()


def _make_folder(folder: Path) -> None:
    """Make the folder that only its owner reads; RecordingError if it cannot be, or the disk is nearly full."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from error
    require_space(folder)
