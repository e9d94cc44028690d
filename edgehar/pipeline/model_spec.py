"""The nouns of a model: what it wants of its input, and what its outputs mean, as its manifest has them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.modality import IMU, Modality, modality_of
from edgehar.pipeline.operating_points import OperatingPoints, Point, worn_as
from edgehar.pipeline.prototypes import Text
from edgehar.validation import did_you_mean, shown

SEEN = "people it was tuned on"
"""Mark of a row of `metrics` whose people the model was fitted to: no figure to choose it by."""

Positive = Annotated[float, Meta(gt=0)]
Word = Annotated[str, Meta(min_length=1)]
Positives = tuple[Positive, ...]


class Sensor(Struct, frozen=True, forbid_unknown_fields=True):
    """One sensor that the model was trained with."""

    name: Word
    placements: Annotated[tuple[Word, ...], Meta(min_length=1)]
    """Places where it may be worn. Two sensors of the same placements are two of a kind: both wrists."""
    labels: tuple[Word, ...] = ()
    """Labels it can tell apart on its own; empty: all of the model's labels."""


class Normalization(Struct, frozen=True, forbid_unknown_fields=True):
    """Input of the network = clip(x, -clip, clip) / scale, for each of `Modality.scaled` columns."""

    scale: Positives
    """In the units of the columns."""
    clip: Positives
    """In the units of the columns."""


class Quantization(Struct, frozen=True, forbid_unknown_fields=True):
    """Number types of the network."""

    input: Word
    output: Word
    weights: Word
    activations: Word


class TrainedOn(Struct, frozen=True, forbid_unknown_fields=True):
    """Range of sensors that the model was trained for; what lies outside of it is guesswork."""

    rates_hz: tuple[Positive, Positive]
    """Lowest and highest rate of the sensors, Hz; of a camera, of its pictures."""
    packet_loss: Annotated[float, Meta(ge=0, le=1)]
    """Largest share of packets, or pictures, that was lost."""
    no_gyroscope: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Share of the examples in which a sensor had no gyroscope; None of what has none in any case."""


class ModelSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest: all that the run time knows about a model."""

    format: int
    name: Word
    version: Word
    labels: Annotated[tuple[Word, ...], Meta(min_length=2)]
    """One for each logit, then those that were typed."""
    sensors: Annotated[tuple[Sensor, ...], Meta(min_length=1)]
    """In the order of the network's input."""
    channels: tuple[str, ...]
    """Names of each sensor's channels."""
    units: dict[str, str]
    rate_hz: Annotated[float, Meta(gt=0, le=1000)]
    """Rows of the grid per second, Hz."""
    window: Annotated[int, Meta(ge=2, le=10_000)]
    """Rows of one window."""
    hop: Annotated[int, Meta(ge=1)]
    """Rows from one window to the next."""
    normalization: Normalization
    temperature: Positive
    """Logits are divided by it before the softmax."""
    quantization: Quantization
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Digest of the `.tflite` file."""
    decision: Settings
    """Settings that the decision starts from."""
    provenance: dict[str, Any]
    """Origin of the weights."""
    metrics: dict[str, Any]
    """Scores on people."""
    frames: Annotated[tuple[Word, ...], Meta(min_length=1)] = ("device",)
    """Those of its modality's frames in which the network sees a sensor, one after the other."""
    tree: dict[Word, Annotated[tuple[Word, ...], Meta(min_length=1)]] = {}
    """Inner nodes of the `label_tree` and their children: labels, or nodes; empty in older pairs."""
    alike: dict[Word, Word] = {}
    """Labels, of this model or another, and the one as which a model that lacks them knows them; `other` unless named."""
    operating_points: OperatingPoints = {}
    """Thresholds of the decision; empty in older pairs."""
    trained_on: TrainedOn | None = None
    """Sensors that it was trained for; None in older pairs."""
    text: Text | None = None
    """Texts as points in the space of the embedding; None if that shares none with texts."""
    manifest_sha256: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    """The manifest's `seal`; empty in older pairs."""

    @property
    def modality(self) -> Modality:
        """The kind of input that the model looks at."""
        return modality_of(self.channels) or IMU

    @property
    def width(self) -> int:
        """Columns of the network's input."""
        return len(self.sensors) * len(self.frames) * self.modality.columns

    @property
    def logits(self) -> int:
        """Number of the labels that the network itself tells: all but the typed ones."""
        return len(self.labels) - (len(self.text.typed) if self.text else 0)

    @property
    def id(self) -> str:
        """Name and version in one word."""
        return f"{self.name}@{self.version}"

    def slots(self, placements: Iterable[str]) -> tuple[str | None, ...]:
        """Return for each sensor of the model which of the worn `placements` fills it; ModelError if one fills none."""
        filled: list[str | None] = [None] * len(self.sensors)
        for placement in placements:
            fitting = [i for i, sensor in enumerate(self.sensors) if placement in sensor.placements]
            free = [i for i in fitting if filled[i] is None]
            if not fitting:
                places = dict.fromkeys(place for sensor in self.sensors for place in sensor.placements)
                hint = f"{did_you_mean(placement, places, '', most=2)} `edgehar models info` lists all places"
                raise ModelError(f"{self.id} takes no sensor worn at {shown(placement)}; {hint.lstrip()}")
            if not free or placement in filled:
                taken = " and ".join(shown(filled[i]) for i in fitting if filled[i])
                raise ModelError(
                    f"{self.id} cannot take a sensor worn at {shown(placement)}, which finds {taken} in its place; "
                    "leave one out"
                )
            filled[free[0]] = placement
        return tuple(filled)

    def thresholds(self, slots: Sequence[str | None], point: Point) -> dict[str, float]:
        """Return a point's thresholds, by node, for what is worn: a placement or None for each sensor.

        There may be none; ConfigError as of `check_point`.
        """
        self.check_point(point)
        worn = worn_as([sensor.name for sensor in self.sensors], slots)
        rated = self.operating_points.get(point, {}).get(worn, {})
        return {node: of_node.threshold for node, of_node in rated.items()}

    def check_point(self, point: Point) -> None:
        """Refuse a point by a ConfigError if the model has none; `normal` is what it does by itself."""
        if point != "normal" and not self.operating_points:
            mend = "set `threshold` in [decision] instead, or fit some with `edgehar-train operate`"
            raise ConfigError(f"operating_point = {shown(point)}: {self.id} has no operating points; {mend}")

    def tells(self, sensor: int, label: str) -> bool:
        """Tell whether a sensor (index) can tell a label on its own."""
        return label in (self.sensors[sensor].labels or self.labels)

    def offered(self, sensors: Iterable[int]) -> tuple[int, ...]:
        """Return the indices of the labels that these sensors (indices) can tell apart together; of none given, all."""
        of_each = [set(self.sensors[i].labels or self.labels) for i in sensors] or [set(self.labels)]
        union = set().union(*of_each)
        return tuple(i for i, label in enumerate(self.labels) if label in union)
