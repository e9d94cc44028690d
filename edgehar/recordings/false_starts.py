"""The truth that a start is held to: an activity may begin to be told while it is done, and shortly after it."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.recordings.labels import possible_labels
from edgehar.recordings.scoring import Segment

SETTLED_S = 4.0
"""After a change what was done before may still begin for so long, s."""


def may_begin(
    labels: Sequence[str], told: Collection[str], times: NDArray[np.float64], truth: Iterable[Segment]
) -> NDArray[np.bool_]:
    """Return which labels may begin to be told at which times, (times, labels): true then, or so shortly before.

    `told` are those of them that what is worn can tell.
    """
    possible = np.zeros((len(times), len(labels)), np.bool_)
    for start, end, word in truth:
        rows = (times > start) & (times <= end + SETTLED_S)
        possible |= rows[:, None] & np.isin(labels, possible_labels(word, told))
    return possible
