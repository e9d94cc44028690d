"""The model on its run time: windows in, probabilities out.

A pair that does not fit is refused when it is loaded, and the network's bytes are compared with the
manifest's sha256 before any interpreter sees them.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from edgehar.errors import ModelError
from edgehar.litert import form, load_runtime
from edgehar.pipeline.manifest import content_of, file_of, read
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.prototypes import Mixture
from edgehar.types import (
    FALLING,
    FloatArray,
    HopAcceleration,
    Prediction,
    TimedHops,
    Window,
)


class Recognizer:
    """A loaded model: windows in, probabilities out."""

    def __init__(self, spec: ModelSpec, interpreter: Any) -> None:
        self.spec, self._interpreter = spec, interpreter
        self._input, self._logits, self._embedding = _tensors(spec, interpreter)
        self._typed = Mixture(spec.text, spec.labels) if spec.text and spec.text.typed else None
        # Bounds as large as the window: the same loop without broadcasting takes half the time.
        clip = np.array(spec.normalization.clip, np.float32)
        shape = (spec.window, spec.width // len(clip))
        self._high = np.tile(clip, shape)
        self._low = -self._high
        self._gain = np.tile(1 / np.array(spec.normalization.scale, np.float32), shape)
        self._x = np.zeros((1, *self._high.shape), np.float32)
        self._show = [spec.modality.frames[frame] for frame in spec.frames]
        self._offered: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[int, ...]] = {}

    @cached_property
    def runtime(self) -> str:
        """Name and version of the package that runs the network, such as `ai-edge-litert 2.1.6`; its name where it tells no version."""
        name = type(self._interpreter).__module__.partition(".")[0].replace("_", "-")
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return name

    def slots(self, placements: Iterable[str]) -> tuple[str | None, ...]:
        """Return the worn placement in each place of the model, as `ModelSpec.slots`."""
        return self.spec.slots(placements)

    def push(self, window: Window) -> list[Prediction]:
        """Judge one window by the sensors that are not excluded; without probabilities if all are."""
        w, excluded = window, window.excluded_sensors
        coverage, probabilities, embedding = max(w.coverage, default=0.0), None, None
        if len(excluded) < len(w.coverage):
            # Whatever is excluded has less than whatever is not.
            coverage = sorted(w.coverage)[len(excluded)]
            probabilities, embedding = self._judge(w.x, w.worn, tuple(excluded))
        newest, earlier = self.fall_evidence(w)
        return [
            Prediction(
                w.t_end,
                probabilities,
                embedding,
                coverage,
                w.peak_to_peak,
                excluded,
                w.is_fresh,
                newest,
                earlier,
            )
        ]

    def fall_evidence(self, window: Window) -> tuple[dict[int, HopAcceleration], TimedHops]:
        """Return the newest accelerations of those sensors that can tell a fall, and the earlier ones."""
        earlier = tuple([(t, self._telling(hops)) for t, hops in window.earlier_hops])
        return self._telling(window.hop_accelerations), earlier

    def _telling(self, hops: Mapping[int, HopAcceleration]) -> dict[int, HopAcceleration]:
        return {i: acceleration for i, acceleration in hops.items() if self.spec.tells(i, FALLING)}

    def _judge(
        self, x: FloatArray, worn: tuple[int, ...], excluded: tuple[int, ...]
    ) -> tuple[FloatArray | None, FloatArray | None]:
        rows = self._x[0]
        np.minimum(self._shown(x, worn, excluded), self._high, out=rows)
        np.maximum(rows, self._low, out=rows)
        np.multiply(rows, self._gain, out=rows)
        interpreter = self._interpreter
        interpreter.set_tensor(self._input, self._x)
        interpreter.invoke()
        logits = interpreter.get_tensor(self._logits)[0].tolist()
        labels = self._labels_of(worn, excluded)
        offered = labels if self._typed is None else tuple([i for i in labels if i < len(logits)])
        probabilities = _softmax(logits, self.spec.temperature, offered)
        embedding = None if self._embedding is None else interpreter.get_tensor(self._embedding)[0]
        if self._typed and probabilities is not None and embedding is not None:
            probabilities = self._typed.of(probabilities, embedding, labels)
        return probabilities, embedding

    def _shown(self, x: FloatArray, worn: tuple[int, ...], excluded: tuple[int, ...]) -> FloatArray:
        """Return all frames of the sensors in use, side by side; zeros for the others, as training shows them."""
        if self.spec.frames == ("device",) and not excluded:
            return x
        spec, show = self.spec, self._show
        shown = np.zeros((len(x), len(spec.sensors), len(show), spec.modality.columns), np.float32)
        width = len(spec.channels)
        for sensor in worn or range(len(spec.sensors)):
            if sensor not in excluded:
                channels = x[:, sensor * width : (sensor + 1) * width]
                for i, in_frame in enumerate(show):
                    shown[:, sensor, i] = in_frame(channels, spec.rate_hz)
        return shown.reshape(len(x), -1)

    def _labels_of(self, worn: tuple[int, ...], excluded: tuple[int, ...]) -> tuple[int, ...]:
        """Return the indices of the labels that the sensors in use can tell apart."""
        labels = self._offered.get((worn, excluded))
        if labels is None:
            labels = self.spec.offered([sensor for sensor in worn if sensor not in excluded])
            self._offered[worn, excluded] = labels
        return labels


def load(path: Path | str, make: Callable[[ModelSpec, Any], Recognizer] = Recognizer) -> Recognizer:
    """Load the model of one pair, named by either file or without suffix; ModelError says what does not fit.

    `make` is the class, or another one like it.
    """
    spec = read(path)
    file = file_of(path, ".tflite")
    content = content_of(file)
    digest = hashlib.sha256(content).hexdigest()
    if digest != spec.sha256:
        raise ModelError(
            f"{file}: sha256: expected {spec.sha256} as the manifest says, got {digest}; the two files are "
            "not one pair or one is damaged: copy both again"
        )
    new_interpreter = load_runtime()
    try:
        recognizer = make(spec, new_interpreter(content, 1))
        # A network that cannot run is refused now, not at the first window.
        zeros = np.zeros((spec.window, len(spec.sensors) * len(spec.channels)), np.float32)
        [trial] = recognizer.push(Window(0.0, zeros, (1.0,), 0.0))
    except ModelError as error:
        raise ModelError(f"{file}: {error}; export the pair again") from None
    except Exception as error:  # native code makes any error of a damaged file
        why = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{file}: cannot be run: {why}; copy or export the pair again") from error
    if trial.probabilities is None:
        raise ModelError(f"{file}: logits: expected numbers, got NaN for zeros; export the pair again")
    return recognizer


def _tensors(spec: ModelSpec, interpreter: Any) -> tuple[int, int, int | None]:
    """Return the indices of input, logits and embedding; ModelError if the network has others than the manifest says."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    wanted = f"float32 (1, {spec.window}, {spec.width})"
    if [form(tensor) for tensor in inputs] != [wanted]:
        raise ModelError(
            f"input: expected {wanted} for window and columns of all sensors, got {_forms(inputs)}"
        )
    wanted = f"float32 (1, {spec.logits})"
    logits = [tensor["index"] for tensor in outputs if form(tensor) == wanted]
    others = [tensor["index"] for tensor in outputs if form(tensor) != wanted]
    if len(logits) != 1 or len(others) > 1 or any(len(tensor["shape"]) != 2 for tensor in outputs):
        expected = f"{wanted} for the labels and at most an embedding (1, another size)"
        raise ModelError(f"outputs: expected {expected}, got {_forms(outputs)}")
    if spec.text:
        wanted = f"float32 (1, {len(spec.text.trained[0].numbers)})"
        if wanted not in map(form, outputs):
            expected = f"an embedding {wanted} in the space of the manifest's texts"
            raise ModelError(f"outputs: expected {expected}, got {_forms(outputs)}")
    return inputs[0]["index"], logits[0], others[0] if others else None


def _forms(tensors: Iterable[dict[str, Any]]) -> str:
    return " and ".join(map(form, tensors)) or "none"


def _softmax(logits: list[float], temperature: float, offered: tuple[int, ...]) -> FloatArray | None:
    """Return probabilities, 0 for what is not offered; None if a logit is no number."""
    # Plain floats: quicker than NumPy.
    top = max([logits[i] for i in offered])
    powers = [0.0] * len(logits)
    for i in offered:
        powers[i] = exp((logits[i] - top) / temperature)
    total = sum(powers)
    if not total < len(logits) + 1:
        return None
    return np.array([power / total for power in powers], np.float32)
