"""The file of a study's figures, `NAME.json`: one entry for each fit, written as soon as it is scored.

So the file is what a study goes on from, wherever it was stopped, and what its tables are made of.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.training.files import write_whole

NOT_RUN, NO_DATA = "not run", "not run: data not at hand"
"""Cells of a table for what was not fitted yet, and what there is no data for."""
Entry = TypeVar("Entry")


class _File(Struct, forbid_unknown_fields=True):
    version: int
    entries: dict[str, Any]


class Results(Generic[Entry]):
    """Figures that were scored, by the key of the fit; each new entry is on the disk before the next is made.

    `version` is raised with any change that gives other figures; a file of another version is refused, as it is
    figures that somebody may want.
    """

    def __init__(self, path: Path, kind: type[Entry], version: int) -> None:
        self.path, self._kind, self._version = path, kind, version
        self.entries: dict[str, Entry] = self._read()

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def keep(self, key: str, entry: Entry) -> None:
        """Add one entry to what is in the file by now; ConfigError if it cannot be written.

        So two processes may fit the same study at once: what either has kept, the other goes on from.
        """
        with _alone(self.path.parent):
            self.entries = self._read() | self.entries | {key: entry}
            self._write()

    def _read(self) -> dict[str, Entry]:
        try:
            file = msgspec.json.decode(self.path.read_bytes(), type=_File)
            if file.version != self._version:
                raise ConfigError(
                    f"{self.path}: figures of version {file.version} of the study, {self._version} expected; "
                    "move the file away to make all of them anew"
                )
            entries: dict[str, Entry] = msgspec.convert(file.entries, dict[str, self._kind])  # type: ignore[name-defined]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self.path}: expected figures of a study, got something else: {error}"
            ) from error
        return entries

    def _write(self) -> None:
        lines = [
            f"{msgspec.json.encode(name).decode()}: {msgspec.json.encode(each).decode()}"
            for name, each in sorted(self.entries.items())
        ]
        text = f'{{"version": {self._version}, "entries": {{\n' + ",\n".join(lines) + "\n}}\n"
        write_whole(self.path, lambda new: new.write_text(text, encoding="utf-8"))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing figures to a folder; ConfigError if it cannot be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{folder}: figures cannot be written to it: {error.strerror}") from error
    try:
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
