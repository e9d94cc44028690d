"""The tCNN and the tCNN-IMU of "Video-based Pose-Estimation Data as Source for Transfer Learning in HAR" (ICPR 2022).

As published: four convolutions of 64 filters of (5, 1) over time alone, no padding, no pooling, no batch
normalization. Their kernels are shared by all channels, which do not meet before the dense layers: so weights learned
from joints fit sensors, however many channels either has.
"""

from collections.abc import Sequence
from typing import Any

FILTERS, KERNEL, HIDDEN = 64, 5, 256
CONVS = ("conv1", "conv2", "conv3", "conv4")
"""Names of the convolutions, from the input on; in a tCNN-IMU each part of the body has its own, `PART_conv1`."""
LEAST_ROWS = len(CONVS) * (KERNEL - 1) + 1
"""Rows of a window of which anything is left."""
_DROPOUT = 0.5
_GAIN = 2.0**0.5

Parts = Sequence[Sequence[int]]
"""Channels of each part of the body."""


def build(rows: int, channels: int, labels: int, parts: Parts = ()) -> Any:
    """Make the untrained network: (batch, rows, channels) in, logits out; with `parts` it is the tCNN-IMU.

    ValueError if a window is shorter than what the convolutions take off.
    """
    from keras import Input, Model, initializers, layers  # noqa: PLC0415  # loads in seconds

    if rows < LEAST_ROWS:
        raise ValueError(f"windows of {rows} rows; four convolutions need at least {LEAST_ROWS}")
    inputs = Input((rows, channels), name="window")

    def drawn() -> Any:
        return initializers.Orthogonal(_GAIN)

    def convolved(x: Any, prefix: str) -> Any:
        for name in CONVS:
            conv = layers.Conv2D(
                FILTERS, (KERNEL, 1), activation="relu", kernel_initializer=drawn(), name=f"{prefix}{name}"
            )
            x = conv(x)
        return layers.Flatten(name=f"{prefix}flat")(x)

    def dense(x: Any, name: str) -> Any:
        x = layers.Dense(HIDDEN, activation="relu", kernel_initializer=drawn(), name=name)(x)
        return layers.Dropout(_DROPOUT, name=f"{name}_dropout")(x)

    x = layers.Reshape((rows, channels, 1), name="each_channel")(inputs)
    if parts:
        limbs = []
        for i, part in enumerate(parts):
            limb = _Channels(part)(x)
            limbs.append(dense(convolved(limb, f"part{i}_"), f"part{i}_hidden1"))
        x = layers.Concatenate(name="body")(limbs) if len(limbs) > 1 else limbs[0]
    else:
        x = dense(convolved(x, ""), "hidden1")
    logits = layers.Dense(labels, kernel_initializer=drawn(), name="logits")(dense(x, "hidden2"))
    return Model(inputs, logits, name="tcnn_imu" if parts else "tcnn")


def _Channels(part: Sequence[int]) -> Any:  # noqa: N802  # made like the layers around it
    import keras  # noqa: PLC0415

    channels = list(part)
    return keras.layers.Lambda(lambda x: keras.ops.take(x, keras.ops.array(channels), axis=2))
