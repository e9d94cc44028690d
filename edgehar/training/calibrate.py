"""Temperature, calibration error, and what int8 costs, all on people whom the fit never met.

The answers are those of the run-time recognizer, so they are over the labels that the worn sensors
can tell apart. The truth is a label for each window, (n,), or what may be true, (n, labels). Needs no TensorFlow.
"""

import logging
from math import exp, log
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training.confusion import confusion, f1, resolved
from edgehar.training.recipe_parts import ModelRecipe
from edgehar.types import FloatArray, Window

_STRANGERS = 0x5354524E
"""Added to the seed: other people. Any number that nobody takes for the next seed will do."""
_SHARE = 0.1
"""Windows of strangers for each that is fitted to: round number."""
_COLDEST, _HOTTEST = 0.05, 20.0
_LEAST = 1e-37
"""About the smallest that float32 tells from zero."""
_ENOUGH_WRONG = 30
"""Wrong answers that tell how often a sure network is wrong: by Poisson, to about a fifth."""
_BINS = 15

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]
Truth = Labels | Mask
Array = NDArray[np.float64]
AnyRecipe = TypeVar("AnyRecipe", bound=ModelRecipe)

_log = logging.getLogger(__name__)


class Calibration(Struct, frozen=True):
    """Agreement of confidence and share of right answers, before and after the temperature."""

    temperature: float
    windows: int
    nll: tuple[float, float]
    """Mean negative log-likelihood, before and after."""
    ece: tuple[float, float]
    """Expected calibration error of the top label, before and after, 0..1."""


class Rounding(Struct, frozen=True):
    """Cost of int8 against float32, on the same windows."""

    windows: int
    macro_f1_float32: float
    macro_f1_int8: float
    agreement: float
    """Share of windows with the same answer."""


def strangers_recipe(recipe: AnyRecipe) -> AnyRecipe:
    """Return the same recipe with a smaller number of other people."""
    windows = max(len(recipe.labels), int(recipe.synthesis.windows * _SHARE))
    synthesis = msgspec.structs.replace(recipe.synthesis, windows=windows)
    return msgspec.structs.replace(recipe, seed=recipe.seed + _STRANGERS, synthesis=synthesis)


def worn(x: FloatArray) -> tuple[int, ...]:
    """Return the sensors with any signal in one window (sensors, 2, rows, 3); a camera's (rows, channels) is the only one."""
    return (0,) if x.ndim == 2 else tuple(int(i) for i in np.flatnonzero(x.any(axis=(1, 2, 3))))


def answers(recognizer: Recognizer, x: FloatArray) -> FloatArray:
    """Return (n, labels) probabilities that the recognizer gives to windows (n, sensors, 2, rows, 3), SI units.

    Those of a camera are (n, rows, channels).
    """
    spec = recognizer.spec
    probabilities = np.zeros((len(x), len(spec.labels)), np.float32)
    for i, view in enumerate(x):
        [prediction] = recognizer.push(window_of(spec, view))
        if prediction.probabilities is not None:
            probabilities[i] = prediction.probabilities
    return probabilities


def window_of(spec: ModelSpec, view: FloatArray) -> Window:
    """Return what the run time would make of one window (sensors, 2, rows, 3) in SI units, or a camera's (rows, channels)."""
    sensors = worn(view)
    rows = np.ascontiguousarray(view if view.ndim == 2 else view.transpose(2, 0, 1, 3))
    return Window(0.0, rows.reshape(spec.window, -1), (1.0,) * len(sensors), 0.0, worn=sensors)


def offered(spec: ModelSpec, x: FloatArray) -> Mask:
    """Return (n, labels): what the sensors that are worn in each window, as in `answers`, can tell apart."""
    labels: dict[tuple[int, ...], tuple[int, ...]] = {}
    mask = np.zeros((len(x), len(spec.labels)), np.bool_)
    for i, view in enumerate(x):
        sensors = worn(view)
        mask[i, labels.setdefault(sensors, spec.offered(sensors))] = True
    return mask


def as_sets(truth: Truth, labels: int) -> Mask:
    """Return (n, labels), what may be true, of either form of truth."""
    return truth.astype(np.bool_) if truth.ndim == 2 else np.eye(labels, dtype=np.bool_)[truth]


