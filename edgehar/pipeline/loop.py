"""The loop that everything else serves: one wearer's packets in, activities and events out.

Every stage keeps one contract. `push(item)` takes one item and returns the list of what it
completed; it never waits and never reads a clock, so a live run, a replay and an evaluation of
the same bytes give the same answers to the bit. `advance(t)` says that stream time has reached
`t` without a packet; calling it more often changes no answer, only how early it comes.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial

from edgehar.errors import ConfigError
from edgehar.pipeline.decision import Decision
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.reasons import ENDED
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.telling import Telling
from edgehar.pipeline.windows import Windows
from edgehar.types import UNREADABLE, Activity, Block, Event, Stream

_log = logging.getLogger(__name__)

LONGEST_EXCUSED_S = 60.0
"""A round number: over more that cannot be read, s, nobody can say that an activity went on."""


class Pipeline:
    """From the packets of one wearer's sensors to what the wearer does."""

    def __init__(
        self,
        wearer: str,
        streams: Sequence[Stream],
        recognizer: Recognizer,
        settings: Settings,
        *,
        epoch: float = 0.0,
        told: Collection[str] = (),
    ) -> None:
        """Wire the stages. Stream `i` of `push` is `streams[i]`; `epoch` is Unix time at stream time 0, s.

        `told` names the labels and kinds of labels that are told, all if it is empty; what the worn sensors cannot tell
        is a warning. OperatorError if that is all of it, if the model has no place for a sensor, or no such label,
        or if nothing reads a sensor's profile.
        """
        spec = recognizer.spec
        tree = LabelTree(spec.labels, spec.tree)
        slots = recognizer.slots([stream.placement for stream in streams])
        worn = [i for i, placement in enumerate(slots) if placement is not None]
        can = {tree.labels[i] for i in spec.offered(worn)}
        _check_tellable(wearer, told, [slots[i] or "" for i in worn], tree, can)
        self.intakes = [Intake(stream, wearer) for stream in streams]
        silence_s = settings.no_signal_after_s + (spec.window + 2 * spec.hop) / spec.rate_hz
        self.grid = Grid(slots, spec.rate_hz, spec.hop, quiet_s=max(60.0, 2 * silence_s))
        for intake in self.intakes:
            self.grid.expect(intake.placement, intake.bundle_s)
        self._windows = Windows(spec.window, worn, settings.min_coverage)
        self._t = 0.0
        self._recognizer = recognizer
        self._new_telling = partial(_new_telling, spec, tree, told, slots)
        telling = self._new_telling(settings)
        self.told = tuple(node for node in tree.nodes if node in telling and can & {*tree.leaves(node)})
        """Labels, then kinds of labels, that the worn sensors can tell and that shall be told."""
        self._decision = Decision(
            wearer,
            telling,
            spec.window / spec.rate_hz,
            spec.hop / spec.rate_hz,
            settings,
            spec.id,
            epoch=epoch,
            placements=slots,
        )

    def push(self, t: float, stream: int, body: bytes) -> list[Activity | Event]:
        """Take one packet that arrived at `t`, stream time in s; an empty body only says that time went on.

        That of the stream UNREADABLE says that what came until `t` is missing in a recording: no silence.
        """
        before, self._t = self._t, t
        if not body:
            if stream == UNREADABLE and t - before <= LONGEST_EXCUSED_S:
                self._decision.excuse(t)
            return self.advance(t)
        blocks: list[Block] = []
        intake = self.intakes[stream]
        for samples in intake.push(t, body):
            blocks += self.grid.push(t, samples)
        self.grid.expect(intake.placement, intake.bundle_s)
        return self._judge(blocks) if blocks else []

    def choose(self, settings: Settings) -> None:
        """Tell by the thresholds of other settings from now on; nothing else of them is used."""
        self._decision.tell_by(self._new_telling(settings), settings)

    def advance(self, t: float) -> list[Activity | Event]:
        """Let stream time reach `t`, s: silence becomes windows without coverage."""
        return self._judge(self.grid.advance(t))

    def finish(self, reason: str = ENDED) -> list[Activity | Event]:
        """Take it that no more will come, for a `reason` in words: what still runs ends where the signal ended."""
        answers = self._judge([*self.grid.advance(self._t), *self.grid.flush()])
        return answers + self._decision.finish(self._t, reason)

    def _judge(self, blocks: Iterable[Block]) -> list[Activity | Event]:
        return [
            answer
            for block in blocks
            for window in self._windows.push(block)
            for prediction in self._recognizer.push(window)
            for answer in self._decision.push(prediction)
        ]


def _new_telling(
    spec: ModelSpec, tree: LabelTree, told: Collection[str], slots: Sequence[str | None], settings: Settings
) -> Telling:
    """Make what chooses with the thresholds of the settings and their operating point."""
    return Telling(tree, settings, told, spec.thresholds(slots, settings.operating_point))


def _check_tellable(
    wearer: str, told: Collection[str], placements: Sequence[str], tree: LabelTree, can: Collection[str]
) -> None:
    """Warn of labels that no worn sensor can tell, as nobody would wait for them; ConfigError if there are no others."""
    never = [name for name in told if name in tree.nodes and not {*can} & {*tree.leaves(name)}]
    if not never:
        return
    problem = (
        f"labels: {', '.join(never)}: never told by {', '.join(placements)}, which is all that {wearer} wears"
    )
    if len(never) == len(told):
        raise ConfigError(f"{problem}; name something else, or wear another sensor")
    _log.warning("%s", problem)
