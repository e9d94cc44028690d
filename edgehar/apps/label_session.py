"""A session in which a wearer does what is prompted: countdown, take, the next; it neither waits nor reads a clock.

`push(t, signal)` takes what happened at stream time t, s, or that time went on, and returns what is to be shown and marked.
"""

import re
from collections.abc import Sequence
from math import ceil, inf
from typing import Literal

from msgspec import Struct

from edgehar.config.names import IN_WORDS, NAME
from edgehar.errors import ConfigError
from edgehar.recordings.labels import common_label
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.types import NO_SIGNAL, NOT_WORN
from edgehar.validation import shown

Signal = Literal["go", "skip", "redo", "moment", "quit"]
Phase = Literal["waiting", "countdown", "take", "closing", "over"]

SILENT_S = 3.0
"""A sensor that brings nothing for longer while a take runs was not recorded, s: phones send a second or two at a time."""

_BEFORE_TAP_S = 0.1
"""A take that a double tap ends, ends so long before it, s: the hand was on its way."""

_BACK_S = 0.9
"""No mark lies further back, s: a recording's readers refuse what goes back by more than a second."""


class Prompt(Struct, frozen=True):
    """A line for the wearer."""

    text: str
    left_s: int | None = None
    """Seconds that are left of a countdown, which is to stand in the place of the one before."""


class Take(Struct, frozen=True):
    """A label that was recorded once."""

    number: int
    """Place of its label in the session."""
    begin: float
    """Stream time, s."""
    end: float
    """Stream time, s."""


Step = Prompt | TimedMark


