"""The colour and the pattern of each state: who sees no colours, or prints, tells them by the pattern."""

from collections.abc import Iterable, Mapping

from edgehar.apps.report.markup import Markup, element, joined
from edgehar.dashboard.colours import hue
from edgehar.pipeline.label_tree import LabelTree
from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER

_MOTIFS = (
    "",
    "M-2 2l4-4M0 10l10-10M8 12l4-4",
    "M5 4.2a.8.8 0 1 1-.01 0z",
    "M5 0v10",
    "M-2 8l4 4M0 0l10 10M8-2l4 4",
    "M0 5h10",
    "M0 7.5l5-5 5 5",
    "M-2 2l4-4M0 10l10-10M8 12l4-4M-2 8l4 4M0 0l10 10M8-2l4 4",
    "M5 2.5a2.5 2.5 0 1 1-.01 0z",
    "M5 0v10M0 5h10",
    "M0 2.5h5M5 7.5h5",
    "M2.5 0v5M7.5 5v5",
)
"""Lines within ten units by ten."""

_OF_NOTHING: Mapping[str, str] = {NO_SIGNAL: _MOTIFS[1], NOT_WORN: _MOTIFS[5]}


class Looks:
    """Looks of states, the same wherever they are shown."""

    def __init__(self, states: Iterable[str], tree: LabelTree) -> None:
        """Give each state its look, in this order."""
        self._tree = tree
        self._names: Mapping[str, str] = {state: f"s{i}" for i, state in enumerate(dict.fromkeys(states))}

    def name(self, state: str) -> str:
        """Return the class, and the pattern's id, of a state."""
        return self._names[state]

    def fill(self, state: str) -> str:
        """Return the value of `fill`."""
        return f"url(#{self._names[state]})"

    def swatch(self, state: str) -> Markup:
        """Return a sample to stand before the state's name."""
        sample = element("rect", width="100%", height="100%", fill=self.fill(state))
        return element("svg", sample, class_="swatch", width="22", height="15", aria_hidden="true")

    def css(self) -> str:
        """Return the colours, for the style sheet."""
        lines = []
        for state, name in self._names.items():
            colour = 0.08 if state in {OTHER, NO_SIGNAL, NOT_WORN} else 1
            lines.append(f".{name}{{--hue:{hue(state, self._tree):g};--colour:{colour}}}")
        return "".join(lines)

    def patterns(self) -> Markup:
        """Return the patterns, which a page holds once."""
        drawn = []
        for i, (state, name) in enumerate(self._names.items()):
            motif = _OF_NOTHING.get(state, _MOTIFS[i % len(_MOTIFS)])
            kind = f"{name} nothing" if state in _OF_NOTHING else name
            drawn.append(_pattern(name, motif, kind))
        drawn.append(_pattern("gap", _MOTIFS[1], "nothing"))
        drawn.append(_pattern("differs", _MOTIFS[4], "differing"))
        return element("svg", element("defs", joined(drawn)), width="0", height="0", aria_hidden="true")


def _pattern(name: str, motif: str, kind: str) -> Markup:
    return element(
        "pattern",
        element("rect", class_="ground", width="10", height="10"),
        element("path", class_="motif", d=motif) if motif else "",
        id=name,
        class_=kind,
        width="10",
        height="10",
        patternUnits="userSpaceOnUse",
    )
