"""Joint pre-training of the encoder on text, pose and IMU of simulated people and recorded motion.

After Multi³Net (Fortes Rey et al., ISWC 2024), whose losses are not published in full: weights, temperature, masks and
decoders are ours, chosen beforehand. Everything but the encoder is dropped afterwards.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.training.build import fitting_libraries
from edgehar.training.cache import CachedArrays, cache_key
from edgehar.training.fit import begin
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe
from edgehar.training.recipe_parts import Count, Positive
from edgehar.training.studies import triples as making
from edgehar.training.studies.networks import JointNetworks, assign, encoder, is_of_encoder, scaled, shown
from edgehar.training.studies.objectives import hidden_rows
from edgehar.training.studies.triples import Triples
from edgehar.training.synthesize import Views
from edgehar.training.texts import captions, embeddings
from edgehar.types import FloatArray

__all__ = [
    "OBJECTIVES",
    "Joint",
    "Pretraining",
    "assign",
    "encoder",
    "pretrain",
    "pretrain_joint",
    "require_motion",
    "shown",
]

PRETRAINING_VERSION = 1
"""Raise it with any change that gives other weights from the same triples."""
Objective = Literal["labels", "contrast", "pose_to_imu", "reconstruction"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
"""Cross-entropy of the simulated label; InfoNCE of text, pose and IMU, each pair of them; the IMU from the pose; hidden
stretches of the IMU from the rest of it."""
_SEED = 19
_VIEWS = 2_000_000
"""Seed of the views, beyond those of a model's fit."""


class Pretraining(Struct, frozen=True, forbid_unknown_fields=True):
    """Course of a pre-training, from settings."""

    objectives: tuple[Objective, ...] = OBJECTIVES
    windows: Count = 24_000
    steps: Count = 1200
    batch: Count = 128
    learning_rate: Positive = 2e-3
    """At the start; falls along a cosine to a hundredth."""
    seed: Annotated[int, Meta(ge=0)] = 20261201
    site: Literal["wrist", "thigh_strap"] = "wrist"
    mocap: bool = True
    """Let recorded motion be a part of the windows."""


class Joint(Struct, frozen=True, eq=False):
    """Weights that a joint pre-training ends with."""

    encoder: dict[str, NDArray[np.float32]]
    """By Keras variable path."""
    imu_projection: NDArray[np.float32]
    """(embedding, joint), of the network's embedding: rows are multiplied by it from the right."""
    text_projection: NDArray[np.float32]
    """(384, joint), of a sentence's embedding; the cosine between both is the score."""


def pretrain(
    settings: Pretraining, data: Path | None, work: Path, workers: int, progress: Progress
) -> dict[str, NDArray[np.float32]]:
    """Return the weights of the encoder, by Keras variable path, as of `pretrain_joint`."""
    return pretrain_joint(settings, data, work, workers, progress).encoder


def pretrain_joint(
    settings: Pretraining, data: Path | None, work: Path, workers: int, progress: Progress
) -> Joint:
    """Pre-train the encoder, unless its weights are kept in the work folder; an interrupted one starts over.

    Raises:
        RecordingError: if the data folder lacks the recorded motion.
        ImportError: without the libraries that fit.
    """
    libraries = fitting_libraries()
    data = require_motion(settings, data)
    recipe = making.recipe_of(settings.site, settings.seed)
    key = making.key(recipe, settings.windows, data)
    tables = {"settings": msgspec.to_builtins(settings), "network": msgspec.to_builtins(recipe.network)}
    version = f"pre-training {PRETRAINING_VERSION}"
    fitted = cache_key(tables, version, key, libraries)
    cached = CachedArrays(work / f"pretrained_{fitted[:12]}.npz", fitted)
    if (kept := cached.load()) is not None:
        return _of_arrays(kept)
    kept_triples = CachedArrays(work / f"triples_{key[:12]}.npz", key)
    triples = making.make(recipe, settings.windows, data, kept_triples, workers, progress)
    joint = _fit(settings, recipe, triples, progress)
    projections = {"imu_projection": joint.imu_projection, "text_projection": joint.text_projection}
    cached.save(projections | {f"encoder/{name}": array for name, array in joint.encoder.items()})
    return joint


def require_motion(settings: Pretraining, data: Path | None) -> Path | None:
    """Return the data folder whose recorded motion is a part of the windows, None if none shall be; RecordingError if it lacks it."""
    if not settings.mocap or data is None:
        return None
    motion = data / "mocap"
    if not motion.is_dir():
        raise RecordingError(
            f"{motion}: no such folder; to do without recorded motion say mocap = false where the settings have the pre-training"
        )
    return data


def _of_arrays(arrays: dict[str, NDArray[Any]]) -> Joint:
    encoder = {
        name.removeprefix("encoder/"): array for name, array in arrays.items() if name.startswith("encoder/")
    }
    return Joint(encoder, arrays["imu_projection"], arrays["text_projection"])


class Texts(Struct, frozen=True, eq=False):
    """Captions of the contents of windows."""

    vectors: FloatArray
    """(captions, 384)"""
    of: tuple[NDArray[np.int64], ...]
    """Captions of each content."""
    kind: NDArray[np.int64]
    """(contents,); contents of the same captions are of one kind."""


def texts_of(contents: list[str]) -> Texts:
    """Return the captions of contents; ConfigError if one has none."""
    each = [captions(content) for content in contents]
    kinds = list(dict.fromkeys(each))
    texts = list(dict.fromkeys(text for of in kinds for text in of))
    of = tuple(np.array([texts.index(text) for text in kind]) for kind in each)
    return Texts(embeddings(texts), of, np.array([kinds.index(kind) for kind in each]))


def _fit(settings: Pretraining, recipe: Recipe, triples: Triples, progress: Progress) -> Joint:
    begin(settings.seed)
    networks = JointNetworks(settings.objectives, recipe, settings.learning_rate, settings.steps)
    stage = f"pre-training on {' + '.join(settings.objectives)}"
    for i, batch in enumerate(_batches(settings, recipe, triples)):
        networks.step(batch)
        progress(stage, i + 1, settings.steps)
    weights = {v.path: np.asarray(v) for v in networks.encoder.weights if is_of_encoder(v.path)}
    return Joint(weights, np.asarray(networks.imu_projection), np.asarray(networks.text_projection))


def _batches(settings: Pretraining, recipe: Recipe, triples: Triples) -> Iterator[dict[str, Any]]:
    """Yield batches of views, their poses and captions; labels by the root of their size."""
    rng = np.random.default_rng((settings.seed, _SEED))
    views = Views(recipe, triples.dataset(recipe), _VIEWS)
    texts = texts_of([str(content) for content in triples.contents])
    size = np.bincount(triples.label, minlength=len(recipe.labels))
    weights = size[triples.label] ** -0.5
    rows_of = rng.choice(len(triples.x), settings.batch * settings.steps, p=weights / weights.sum())
    for rows in rows_of.reshape(settings.steps, settings.batch):
        kind = texts.kind[triples.content[rows]]
        told = [rng.choice(texts.of[content]) for content in triples.content[rows]]
        x = views(rows)
        yield {
            "x": x,
            "hidden": hidden_rows(rng, *x.shape[:2]).astype(np.float32),
            "truth": scaled(triples.x[rows].astype(np.float32)),
            "pose": triples.pose[rows].astype(np.float32).reshape(len(rows), triples.pose.shape[1], -1),
            "text": texts.vectors[told],
            "label": np.eye(len(recipe.labels), dtype=np.float32)[triples.label[rows]],
            "same": (kind[:, None] == kind).astype(np.float32),
        }