class LabelSession:
    """One run through some labels, one take of each; a take can be repeated, and its label left out."""

    def __init__(
        self, labels: Sequence[str], placements: Sequence[str], *, take_s: float, pause_s: float
    ) -> None:
        """Begin once every sensor was heard.

        Args:
            labels: As they are marked; at least one.
            placements: Of the sensors, by stream.
            take_s: Length of a take, s.
            pause_s: Countdown before each, s.
        """
        self._labels, self._placements = labels, placements
        self._take_s, self._pause_s = take_s, pause_s
        self.takes: list[Take] = []
        """Those that count."""
        self._heard = [-inf] * len(placements)
        self._phase: Phase = "waiting"
        self._number = 0
        self._since = self._until = 0.0
        """Begin and end of a countdown or of a take, stream time, s."""
        self._left_s: int | None = None
        self._asked_for: str | None = None

    @property
    def is_over(self) -> bool:
        """True once nothing more is prompted."""
        return self._phase == "over"

    def hear(self, t: float, stream: int) -> None:
        """Take it that a sensor brought something."""
        self._heard[stream] = t

    def push(self, t: float, signal: Signal | None = None) -> list[Step]:
        """Return what is to be shown and marked at stream time `t`, s, where time, or a signal, makes it due."""
        return (self._obey(t, signal, "key") if signal else []) + self._go_on(t)

    def tap(self, t: float, tapped: float) -> list[Step]:
        """Take a double tap that began at `tapped` and is known by now; one that was meant for an earlier step is passed over."""
        if tapped - _BEFORE_TAP_S <= self._since:
            return self._go_on(t)
        if self._phase != "take":
            return self._obey(t, "go", "tap") + self._go_on(t)
        steps = self._end(max(tapped - _BEFORE_TAP_S, t - _BACK_S), "tap")
        # From now on: another sensor may have felt the same taps.
        self._count_down(t)
        return steps + self._go_on(t)

    def stop(self, t: float) -> list[Step]:
        """End whatever runs: nobody records any more."""
        steps: list[Step] = self._end(t, "") if self._phase == "take" else []
        self._phase = "over"
        return steps

    def seconds(self) -> dict[str, float]:
        """Return how long each label was taken, s."""
        lengths = dict.fromkeys(self._labels, 0.0)
        for take in self.takes:
            lengths[self._labels[take.number]] += take.end - take.begin
        return {label: round(length, 1) for label, length in lengths.items()}

    @property
    def _label(self) -> str:
        return self._labels[self._number]

    def _obey(self, t: float, signal: Signal, note: str) -> list[Step]:
        if signal == "go":
            return self._hurry(t, note)
        if signal == "skip":
            return self._skip(t, note)
        if signal == "redo":
            return self._redo(t, note)
        if signal == "moment":
            return [(t, Mark("moment", note=note)), Prompt("this moment is marked")]
        return self.stop(t)

    def _hurry(self, t: float, note: str) -> list[Step]:
        """Begin or end at once."""
        if self._phase == "countdown":
            return self._begin(t, note)
        if self._phase == "take":
            return self._end(t, note)
        if self._phase == "closing":
            self._phase = "over"
        return []

    def _skip(self, t: float, note: str) -> list[Step]:
        if self._phase == "closing":
            return []
        steps: list[Step] = [*self._void(t, note), Prompt(f"{self._label}: left out")]
        self._follow(t)
        return steps

    def _go_on(self, t: float) -> list[Step]:
        """Return what has become due by time alone."""
        silent = [place for place, at in zip(self._placements, self._heard, strict=True) if t - at > SILENT_S]
        steps: list[Step] = []
        if silent and self._phase in {"waiting", "countdown", "take"}:
            return self._wait(t, " and ".join(silent))
        if self._phase == "waiting":
            self._count_down(t)
        while self._phase in {"countdown", "take", "closing"} and t >= self._until:
            # However late it is asked, a take lasts as long as it was meant to.
            due = max(self._until, t - _BACK_S)
            if self._phase == "closing":
                self._phase = "over"
            else:
                steps += (
                    self._begin(due, "countdown")
                    if self._phase == "countdown"
                    else self._end(due, "countdown")
                )
        return steps + self._count(t)

    def _count(self, t: float) -> list[Step]:
        """Return the countdown's next line, where another second is over."""
        left_s = max(1, ceil(self._until - t - 1e-6))
        if self._phase == "over" or left_s == self._left_s:
            return []
        self._left_s = left_s
        words = {
            "countdown": lambda: f"next: {self._label}, begins in {left_s}",
            "take": lambda: f"{self._label}: {left_s} s left",
            "closing": lambda: f"that was all, ends in {left_s}",
        }
        return [Prompt(words[self._phase](), left_s)]

    def _wait(self, t: float, silent: str) -> list[Step]:
        """Wait for sensors, and begin anew with the label once they are back."""
        if self._phase == "take":
            why = f"{silent} fell silent: this take of {self._label} does not count and is repeated"
        else:
            why = f"waits for {silent}"
        steps = self._void(t, "silence")
        if silent != self._asked_for:
            steps.append(Prompt(why))
        self._phase, self._asked_for = "waiting", silent
        return steps

    def _count_down(self, t: float) -> None:
        self._phase = "countdown" if self._number < len(self._labels) else "closing"
        self._since, self._until, self._left_s, self._asked_for = t, t + self._pause_s, None, None

    def _begin(self, t: float, note: str) -> list[Step]:
        self._phase, self._since, self._until, self._left_s = "take", t, t + self._take_s, None
        return [(t, Mark("begin", self._label, note))]

    def _end(self, t: float, note: str) -> list[Step]:
        length = t - self._since
        if length > 0:  # readers leave out what lasted for no time, and so must who takes back the newest
            self.takes.append(Take(self._number, self._since, t))
        steps: list[Step] = [(t, Mark("end", note=note)), Prompt(f"{self._label}: {length:.1f} s taken")]
        self._follow(t)
        return steps

    def _follow(self, t: float) -> None:
        self._number += 1
        self._count_down(t)

    def _void(self, t: float, note: str) -> list[Step]:
        """Take back the take that runs, if one does."""
        return [(t, Mark("void", note=note))] if self._phase == "take" else []

    def _redo(self, t: float, note: str) -> list[Step]:
        """Take back the take that runs, or else the newest, and repeat it."""
        steps = self._void(t, note)
        if not steps:
            if not self.takes:
                return [Prompt("nothing was taken yet that could be taken back")]
            self._number = self.takes.pop().number
            steps = [(t, Mark("void", note=note))]
        self._count_down(t)
        return [*steps, Prompt(f"{self._label}: taken back, and repeated")]


def read_labels(text: str) -> list[tuple[str, str]]:
    """Return labels that commas part: each as it came, and as it is marked; ConfigError by the one that cannot be."""
    labels = [(part.strip(), marked(part)) for part in text.split(",") if part.strip()]
    if not labels:
        raise ConfigError(
            "--labels: expected labels with commas between, such as walking,tape_box; none came"
        )
    for given, label in labels:
        if not re.match(NAME, label):
            raise ConfigError(f"--labels: expected {IN_WORDS[NAME]} or spaces; got {shown(given)}")
        if label in {NO_SIGNAL, NOT_WORN}:
            raise ConfigError(f"--labels: {label} is no activity but the lack of an answer; leave it out")
    return labels


def marked(label: str) -> str:
    """Return the form that labels have: that of the models, `_` between words."""
    return common_label(re.sub(r"[\s-]+", "_", label.strip()))
