"""The encoder that is pre-trained, and what is wired around it meanwhile."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.training.recipe import Recipe
from edgehar.training.studies import objectives
from edgehar.training.studies.simulated_source import base_recipe
from edgehar.training.studies.triples import POINTS, POSE_HZ
from edgehar.training.synthesize import normalize
from edgehar.training.tcn import build
from edgehar.types import FloatArray

SPACE = 64
"""Dimensions of the space that text, pose and IMU share."""
WEIGHTS: Mapping[str, float] = {"labels": 1.0, "contrast": 0.5, "pose_to_imu": 0.25, "reconstruction": 0.25}
"""Weights of the losses in their sum: round numbers, the cheapest and surest the most; never tuned."""
_TEMPERATURE = 0.07
"""At the start (CLIP); its inverse is learned and kept below _MOST."""
_MOST = 100.0
_SMOOTHING = 0.05
_CHANNELS = 12
"""Channels of one sensor in two frames."""
_POSE_CHANNELS = (64, 96)
_HEADS = ("hidden/", "logits/")

Weights = Mapping[str, NDArray[np.float32]]
"""By Keras variable path."""


def encoder(labels: int) -> Any:
    """Make the shipped model's network for one sensor: input as of `shown`, outputs `logits` (labels) and `embedding`."""
    recipe = base_recipe()
    return build(recipe.network, recipe.window, 1, _CHANNELS, labels)


def shown(x: FloatArray) -> FloatArray:
    """Turn windows (n, 2, 128, 3), m/s² and rad/s, into the network's input (n, 128, 12)."""
    return normalize(base_recipe(), x[:, None])


def assign(model: Any, weights: Weights) -> list[str]:
    """Give a Keras model the weights whose path and shape fit; return their paths."""
    taken = []
    for variable in model.weights:
        given = weights.get(variable.path)
        if given is not None and given.shape == tuple(variable.shape):
            variable.assign(given)
            taken.append(variable.path)
    return taken


def is_of_encoder(path: str) -> bool:
    """Tell whether a variable stays when the heads are dropped."""
    return not path.startswith(_HEADS)


def scaled(x: FloatArray) -> FloatArray:
    """Scale windows (n, 2, rows, 3), m/s² and rad/s, as the network's input is, in their own axes alone: (n, rows, 6)."""
    form = base_recipe().normalization
    clip, scale = (np.array(of, np.float32).reshape(2, 1, 3) for of in (form.clip, form.scale))
    shares = np.clip(x, -clip, clip) / scale
    return np.ascontiguousarray(shares.transpose(0, 2, 1, 3)).reshape(len(x), x.shape[2], 6)


