"""The truth of a window, and what its answer is held to.

A set may say less than a model: `stairs_up_or_down`, or `typing`, done sitting or standing. Such a truth is several
labels (`recordings.labels.possible_labels`), and an answer that is one of them is right; of a model that tells `typing`
itself, only that. For F1, which needs one truth for each window, a right answer is the truth; of a wrong one it is the
first of the labels that is not `other`. A window that may be `other` and is told so is right, and counts for no label:
`metrics.score` leaves `other` out of F1.

Said coarsely a label is its top in the model's tree (`still`, `on_foot`), and the answer the top whose labels are together
the likeliest; the same rule holds for both.
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.labels import possible_labels
from edgehar.recordings.scoring import Segment
from edgehar.types import OTHER, FloatArray

Words = NDArray[np.str_]

NO_ANSWER = "no_answer"


def held_to(true: Words, answers: Words, told: Collection[str], word: Callable[[str], str] = str) -> Words:
    """Return for each window, (windows,), the label that its answer is held to.

    Args:
        true: What a set says.
        answers: What the model says, in the words of `word`.
        told: Labels, not kinds of labels, that the model tells of what is worn.
        word: By what a label goes.
    """
    held: dict[tuple[str, str], str] = {}
    for pair in zip(true.tolist(), answers.tolist(), strict=True):
        if pair not in held:
            label, answer = pair
            possible = [word(name) for name in possible_labels(label, told)]
            first = next((name for name in possible if name != OTHER), OTHER)
            held[pair] = answer if answer in possible else first
    return np.array([held[pair] for pair in zip(true.tolist(), answers.tolist(), strict=True)], np.str_)


def coarse_answers(spec: ModelSpec, probabilities: FloatArray) -> Words:
    """Return the likeliest top, (windows,), of (windows, labels); NO_ANSWER where all are zero."""
    tree = LabelTree(spec.labels, spec.tree)
    tops = [tree.top(label) for label in spec.labels]
    words = list(dict.fromkeys(tops))
    together = np.stack([probabilities[:, np.array(tops) == word].sum(axis=1) for word in words], axis=1)
    answers: Words = np.array(words, np.str_)[together.argmax(axis=1)]
    return np.where(together.any(axis=1), answers, NO_ANSWER)


def is_certain(label: str, told: Collection[str]) -> bool:
    """Tell whether a set that says so leaves only one label to a model that tells these of what is worn."""
    return len(possible_labels(label, told)) == 1


def truth_of(truth: Sequence[Segment], begin: float, end: float, *, greater_part: bool) -> str | None:
    """Return the label of a window, s; None if it lies in several or, by the greater part, none fills half of it."""
    edge = 1e-6
    for start, stop, label in truth:
        if start - edge <= begin and end <= stop + edge:
            return label
        if greater_part and min(stop, end) - max(start, begin) > 0.5 * (end - begin):
            return label
    return None
