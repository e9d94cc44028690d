"""Temperature, calibration error, and what int8 costs, all on simulated people whom the fit never met.

The answers are those of the run-time recognizer, so they are over the labels that the worn sensors
can tell apart. Needs no TensorFlow.
"""

from math import exp, log, sqrt

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.evaluation.metrics import confusion, cooled, expected_error, f1
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training.recipe import Recipe
from edgehar.types import FloatArray, Window

_STRANGERS = 0x5354524E
"""Added to the seed: other people. Any number that nobody takes for the next seed will do."""
_SHARE = 0.1
"""Windows of strangers for each that is fitted to: round number."""
_COLDEST, _HOTTEST = 0.05, 20.0
_LEAST = 1e-37
"""About the smallest that float32 tells from zero."""

Labels = NDArray[np.int64]
Array = NDArray[np.float64]


class Calibration(Struct, frozen=True):
    """How well confidence and share of right answers agree, before and after the temperature."""

    temperature: float
    windows: int
    nll: tuple[float, float]
    """Mean negative log-likelihood, before and after."""
    ece: tuple[float, float]
    """Expected calibration error of the top label, before and after, 0..1."""


class Rounding(Struct, frozen=True):
    """What int8 costs against float32, on the same windows."""

    windows: int
    macro_f1_float32: float
    macro_f1_int8: float
    agreement: float
    """Share of windows with the same answer."""


def strangers(recipe: Recipe) -> Recipe:
    """The same recipe with a smaller number of other people."""
    windows = max(len(recipe.labels), int(recipe.synthesis.windows * _SHARE))
    synthesis = msgspec.structs.replace(recipe.synthesis, windows=windows)
    return msgspec.structs.replace(recipe, seed=recipe.seed + _STRANGERS, synthesis=synthesis)


def worn(x: FloatArray) -> tuple[int, ...]:
    """Sensors with any signal in one window (sensors, 2, rows, 3)."""
    return tuple(int(i) for i in np.flatnonzero(x.any(axis=(1, 2, 3))))


def answers(recognizer: Recognizer, x: FloatArray) -> FloatArray:
    """(n, labels): probabilities that the recognizer gives to windows (n, sensors, 2, rows, 3), SI units."""
    spec = recognizer.spec
    found = np.zeros((len(x), len(spec.labels)), np.float32)
    for i, view in enumerate(x):
        there = worn(view)
        rows = np.ascontiguousarray(view.transpose(2, 0, 1, 3)).reshape(spec.window, -1)
        [prediction] = recognizer.push(Window(0.0, rows, (1.0,) * len(there), 0.0, worn=there))
        if prediction.probabilities is not None:
            found[i] = prediction.probabilities
    return found


def offered(spec: ModelSpec, x: FloatArray) -> NDArray[np.bool_]:
    """(n, labels): what the sensors that are worn in each window, as in `answers`, can tell apart."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    found = np.zeros((len(x), len(spec.labels)), np.bool_)
    for i, view in enumerate(x):
        there = worn(view)
        found[i, known.setdefault(there, spec.offered(there))] = True
    return found


def nll(probabilities: FloatArray | Array, label: Labels) -> float:
    """Mean negative log-likelihood of the true labels."""
    true = np.asarray(probabilities, np.float64)[np.arange(len(label)), label]
    return float(-np.log(np.maximum(true, _LEAST)).mean())


def temperature(probabilities: FloatArray, label: Labels) -> float:
    """The one of least NLL, given probabilities at temperature 1 (Guo 2017); 0.05 to 20."""

    def loss(exponent: float) -> float:
        return nll(cooled(probabilities, exp(exponent)), label)

    # Golden section: the loss has one minimum over 1 / temperature, so over its logarithm too.
    low, high, golden = log(_COLDEST), log(_HOTTEST), (sqrt(5.0) - 1.0) / 2.0
    while high - low > 1e-4:
        step = golden * (high - low)
        if loss(high - step) <= loss(low + step):
            high = low + step
        else:
            low = high - step
    return round(exp((low + high) / 2), 4)


def calibrate(probabilities: FloatArray, label: Labels) -> Calibration:
    """Find the temperature for probabilities at temperature 1; labels that were not offered do not count."""
    asked = np.asarray(probabilities)[np.arange(len(label)), label] > 0
    p, label = probabilities[asked], label[asked]
    right = p.argmax(axis=1) == label
    found = temperature(p, label)
    after = cooled(p, found)
    return Calibration(
        temperature=found,
        windows=len(label),
        nll=(round(nll(p, label), 4), round(nll(after, label), 4)),
        ece=(round(expected_error(p, right), 4), round(expected_error(after, right), 4)),
    )


def rounding(
    logits: FloatArray, mask: NDArray[np.bool_], probabilities: FloatArray, label: Labels
) -> Rounding:
    """Compare the float32 network's logits, where `mask` offers them, with the int8 network's answers."""
    exact = np.where(mask, logits, -np.inf).argmax(axis=1)
    rounded, labels = np.asarray(probabilities).argmax(axis=1), logits.shape[1]
    macro = [np.nanmean(f1(confusion(label, said, labels, labels))) for said in (exact, rounded)]
    return Rounding(
        windows=len(label),
        macro_f1_float32=round(float(macro[0]), 4),
        macro_f1_int8=round(float(macro[1]), 4),
        agreement=round(float((exact == rounded).mean()), 4),
    )
