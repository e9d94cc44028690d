"""The float weights of a pair, `NAME.weights.npz` beside it: what fine-tuning starts from, without simulating anyone.

Half floats, so that a file is as small as a network: int8 rounds coarser than they do. A file names the sha256 of the
`.tflite` that was made of the same weights, and holds the shape of the network as JSON.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ModelError
from edgehar.pipeline.manifest import file_of
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.files import write_arrays
from edgehar.training.tcn import Network

_NETWORK, _SHA256 = "network", "sha256"
"""Names of the two arrays that are no weights."""


class Weights(Struct, frozen=True, eq=False):
    """A network and its weights."""

    network: Network
    arrays: dict[str, NDArray[np.float16]]
    """By the path of the variable in the Keras model."""


def of_model(model: Any, network: Network) -> Weights:
    """Take the weights of a Keras model of this shape."""
    arrays = {variable.path: np.asarray(variable).astype(np.float16) for variable in model.weights}
    return Weights(network, arrays)


def assign(model: Any, weights: Weights) -> None:
    """Give a Keras model of the same shape these weights; outputs that they do not have stay as they are."""
    for variable in model.weights:
        given = weights.arrays[variable.path].astype(np.float32)
        if variable.path.startswith("logits/"):
            array = np.asarray(variable).copy()
            array[..., : given.shape[-1]] = given
            given = array
        variable.assign(given)


def write(stem: Path, weights: Weights, sha256: str) -> None:
    """Write `stem.weights.npz`, whole or not at all, for the `.tflite` of this sha256."""
    texts = {_NETWORK: msgspec.json.encode(weights.network).decode(), _SHA256: sha256}
    arrays: dict[str, NDArray[Any]] = {name: np.array(text) for name, text in texts.items()}
    arrays |= weights.arrays
    write_arrays(stem.with_name(f"{stem.name}.weights.npz"), arrays)


def read(path: Path, spec: ModelSpec) -> Weights:
    """Read the weights beside the pair at `path`; ModelError if they are missing, damaged or of another network."""
    file = file_of(path, ".weights.npz")
    if not file.is_file():
        raise ModelError(
            f"{file}: no such file; fine-tuning starts from a pair with its float weights beside it"
        )
    mend = "copy all three files of the pair again"
    try:
        with file.open("rb") as handle, np.load(handle) as archive:
            arrays = {name: archive[name] for name in archive.files}
        network = msgspec.json.decode(str(arrays.pop(_NETWORK)), type=Network)
        digest = str(arrays.pop(_SHA256))
    except Exception as error:  # a damaged archive raises nearly anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{file}: expected float weights, got something else ({why}); {mend}") from error
    if digest != spec.sha256:
        raise ModelError(f"{file}: sha256: expected {spec.sha256} as the manifest says, got {digest}; {mend}")
    return Weights(network, arrays)
