"""Keras model -> a pair: int8 `.tflite` with float32 input and output, and its manifest."""

import hashlib
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from edgehar import native_stderr
from edgehar.pipeline import manifest
from edgehar.pipeline.manifest import FORMAT
from edgehar.pipeline.model_spec import ModelSpec, Quantization, Sensor
from edgehar.training.files import write_whole
from edgehar.training.recipe_parts import ModelRecipe
from edgehar.types import FloatArray
from edgehar.validation import shown

_REMARK = rb"fully_quantize: .*\n"
_SHORT_LIST = re.compile(rb"\[\n\s+([^\[\]{}]{1,200}?)\n\s+\]")
"""A list without lists or tables in it, laid out with a line for each item."""


def to_int8(model: Any, single: Any, representative: FloatArray) -> bytes:
    """Quantize weights and activations on the (n, window, channels) windows; return the file's bytes.

    `single` is the same network for a batch of one: with a free batch the dilated convolutions would be slower.
    """
    import tensorflow as tf  # noqa: PLC0415  # loads in seconds, and only desktops have it

    single.set_weights(model.get_weights())

    def windows() -> Iterator[list[FloatArray]]:
        for x in representative:
            yield [np.ascontiguousarray(x[None], dtype=np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = windows
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    # It prints where its own intermediate files were, and how it quantizes.
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), native_stderr.without(_REMARK):
        # It misses statistics that only a quantized input would need.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def digest(content: bytes) -> str:
    """Return the sha256 of a network's file, as its manifest names it."""
    return hashlib.sha256(content).hexdigest()


def describe(
    recipe: ModelRecipe, content: bytes, provenance: dict[str, Any], temperature: float = 1.0
) -> ModelSpec:
    """Return the manifest of a network that was made by this recipe."""
    return ModelSpec(
        format=FORMAT,
        name=recipe.name,
        version=recipe.version,
        labels=recipe.labels,
        sensors=tuple(Sensor(sensor.name, sensor.placements, sensor.labels) for sensor in recipe.sensors),
        channels=recipe.modality.channels,
        units=dict(recipe.modality.units),
        rate_hz=recipe.rate_hz,
        window=recipe.window,
        hop=recipe.hop,
        normalization=recipe.normalization,
        temperature=temperature,
        quantization=Quantization("float32", "float32", "int8", "int8"),
        sha256=digest(content),
        decision=recipe.decision,
        provenance=provenance,
        metrics={},
        tree=recipe.tree,
        alike=recipe.alike,
        frames=recipe.frames,
        trained_on=recipe.trained_on,
    )


def problems(recipe: ModelRecipe) -> Iterator[str]:
    """Name what the manifest of its network could not say: it would be refused after the build."""
    yield from misfits(describe(recipe, b"", {}))


def misfits(made: ModelSpec) -> Iterator[str]:
    """Name what keeps a manifest that was put together here from being read again."""
    content = msgspec.json.encode(made)
    try:
        spec = msgspec.json.decode(content, type=ModelSpec)
    except msgspec.ValidationError as error:
        yield str(error)
        return
    for field, expected, got in manifest.misfits(spec):
        yield f"{field}: expected {expected}, got {shown(got)}"


def write_manifest(stem: Path, spec: ModelSpec) -> None:
    """Write `stem.json`, sealed anew, whole or not at all."""
    sealed = replace(spec, manifest_sha256=manifest.seal(msgspec.json.decode(msgspec.json.encode(spec))))
    laid_out = msgspec.json.format(msgspec.json.encode(sealed)) + b"\n"
    content = _SHORT_LIST.sub(lambda match: b"[" + re.sub(rb"\n\s+", b" ", match[1]) + b"]", laid_out)
    write_whole(stem.with_name(stem.name + ".json"), lambda path: path.write_bytes(content))


def write_pair(stem: Path, content: bytes, spec: ModelSpec) -> None:
    """Write `stem.tflite` and `stem.json`, each whole or not at all."""
    write_whole(stem.with_name(stem.name + ".tflite"), lambda path: path.write_bytes(content))
    write_manifest(stem, spec)
