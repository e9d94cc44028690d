"""The network: a small fully convolutional temporal net with two outputs, logits and embedding.

Nothing here is recurrent, flattened or attentive: such layers lose most at int8. A batch
normalization stands between each convolution and its ReLU6, so that the converter folds it.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct


class Layer(Struct, frozen=True, forbid_unknown_fields=True):
    """One convolution over time."""

    filters: Annotated[int, Meta(ge=1)]
    """Output channels."""
    kernel: Annotated[int, Meta(ge=1)]
    """Rows of the grid it sees."""
    stride: Annotated[int, Meta(ge=1)] = 1
    """Rows it moves on; more than 1 shortens the time axis."""
    dilation: Annotated[int, Meta(ge=1)] = 1
    """Rows between two taps."""


class Network(Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the net, from the recipe."""

    stem: tuple[Layer, ...]
    """Convolutions over the channels of one sensor, the same for all sensors."""
    fused: Annotated[int, Meta(ge=1)]
    """Channels in which what all sensors show comes together."""
    layers: tuple[Layer, ...]
    """Convolutions from there to pooling."""
    hidden: Annotated[int, Meta(ge=1)] = 64
    """Units between pooling and the logits."""
    dropout: float = 0.2
    """Share of them that is silenced while fitting."""
    l2: float = 1e-4
    """Weight decay of the kernels."""


def build(
    network: Network, window: int, sensors: int, channels: int, labels: int, batch: int | None = None
) -> Any:
    """Make the untrained Keras model: (batch, window, sensors * channels) in, logits and embedding out."""
    # TensorFlow takes seconds to load; only fitting and exporting need it.
    from keras import Input, Model, layers, regularizers  # noqa: PLC0415

    inputs = Input((window, sensors * channels), batch_size=batch, name="window")
    decay = regularizers.L2(network.l2)

    def conv(x: Any, name: str, filters: int, kernel: tuple[int, int], **options: Any) -> Any:
        x = layers.Conv2D(
            filters, kernel, use_bias=False, kernel_regularizer=decay, name=f"conv_{name}", **options
        )(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm_{name}")(x)
        return layers.ReLU(max_value=6.0, name=f"relu_{name}")(x)

    def over_time(x: Any, name: str, layer: Layer) -> Any:
        options = {"strides": (1, layer.stride), "dilation_rate": (1, layer.dilation), "padding": "same"}
        return conv(x, name, layer.filters, (1, layer.kernel), **options)

    # (sensors, time, channels): a convolution over (1, time) is one CONV_2D for all sensors.
    x = layers.Reshape((window, sensors, channels), name="by_sensor")(inputs)
    x = layers.Permute((2, 1, 3), name="in_rows")(x)
    for index, layer in enumerate(network.stem):
        x = over_time(x, f"stem{index}", layer)
    x = fused = conv(x, "fuse", network.fused, (sensors, 1))
    for index, layer in enumerate(network.layers):
        x = over_time(x, f"{index}", layer)
    # The mean tells how one moves all the time, the maximum that something happened once. What stands
    # behind them has thrown away all but the labels: to know a person by, means are the better embedding,
    # and that of the fused layer still knows what the labels do not need.
    mean, peak = layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="peak")(x)
    x = layers.Concatenate(name="pool")([mean, peak])
    hidden = layers.Dense(network.hidden, activation="relu6", kernel_regularizer=decay, name="hidden")(x)
    shown = layers.GlobalAveragePooling2D(name="shown")(fused)
    embedding = layers.Concatenate(name="embedding")([shown, mean])
    logits = layers.Dense(labels, name="logits")(layers.Dropout(network.dropout, name="dropout")(hidden))
    return Model(inputs, {"logits": logits, "embedding": embedding}, name="imu_tcn")
