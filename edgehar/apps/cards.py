"""The card of a model: for whom it is, whose data are in it, where it fails, and what it must not be used for."""

import re
from pathlib import Path

from msgspec import Struct

from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec

FOLDER = "cards"
"""Beside the pairs."""

MUST_NOT = "What it must not be used for"
"""Title of the section whose items begin with what must not be done, in bold."""


class Card(Struct, frozen=True):
    """A card, as far as who chooses a model has to see it."""

    path: Path
    must_not: tuple[str, ...]
    """Uses that the model must not be put to, in a few words each."""
    base: str = ""
    """Name of the model that this one was made from, whose card it is; empty if it is its own."""


def card_of(spec: ModelSpec, pair: Path) -> Card | None:
    """Return the card beside a pair, else that of the shipped model from which it was made; None if there is none."""
    made_from = spec.provenance.get("base")
    base = str(made_from.get("id", "")).partition("@")[0] if isinstance(made_from, dict) else ""
    candidates = (
        (pair.parent / FOLDER / f"{spec.name}.md", ""),
        (manifest.shipped() / FOLDER / f"{base}.md", base),
    )
    for path, whose in candidates:
        if path.is_file():
            return Card(path, tuple(must_not(path.read_text("utf-8"))), whose)
    return None


def must_not(text: str) -> list[str]:
    """Return what a card says that must not be done, in a few words each."""
    section = text.partition(f"## {MUST_NOT}\n")[2].partition("\n## ")[0]
    return [re.sub(r"\s+", " ", phrase) for phrase in re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)]
