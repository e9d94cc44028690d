"""The background of a network: other people's windows as it judges them, so that a head knows what it was not taught.

Lies beside a shipped pair as `NAME.background.npz`, for each combination of sensors that were recorded together. It is
made by `python -m benchmarks.background`, of people whose recordings may be trained on, and of simulated ones where a
placement has no such recordings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ModelError
from edgehar.personal.logistic import Array
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec

SUFFIX = ".background.npz"
FORMAT = 2
"""The form of file that is read here."""
_STEPS = 255
_SPREADS = 4.0
"""Standard deviations from its mean up to which a statistic is kept, as far as a head looks."""


class Background(Struct, frozen=True, eq=False):
    """Windows of other people, worn alike."""

    embedding: Array
    """(windows, the network's features)."""
    statistics: Array
    """(windows, statistics), of what is worn."""
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
        return Background(*(getattr(self, name)[rows] for name in self.__struct_fields__))


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
    """Read what a file has for what is worn; None if it is of another network, or has nothing; ModelError if it is older."""
    with np.load(path) as file:
        given = int(file["format"]) if "format" in file.files else 1
        if given != FORMAT:
            raise ModelError(
                f"{path}: format: expected {FORMAT}, got {given}; install edgehar and its models again, or make "
                f"the file again by `python -m benchmarks.background {spec.name} DATA`"
            )
        if str(file["model_sha256"]) != spec.sha256:
            return None
        worn = worn_sensors(slots)
        rows = file["worn"] == worn
        if not rows.any():
            return None
        embedding = file["embedding"][rows].astype(np.float64) * float(file["step"])
        low, step = file[f"range {worn}"]
        statistics = low + file[f"statistics {worn}"] * step
        probability = file["probability"][rows].astype(np.float64)
        return Background(embedding, statistics, probability, file["may_be_true"][rows], file["group"][rows])


def write(path: Path, spec: ModelSpec, parts: dict[str, Background], step: float) -> None:
    """Write the backgrounds of a network by what is worn; `step` is that of its embedding, a whole number of which each is."""
    parts = dict(sorted(parts.items()))
    arrays: dict[str, Any] = {}
    for worn, part in parts.items():
        arrays[f"range {worn}"], arrays[f"statistics {worn}"] = _packed(part.statistics)
    np.savez_compressed(
        path,
        format=np.array(FORMAT),
        model_sha256=np.array(spec.sha256),
        step=np.array(step),
        worn=np.concatenate([np.full(len(part.group), worn) for worn, part in parts.items()]),
        embedding=np.concatenate([np.rint(p.embedding / step).astype(np.uint8) for p in parts.values()]),
        probability=np.concatenate([part.probability.astype(np.float16) for part in parts.values()]),
        may_be_true=np.concatenate([part.may_be_true for part in parts.values()]),
        group=np.concatenate([part.group for part in parts.values()]),
        **arrays,
    )


def _packed(statistics: Array) -> tuple[Array, NDArray[np.uint8]]:
    """Return lowest value and step (2, statistics), and how many steps each (windows, statistics) lies above it."""
    mean, spread = statistics.mean(axis=0), statistics.std(axis=0)
    low = np.maximum(statistics.min(axis=0), mean - _SPREADS * spread)
    high = np.minimum(statistics.max(axis=0), mean + _SPREADS * spread)
    step = np.maximum((high - low) / _STEPS, np.finfo(np.float64).tiny)
    return np.stack([low, step]), np.rint((np.clip(statistics, low, high) - low) / step).astype(np.uint8)
