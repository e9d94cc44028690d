"""Typed labels: a text becomes a prototype in the manifest of a pair, which recognizes it from then on, with no retraining."""

import logging
import re
from functools import partial
from pathlib import Path
from typing import get_args
from unicodedata import normalize

from msgspec.structs import replace

from edgehar.config.zone import RESERVED
from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.new_labels import with_labels, without_label
from edgehar.pipeline.prototypes import prototype
from edgehar.recordings.labels import common_label
from edgehar.training import export, text_tower
from edgehar.training.files import check_writable, write_whole
from edgehar.training.texts import embeddings, nearest
from edgehar.types import FALLING, NO_STATES, OTHER, FloatArray, NoAnswer
from edgehar.validation import shown

_LOGGER = logging.getLogger(__name__)

_LONGEST = 200
"""Characters: far more than a sentence encoder of 256 word pieces is meant for in a label, and less than Home Assistant's 255 of a state."""


def label_of(text: str) -> str:
    """Return a text as a label, such as `washing_dishes`."""
    return re.sub(r"[\W_]+", "_", normalize("NFC", text).lower()).strip("_")


def _plain(text: str) -> str:
    """Return a text without what says nothing: spaces around and between its words, and its full stop."""
    return " ".join(text.split()).rstrip(" .!?")


def add(pair: Path, text: str, label: str | None = None) -> ModelSpec:
    """Return the manifest of a pair that tells also what a text says, under a label or the text's own words.

    A label is told as recordings are read: `squat` as `squatting`.

    Raises:
        ModelError: if the pair shares no space with texts.
        ConfigError: if the text is empty or the label is taken, or as of `texts.embeddings`.
    """
    spec, text = _text_pair(pair), _plain(text)
    label = common_label(label_of(text) if label is None else normalize("NFC", label))
    _check(spec, text, label)
    assert spec.text
    projection, embedding = text_tower.read(pair, spec), embeddings([text])[0]
    _tell_how_read(text, embedding)
    typed = (*spec.text.typed, prototype(label, text, embedding @ projection))
    extended = with_labels(spec, (label,), range(len(spec.sensors)))
    return _checked(replace(extended, text=replace(spec.text, typed=typed)), label)


def remove(pair: Path, label: str) -> ModelSpec:
    """Return the manifest of a pair without a typed label, given as the label or the text; ConfigError if there is none."""
    spec = _text_pair(pair)
    assert spec.text
    names, text = {label, label_of(label)}, _plain(label).lower()
    gone = [each for each in spec.text.typed if each.label in names or each.text.lower() == text]
    typed = tuple(each for each in spec.text.typed if each not in gone[:1])
    if not gone:
        has = ", ".join(each.label for each in spec.text.typed) or "none"
        raise ConfigError(f"{label!r}: expected a typed label of {spec.id} ({has})")
    return replace(without_label(spec, gone[0].label), text=replace(spec.text, typed=typed))


def write(pair: Path, spec: ModelSpec, folder: Path | None) -> Path:
    """Write the manifest, sealed anew, in place or beside a copy of the pair in a folder; return its path."""
    stem = manifest.file_of(pair, "")
    if folder is not None:
        check_writable(folder, "--out takes a folder to write to")
        _copy(stem, folder)
        stem = folder / stem.name
    export.write_manifest(stem, spec)
    return manifest.file_of(stem, ".json")


def _copy(stem: Path, folder: Path) -> None:
    """Copy what lies beside the manifest of a pair; ModelError, and nothing is written, if a part is missing."""
    if folder.resolve() == stem.parent.resolve():
        return
    files = [manifest.file_of(stem, suffix) for suffix in (".tflite", text_tower.SUFFIX)]
    for file, content in [(file, manifest.content_of(file)) for file in files]:
        write_whole(folder / file.name, partial(Path.write_bytes, data=content))


def _text_pair(pair: Path) -> ModelSpec:
    spec = manifest.read(pair)
    if spec.text is None:
        able = [path.stem for path in manifest.available() if manifest.read(path).text]
        raise ModelError(
            f"{spec.id} shares no space with texts, so that nothing can be typed for it; expected "
            f"{' or '.join([*able, 'a pair that `edgehar-train study zero-shot --export` makes'])}"
        )
    return spec


def _tell_how_read(text: str, embedding: FloatArray) -> None:
    """Warn of a text that is not known by heart: nothing else shows that another language was taken for English."""
    like, cosine = nearest(embedding)
    if like != text.lower():
        _LOGGER.warning(
            "%s: read as English, where %r is most like it of what edgehar knows by heart (cosine %.2f)",
            shown(text),
            like,
            cosine,
        )


def _check(spec: ModelSpec, text: str, label: str) -> None:
    if not text or len(text) > _LONGEST:
        raise ConfigError(
            f"{shown(text)}: expected a few words for what is done, such as ironing, got {len(text)} characters"
        )
    if not text.isprintable():  # nor what is no UTF-8
        raise ConfigError(f"{shown(text)}: expected plain words, got characters that cannot be printed")
    if not label or label != label_of(label) or len(label) > _LONGEST:
        raise ConfigError(
            f"{shown(label)}: expected a label of small letters, digits and single underscores, such as ironing, up to "
            f"{_LONGEST}, got {len(label)} characters; --label takes one"
        )
    for each in spec.text.typed if spec.text else ():
        if each.text.lower() == text.lower():  # the same point: neither would be told
            raise ConfigError(f"{shown(text)}: typed already, as {each.label}; --remove it first")
    if label in {*spec.labels, *spec.tree}:
        typed = label in {each.label for each in spec.text.typed} if spec.text else False
        mend = "--remove it first" if typed else "--label takes another name"
        raise ConfigError(f"{label}: {spec.id} tells it already; {mend}")
    if label in {OTHER, FALLING, *get_args(NoAnswer), *RESERVED}:
        raise ConfigError(f"{label}: a word of edgehar's own; --label takes another name")
    if label in NO_STATES:
        raise ConfigError(
            f"{label}: Home Assistant takes it for no answer at all; --label takes another name"
        )


def _checked(spec: ModelSpec, label: str) -> ModelSpec:
    for problem in export.misfits(spec):
        raise ConfigError(f"{label}: {problem}")
    return spec
