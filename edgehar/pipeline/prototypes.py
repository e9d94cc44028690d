"""Typed labels: a network whose embedding shares a space with texts tells what it was never trained for.

The manifest's block `text` holds points of that space, prototypes: of the labels that the network was trained with, and of
those that were typed, which have no logit. What is nearer to a typed text than to all others is that label, by the softmax
of the cosines; the network's own distribution has the rest. The probability of a fall is the network's own in any case.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from edgehar.types import FALLING, OTHER, FloatArray

_LENGTH_OFF = 1e-3
"""Far above the rounding of float32, far below what changes an answer."""

Word = Annotated[str, Meta(min_length=1)]


class Prototype(Struct, frozen=True, forbid_unknown_fields=True):
    """A text as a point in the space of the network's embedding."""

    label: Word
    text: Word
    vector: Annotated[bytes, Meta(min_length=4)]
    """Base64 of its numbers, little-endian float32, of unit length."""

    @property
    def numbers(self) -> FloatArray:
        """The vector as numbers; what is left over of the last one is not looked at."""
        whole = len(self.vector) // 4 * 4
        return np.frombuffer(self.vector[:whole], np.dtype("<f4")).astype(np.float32)


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest's block `text`."""

    temperature: Annotated[float, Meta(ge=1e-3)]
    """Cosines are divided by it before the softmax; less makes no sharper answer, and none at all where it is next to 0."""
    trained: Annotated[tuple[Prototype, ...], Meta(min_length=1)]
    """Prototypes of labels that the network has a logit for; one label may have several."""
    typed: tuple[Prototype, ...] = ()
    """Prototypes of the labels behind the last logit, in their order."""


def prototype(label: str, text: str, vector: FloatArray) -> Prototype:
    """Return the prototype of a text from its vector, (n,), of any length."""
    unit = np.asarray(vector, np.float64) / np.linalg.norm(vector)
    return Prototype(label, text, unit.astype("<f4").tobytes())


class Mixture:
    """The network's answer beside that of the typed texts; `labels` are the model's, those without a logit last."""

    def __init__(self, text: Text, labels: Sequence[str]) -> None:
        self._vectors = np.stack([each.numbers for each in (*text.trained, *text.typed)])
        self._temperature, self._trained = text.temperature, len(text.trained)
        self._falling = labels.index(FALLING) if FALLING in labels else None
        self._labels = len(labels)

    def of(self, p: FloatArray, embedding: FloatArray, offered: Iterable[int]) -> FloatArray:
        """Return probabilities (labels,) from the network's own of the labels with a logit, and its embedding.

        Typed labels that are not among the `offered` (indices) have none.
        """
        logits, shares = len(p), self._shares(embedding)
        typed = {i: shares[i - logits] for i in offered if i >= logits}
        fall = float(p[self._falling]) if self._falling is not None else 0.0
        mixed = np.zeros(self._labels, np.float32)
        mixed[:logits] = p.astype(np.float64) * (1.0 - sum(typed.values()))
        for i, share in typed.items():
            mixed[i] = share * (1.0 - fall)
        if self._falling is not None:
            mixed[self._falling] = fall
        return mixed

    def _shares(self, embedding: FloatArray) -> list[float]:
        """Return the share of each typed text in the softmax over all; none if the embedding is no direction."""
        length = float(np.linalg.norm(embedding))
        typed = len(self._vectors) - self._trained
        if not (isfinite(length) and length > 0.0):
            return [0.0] * typed
        scores = (self._vectors @ embedding).astype(np.float64) / (length * self._temperature)
        powers = np.exp(scores - scores.max())
        shares: list[float] = (powers[self._trained :] / powers.sum()).tolist()
        return shares


def misfits(
    text: Text, labels: Sequence[str], sensors: Iterable[Sequence[str]]
) -> Iterator[tuple[str, str, object]]:
    """Yield the field, what was expected and what came, of a block that fits no model of these labels.

    `sensors` are the labels of each sensor, empty for all.
    """
    typed = [each.label for each in text.typed]
    logits = labels[: len(labels) - len(typed)]
    if [*labels[len(logits) :]] != typed:
        yield "text.typed", "the last labels of the model, in their order", typed
        return
    if OTHER in typed or FALLING in typed:
        yield "text.typed", f"labels other than {OTHER} and {FALLING}", typed
    if len(logits) < 2:
        yield "labels", "at least two that are not typed", [*labels]
    if unknown := sorted({each.label for each in text.trained} - {*logits}):
        yield "text.trained", "labels of the model that are not typed", unknown
    for names in sensors:
        if names and not {*names} & {*logits}:
            yield "sensors", "a label in each that is not typed", [*names]
    yield from _misfits_of_vectors(text)


def _misfits_of_vectors(text: Text) -> Iterator[tuple[str, str, object]]:
    width = len(text.trained[0].vector)
    for field, prototypes in (("trained", text.trained), ("typed", text.typed)):
        for i, each in enumerate(prototypes):
            where = f"text.{field}[{i}].vector"
            if len(each.vector) != width or width % 4:
                yield where, f"{width // 4} float32 numbers, as the first has", f"{len(each.vector)} bytes"
            elif not abs(float(np.linalg.norm(each.numbers)) - 1.0) < _LENGTH_OFF:
                yield where, "unit length", float(np.linalg.norm(each.numbers))
