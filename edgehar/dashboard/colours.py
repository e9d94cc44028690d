"""Hues by which pages show what is done."""

from edgehar.pipeline.label_tree import LabelTree

_HUES = {
    "still": 255,
    "on_foot": 158,
    "running": 70,
    "jumping": 50,
    "cycling": 200,
    "rowing": 225,
    "waving": 320,
    "clapping": 345,
    "punching": 300,
    "falling": 25,
}
"""Hues of what this project's models tell, degrees of oklch; those of other words are made of their letters."""

_BETWEEN = 16
"""Degrees from one label of a kind to the next."""


def hue(state: str, tree: LabelTree) -> float:
    """Return the hue of a state, degrees: those of one kind are near each other."""
    top = tree.top(state)
    hue = _HUES.get(top)
    if hue is None:
        hue = 7
        for letter in top:
            hue = (hue * 31 + ord(letter)) % 360
    siblings = [node for node in tree.nodes if node != top and tree.top(node) == top]
    if state not in siblings:
        return hue
    return hue + (siblings.index(state) - (len(siblings) - 1) / 2) * _BETWEEN
