"""The labels of several models as those of one, and what each model's answer says of them.

A model that was never taught a label still says something about it: it knows the label as another, which the manifests
name (`alike`), or as `other`. So the likelihood of a label is the probability of what the model would call it.
"""

from collections.abc import Mapping, Sequence

from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.types import OTHER, FloatArray


class JointLabels:
    """All labels that any of the models has, those of the first in front, and the kinds of all."""

    def __init__(self, specs: Sequence[ModelSpec]) -> None:
        self.tree = joint_tree(specs)
        self._specs = specs
        self._alike = {label: alike for spec in reversed(specs) for label, alike in spec.alike.items()}
        self._names: dict[tuple[int, tuple[int, ...]], list[int | None]] = {}

    def likelihoods(self, model: int, probabilities: FloatArray, offered: tuple[int, ...]) -> list[float]:
        """Return how likely each label is by the answer of a model (index), which `offered` these of its labels (indices).

        A label for which the model has no name, not even `other`, is as likely as any.
        """
        p = probabilities.tolist()
        return [1.0 / len(p) if i is None else p[i] for i in self._names_of(model, offered)]

    def told_by(self, model: int, offered: tuple[int, ...]) -> set[int]:
        """Return the labels (indices) that a model tells itself when it offers these of its own."""
        spec = self._specs[model]
        return {self.tree.labels.index(spec.labels[i]) for i in offered}

    def _names_of(self, model: int, offered: tuple[int, ...]) -> list[int | None]:
        """Return for each label the index of what a model calls it."""
        names = self._names.get((model, offered))
        if names is None:
            index = {self._specs[model].labels[i]: i for i in offered}
            names = [self._name(label, index) for label in self.tree.labels]
            self._names[model, offered] = names
        return names

    def _name(self, label: str, index: Mapping[str, int]) -> int | None:
        candidates = (label, self._alike.get(label, OTHER), OTHER)
        return next((index[name] for name in candidates if name in index), None)


def joint_tree(specs: Sequence[ModelSpec]) -> LabelTree:
    """Return the tree of the labels of all models, those of the first in front."""
    labels = tuple(dict.fromkeys(label for spec in specs for label in spec.labels))
    return LabelTree(labels, _merged([spec.tree for spec in specs]))


def _merged(trees: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return one tree; what two trees have below different nodes stands where the first of them has it."""
    merged: dict[str, list[str]] = {}
    placed: set[str] = set()
    for tree in trees:
        for node, children in tree.items():
            new = [child for child in children if child not in placed]
            if new:
                merged.setdefault(node, []).extend(new)
            placed.update(new)
    return merged
