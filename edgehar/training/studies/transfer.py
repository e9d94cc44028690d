"""The fits of the study "transfer from video poses": pre-train, copy convolutions, fine-tune.

A fit is a function of its seed, its windows and what it starts from. Graphs take seconds to trace, so one network of a shape
is compiled once and starts anew for each fit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import Count, Positive
from edgehar.training.studies import loop, published_tcn
from edgehar.training.studies.refit import Refit
from edgehar.training.tcn import Network, build
from edgehar.types import FloatArray

Weights = Mapping[str, NDArray[np.float32]]
"""By the path of the variable in the Keras model."""
Take = Callable[[NDArray[np.int64]], FloatArray]
"""Returns windows (n, rows, channels) by their indices."""

PUBLISHED, PARTS, SMALL = "tCNN", "tCNN-IMU", "small tCNN"
NOISE = 1e-3
"""Deviation of the noise that is added to all input, as published."""
_CLIPNORM = 1.0
_AT_ONCE = 4096
"""Windows."""


class Course(Struct, frozen=True, forbid_unknown_fields=True):
    """Course of a fit: the same for all starts."""

    steps: Count
    batch: Count
    learning_rate: Positive


class Shape(Struct, frozen=True):
    """A network for windows of some shape."""

    network: str
    """`PUBLISHED`, `PARTS` or `SMALL`."""
    rows: int
    sensors: int
    """Sensors whose stems the small network fuses; 1 for the others."""
    channels: int
    """Channels of each sensor."""
    labels: int
    parts: tuple[tuple[int, ...], ...] = ()
    """Channels of each part of the body, of a tCNN-IMU."""
    small: Network | None = None
    """Layers of the small one."""

    def build(self) -> Any:
        """Make the untrained Keras model, logits out."""
        if self.small is None:
            return published_tcn.build(self.rows, self.channels, self.labels, self.parts)
        import keras  # noqa: PLC0415  # loads in seconds

        model = build(self.small, self.rows, self.sensors, self.channels, self.labels)
        return keras.Model(model.inputs, model.get_layer("logits").output)


def carried(shape: Shape, model: Any, start: Weights, layers: int) -> dict[str, str]:
    """Name what starts from elsewhere: path of each variable of the new network, and of the one in `start`.

    Of the published networks the first `layers` convolutions, nothing else. Of the small one all that fits but the logits:
    a network of joints has another first layer, and fuses another number of them.
    """
    if shape.small is not None:
        of = {variable.path: tuple(variable.shape) for variable in model.weights}
        unfit = {path for path in of if path not in start or start[path].shape != of[path]}
        unfit_layers = {"logits"} | {path.partition("/")[0] for path in unfit}
        # A normalization belongs to its convolution.
        unfit_layers |= {name.replace("conv_", "norm_", 1) for name in unfit_layers}
        return {path: path for path in of if path.partition("/")[0] not in unfit_layers}
    prefixes = [f"part{i}_" for i in range(len(shape.parts))] or [""]
    return {
        f"{prefix}{conv}/{part}": f"{conv}/{part}"
        for prefix in prefixes
        for conv in published_tcn.CONVS[:layers]
        for part in ("kernel", "bias")
    }


def _optimizer(shape: Shape, course: Course) -> Any:
    from keras import optimizers  # noqa: PLC0415

    if shape.small is None:
        return optimizers.RMSprop(course.learning_rate, rho=0.95, weight_decay=5e-4)
    falling = optimizers.schedules.CosineDecay(course.learning_rate, course.steps, alpha=0.01)
    return optimizers.Adam(falling, clipnorm=_CLIPNORM)


class Fitter:
    """A network of one shape, compiled once."""

    def __init__(self, shape: Shape, course: Course, frozen: int = 0) -> None:
        """Wire it; the first `frozen` convolutions of a published network stay as they start."""
        import keras  # noqa: PLC0415  # loads in seconds

        def compiled(model: Any) -> Any:
            if frozen:
                names = published_tcn.CONVS[:frozen]
                for layer in model.layers:
                    layer.trainable = not layer.name.endswith(names)
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
            model.compile(_optimizer(shape, course), loss, jit_compile=False)
            return model

        self._shape, self._course = shape, course
        self._refit = Refit(shape.build, compiled)
        self.model = self._refit.model

    def fit(
        self,
        take: Take,
        rows: NDArray[np.int64],
        label: NDArray[np.int64],
        seed: int,
        progress: Progress,
        stage: str,
        start: Weights | None = None,
        layers: int = len(published_tcn.CONVS),
    ) -> None:
        """Fit to some of all windows, from weights that the seed draws or, of the layers that are carried over, `start` has."""
        self.begin(seed, start, layers)
        course, targets = self._course, np.eye(self._shape.labels, dtype=np.float32)
        rng = np.random.default_rng((seed, 43))

        def noisy(some: NDArray[np.int64]) -> FloatArray:
            x = take(some)
            return np.asarray(x + NOISE * rng.standard_normal(x.shape, np.float32))

        drawn = loop.drawn(rows, course.batch, course.steps, seed)
        batches = ((noisy(some), targets[label[some]]) for some in drawn)
        loop.fit(self.model, batches, course.steps, progress, stage)

    def begin(self, seed: int, start: Weights | None = None, layers: int = len(published_tcn.CONVS)) -> None:
        """Forget all that was fitted: weights as the seed draws them, but for what is carried over from `start`."""
        self._refit.restart(seed)
        if start is None:
            return
        by_path = {variable.path: variable for variable in self.model.weights}
        for path, origin in carried(self._shape, self.model, start, layers).items():
            by_path[path].assign(start[origin])

    def answers(self, take: Take, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the label that each of some windows gets, (n,)."""
        parts = [
            loop.answers(self.model, take(rows[i : i + _AT_ONCE])) for i in range(0, len(rows), _AT_ONCE)
        ]
        return np.concatenate(parts)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return what the fit has come to."""
        return {variable.path: np.asarray(variable) for variable in self.model.weights}
