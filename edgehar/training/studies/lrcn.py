"""The networks of the published comparison: LRCN on pictures, and a recurrent classifier of keypoints.

Both are of the project `LoreImbo/hmdb51-video-classification`, which classifies clips of HMDB51, and as its notebooks have
them. Only the pictures are 96 wide and 64 high here, as films are; there they are turned.
"""

from typing import Any

PICTURES, HEIGHT, WIDTH = 20, 64, 96
"""Pictures of a clip that LRCN sees, and their size in pixels."""
FRAMES, NUMBERS = 10, 34
"""Frames of a clip that the classifier of keypoints sees, and x and y of 17 keypoints, without scores."""

_BASIC = ((64, 4, 0),)
_ADVANCED = ((64, 4, 4), (128, 4, 4), (256, 2, 0))
"""Filters and kernel of each convolution, and the pooling behind it; 0 is the maximum over the picture."""
_DROPOUT, _DECAY = 0.3, 0.1
"""Behind each pooling but the last, and on the LSTM of the advanced one."""


def basic(labels: int) -> Any:
    """Make the untrained basic LRCN: (batch, 20, 64, 96, 3) in 0..1, probabilities out."""
    from keras import layers  # noqa: PLC0415  # loads in seconds, and only desktops have it

    return _lrcn(_BASIC, layers.LSTM(64), labels)


def advanced(labels: int) -> Any:
    """Make the untrained advanced LRCN, with the same input and output; it answers from all states of its LSTM."""
    from keras import layers, regularizers  # noqa: PLC0415

    recurrent = layers.LSTM(256, return_sequences=True, kernel_regularizer=regularizers.L2(_DECAY))
    return _lrcn(_ADVANCED, recurrent, labels)


def _lrcn(convolutions: tuple[tuple[int, int, int], ...], recurrent: Any, labels: int) -> Any:
    from keras import Input, Model, layers, ops  # noqa: PLC0415

    inputs = Input((PICTURES, HEIGHT, WIDTH, 3), name="clip")
    # All pictures as one batch: the same as a layer that is distributed over time, in a tenth of its time.
    x = ops.reshape(inputs, (-1, HEIGHT, WIDTH, 3))
    size = (HEIGHT, WIDTH)
    for filters, kernel, pool in convolutions:
        # The largest first, then ReLU: the same as the other way round, on fewer values.
        x = layers.Conv2D(filters, kernel, padding="same")(x)
        x = layers.ReLU()(layers.MaxPooling2D(pool or size)(x))
        if pool:
            x = layers.Dropout(_DROPOUT)(x)
            size = (size[0] // pool, size[1] // pool)
    x = recurrent(ops.reshape(x, (-1, PICTURES, convolutions[-1][0])))
    return Model(inputs, layers.Dense(labels, activation="softmax")(layers.Flatten()(x)))


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
