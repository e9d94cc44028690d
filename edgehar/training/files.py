"""Files that are written whole or not at all, and folders that are tried before minutes of work."""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import ConfigError

_OLDEST = (1980, 1, 1, 0, 0, 0)
"""Date of all members: the same arrays make the same file."""


def write_whole(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file beside `path`, then put it there: whole or not at all.

    Raises:
        ConfigError: if it cannot be written.
    """
    try:
        replace_file(path, fill)
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"{path}: cannot be written: {why}; make room for it or write elsewhere") from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a `.npz`, whole or not at all, of which the same arrays make the same bytes; ConfigError as of `write_whole`."""

    def fill(file: Path) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array)
                member = zipfile.ZipInfo(f"{name}.npy", _OLDEST)
                archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED)

    write_whole(path, fill)


def replace_file(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file beside `path`, then put it there, whole or not at all; OSError if it cannot be."""
    new = path.with_name(f".{path.name}.new")
    try:
        fill(new)
        os.replace(new, path)  # noqa: PTH105  # the atomic one, by its own name
    finally:
        new.unlink(missing_ok=True)


def check_writable(folder: Path, mend: str) -> None:
    """Make the folder, unless it is there, and try whether a file can be written to it.

    Raises:
        ConfigError: if not; it ends in `mend`, what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; {mend}") from error
