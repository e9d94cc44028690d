"""Typed labels: a text becomes a prototype in the manifest of a pair, which recognizes it from then on, with no retraining."""

import re
import shutil
from pathlib import Path
from typing import get_args

from msgspec.structs import replace

from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.new_labels import with_labels, without_label
from edgehar.pipeline.prototypes import prototype
from edgehar.training import export, text_tower
from edgehar.training.files import check_writable, write_whole
from edgehar.training.texts import embeddings
from edgehar.types import FALLING, OTHER, NoAnswer
from edgehar.validation import shown

_LONGEST = 200
"""Characters: far more than a sentence encoder of 256 word pieces is meant for in a label."""


def label_of(text: str) -> str:
    """Return a text as a label, such as `washing_dishes`."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


def add(pair: Path, text: str, label: str | None = None) -> ModelSpec:
    """Return the manifest of a pair that tells also what a text says, under a label or the text's own words.

    Raises:
        ModelError: if the pair shares no space with texts.
        ConfigError: if the text is empty or the label is taken, or as of `texts.embeddings`.
    """
    spec, text = _text_pair(pair), " ".join(text.split()).rstrip(" .!?")
    label = label_of(text) if label is None else label
    _check(spec, text, label)
    assert spec.text
    vector = (embeddings([text]) @ text_tower.read(pair, spec))[0]
    typed = (*spec.text.typed, prototype(label, text, vector))
    extended = with_labels(spec, (label,), range(len(spec.sensors)))
    return _checked(replace(extended, text=replace(spec.text, typed=typed)), label)


def remove(pair: Path, label: str) -> ModelSpec:
    """Return the manifest of a pair without a typed label, given as the label or the text; ConfigError if there is none."""
    spec = _text_pair(pair)
    assert spec.text
    names = {label, label_of(label)}
    typed = tuple(each for each in spec.text.typed if each.label not in names)
    gone = [each.label for each in spec.text.typed if each.label in names]
    if not gone:
        has = ", ".join(each.label for each in spec.text.typed) or "none"
        raise ConfigError(f"{label!r}: expected a typed label of {spec.id} ({has})")
    return replace(without_label(spec, gone[0]), text=replace(spec.text, typed=typed))


def write(pair: Path, spec: ModelSpec, folder: Path | None) -> Path:
    """Write the manifest, sealed anew, in place or beside a copy of the pair in a folder; return its path."""
    stem = manifest.file_of(pair, "")
    if folder is not None:
        check_writable(folder, "--out takes a folder to write to")
        for suffix in (".tflite", text_tower.SUFFIX):
            _copy(manifest.file_of(pair, suffix), folder)
        stem = folder / stem.name
    export.write_manifest(stem, spec)
    return manifest.file_of(stem, ".json")


def _copy(file: Path, folder: Path) -> None:
    if folder.resolve() != file.parent.resolve():
        write_whole(folder / file.name, lambda new: shutil.copyfile(file, new))


def _text_pair(pair: Path) -> ModelSpec:
    spec = manifest.read(pair)
    if spec.text is None:
        able = [path.stem for path in manifest.available() if manifest.read(path).text]
        raise ModelError(
            f"{spec.id} shares no space with texts, so that nothing can be typed for it; expected "
            f"{' or '.join([*able, 'a pair that `edgehar-train study zero-shot --export` makes'])}"
        )
    return spec


def _check(spec: ModelSpec, text: str, label: str) -> None:
    if not text or len(text) > _LONGEST:
        raise ConfigError(
            f"{shown(text)}: expected a few words for what is done, such as ironing, got {len(text)} characters"
        )
    if not label or label != label_of(label):
        raise ConfigError(
            f"{shown(label)}: expected a label of small letters, digits and single underscores, such as ironing; "
            "--label takes one"
        )
    if label in {*spec.labels, *spec.tree}:
        typed = label in {each.label for each in spec.text.typed} if spec.text else False
        mend = "--remove it first" if typed else "--label takes another name"
        raise ConfigError(f"{label}: {spec.id} tells it already; {mend}")
    if label in {OTHER, FALLING, *get_args(NoAnswer)}:
        raise ConfigError(f"{label}: a word of edgehar's own; --label takes another name")


def _checked(spec: ModelSpec, label: str) -> ModelSpec:
    for problem in export.misfits(spec):
        raise ConfigError(f"{label}: {problem}")
    return spec
