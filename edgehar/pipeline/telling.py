"""The choice of what is told: the finest node of the label tree that is certain enough.

    told                                    when
    --------------------------------------  ------------------------------------------------------------------------
    a label                                 its belief reaches its threshold, or that of the settings
    a kind of labels                        its belief, the sum of its labels', reaches its threshold, and none
                                            of what is below it is told
    what was told before                    nothing else is, but for a kind of it, and its belief has not fallen
                                            below `held_threshold`
    other                                   none of these, or `other` is likelier

Of several that are certain enough the deepest is told: thresholds are at least one half, so that each is below the next.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.types import OTHER
from edgehar.validation import did_you_mean, shown

_MOST = 0.5
"""With more than half of the belief, nothing else has as much."""
_LIKELY = 2
"""So many labels of a kind are named beside it."""


class _Node(Struct, frozen=True):
    """A node that may be told."""

    name: str
    labels: tuple[int, ...]
    """Indices of the labels it stands for."""
    is_label: bool
    above: tuple[str, ...]
    """The node, and all that it is a kind of."""
    depth: int
    threshold: float
    held_threshold: float


def check_told(tree: LabelTree, told: Iterable[str]) -> None:
    """Refuse names that are no node of the tree by a ConfigError; `other` is told in any case."""
    nodes = [node for node in tree.nodes if node != OTHER]
    for name in told:
        if name not in nodes:
            hint = did_you_mean(name, nodes, f"it tells {', '.join(nodes)}")
            raise ConfigError(f"labels: the model tells no {shown(name)}; {hint}")


class Telling:
    """Chooses among the nodes of a tree; `told` names those that shall be told, all if it is empty.

    `fitted` are thresholds of the operating point, by node. ConfigError if one of `told` is no node; `other` alone
    lets nothing else be told.
    """

    def __init__(
        self,
        tree: LabelTree,
        settings: Settings,
        told: Collection[str] = (),
        fitted: Mapping[str, float] | None = None,
    ) -> None:
        if {*told} != {OTHER}:
            check_told(tree, told)
        self.tree = tree
        index = {label: i for i, label in enumerate(tree.labels)}
        self._other = index.get(OTHER)
        self._nodes = {
            name: _Node(
                name,
                tuple(index[label] for label in tree.leaves(name)),
                name in index,
                tree.path(name),
                len(tree.path(name)),
                *settings.thresholds(name, fitted or {}, is_kind=name not in index),
            )
            for name in tree.nodes
            if name != OTHER and (name in told or not told)
        }
        self._rows = sorted(self._nodes.values(), key=lambda node: -node.depth)

    def __contains__(self, name: str) -> bool:
        """Tell whether a state is a node that may be told."""
        return name in self._nodes

    def choose(self, belief: Sequence[float], held: str) -> str:
        """Return the node to tell, or `other`, while `held` is told."""
        other = 0.0 if self._other is None else belief[self._other]
        holding, certainty = self._nodes.get(held), 0.0
        if holding:
            certainty = self.of(held, belief)
            if holding.is_label and certainty > _MOST:
                return held
        best = OTHER
        for node in self._rows:
            share = belief[node.labels[0]] if node.is_label else sum([belief[i] for i in node.labels])
            if share >= node.threshold and share > other and node is not holding:
                best = node.name
                break
        if holding and certainty >= holding.held_threshold and certainty > other:
            return held if best == OTHER or best in holding.above else best
        return best

    def finest(self, label: str) -> str | None:
        """Return the finest node that may be told of a label; None if there is none."""
        return next((node for node in self.tree.path(label) if node in self._nodes), None)

    def likeliest(self, name: str, belief: Sequence[float]) -> tuple[str, float] | None:
        """Return the likelier label of a kind and the belief in it; None of a label."""
        return next(iter(self.likely(name, belief)), None)

    def likely(self, name: str, belief: Sequence[float]) -> list[tuple[str, float]]:
        """Return the two likelier labels of a kind and the belief in each; none of a label."""
        node = self._nodes[name]
        if node.is_label:
            return []
        best = sorted(node.labels, key=belief.__getitem__, reverse=True)[:_LIKELY]
        return [(self.tree.labels[i], belief[i]) for i in best]

    def nearest(self, belief: Sequence[float]) -> tuple[str, float]:
        """Return the node, or `other` for all that is not told, of the largest belief, and that."""
        shares = {node.name: self.of(node.name, belief) for node in self._rows}
        told = {i for node in self._rows for i in node.labels}
        shares[OTHER] = sum([share for i, share in enumerate(belief) if i not in told])
        return max(shares.items(), key=lambda item: item[1])

    def of(self, name: str, belief: Sequence[float]) -> float:
        """Return the belief in a node."""
        node = self._nodes[name]
        return belief[node.labels[0]] if node.is_label else sum([belief[i] for i in node.labels])

    def indices(self, name: str) -> tuple[int, ...]:
        """Return the indices of the labels that a node stands for."""
        return self._nodes[name].labels
