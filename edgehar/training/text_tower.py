"""The way of a sentence into the space of a pair's embedding, `NAME.text.npz` beside it: one matrix.

Only who types a label needs it: the run time has prototypes in the manifest.
"""

from pathlib import Path

import numpy as np

from edgehar.errors import ModelError
from edgehar.pipeline.manifest import file_of
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training.files import write_arrays
from edgehar.training.texts import WIDTH
from edgehar.types import FloatArray

SUFFIX = ".text.npz"


def write(stem: Path, projection: FloatArray, sha256: str) -> None:
    """Write `stem.text.npz`, whole or not at all: (WIDTH, space), for the `.tflite` of this sha256."""
    arrays = {"projection": projection.astype(np.float16), "sha256": np.array(sha256)}
    write_arrays(stem.with_name(f"{stem.name}{SUFFIX}"), arrays)


def read(path: Path, spec: ModelSpec) -> FloatArray:
    """Read the projection, (WIDTH, space), of the pair at `path`; ModelError if it is missing, damaged or of another network."""
    file = file_of(path, SUFFIX)
    mend = "copy all three files of the pair again"
    try:
        with file.open("rb") as handle, np.load(handle) as archive:
            projection, digest = np.asarray(archive["projection"], np.float32), str(archive["sha256"])
    except FileNotFoundError as error:
        raise ModelError(f"{file}: no such file; it lies beside a pair that takes texts: {mend}") from error
    except Exception as error:  # a damaged archive raises nearly anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(
            f"{file}: expected the projection of texts, got something else ({why}); {mend}"
        ) from error
    if digest != spec.sha256:
        raise ModelError(f"{file}: sha256: expected {spec.sha256} as the manifest says, got {digest}; {mend}")
    if projection.ndim != 2 or len(projection) != WIDTH:
        raise ModelError(f"{file}: projection: expected {WIDTH} rows, got {projection.shape}; {mend}")
    return projection
