"""A pair whose embedding shares a space with texts, from a joint pre-training: simulated labels, and any that are typed.

The encoder stays as the pre-training left it; its head, which that drops, is fitted anew on the same windows.
"""

from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct, to_builtins
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar import __version__
from edgehar.pipeline import recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.prototypes import Prototype, Text, prototype
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import calibrate, export, fit as fitting, text_tower
from edgehar.training.cache import CachedArrays
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe, Sensor
from edgehar.training.studies import loop, triples as making
from edgehar.training.studies.networks import SPACE, assign
from edgehar.training.studies.pretrain import Joint, Pretraining, pretrain_joint
from edgehar.training.studies.triples import Triples
from edgehar.training.synthesize import FIRST_EPOCH_VIEWS, REPRESENTATIVE_VIEWS, STRANGERS_VIEWS, Views
from edgehar.training.texts import captions, embeddings
from edgehar.types import FloatArray

NAME, VERSION = "wrist_text", "0.1.0"
_PLACEMENTS = ("wrist", "wrist_left", "wrist_right")
_STRANGERS = 0x5354524E
_REPRESENTATIVE = 500
"""Windows that give the ranges of the activations."""
_COLDEST, _HOTTEST = 0.005, 1.0
"""Bounds of the temperature of cosines."""
_BATCH = 128
_LEARNING_RATE = 2e-3
_SMOOTHING = 0.05


class TextPair(Struct, frozen=True, eq=False):
    """A pair, and what is known only where it was made."""

    content: bytes
    """The `.tflite` file."""
    spec: ModelSpec
    model: Any
    """The float Keras model, with outputs `logits` and `embedding`."""
    projection: FloatArray
    """(WIDTH, SPACE), of texts."""


class _Network(Struct, frozen=True, eq=False):
    """The float network, that for a batch of one, and the classifier whose head alone can learn."""

    model: Any
    single: Any
    classifier: Any


def make(
    settings: Pretraining, head_steps: int, data: Path | None, work: Path, workers: int, progress: Progress
) -> TextPair:
    """Pre-train, fit the head, quantize, calibrate on strangers; errors as of `pretrain_joint`."""
    joint = pretrain_joint(settings, data, work, workers, progress)
    recipe = _recipe(settings)
    triples = _windows(recipe, settings.windows, data if settings.mocap else None, work, workers, progress)
    network = _network(joint, recipe)
    _fit_head(network.classifier, recipe, triples, head_steps, progress)
    rows = np.random.default_rng((recipe.seed, 9)).choice(len(triples.x), _REPRESENTATIVE)
    shown = Views(recipe, triples.dataset(recipe), REPRESENTATIVE_VIEWS)(rows)
    content = export.to_int8(network.model, network.single, shown)
    strangers = _windows(
        replace(recipe, seed=settings.seed + _STRANGERS),
        settings.windows // 10,
        None,
        work,
        workers,
        progress,
    )
    provenance = {
        "training_data": "simulated people and recorded motion, with captions, after a joint pre-training",
        "seed": settings.seed,
        "windows": len(triples.x),
        "pretraining": to_builtins(settings),
        "edgehar": __version__,
    }
    spec = export.describe(recipe, content, provenance)
    spec = _calibrated(spec, content, joint, recipe, strangers, work)
    return TextPair(content, spec, network.model, joint.text_projection)


def write(stem: Path, pair: TextPair) -> None:
    """Write the pair and its text tower under a stem, by whose name it goes."""
    export.write_pair(stem, pair.content, replace(pair.spec, name=stem.name))
    text_tower.write(stem, pair.projection, pair.spec.sha256)


def _recipe(settings: Pretraining) -> Recipe:
    made = making.recipe_of(settings.site, settings.seed)
    placements = _PLACEMENTS if settings.site == "wrist" else (settings.site,)
    return replace(
        made,
        name=NAME,
        version=VERSION,
        sensors=(Sensor("sensor", placements, (settings.site,), alone=1.0),),
    )


def _windows(
    recipe: Recipe, windows: int, data: Path | None, work: Path, workers: int, progress: Progress
) -> Triples:
    """Return the windows of the pre-training, or a stranger's: kept by the recipe that the pre-training knows."""
    site = recipe.sensors[0].sites[0]
    plain = making.recipe_of(site, recipe.seed)
    key = making.key(plain, windows, data)
    cached = CachedArrays(work / f"triples_{key[:12]}.npz", key)
    return making.make(plain, windows, data, cached, workers, progress)


