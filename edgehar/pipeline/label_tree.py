"""The tree of a model's labels: each is one kind of something coarser that can still be told when the label cannot.

    still    sitting, standing, lying
    on_foot  walking, stairs
    stairs   stairs_up, stairs_down

Leaves are the model's labels. What is below nothing is a top: `running`, `other`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from edgehar.types import OTHER, NoAnswer


class LabelTree:
    """A model's labels and what they are kinds of; `tree` gives the children of each inner node, without misfits."""

    def __init__(self, labels: Sequence[str], tree: Mapping[str, Sequence[str]]) -> None:
        self.labels = tuple(labels)
        self.nodes = (*self.labels, *tree)
        """All labels, then all inner nodes."""
        self._parents = _parents(tree)
        self._leaves: dict[str, tuple[str, ...]] = {
            node: tuple(label for label in labels if node in self.path(label)) for node in self.nodes
        }

    def parent(self, node: str) -> str | None:
        """Return what a node is a kind of; None if it is a top."""
        return self._parents.get(node)

    def path(self, node: str) -> tuple[str, ...]:
        """Return a node and all that it is a kind of, up to its top; of a word that is no node, the word alone."""
        path = [node]
        while (parent := self._parents.get(path[-1])) is not None:
            path.append(parent)
        return tuple(path)

    def top(self, node: str) -> str:
        """Return the coarsest that a node is a kind of; itself if it is a top, or no node."""
        return self.path(node)[-1]

    def leaves(self, node: str) -> tuple[str, ...]:
        """Return the labels that are of this kind, in the model's order; of a label, itself."""
        return self._leaves[node]


def misfits(labels: Sequence[str], tree: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, object]]:
    """Yield the field, what was expected and what came, of all that keeps these from being a tree."""
    taken = {*labels, OTHER, *get_args(NoAnswer)}
    children = [child for each in tree.values() for child in each]
    for node in tree:
        if node in taken:
            yield f"tree.{node}", "a name that is no label and no other answer", node
    for node, each in tree.items():
        for child in each:
            if child == OTHER or (child not in tree and child not in labels):
                yield f"tree.{node}", f"labels but `{OTHER}`, or nodes of the tree", child
    twice = [child for child in dict.fromkeys(children) if children.count(child) > 1]
    if twice:
        yield "tree", "each child once, below one node", twice
        return
    parents = _parents(tree)
    for node in tree:
        above, steps = parents.get(node), 0
        while above is not None and above != node and steps < len(tree):
            above, steps = parents.get(above), steps + 1
        if above == node:
            yield f"tree.{node}", "no node below itself", list(tree[node])


def _parents(tree: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {child: node for node, children in tree.items() for child in children}
