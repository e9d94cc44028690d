"""The manifest of a model: what the run time learns of a network without loading it.

A model is a pair: `name.tflite`, the network, and `name.json`, the manifest, which says what the
network wants and what its outputs mean. Training writes it, the run time reads it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline import label_tree, operating_points, prototypes
from edgehar.pipeline.decision_settings import REPLACED, Settings
from edgehar.pipeline.modality import IMU, MODALITIES, Modality, modality_of
from edgehar.pipeline.operating_points import OperatingPoints, Point, worn_as
from edgehar.pipeline.prototypes import Text
from edgehar.types import NoAnswer
from edgehar.validation import Misfit, did_you_mean, explain, shown

FORMAT = 1
"""The form of manifest that is read here."""

_NOT_SEALED = ("provenance", "metrics", "manifest_sha256")
"""Keys of a manifest that decide no answer: texts and scores for people, and the seal itself."""

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


def seal(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 of all in a manifest, as its JSON decodes, that decides an answer, in canonical JSON.

    Of the manifest as it is written, not as it is understood: a key that a later edgehar adds with a default
    changes no older seal.
    """
    sealed = {key: value for key, value in manifest.items() if key not in _NOT_SEALED}
    return hashlib.sha256(msgspec.json.encode(sealed, order="sorted")).hexdigest()


def read(path: Path | str) -> ModelSpec:
    """Read the manifest of a pair, without loading its network; ModelError says what does not fit."""
    file = file_of(path, ".json")
    content = content_of(file)
    mend = "mend the manifest or export the pair again"
    raw: Any = None
    try:
        raw = msgspec.json.decode(content)
        given = raw.get("format", FORMAT) if isinstance(raw, dict) else FORMAT
        if given != FORMAT:  # before all else: another form may have other fields
            reader = "install an edgehar that reads it"
            raise ModelError(f"{file}: format: expected {FORMAT}, got {shown(given)}; {reader}")
        spec = msgspec.convert(_without_replaced(raw), ModelSpec)
    except msgspec.ValidationError as error:
        raise ModelError(f"{file}: {_why(explain(error, raw))}; {mend}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{file}: expected JSON, got something else ({error}); {mend}") from None
    for field, expected, got in misfits(spec):
        raise ModelError(f"{file}: {field}: expected {expected}, got {shown(got)}; {mend}")
    if spec.manifest_sha256 not in ("", sealed := seal(raw)):
        raise ModelError(
            f"{file}: manifest_sha256: expected {spec.manifest_sha256} as the manifest says, got {sealed}; labels, "
            "settings or what else decides an answer are not as they were written: copy both files again, "
            "and change settings in [decision] of edgehar.toml"
        )
    return spec


def _without_replaced(raw: Any) -> Any:
    """Return a manifest without settings of an older decision: that of today has others, and their defaults count."""
    if not (isinstance(raw, dict) and isinstance(raw.get("decision"), dict)):
        return raw
    return raw | {"decision": {key: value for key, value in raw["decision"].items() if key not in REPLACED}}


def available() -> list[Path]:
    """List the manifests of the models that ship with edgehar, by name."""
    return sorted(path for path in shipped().glob("*.json") if path.with_suffix(".tflite").is_file())


def find(name_or_path: Path | str) -> Path:
    """Return the path of a shipped model's manifest, or of a pair's by its path; ModelError says what there is."""
    given = file_of(name_or_path, ".json")
    is_name = str(name_or_path) == given.stem
    for file in (shipped() / given, given) if is_name else (given,):
        if file.is_file():
            return file
    names = ", ".join(path.stem for path in available()) or f"none in {shipped()}"
    raise ModelError(
        f"no model {str(name_or_path)!r}: expected the path of a pair or a shipped model's name ({names})"
    )


def shipped() -> Path:
    """Return the folder of the package's own models and their recipes; in a checkout they lie beside the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def file_of(path: Path | str, suffix: str) -> Path:
    """Return the pair's file with `suffix`, whichever of the pair `path` names."""
    return Path(str(path).removesuffix(".json").removesuffix(".tflite") + suffix)


def content_of(file: Path) -> bytes:
    """Read a file of a pair; ModelError if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        why = f"{error.strerror}; a model is a pair of .tflite and .json"
        raise ModelError(f"{file}: cannot be read: {why}") from error


def _why(misfit: Misfit) -> str:
    name = misfit.unknown or misfit.missing
    field = ".".join(filter(None, (misfit.path, name))) or "manifest"
    if misfit.unknown:
        return f"{field}: expected no such field, got one"
    return (
        f"{field}: expected a value, got none"
        if name
        else f"{field}: expected {misfit.expected}, got {misfit.got}"
    )


def misfits(spec: ModelSpec) -> Iterator[tuple[str, str, object]]:
    """Yield the field, what was expected and what came, of all that a type cannot say."""
    reserved = get_args(NoAnswer)
    unknown = {label for sensor in spec.sensors for label in sensor.labels} - set(spec.labels)
    number, decision, modality = spec.quantization, spec.decision, spec.modality
    held = decision.held_threshold
    rules = (
        (_once(spec.labels), "labels", "each once", spec.labels),
        (not set(spec.labels) & set(reserved), "labels", f"none of {', '.join(reserved)}", spec.labels),
        (
            _once(sensor.name for sensor in spec.sensors),
            "sensors",
            "each name once",
            [s.name for s in spec.sensors],
        ),
        (
            all(_once(sensor.placements) for sensor in spec.sensors),
            "sensors",
            "each placement once in a sensor",
            [s.placements for s in spec.sensors],
        ),
        (not unknown, "sensors", "labels of the model", sorted(unknown)),
        (
            spec.channels == modality.channels,
            "channels",
            " or ".join(shown(each.channels) for each in MODALITIES),
            spec.channels,
        ),
        (_once(spec.frames), "frames", "each once", spec.frames),
        (
            set(spec.frames) <= set(modality.frames),
            "frames",
            f"some of {', '.join(modality.frames)}",
            spec.frames,
        ),
        (spec.units == modality.units, "units", shown(dict(modality.units)), spec.units),
        *(
            (len(values) == modality.scaled, f"normalization.{key}", f"{modality.scaled} numbers", values)
            for key in ("scale", "clip")
            for values in [getattr(spec.normalization, key)]
        ),
        (spec.hop <= spec.window, "hop", f"at most the window of {spec.window}", spec.hop),
        *(
            (low <= high, "trained_on.rates_hz", "the lowest, then the highest", (low, high))
            for low, high in ([spec.trained_on.rates_hz] if spec.trained_on else [])
        ),
        (number.input == "float32", "quantization.input", "float32", number.input),
        (number.output == "float32", "quantization.output", "float32", number.output),
        *(
            (held <= most, "decision.held_threshold", f"at most {key} = {most:g}", held)
            for key in ("threshold", "kind_threshold")
            if (most := getattr(decision, key)) is not None
        ),
    )
    yield from ((field, expected, got) for fits, field, expected, got in rules if not fits)
    yield from label_tree.misfits(spec.labels, spec.tree)
    names, nodes = [sensor.name for sensor in spec.sensors], [*spec.labels, *spec.tree]
    yield from operating_points.misfits(spec.operating_points, names, nodes)
    if spec.text:
        yield from prototypes.misfits(spec.text, spec.labels, [sensor.labels for sensor in spec.sensors])


def _once(words: Iterable[str]) -> bool:
    words = list(words)
    return len(set(words)) == len(words)