class JointNetworks:
    """Encoder, projections, decoders and the optimizer of their losses."""

    def __init__(self, chosen: Collection[str], recipe: Recipe, learning_rate: float, steps: int) -> None:
        """Wire the objectives that are chosen, for so many steps."""
        import keras  # noqa: PLC0415  # loads in seconds, and only desktops have it
        import tensorflow as tf  # noqa: PLC0415

        self._chosen, rows = frozenset(chosen), recipe.window
        self.encoder = encoder(len(recipe.labels))
        last = self.encoder.get_layer(f"relu_{len(recipe.network.layers) - 1}").output
        outputs = self.encoder.outputs if isinstance(self.encoder.outputs, dict) else self.encoder.output
        self._imu = keras.Model(self.encoder.input, {**outputs, "map": last})
        self._pose = _pose_encoder(rows / recipe.rate_hz)
        layers = keras.layers
        self._to_space = {
            name: layers.Dense(SPACE, use_bias=False, name=name) for name in ("imu", "text", "pose")
        }
        self._decoders = {
            "pose_to_imu": _decoder("from_pose", self._pose.output["map"].shape[1:], rows, 6),
            "reconstruction": _decoder("from_imu", last.shape[2:], rows, _CHANNELS),
        }
        width = {
            "imu": outputs["embedding"].shape[-1],
            "text": 384,
            "pose": self._pose.output["pooled"].shape[-1],
        }
        for name, layer in self._to_space.items():
            layer.build((None, width[name]))
        self._scales = keras.Variable(np.full(3, -np.log(_TEMPERATURE), np.float32), name="scales")
        parts = [self.encoder, self._pose, *self._to_space.values(), *self._decoders.values()]
        self._variables = [v for part in parts for v in part.trainable_variables] + [self._scales]
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.01)
        self._optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
        self._optimizer.build(self._variables)
        self.step: Callable[[Mapping[str, Any]], Any] = tf.function(self._learn)
        """Learn from one batch of `pretrain`; return the sum of losses."""

    @property
    def imu_projection(self) -> Any:
        """Matrix from the encoder's embedding to the joint space."""
        return self._to_space["imu"].kernel

    @property
    def text_projection(self) -> Any:
        """Matrix from a sentence's embedding to the joint space."""
        return self._to_space["text"].kernel

    def _learn(self, batch: Mapping[str, Any]) -> Any:
        import tensorflow as tf  # noqa: PLC0415

        with tf.GradientTape() as tape:
            losses = self.losses(batch)
            total = tf.add_n([WEIGHTS[name] * loss for name, loss in losses.items()])
            total += tf.add_n(self.encoder.losses)
        gradients = tape.gradient(total, [v.value for v in self._variables])
        pairs = [(g, v) for g, v in zip(gradients, self._variables, strict=True) if g is not None]
        self._optimizer.apply_gradients(pairs)
        return total

    def losses(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the loss of each objective that is chosen."""
        import keras  # noqa: PLC0415

        # Also where no objective looks at it: the batch normalizations see every window whole.
        told = self._imu(batch["x"], training=True)
        losses = {}
        if "labels" in self._chosen:
            each = keras.losses.categorical_crossentropy(
                batch["label"], told["logits"], from_logits=True, label_smoothing=_SMOOTHING
            )
            losses["labels"] = keras.ops.mean(each)
        seen = self._pose(batch["pose"], training=True) if self._chosen & {"contrast", "pose_to_imu"} else {}
        if "contrast" in self._chosen:
            losses["contrast"] = self._contrast(
                told["embedding"], batch["text"], seen["pooled"], batch["same"]
            )
        if "pose_to_imu" in self._chosen:
            answer = self._decoders["pose_to_imu"](seen["map"])
            losses["pose_to_imu"] = keras.ops.mean(keras.ops.square(batch["truth"] - answer))
        if "reconstruction" in self._chosen:
            losses["reconstruction"] = self._reconstruction(batch["x"], batch["hidden"])
        return losses

    def _contrast(self, imu: Any, text: Any, pose: Any, same: Any) -> Any:
        from keras import ops  # noqa: PLC0415

        space = self._to_space
        imu, text, pose = space["imu"](imu), space["text"](text), space["pose"](pose)
        scales = ops.minimum(ops.exp(self._scales), _MOST)
        pairs = ((text, imu), (text, pose), (pose, imu))
        return sum(objectives.contrast(a, b, scales[i], same) for i, (a, b) in enumerate(pairs))

    def _reconstruction(self, x: Any, hidden: Any) -> Any:
        left = x * (1.0 - hidden[:, :, None])
        # With the statistics of whole windows, and without changing them.
        seen = self._imu(left, training=False)["map"][:, 0]
        return objectives.reconstruction(x, self._decoders["reconstruction"](seen), hidden)


def _pose_encoder(seconds: float) -> Any:
    from keras import Input, Model, layers  # noqa: PLC0415

    inputs = Input((round(seconds * POSE_HZ), 3 * len(POINTS)), name="pose")
    x = inputs
    for filters in _POSE_CHANNELS:
        x = layers.Conv1D(filters, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU(max_value=6.0)(layers.BatchNormalization(momentum=0.95)(x))
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    return Model(inputs, {"pooled": pooled, "map": x}, name="pose_encoder")


def _decoder(name: str, shape: tuple[int, ...], rows: int, channels: int) -> Any:
    """Make a network from a map over time, (steps, width), to (rows, channels): each step gives the rows it stands for."""
    from keras import Sequential, layers  # noqa: PLC0415

    steps = shape[0]
    width = -(-rows // steps)
    return Sequential(
        [
            layers.Input(shape),
            layers.Conv1D(64, 5, padding="same", activation="relu"),
            layers.Dense(width * channels),
            layers.Reshape((steps * width, channels)),
            layers.Cropping1D((0, steps * width - rows)),
        ],
        name=name,
    )
