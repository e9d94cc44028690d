"""A head for some takes, and what it changes on recordings: the network or the head in use before, the new head after."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from edgehar.errors import ModelError
from edgehar.personal.counts import WHOLE, Counts, Run, Stretch, count, run, total
from edgehar.personal.fit import teach
from edgehar.personal.folds import folds
from edgehar.personal.gate import Compared
from edgehar.personal.head import Head
from edgehar.personal.recognizer import personal
from edgehar.personal.takes import Take
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.scoring import Segment
from edgehar.sources.replay import Track

Progress = Callable[[str, int, int], None]
"""Takes the kind of work, and how much of it is done of how much."""

HELD_OUT, STORED = "held out in turn", "stored recordings"


class Lesson(Struct, frozen=True, eq=False):
    """A recording to teach from: the samples, and the packets that they came in."""

    take: Take
    track: Track


class Trial(Struct, frozen=True, eq=False):
    """A new head, and what it changes."""

    head: Head
    held_out: Compared
    stored: Compared
    left_out: list[str]
    """Stored recordings that could not be judged, and why."""


def try_head(
    network: Recognizer,
    in_use: Recognizer,
    lessons: Sequence[Lesson],
    stored: Sequence[Track],
    settings: Settings,
    progress: Progress = lambda *_: None,
) -> Trial:
    """Teach a head by the lessons, and compare it.

    RecordingError and ModelError as of `teach`.

    Args:
        network: The network that the head is for.
        in_use: What answers until now: the network, or another head on it.
        lessons: Recordings to teach from.
        stored: Other recordings with their truth.
        settings: Of the decision.
        progress: Told what is done.
    """
    takes = [lesson.take for lesson in lessons]
    head = teach(network, takes)
    held_out = _held_out(network, lessons, settings, progress)
    new = personal(network, head)
    before, after = list[Counts](), list[Counts]()
    left_out = list[str]()
    for done, track in enumerate(stored, start=1):
        try:
            pair = _pair(run(track, in_use, settings), run(track, new, settings), track.truth)
        except ModelError as error:
            left_out.append(f"{track.name}: {error}")
        else:
            before, after = [*before, pair[0]], [*after, pair[1]]
        progress("judging recordings", done, len(stored))
    return Trial(head, held_out, Compared(STORED, total(before), total(after)), left_out)


def _held_out(
    network: Recognizer,
    lessons: Sequence[Lesson],
    settings: Settings,
    progress: Progress,
) -> Compared:
    turns = folds([lesson.take for lesson in lessons], network.spec.window / network.spec.rate_hz)
    before, after = list[Counts](), list[Counts]()
    alone = [run(lesson.track, network, settings) for lesson in lessons] if turns else []
    for done, turn in enumerate(turns, start=1):
        model = personal(network, teach(network, turn.taught))
        for lesson, without, stretches in zip(lessons, alone, turn.held_out, strict=True):
            if stretches:
                shift = lesson.track.truth[0][0] - lesson.take.truth[0][0]
                within = [(begin + shift, end + shift) for begin, end in stretches]
                pair = _pair(without, run(lesson.track, model, settings), lesson.track.truth, within)
                before, after = [*before, pair[0]], [*after, pair[1]]
        progress("teaching and judging in turn", done, len(turns))
    return Compared(HELD_OUT, total(before), total(after))


def _pair(
    before: Run, after: Run, truth: Sequence[Segment], stretches: Sequence[Stretch] = WHOLE
) -> tuple[Counts, Counts]:
    """Count both by what either of them tells: a label that only the new one has is true of what the old one said too."""
    labels = {*before.labels, *after.labels}
    return count(before, truth, labels, stretches), count(after, truth, labels, stretches)