def nll(probabilities: FloatArray | Array, truth: Truth) -> float:
    """Return the mean negative log-likelihood of the truth: of all together that may be true."""
    true = (probabilities * as_sets(truth, probabilities.shape[1])).sum(axis=1, dtype=np.float64)
    return float(-np.log(np.maximum(true, _LEAST)).mean())


def temperature(probabilities: FloatArray, truth: Truth) -> float:
    """Find the temperature of least NLL, given probabilities at temperature 1 (Guo 2017); 0.05 to 20."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415  # only a build needs it

    # The loss has one minimum over 1 / temperature, so over its logarithm too.
    best = minimize_scalar(
        lambda exponent: nll(tempered(probabilities, exp(exponent)), truth),
        bounds=(log(_COLDEST), log(_HOTTEST)),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return round(exp(best.x), 4)


def tempered(probabilities: FloatArray, temperature: float) -> Array:
    """Return what the same logits give at another temperature; rows sum to 1, zeros stay."""
    # A softmax at temperature T is the one at 1 to the power of 1 / T, scaled to sum to 1.
    powers: Array = probabilities.astype(np.float64) ** (1.0 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def expected_calibration_error(probabilities: FloatArray | Array, right: NDArray[np.bool_]) -> float:
    """Return the gap between confidence and accuracy of the top label, 0..1, in 15 equal bins (Guo 2017).

    Args:
        probabilities: (n, labels).
        right: (n,), whether the top label is the true one.
    """
    confidence = probabilities.astype(np.float64).max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, confidence - right, _BINS)
    return float(np.abs(gaps).sum() / max(len(right), 1))


def calibrate(
    probabilities: FloatArray, truth: Truth, *, before_tuning: float | None = None, windows: int | None = None
) -> Calibration:
    """Find the temperature for probabilities at temperature 1; views of no label that was offered do not count.

    Answers of which hardly any is wrong fit a temperature near 0, whatever the network is worth: that many people know
    too little of its errors. So with fewer than 30 wrong ones the temperature is not below `before_tuning`, that of the
    network the fit started from; with more it is as fitted. Of several views of one of the `windows` (None: each view
    is of its own) each counts in part. Without any view that counts, it is `before_tuning`, or 1.
    """
    allowed = as_sets(truth, probabilities.shape[1])
    could_answer = (np.asarray(probabilities) * allowed).any(axis=1)
    if not could_answer.any():
        return Calibration(before_tuning or 1.0, 0, (0.0, 0.0), (0.0, 0.0))
    before, label = probabilities[could_answer], allowed[could_answer]
    right = label[np.arange(len(label)), before.argmax(axis=1)]
    best = temperature(before, label)
    wrong = float((~right).mean()) * min(len(right), windows or len(right))
    if before_tuning is not None and wrong < _ENOUGH_WRONG:
        best = max(best, before_tuning)
    # Where nothing keeps it from the bounds the loss is flat, and the search ends somewhere before them.
    if not 2.0 * _COLDEST < best < 0.5 * _HOTTEST:
        _log.warning(
            "temperature %g, of %d views: they are nearly all answered right, or by chance, so that no temperature is "
            "best; more people who are held out would tell",
            best,
            len(right),
        )
    after = tempered(before, best)
    return Calibration(
        temperature=best,
        windows=len(label),
        nll=(round(nll(before, label), 4), round(nll(after, label), 4)),
        ece=(
            round(expected_calibration_error(before, right), 4),
            round(expected_calibration_error(after, right), 4),
        ),
    )


def rounding(logits: FloatArray, mask: Mask, probabilities: FloatArray, truth: Truth) -> Rounding:
    """Compare the float32 network's logits, where `mask` offers them, with the int8 network's answers."""
    exact = np.where(mask, logits, -np.inf).argmax(axis=1)
    rounded = np.asarray(probabilities).argmax(axis=1)
    allowed = as_sets(truth, logits.shape[1])
    return Rounding(
        windows=len(exact),
        macro_f1_float32=macro_f1(allowed, exact),
        macro_f1_int8=macro_f1(allowed, rounded),
        agreement=round(float((exact == rounded).mean()), 4),
    )


def macro_f1(allowed: Mask, answer: Labels) -> float:
    """Return the mean F1 over the labels that truly occur; any other answer is an error."""
    labels = allowed.shape[1]
    return round(float(np.nanmean(f1(confusion(resolved(allowed, answer), answer, labels, labels)))), 4)
