"""The networks of the published comparison: LRCN on pictures, and a recurrent classifier of keypoints.

Both are of the project `LoreImbo/hmdb51-video-classification`, which classifies clips of HMDB51. Its LRCN sees 20
pictures as 0..1; one convolution of 64 filters, global maximum, LSTM of 64; the advanced has three convolutions and an
LSTM of 256. Kernels (3 x 3), the filters of the three (16, 32, 64) and the pooling between them (4, then 2) are ours, and
smaller than in its notebook: 4 x 4, the last 2 x 2; 64, 128, 256; 4 and 4, with dropout of 0.3 behind; decay of 0.1 and
all states of the second LSTM; pictures 64 wide and 96 high. The classifier of keypoints is as published in all.
"""

from typing import Any

PICTURES, HEIGHT, WIDTH = 20, 64, 96
"""Pictures of a clip that LRCN sees, and their size in pixels."""
FRAMES, NUMBERS = 10, 34
"""Frames of a clip that the classifier of keypoints sees, and x and y of 17 keypoints, without scores."""

_BASIC = ((64, 0),)
_ADVANCED = ((16, 4), (32, 2), (64, 0))
"""Filters of each convolution, and the pooling behind it; 0 is the maximum over the picture."""


def basic(labels: int) -> Any:
    """Make the untrained basic LRCN: (batch, 20, 64, 96, 3) in 0..1, probabilities out."""
    return _lrcn(_BASIC, 64, labels)


def advanced(labels: int) -> Any:
    """Make the untrained advanced LRCN, with the same input and output."""
    return _lrcn(_ADVANCED, 256, labels)


def _lrcn(convolutions: tuple[tuple[int, int], ...], units: int, labels: int) -> Any:
    from keras import Input, Model, layers, ops  # noqa: PLC0415  # loads in seconds, and only desktops have it

    inputs = Input((PICTURES, HEIGHT, WIDTH, 3), name="clip")
    # All pictures as one batch: the same as a layer that is distributed over time, in a tenth of its time.
    x = ops.reshape(inputs, (-1, HEIGHT, WIDTH, 3))
    size = (HEIGHT, WIDTH)
    for filters, pool in convolutions:
        # The largest first, then ReLU: the same as the other way round, on fewer values.
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.MaxPooling2D(pool or size)(x)
        x = layers.ReLU()(x)
        size = (size[0] // pool, size[1] // pool) if pool else (1, 1)
    x = layers.LSTM(units)(ops.reshape(x, (-1, PICTURES, convolutions[-1][0])))
    return Model(inputs, layers.Dense(labels, activation="softmax")(x))


def recurrent(labels: int) -> Any:
    """Make the untrained classifier of keypoints: (batch, 10, 34) in, probabilities out."""
    from keras import Input, Model, layers, regularizers  # noqa: PLC0415

    decay = regularizers.L2(1e-3)
    inputs = Input((FRAMES, NUMBERS), name="keypoints")
    x = layers.BatchNormalization()(inputs)
    x = layers.Bidirectional(layers.LSTM(256, return_sequences=True, kernel_regularizer=decay))(x)
    x = layers.Dropout(0.2)(x)
    x = layers.LSTM(128, kernel_regularizer=decay)(x)
    x = layers.Dropout(0.2)(x)
    return Model(inputs, layers.Dense(labels, activation="softmax")(x))
