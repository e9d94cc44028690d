"""The fit of a pre-trained network to recorded windows, and to simulated ones beside them.

What a recording knows by half is fitted by the summed probability of all that may be true. That no recording shows a
label says more of the recordings than of the label: in recorded windows it competes by a small prior alone (logit
adjustment, Menon et al. 2021), so that the fit does not unlearn it. All draws are a function of seed and round, and the
state after each round is kept, so a fit that was interrupted goes on to the very bytes of one that was not.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training import fit as fitting, weights
from edgehar.training.cache import CachedArrays
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_views import PeopleViews, twins
from edgehar.training.people_windows import PeopleWindows
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views, normalize
from edgehar.training.weights import Weights
from edgehar.types import FloatArray

ROUND = 250
"""Steps after which the state is kept."""
_FIRST_SYNTHETIC_VIEWS = 2_000_000
"""Seeds of views, beyond those of a fit to simulated windows alone."""

Simulated = tuple[Recipe, Dataset]
"""Windows, and the recipe by which they were made."""


def fit(
    recipe: FinetuneRecipe,
    spec: ModelSpec,
    start: Weights,
    windows: PeopleWindows,
    simulated: Simulated | None,
    cached: CachedArrays,
    progress: Progress,
    *,
    random_start: bool = False,
) -> Any:
    """Fit a network to these windows, going on from what is cached. Same seed, same weights.

    It starts from the weights `start`, or with `random_start` from what the seed draws for their shape.
    """
    tuning = recipe.tuning
    fitting.begin(recipe.seed)
    model = fitting.network(spec, start.network)
    if not random_start:
        weights.assign(model, start)
    _freeze(model, tuning.frozen)
    state = fitting.State(model, tuning.learning_rate, tuning.steps, *objective(tuning.label_smoothing))
    for number in range(state.recall(cached), -(-tuning.steps // ROUND)):
        right, done = 0.0, number * ROUND
        batches = _batches(recipe, spec, windows, simulated, number, min(ROUND, tuning.steps - done))
        for i, (x, targets) in enumerate(fitting.ahead(batches), start=1):
            right += state.step(x, targets)
            progress(f"fine-tuning, {right / i:.1%} of the round right", done + i, tuning.steps)
        state.keep(cached, number + 1)
    return model


def check_frozen(frozen: tuple[str, ...], start: Weights) -> None:
    """Refuse the name of a layer that is none, before anything is cut."""
    convolutions = {path.partition("/")[0] for path in start.arrays if path.startswith("conv_")}
    layers = {name.removeprefix("conv_") for name in convolutions} | {"hidden"}
    for name in frozen:
        if name not in layers:
            raise ConfigError(
                f"tuning.frozen: no layer is called {name!r}; there are {', '.join(sorted(layers))}"
            )


def _freeze(model: Any, frozen: tuple[str, ...]) -> None:
    """Let these layers keep their weights, and what normalizes them its mean and variance."""
    for layer in model.layers:
        layer.trainable = layer.name.removeprefix("conv_").removeprefix("norm_") not in frozen


def _batches(
    recipe: FinetuneRecipe,
    spec: ModelSpec,
    windows: PeopleWindows,
    simulated: Simulated | None,
    number: int,
    steps: int,
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield the batches of one round: input and targets, (batch, 2, labels), 1 for what may be true, and priors."""
    views, recorded = PeopleViews(recipe, spec, windows, number), recorded_labels(spec, windows)
    rng = np.random.default_rng((recipe.seed, 12, number))
    share = recipe.synthetic.share if recipe.synthetic and simulated else 0.0
    count = round(recipe.tuning.batch * share)
    for_simulated = Views(*simulated, _FIRST_SYNTHETIC_VIEWS + number) if simulated else None
    for _ in range(steps):
        x, allowed = views.draw(recipe.tuning.batch - count)
        worn = np.any(x, axis=(2, 3, 4))
        told = (worn[:, :, None] & recorded).any(axis=1)
        prior = np.where(told | allowed, 1.0, recipe.tuning.unrecorded)
        if simulated and for_simulated:
            made, data = simulated
            rows = rng.integers(len(data.x), size=count)
            labels = np.array(made.labels)[data.label[rows]]
            x = np.concatenate([x, for_simulated.windows(rows)])
            allowed = np.concatenate([allowed, labels[:, None] == np.array(spec.labels)])
            prior = np.concatenate([prior, np.ones((count, len(spec.labels)))])
        yield normalize(spec, x), np.stack([allowed, prior], axis=1).astype(np.float32)


def recorded_labels(spec: ModelSpec, windows: PeopleWindows) -> NDArray[np.bool_]:
    """Return (sensors, labels): which labels some recording shows while a sensor of this kind is worn."""
    recorded = np.array([windows.allowed[worn].any(axis=0) for worn in windows.shown.T >= 0])
    for left, right in twins(spec):
        recorded[[left, right]] = recorded[left] | recorded[right]
    return recorded


def objective(smoothing: float) -> tuple[Any, Any]:
    """Return loss and share of right answers, of targets as in `_batches` and logits.

    The loss is the negative logarithm of all that may be true together, as nobody says which it is, where each label
    competes by its prior. Smoothing as of one label: a share of the loss is the cross-entropy to the distribution that the
    priors make (Szegedy et al. 2016).
    """
    import tensorflow as tf  # noqa: PLC0415  # loads in seconds, and only desktops have it

    def loss(targets: Any, logits: Any) -> Any:
        allowed, prior = targets[:, 0], targets[:, 1]
        logarithms = tf.nn.log_softmax(logits + tf.math.log(prior))
        nothing = tf.constant(-1e9, logarithms.dtype)
        together = tf.reduce_logsumexp(tf.where(allowed > 0.5, logarithms, nothing), axis=1)
        of_each = tf.reduce_sum(prior * logarithms, axis=1) / tf.reduce_sum(prior, axis=1)
        return -(1.0 - smoothing) * together - smoothing * of_each

    def right(targets: Any, logits: Any) -> Any:
        return tf.gather(targets[:, 0], tf.argmax(logits, axis=1), axis=1, batch_dims=1)

    return loss, right
