"""The loop that everything else serves: one wearer's packets in, activities and events out.

Every stage keeps one contract. `push(item)` takes one item and returns the list of what it
completed; it never waits and never reads a clock, so a live run, a replay and an evaluation of
the same bytes give the same answers to the bit. `advance(t)` says that stream time has reached
`t` without a packet; calling it more often changes no answer, only how early it comes.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.pipeline.branch import Branch
from edgehar.pipeline.decision import Decision
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.fusion import Fusion
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.joint_labels import JointLabels
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.modality import CAMERA
from edgehar.pipeline.reasons import ENDED
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.telling import Telling
from edgehar.types import FALLING, UNREADABLE, Activity, Event, Prediction, Samples, Stream

_log = logging.getLogger(__name__)

Watch = Callable[[int, Samples], None]
"""Takes the index of a stream and samples that came of it."""

LONGEST_EXCUSED_S = 60.0
"""A round number: over more that cannot be read, s, nobody can say that an activity went on."""


class Pipeline:
    """From the packets of one wearer's sensors to what the wearer does."""

    def __init__(
        self,
        wearer: str,
        streams: Sequence[Stream],
        models: Recognizer | Sequence[Recognizer],
        settings: Settings,
        *,
        epoch: float = 0.0,
        told: Collection[str] = (),
    ) -> None:
        """Wire the stages. Stream `i` of `push` is `streams[i]`; `epoch` is Unix time at stream time 0, s.

        `models` are one for each modality of the streams; where there are two, the first leads. `told` names the labels
        and kinds of labels that are told, all if it is empty; what the worn sensors cannot tell is a warning.
        OperatorError if that is all of it, if no model has a place for a sensor, or no such label, or if nothing
        reads a sensor's profile.
        """
        self.intakes = [Intake(stream, wearer) for stream in streams]
        self._branches = _branches(models, self.intakes, settings)
        settings = _without_proof(self._branches, settings)
        self._branch_of = [_taking(self._branches, intake) for intake in self.intakes]
        specs = [branch.spec for branch in self._branches]
        labels = JointLabels(specs)
        self._fusion = Fusion(self._branches, labels) if len(specs) > 1 else None
        tree, slots = labels.tree, [slot for branch in self._branches for slot in branch.slots]
        can = {label for branch in self._branches for label in branch.labels}
        _check_tellable(wearer, told, [slot for slot in slots if slot is not None], tree, can)
        self._t = 0.0
        self.watchers: list[Watch] = []
        """Take all samples, before they are judged, for who looks at them."""
        self._new_telling = partial(_new_telling, self._branches, tree, told)
        telling = self._new_telling(settings)
        self.told = tuple(node for node in tree.nodes if node in telling and can & {*tree.leaves(node)})
        """Labels, then kinds of labels, that the worn sensors can tell and that shall be told."""
        self.tree = tree
        """The tree of the labels of all models."""
        self._decision = Decision(
            Episode(wearer, "+".join(spec.id for spec in specs), epoch),
            telling,
            self._branches[0].window_s,
            self._branches[0].hop_s,
            settings,
            placements=slots,
        )

    @property
    def late(self) -> int:
        """Samples that came after their row was emitted, or behind a newer one of their sensor."""
        return sum(branch.grid.late for branch in self._branches)

    @property
    def early(self) -> int:
        """Samples further in the future of their arrival than any clock error can be."""
        return sum(branch.grid.early for branch in self._branches)

    def push(self, t: float, stream: int, body: bytes) -> list[Activity | Event]:
        """Take one packet that arrived at `t`, stream time in s; an empty body only says that time went on.

        That of the stream UNREADABLE says that what came until `t` is missing in a recording: no silence.
        """
        before, self._t = self._t, t
        if not body:
            if stream == UNREADABLE and t - before <= LONGEST_EXCUSED_S:
                self._decision.excuse(t)
            return self.advance(t)
        intake, number = self.intakes[stream], self._branch_of[stream]
        # Before the packet is read: what it says is no remark on windows that were due.
        answers = self.advance(t)
        samples = intake.push(t, body)
        for watch in self.watchers:
            for each in samples:
                watch(stream, each)
        predictions = self._branches[number].push(t, samples, intake)
        return answers + self._decide(number, predictions) if predictions else answers

    def choose(self, settings: Settings) -> None:
        """Tell by the thresholds of other settings from now on; nothing else of them is used."""
        self._decision.tell_by(self._new_telling(settings), settings)

    def advance(self, t: float) -> list[Activity | Event]:
        """Let stream time reach `t`, s: silence becomes windows without coverage."""
        if not self._fusion:
            return self._reach(t)
        answers = []
        # In the order in which they fall due, so that models are heard in the same however far time goes at once.
        while (due := min([branch.grid.due for branch in self._branches])) <= t:
            answers += self._reach(due)
        return answers + self._reach(t)

    def finish(self, reason: str = ENDED) -> list[Activity | Event]:
        """Take it that no more will come, for a `reason` in words: what still runs ends where the signal ended."""
        answers = self.advance(self._t)
        for number, branch in enumerate(self._branches):
            answers += self._decide(number, branch.flush())
        return answers + self._decision.finish(self._t, reason)

    def _reach(self, t: float) -> list[Activity | Event]:
        answers = []
        for number, branch in enumerate(self._branches):
            predictions = branch.advance(t)
            if predictions:
                answers += self._decide(number, predictions)
        return answers

    def _decide(self, number: int, predictions: Iterable[Prediction]) -> list[Activity | Event]:
        if self._fusion:
            predictions = [joint for p in predictions for joint in self._fusion.push(number, p)]
        remarks = [intake.remark for intake in self.intakes if intake.remark]
        if remarks:
            predictions = [replace(p, remarks=tuple(remarks)) for p in predictions]
        return [answer for p in predictions for answer in self._decision.push(p)]


def _branches(
    models: Recognizer | Sequence[Recognizer], intakes: Sequence[Intake], settings: Settings
) -> list[Branch]:
    """Make a branch of each model for the sensors of its modality; a single model is asked for all of them."""
    if isinstance(models, Recognizer):
        return [Branch(models, intakes, settings)]
    if len(models) == 1:
        return [Branch(models[0], intakes, settings)]
    return [
        Branch(model, [intake for intake in intakes if intake.modality is model.spec.modality], settings)
        for model in models
    ]


def _taking(branches: Sequence[Branch], intake: Intake) -> int:
    """Return the number of the branch that takes an intake's samples."""
    return next((i for i, branch in enumerate(branches) if branch.spec.modality is intake.modality), 0)


def _without_proof(branches: Sequence[Branch], settings: Settings) -> Settings:
    """Return settings by which a fall is told like any label where a camera sees it and no worn sensor could prove it."""
    cameras = [branch for branch in branches if branch.spec.modality is CAMERA]
    provers = [branch for branch in branches if branch not in cameras and FALLING in branch.labels]
    if not cameras or provers:
        return settings
    return replace(settings, falls=replace(settings.falls, within_s=0.0))


def _new_telling(
    branches: Sequence[Branch], tree: LabelTree, told: Collection[str], settings: Settings
) -> Telling:
    """Make what chooses with the thresholds of the settings and their operating point, the first model's before others'."""
    point = settings.operating_point
    first, *others = branches
    fitted = dict[str, float]()
    for branch in others:
        if branch.spec.operating_points:
            fitted |= branch.thresholds(point)
    return Telling(tree, settings, told, fitted | first.thresholds(point))


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
