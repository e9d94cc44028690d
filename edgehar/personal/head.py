"""The file of a head, `*.head.json`: what one wearer added to one network.

Written whole or not at all, arrays as base64 of little-endian float32, with a checksum of all the rest.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from edgehar.errors import ModelError
from edgehar.types import FloatArray
from edgehar.validation import explain, shown

FORMAT = 2
"""The form of head that is read here."""
SUFFIX = ".head.json"
_MEND = "teach it again, or copy the file again"

Word = Annotated[str, Meta(min_length=1)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Head(Struct, frozen=True, eq=False, forbid_unknown_fields=True, kw_only=True):
    """One wearer's addition to one network."""

    format: int = FORMAT
    model: Word
    """Name and version of the network's pair."""
    model_sha256: Sha256
    """Digest of the network's `.tflite` file: a head fits no other."""
    slots: tuple[str | None, ...]
    """For each sensor of the model the placement worn while it was taught, or None."""
    seconds: dict[Word, Annotated[float, Meta(ge=0)]]
    """Seconds that were taught of each label."""
    new_labels: tuple[Word, ...]
    """Those of them that the network has no output for, in the order of the last columns of `weights`."""
    created: str
    """Time it was taught, ISO 8601."""
    recordings: dict[Word, str] = {}
    """Files that it was taught by, to teach the next one by them too; label of each that says nowhere what was done, else empty."""
    trust: float
    """Weight of the network's log-probabilities."""
    new_opinion: float
    """Log-probability that stands for the network's of each new label."""
    center: FloatArray
    """(features,), of the embedding and, behind it, the statistics of a window."""
    scale: FloatArray
    """(features,)."""
    weights: FloatArray
    """(features + 1, the network's labels and the new ones); the last row is the bias."""
    whitening: FloatArray
    """(features of the embedding, directions): the spread within a label has about length 1 behind it."""
    means: FloatArray
    """(taught labels, directions), of each label's windows, whitened; in the order of `seconds`."""
    network_labels: tuple[Word, ...] = ()
    """Labels of the network, typed ones too, in the order of the first columns of `weights`; empty in older heads."""
    reach: Annotated[float, Meta(gt=0)]
    """Squared distance from a mean up to which what is seen counts as what was taught."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that were taught."""
        return tuple(self.seconds)

    @property
    def statistics(self) -> int:
        """Number of the features that are statistics of a window."""
        return len(self.center) - len(self.whitening)

    @property
    def placements(self) -> tuple[str, ...]:
        """The placements that were worn."""
        return tuple(slot for slot in self.slots if slot is not None)


def write(path: Path, head: Head) -> None:
    """Write a head, whole or not at all; ModelError if it cannot be written."""
    fields = _fields(head)
    content = msgspec.json.format(msgspec.json.encode(fields | {"sha256": _seal(fields)}), indent=1)
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        why = error.strerror or error
        raise ModelError(f"{path}: cannot be written: {why}; make room for it or write elsewhere") from error
    finally:
        new.unlink(missing_ok=True)


def read(path: Path) -> Head:
    """Read a head; ModelError says what does not fit."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}; teach a head first") from error
    raw: Any = None
    try:
        raw = msgspec.json.decode(content, type=dict[str, Any])
        given, seal = raw.get("format", FORMAT), raw.pop("sha256", None)
        if given != FORMAT:  # before all else: another form may have other fields
            raise ModelError(f"{path}: format: expected {FORMAT}, got {shown(given)}; {_MEND}")
        if seal != _seal(raw):
            raise ModelError(
                f"{path}: sha256: expected {_seal(raw)} of what is in the file, got {shown(seal)}; it is damaged or was edited: {_MEND}"
            )
        head = msgspec.convert(raw, Head, dec_hook=_to_array)
    except msgspec.ValidationError as error:
        raise ModelError(f"{path}: {_misfit(error, raw)}; {_MEND}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: expected JSON, got something else ({error}); {_MEND}") from None
    _check_shapes(path, head)
    return head


def _misfit(error: msgspec.ValidationError, raw: Any) -> str:
    misfit = explain(error, raw)
    name = ".".join(filter(None, (misfit.path, misfit.unknown or misfit.missing))) or "head"
    if misfit.unknown:
        return f"{name}: expected no such field, got one"
    return (
        f"{name}: expected a value, got none"
        if misfit.missing
        else f"{name}: expected {misfit.expected}, got {misfit.got}"
    )


def _fields(head: Head) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(head, enc_hook=_from_array)
    return fields


def _seal(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()


class _Numbers(Struct, forbid_unknown_fields=True):
    """An array as it stands in the file."""

    shape: tuple[Annotated[int, Meta(ge=0)], ...]
    float32: bytes
    """Base64 of the values, little endian, row after row."""


def _from_array(array: Any) -> Any:
    values = np.ascontiguousarray(array, np.dtype("<f4"))
    return msgspec.to_builtins(_Numbers(values.shape, values.tobytes()))


def _to_array(_: type, raw: Any) -> FloatArray:
    numbers = msgspec.convert(raw, _Numbers)
    size = int(np.prod(numbers.shape)) * 4
    if len(numbers.float32) != size:
        raise ValueError(
            f"expected {size} bytes for the shape {list(numbers.shape)}, got {len(numbers.float32)}"
        )
    values = np.frombuffer(numbers.float32, np.dtype("<f4")).reshape(numbers.shape)
    if not np.isfinite(values).all():
        raise ValueError("expected finite numbers")
    return np.asarray(values, np.float32)


def _check_shapes(path: Path, head: Head) -> None:
    """Refuse arrays that do not fit each other."""
    features, taught = len(head.center), len(head.seconds)
    shapes = {
        "scale": (head.scale, (features,)),
        "weights": (head.weights, (features + 1, head.weights.shape[-1])),
        "whitening": (head.whitening, (min(len(head.whitening), features), head.whitening.shape[-1])),
        "means": (head.means, (taught, head.whitening.shape[-1])),
    }
    for name, (array, expected) in shapes.items():
        if array.shape != expected:
            raise ModelError(
                f"{path}: {name}: expected {list(expected)} numbers, got {list(array.shape)}; {_MEND}"
            )
    if unknown := sorted({*head.new_labels} - {*head.seconds}):
        raise ModelError(
            f"{path}: new_labels: expected labels that were taught, got {shown(unknown)}; {_MEND}"
        )
