"""Named arrays out of npz files."""

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import RecordingError

Arrays = dict[str, NDArray[Any]]

_FAULTS = (ValueError, TypeError, AttributeError, EOFError, KeyError, IndexError, RuntimeError)
"""Errors that NumPy raises, among others, of a damaged file."""


def read_npz(path: Path, *names: str) -> Arrays:
    """Read these arrays; RecordingError if the file is none, or lacks one."""
    try:
        # NumPy leaves a file open that it opened itself and cannot read.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            require_arrays(path, file, names)
            return {name: np.asarray(file[name]) for name in names}
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except (*_FAULTS, zipfile.BadZipFile, zlib.error, tokenize.TokenError) as error:
        raise RecordingError(f"{path}: no npz file, or a damaged one: {error}") from error


def require_arrays(path: Path, arrays: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse a file without one of these by RecordingError that says what it holds."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise RecordingError(f"{path}: lacks {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
