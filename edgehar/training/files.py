"""Files that are written whole or not at all, and folders that are tried before minutes of work."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from edgehar.errors import ConfigError


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
