"""A network with one wearer's head on it, which answers as `edgehar.pipeline.recognizer.Recognizer` does.

Within reach of what was taught the head speaks, beyond it the network as ever. The probability of a fall is the
network's own everywhere, and so are the sensors' accelerations that prove one.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.personal.fit import opinions
from edgehar.personal.head import Head
from edgehar.personal.logistic import Array, Logistic, softmax
from edgehar.personal.open_set import Reach
from edgehar.personal.statistics import of_window, width
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.new_labels import with_labels
from edgehar.pipeline.recognizer import Recognizer
from edgehar.types import FALLING, FloatArray, Prediction, Window


class Personal(Recognizer):
    """A recognizer of one wearer; shares its network with others, and never changes it."""

    def __init__(self, network: Recognizer, head: Head) -> None:
        self.spec, self.head, self._network = extended(network.spec, head), head, network
        new = len(head.new_labels)
        self._pad = np.zeros(new, np.float32)
        arrays = (_wide(head.center), _wide(head.scale), _wide(head.weights))
        self._logistic = Logistic(*arrays, head.trust, head.statistics)
        self._reach = Reach(_wide(head.whitening), _wide(head.means), head.reach)
        labels = network.spec.labels
        self._falling = labels.index(FALLING) if FALLING in labels else None
        worn = [i for i, slot in enumerate(head.slots) if slot is not None]
        self._tells = np.isin(np.arange(len(self.spec.labels)), self.spec.offered(worn))

    @cached_property
    def runtime(self) -> str:
        """Name and version of the package that runs the network."""
        return self._network.runtime

    def slots(self, placements: Iterable[str]) -> tuple[str | None, ...]:
        """Return the worn placement in each place of the model; ModelError if others are worn than those it was taught with."""
        worn = [*placements]
        if sorted(worn) != sorted(self.head.placements):
            raise ModelError(
                f"head of {self.head.model}: placements: expected {', '.join(self.head.placements)}, with which it was "
                f"taught, got {', '.join(worn) or 'none'}; wear those, teach it with these, or undo it"
            )
        return self.head.slots

    def push(self, window: Window) -> list[Prediction]:
        """Judge one window; where a sensor is left out of it, as the network alone does."""
        return [self.personalized(prediction, window.x) for prediction in self._network.push(window)]

    def personalized(self, prediction: Prediction, x: FloatArray) -> Prediction:
        """Return the network's answer to a window (rows, sensors * channels) as the head has it."""
        p, embedding = prediction.probabilities, prediction.embedding
        if p is None:
            return prediction
        if embedding is None or prediction.excluded_sensors:
            return replace(prediction, probabilities=np.concatenate([p, self._pad]))
        statistics = of_window(self.spec, self.head.slots, x) if self.head.statistics else x[0, :0]
        after = self.probabilities(embedding[None], statistics[None], p[None])[0]
        return replace(prediction, probabilities=after)

    def probabilities(self, embedding: FloatArray, statistics: FloatArray, p: FloatArray) -> FloatArray:
        """Return (windows, labels and new ones), of embeddings and statistics (windows, features) and the network's (windows, labels)."""
        x: Array = np.column_stack([embedding, statistics]).astype(np.float64)
        before: Array = np.column_stack([p, np.zeros((len(p), len(self._pad)))]).astype(np.float64)
        held = opinions(self._network.spec, p.astype(np.float64), len(self._pad), self.head.new_opinion)
        scores = np.where(self._tells, self._logistic.scores(x, held), -np.inf)
        fall = np.zeros((len(p), 1))
        if self._falling is not None:
            scores[:, self._falling] = -np.inf
            fall = before[:, [self._falling]].copy()
        inside = self._reach.membership(embedding.astype(np.float64))[:, None]
        after = (1.0 - inside) * before + inside * (1.0 - fall) * softmax(scores)
        if self._falling is not None:
            after[:, [self._falling]] = fall
        return np.asarray(after, np.float32)


def _wide(array: FloatArray) -> Array:
    return array.astype(np.float64)


def personal(network: Recognizer, head: Head) -> Personal:
    """Put a head on its network; ModelError if it is of another."""
    spec = network.spec
    if head.model_sha256 != spec.sha256:
        raise ModelError(
            f"head of {head.model}: model_sha256: expected {spec.sha256} of {spec.id}, got {head.model_sha256}; a head fits "
            "one network alone: name that one, or teach the head again"
        )
    if head.network_labels not in {(), spec.labels}:
        raise ModelError(
            f"head of {head.model}: network_labels: expected {', '.join(spec.labels)}, got {', '.join(head.network_labels)}; "
            "labels were typed since it was taught, or removed: teach the head again"
        )
    columns, slots = len(spec.labels) + len(head.new_labels), len(spec.sensors)
    if head.weights.shape[1] != columns or len(head.slots) != slots:
        raise ModelError(
            f"head of {head.model}: weights: expected {columns} labels and {slots} sensors, got {head.weights.shape[1]} "
            f"and {len(head.slots)}; teach the head again"
        )
    if head.statistics not in {0, width(spec, head.slots)}:
        raise ModelError(
            f"head of {head.model}: center: expected {width(spec, head.slots)} statistics of {', '.join(head.placements)}, got "
            f"{head.statistics}; teach the head again"
        )
    return Personal(network, head)


def extended(spec: ModelSpec, head: Head) -> ModelSpec:
    """Return the manifest of a network with a head: its labels and the new ones, which are tops of the tree."""
    worn = {i for i, slot in enumerate(head.slots) if slot is not None}
    return with_labels(spec, head.new_labels, worn)
