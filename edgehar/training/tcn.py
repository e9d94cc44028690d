"""The network: a small fully convolutional temporal net with two outputs, logits and embedding.

Nothing here is recurrent, flattened or attentive: such layers lose most at int8. A batch
normalization stands between each convolution and its ReLU6, so that the converter folds it.
"""

from typing import Any

from msgspec import Struct


class Layer(Struct, frozen=True, forbid_unknown_fields=True):
    """One convolution over time."""

    filters: int
    """Output channels."""
    kernel: int
    """Rows of the grid it sees."""
    stride: int = 1
    """Rows it moves on; more than 1 shortens the time axis."""
    dilation: int = 1
    """Rows between two taps."""


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the net, from the recipe."""

    layers: tuple[Layer, ...]
    """Convolutions from input to pooling."""
    embedding: int = 64
    """Length of the second output."""
    dropout: float = 0.2
    """Share of the embedding that is silenced while fitting."""
    l2: float = 1e-4
    """Weight decay of the kernels."""


def build(network: Network, window: int, channels: int, labels: int, batch: int | None = None) -> Any:
    """Make the untrained Keras model: (batch, window, channels) in, logits and embedding out."""
    # TensorFlow takes seconds to load; only fitting and exporting need it.
    from keras import Input, Model, layers, regularizers  # noqa: PLC0415

    inputs = Input((window, channels), batch_size=batch, name="window")
    decay = regularizers.L2(network.l2)
    # A convolution over (1, time) exports to one CONV_2D; Conv1D would add two reshapes to each.
    x = layers.Reshape((1, window, channels), name="row")(inputs)
    for index, layer in enumerate(network.layers):
        x = layers.Conv2D(
            layer.filters,
            (1, layer.kernel),
            strides=(1, layer.stride),
            dilation_rate=(1, layer.dilation),
            padding="same",
            use_bias=False,
            kernel_regularizer=decay,
            name=f"conv{index}",
        )(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{index}")(x)
        x = layers.ReLU(max_value=6.0, name=f"relu{index}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    embedding = layers.Dense(
        network.embedding, activation="relu6", kernel_regularizer=decay, name="embedding"
    )(x)
    logits = layers.Dense(labels, name="logits")(layers.Dropout(network.dropout, name="dropout")(embedding))
    return Model(inputs, {"logits": logits, "embedding": embedding}, name="imu_tcn")
