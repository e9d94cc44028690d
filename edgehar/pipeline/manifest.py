"""Manifests as files: where those of pairs lie, how they are read, sealed and refused.

A model is a pair: `name.tflite`, the network, and `name.json`, the manifest, from which the run time learns of the network
without loading it. Training writes it, the run time reads it; `model_spec` says what is in it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from edgehar.errors import ModelError
from edgehar.pipeline import label_tree, operating_points, prototypes
from edgehar.pipeline.decision_settings import REPLACED
from edgehar.pipeline.modality import MODALITIES
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.types import NoAnswer
from edgehar.validation import Misfit, explain, shown

FORMAT = 1
"""The form of manifest that is read here."""

_NOT_SEALED = ("provenance", "metrics", "manifest_sha256")
"""Keys of a manifest that decide no answer: texts and scores for people, and the seal itself."""


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
