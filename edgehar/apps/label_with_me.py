"""`edgehar record --label-with-me`: prompts on the terminal, keys and double taps, and the marks that they make.

What is to be done and when is `label_session`'s; here are its terminal, its clock and the sensors' packets.
"""

import asyncio
import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TextIO

from msgspec import Struct

from edgehar.apps.label_session import LabelSession, Prompt, Signal, Step
from edgehar.config.read import model_pair
from edgehar.config.schema import Config
from edgehar.errors import ConfigError, ModelError, one_line
from edgehar.pipeline import manifest
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.modality import CAMERA, IMU, Modality, modality_of_profile
from edgehar.pipeline.taps import DoubleTaps
from edgehar.recordings.ehr_writer import Writer
from edgehar.types import FALLING, OTHER, Stream

TICK_S = 0.1
"""Period at which a countdown is looked at, s."""

KEYS: Mapping[str, Signal] = {
    " ": "go",
    "n": "skip",
    "s": "skip",
    "r": "redo",
    "m": "moment",
    "q": "quit",
}

KEYS_IN_WORDS = "space, or two taps on the sensor, begins or ends at once; n skips, r takes back and repeats, m marks a moment, q ends"

_SPOKEN_S = 3
"""Last seconds of a countdown that have a line each where no terminal shows it in one place; before them every tenth has."""

_ERASE = "\r\x1b[K"


class Plan(Struct, frozen=True):
    """A plan of what to label, and for how long."""

    labels: Sequence[str]
    """As they are marked; empty: those of the model that the worn sensors can tell."""
    take_s: float = 10.0
    """Length of a take, s."""
    pause_s: float = 3.0
    """Countdown before each, s."""


def tellable(config: Config, streams: Sequence[Stream]) -> list[str]:
    """Return the labels that the configured models can tell by these sensors, but those that nobody can do on a prompt.

    OperatorError if there are none, or a model cannot be read.
    """
    labels: dict[str, None] = {}
    keys: tuple[tuple[Modality, Literal["path", "camera"]], ...] = ((IMU, "path"), (CAMERA, "camera"))
    for modality, key in keys:
        placements = [s.placement for s in streams if modality_of_profile(s.profile) is modality]
        if placements:
            spec = manifest.read(model_pair(config, key))
            try:
                worn = [i for i, placement in enumerate(spec.slots(placements)) if placement]
            except ModelError as error:
                raise ConfigError(f"{error}; or say by --labels what is to be done") from error
            labels |= dict.fromkeys(spec.labels[i] for i in spec.offered(worn))
    return [label for label in labels if label not in {OTHER, FALLING}]


class Prompter:
    """A session between a writer, its sensors and the terminal."""

    def __init__(self, session: LabelSession, streams: Sequence[Stream], writer: Writer) -> None:
        self.session, self._writer = session, writer
        self._intakes = [Intake(stream) for stream in streams]
        self._taps = [DoubleTaps() for _ in streams]
        self._out = Lines(sys.stderr)

    def take(self, t: float, stream: int, body: bytes) -> None:
        """Take a packet that was written; RecordingError if the disk refuses a mark."""
        if not body:
            return
        self.session.hear(t, stream)
        for samples in self._intakes[stream].push(t, body):
            for tapped in self._taps[stream].push(samples):
                self._show_and_mark(self.session.tap(t, tapped))

    async def run(self) -> None:
        """Prompt until the session is over; RecordingError if the disk refuses a mark."""
        with keys_of(sys.stdin) as read_keys:
            if read_keys:
                self._out.line(KEYS_IN_WORDS)
            while not self.session.is_over:
                for key in read_keys() if read_keys else "":
                    self._show_and_mark(self.session.push(time.monotonic(), KEYS.get(key.lower())))
                self._show_and_mark(self.session.push(time.monotonic()))
                await asyncio.sleep(TICK_S)

    def stop(self) -> None:
        """End the take that runs; RecordingError if the disk refuses the mark."""
        self._show_and_mark(self.session.stop(time.monotonic()))

    def _show_and_mark(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Prompt):
                self._out.show(step)
            else:
                self._writer.mark(*step)


class Lines:
    """Prompts on a stream: on a terminal a countdown stands in one place, elsewhere some of its seconds are lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_terminal = stream, stream.isatty()

    def show(self, prompt: Prompt) -> None:
        """Write a prompt."""
        if prompt.left_s is None:
            self.line(prompt.text)
        elif self._is_terminal:
            # The cursor waits at the left: what else is written there, such as a line of the log, stands alone.
            self._write(f"{_ERASE}{prompt.text}\r")
        elif prompt.left_s <= _SPOKEN_S or prompt.left_s % 10 == 0:
            self.line(prompt.text)

    def line(self, text: str) -> None:
        """Write a line."""
        self._write(f"{_ERASE if self._is_terminal else ''}{one_line(text)}\n")

    def _write(self, text: str) -> None:
        # Whoever has closed the terminal, or the pipe, is prompted no more; the recording goes on.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


@contextlib.contextmanager
def keys_of(stream: TextIO | None) -> Iterator[Callable[[], str] | None]:
    """Have a terminal hand over keys as they are pressed, and be as it was afterwards, whatever happens.

    Yield what returns those pressed since, or None where there is no terminal, or another job has it.
    """
    fd = _terminal_of(stream)
    if fd is None:
        yield None
        return
    before = termios.tcgetattr(fd)
    try:
        # Ctrl-C stays what it is.
        tty.setcbreak(fd, termios.TCSADRAIN)
        yield lambda: _pressed(fd)
    finally:
        with contextlib.suppress(termios.error):  # it was closed
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _terminal_of(stream: TextIO | None) -> int | None:
    """Return the descriptor of a terminal whose keys are ours."""
    try:
        if stream is None or not stream.isatty():
            return None
        fd = stream.fileno()
        return fd if os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, ValueError):
        return None


def _pressed(fd: int) -> str:
    """Return the keys that wait, without waiting for any."""
    keys = b""
    with contextlib.suppress(OSError):
        while select.select([fd], [], [], 0)[0] and (key := os.read(fd, 64)):
            keys += key
    return keys.decode(errors="ignore")
