"""The background of a network: other people's windows as it judges them, so that a head knows what it was not taught.

Lies beside a shipped pair as `NAME.background.npz`, for each combination of sensors that were recorded together. It is
made by `python -m benchmarks.background`, of people whose recordings may be trained on, and of simulated ones where a
placement has no such recordings.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.personal.logistic import Array
from edgehar.pipeline import manifest
from edgehar.pipeline.manifest import ModelSpec

SUFFIX = ".background.npz"


class Background(Struct, frozen=True, eq=False):
    """Windows of other people, worn alike."""

    embedding: Array
    """(windows, features)."""
    probability: Array
    """(windows, the network's labels)."""
    may_be_true: NDArray[np.bool_]
    """(windows, the network's labels)."""
    group: NDArray[np.str_]
    """(windows,), set, person and what was done, such as `dsads 1 walking`."""

    @property
    def truth(self) -> Array:
        """(windows, the network's labels): its own opinion among what may be true."""
        share = np.where(self.may_be_true, np.maximum(self.probability, _LEAST), 0.0)
        return np.asarray(share / share.sum(axis=1, keepdims=True))

    def without(self, words: str) -> "Background":
        """Return it without the groups whose name begins so."""
        return self._only(~np.char.startswith(self.group, words))

    def beyond(self, labels: Sequence[int]) -> "Background":
        """Return the windows in which more than these labels (indices) may be true."""
        return self._only(np.asarray(np.delete(self.may_be_true, [*labels], axis=1).any(axis=1)))

    def _only(self, rows: NDArray[np.bool_]) -> "Background":
        return Background(
            self.embedding[rows], self.probability[rows], self.may_be_true[rows], self.group[rows]
        )


_LEAST = 1e-6
"""Probability: what may be true is never impossible."""


def worn_sensors(slots: tuple[str | None, ...]) -> str:
    """Return what is worn as one word, such as `0+1` of the first two sensors of a model."""
    return "+".join(f"{i}" for i, slot in enumerate(slots) if slot is not None)


def of(spec: ModelSpec, slots: tuple[str | None, ...]) -> Background | None:
    """Return the background of a shipped network for what is worn; None if there is none."""
    path = manifest.shipped() / f"{spec.name}{SUFFIX}"
    return read(path, spec, slots) if path.is_file() else None


def read(path: Path, spec: ModelSpec, slots: tuple[str | None, ...]) -> Background | None:
    """Read what a file has for what is worn; None if it is of another network, or has nothing."""
    with np.load(path) as file:
        if str(file["model_sha256"]) != spec.sha256:
            return None
        rows = file["worn"] == worn_sensors(slots)
        if not rows.any():
            return None
        embedding = file["embedding"][rows].astype(np.float64) * float(file["step"])
        probability = file["probability"][rows].astype(np.float64)
        return Background(embedding, probability, file["may_be_true"][rows], file["group"][rows])


def write(path: Path, spec: ModelSpec, parts: dict[str, Background], step: float) -> None:
    """Write the backgrounds of a network by what is worn; `step` is that of its embedding, a whole number of which each is."""
    parts = dict(sorted(parts.items()))
    np.savez_compressed(
        path,
        model_sha256=np.array(spec.sha256),
        step=np.array(step),
        worn=np.concatenate([np.full(len(part.group), worn) for worn, part in parts.items()]),
        embedding=np.concatenate([np.rint(p.embedding / step).astype(np.uint8) for p in parts.values()]),
        probability=np.concatenate([part.probability.astype(np.float16) for part in parts.values()]),
        may_be_true=np.concatenate([part.may_be_true for part in parts.values()]),
        group=np.concatenate([part.group for part in parts.values()]),
    )
