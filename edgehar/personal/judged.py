"""The windows of takes as the network judges them, each with what was done in it."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from msgspec import Struct

from edgehar.errors import ModelError, RecordingError
from edgehar.personal.logistic import Array
from edgehar.personal.statistics import of_window
from edgehar.personal.takes import Take
from edgehar.pipeline.cut import cut
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.scoring import Segment, merge
from edgehar.types import FloatArray


class Judged(Struct, frozen=True, eq=False):
    """Windows wholly within one label."""

    label: tuple[str, ...]
    """Label of each window."""
    embedding: Array
    """(windows, the network's features)."""
    statistics: Array
    """(windows, statistics), of what is worn."""
    probability: Array
    """(windows, the network's labels)."""


_Row = tuple[str, FloatArray, FloatArray, FloatArray]
"""Label, embedding and the rest of one window, in the order of `Judged`."""


def judge(network: Recognizer, takes: Sequence[Take], hop_s: float) -> Judged:
    """Judge the windows of the takes that lie wholly within one label and lack no sensor.

    ModelError if the network has no embedding or no place for a sensor; RecordingError if there is no such window.
    """
    rows = [*chain.from_iterable(_of_take(network, take, hop_s) for take in takes)]
    if not rows:
        names = ", ".join(take.name for take in takes)
        raise RecordingError(
            f"{names}: no window of {_window_s(network):g} s lies wholly within one label; do each for longer"
        )
    label, *arrays = zip(*rows, strict=True)
    return Judged(label, *(np.array(each, np.float64) for each in arrays))


def _window_s(network: Recognizer) -> float:
    return network.spec.window / network.spec.rate_hz


def _of_take(network: Recognizer, take: Take, hop_s: float) -> Iterator[_Row]:
    segments, length_s = merge(take.truth), _window_s(network)
    slots = network.spec.slots(take.tracks)
    for window in cut(network.spec, take.tracks, hop_s):
        label = _label(segments, window.t_end - length_s, window.t_end)
        if label is None or window.excluded_sensors:
            continue
        [prediction] = network.push(window)
        if prediction.probabilities is None:
            continue
        if prediction.embedding is None:
            raise ModelError(
                f"{network.spec.id}: nothing can be taught without an embedding, the network's second output"
            )
        # A copy: the interpreter writes over its own.
        statistics = of_window(network.spec, slots, window.x)
        yield label, prediction.embedding.copy(), statistics, prediction.probabilities


def _label(segments: Sequence[Segment], begin: float, end: float) -> str | None:
    return next((label for start, stop, label in segments if start <= begin and end <= stop), None)
