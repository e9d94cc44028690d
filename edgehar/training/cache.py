"""The work folder of a build: simulated windows and the state of the fit, so that nothing is made twice.

What is kept carries a key, the sha256 of what it depends on: parts of the recipe, versions of libraries, and a
version of our own code that a human raises. What is damaged, or of another key, is made anew; a file without any
key is somebody else's and is neither written over nor deleted. `build` names the files.
"""

import hashlib
import logging
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.training.files import check_writable, replace_file, write_whole
from edgehar.training.recipe_parts import ModelRecipe

Arrays = Mapping[str, NDArray[Any]]

SIMULATION_VERSION = 1
"""Raise it with any change that gives other simulated windows from the same recipe and seed: in `motion`, the
grid and the windows of the pipeline, or `synthesize`. Then they are made anew, in minutes."""
FIT_VERSION = 1
"""Raise it with any change that fits other weights to the same windows: in `fit`, `frames`, `tcn`, the views of
`synthesize`, what they draw from `motion.imu` (`draw_mountings`, `random_rotations`, `SITES`), or the level axes of
`pipeline.mounting`. Then a fit that was interrupted starts over."""
_NO_PART_OF_FIT = ("name", "version", "tree", "alike", "decision")
"""Parts of a recipe that change no weight."""
_NO_PART_OF_SIMULATION = (*_NO_PART_OF_FIT, "frames", "normalization", "views", "network", "fit")
"""Parts of a recipe that change no simulated window."""
_NO_PART_OF_SIMULATED_SENSORS = ("placements", "labels", "alone")
"""The same, of its sensors."""
_KEY = "sign"
"""Name of the array that holds the key; by another name nothing that was kept before would be used again."""
_NAMES = "names"
"""Name of the array that names all others: a damaged directory of an archive may lose one of them."""

_log = logging.getLogger(__name__)


class CachedArrays(Struct, frozen=True):
    """One file of the work folder."""

    path: Path
    key: str
    """Hexadecimal; a file of another key is not used."""

    def load(self) -> dict[str, NDArray[Any]] | None:
        """Return the arrays; None if there are none, and with a warning if they are damaged or of another key.

        ConfigError if the file is not of a build.
        """
        if _is_foreign(self.path):
            raise ConfigError(f"{self.path}: not made by edgehar-train; --work takes a folder of its own")
        try:
            return self._read() if self.path.exists() else None
        except ValueError as error:
            _log.warning("%s is not used: %s; starting over", self.path, error)
            return None

    def is_good(self) -> bool:
        """Tell whether there is something to go on from."""
        try:
            return bool(self._read())
        except ValueError:
            return False

    def _read(self) -> dict[str, NDArray[Any]]:
        """Return the arrays; ValueError says why not."""
        try:
            # By handle: numpy leaves a file open that it cannot read.
            with self.path.open("rb") as handle, np.load(handle) as file:
                arrays = {name: file[name] for name in file.files}
            key, names = str(arrays.pop(_KEY)), sorted(arrays.pop(_NAMES).tolist())
        except Exception as error:  # a damaged archive raises nearly anything
            why = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"damaged ({why})") from error
        if key != self.key:
            raise ValueError("of another recipe or version")
        if sorted(arrays) != names:
            raise ValueError(f"damaged (holds {', '.join(sorted(arrays))} of {', '.join(names)})")
        return arrays

    def save(self, arrays: Arrays) -> None:
        """Write the arrays, all or none; with a warning if there is no room for them."""
        try:
            replace_file(
                self.path,
                lambda path: _save(
                    path, {_KEY: np.array(self.key), _NAMES: np.array([*arrays], np.str_), **arrays}
                ),
            )
        except OSError as error:
            _log.warning("%s cannot be kept: %s", self.path, error.strerror)


def has_key(path: Path) -> bool:
    """Tell whether a file was kept by a build, with whatever key."""
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            key: NDArray[Any] = file[_KEY]
    except Exception:  # noqa: BLE001  # as in `_read`
        return False
    return key.ndim == 0 and key.dtype.kind == "U"


def forget(folder: Path) -> None:
    """Start over: delete what builds have kept in a work folder, and nothing else that lies in it."""
    for path in folder.glob("*.npz"):
        if has_key(path):
            path.unlink()


def _is_foreign(path: Path) -> bool:
    """Tell whether a file is a whole archive of somebody else; of a damaged one nobody can tell."""
    if has_key(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # noqa: BLE001  # as in `_read`
        return False


def _save(path: Path, arrays: Arrays) -> None:
    # By handle: to a name numpy would add a suffix.
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy takes the names for its own options


def make_work_folder(folder: Path) -> Path:
    """Make the folder, which git leaves alone wherever it is.

    Raises:
        ConfigError: if it cannot be made.
    """
    check_writable(folder, "--work takes a folder to write to")
    if not any(folder.iterdir()):
        write_whole(folder / ".gitignore", lambda path: path.write_text("*\n"))
    return folder


def simulation_key(recipe: ModelRecipe, version: int = SIMULATION_VERSION) -> str:
    """Return the key of the recipe's simulated windows."""
    tables = _without(_NO_PART_OF_SIMULATION, msgspec.to_builtins(recipe))
    tables["sensors"] = [_without(_NO_PART_OF_SIMULATED_SENSORS, sensor) for sensor in tables["sensors"]]
    return cache_key(tables, f"simulation {version}", np.__version__)


def fit_key(recipe: ModelRecipe, windows: str, libraries: str, version: int = FIT_VERSION) -> str:
    """Return the key of a fit to windows of the key `windows` by `libraries`, named with their versions."""
    tables = _without(_NO_PART_OF_FIT, msgspec.to_builtins(recipe))
    return cache_key(tables, f"fit {version}", windows, libraries)


def cache_key(tables: dict[str, Any], *versions: str) -> str:
    """Return the sha256, hexadecimal, of parts of a recipe and of the versions of what works with them."""
    return hashlib.sha256(msgspec.json.encode([tables, *versions], order="sorted")).hexdigest()


def file_digests(paths: Iterable[Path]) -> list[str]:
    """Return the sha256, hexadecimal, of each file, read once while it stays the same; ConfigError if one cannot be read."""
    digests = []
    for path in paths:
        try:
            state = path.stat()
            digests.append(_digest(path.resolve(), state.st_size, state.st_mtime_ns))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
    return digests


@cache
def _digest(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001  # they tell one content from the next
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without(names: Iterable[str], table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