def _network(joint: Joint, recipe: Recipe) -> _Network:
    import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it

    model = fitting.untrained(recipe)
    assign(model, joint.encoder)
    classifier = keras.Model(model.inputs, model.get_layer("logits").output)
    for layer in classifier.layers:
        layer.trainable = layer.name in {"hidden", "logits"}
    return _Network(
        _projected(model, joint),
        _projected(fitting.network(recipe, recipe.network, batch=1), joint),
        classifier,
    )


def _projected(model: Any, joint: Joint) -> Any:
    """Put the projection into the joint space behind a network's embedding."""
    from keras import Model, layers  # noqa: PLC0415

    project = layers.Dense(SPACE, use_bias=False, name="to_space")
    embedding = project(model.get_layer("embedding").output)
    project.kernel.assign(joint.imu_projection)
    outputs = {"logits": model.get_layer("logits").output, "embedding": embedding}
    return Model(model.inputs, outputs, name="imu_text")


def _fit_head(classifier: Any, recipe: Recipe, triples: Triples, steps: int, progress: Progress) -> None:
    """Fit hidden layer and logits to all labels alike; the encoder stays as it is."""
    import keras  # noqa: PLC0415

    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_SMOOTHING)
    schedule = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps, alpha=0.01)
    classifier.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss)
    weights = 1.0 / np.bincount(triples.label, minlength=len(recipe.labels))[triples.label]
    rng = np.random.default_rng((recipe.seed, 10))
    rows = rng.choice(len(triples.x), (steps, _BATCH), p=weights / weights.sum())
    views = Views(recipe, triples.dataset(recipe), FIRST_EPOCH_VIEWS)
    targets = np.eye(len(recipe.labels), dtype=np.float32)
    batches = ((views(each), targets[triples.label[each]]) for each in rows)
    loop.fit(classifier, batches, steps, progress, "fitting the head")


def _calibrated(
    spec: ModelSpec, content: bytes, joint: Joint, recipe: Recipe, strangers: Triples, work: Path
) -> ModelSpec:
    """Return the manifest with both temperatures and what strangers show of them, and with the labels' texts."""
    export.write_pair(work / "int8", content, spec)
    network = recognizer.load(work / "int8")
    x = Views(recipe, strangers.dataset(recipe), STRANGERS_VIEWS).windows(np.arange(len(strangers.x)))
    probabilities, embedding = embedded(network, x)
    calibration = calibrate.calibrate(probabilities, strangers.label)
    trained = _prototypes(recipe, joint.text_projection)
    cosines = embedding @ np.stack([each.numbers for each in trained]).T
    of_label = np.array([recipe.labels.index(each.label) for each in trained])
    text = Text(_temperature(cosines, of_label, strangers.label), trained)
    provenance = spec.provenance | {"calibration": to_builtins(calibration)}
    return replace(spec, temperature=calibration.temperature, text=text, provenance=provenance)


def embedded(network: Recognizer, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return probabilities (n, labels) and embeddings (n, SPACE) of unit length, of windows (n, 1, 2, rows, 3) in SI units."""
    answers = [
        network.push(window_of)[0] for window_of in (calibrate.window_of(network.spec, each) for each in x)
    ]
    probabilities = np.array([answer.probabilities for answer in answers], np.float32)
    return probabilities, unit(np.array([answer.embedding for answer in answers], np.float32))


def unit(vectors: FloatArray) -> FloatArray:
    """Return vectors (n, d) at unit length."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _prototypes(recipe: Recipe, projection: FloatArray) -> tuple[Prototype, ...]:
    """Return one for each activity of a label: the mean of its captions."""
    made = []
    for label in recipe.labels:
        for activity in recipe.synthesis.of(label):
            texts = captions(activity)
            made.append(prototype(label, texts[0], unit(embeddings(texts) @ projection).mean(axis=0)))
    return tuple(made)


def _temperature(cosines: FloatArray, of_label: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    """Find the temperature of least NLL of the labels (n,), given cosines (n, prototypes) to prototypes of labels."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415  # only a build needs it

    member = (of_label[:, None] == np.arange(of_label.max() + 1)).astype(np.float64)

    def loss(exponent: float) -> float:
        powers = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / exp(exponent))
        return calibrate.nll(powers @ member / powers.sum(axis=1, keepdims=True), label)

    best = minimize_scalar(loss, bounds=(log(_COLDEST), log(_HOTTEST)), method="bounded")
    return round(float(exp(best.x)), 4)
