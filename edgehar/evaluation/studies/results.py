"""The file of a study's figures, `NAME.json`: one entry for each fit, written as soon as it is scored.

So the file is what a study goes on from, wherever it was stopped, and what its tables are made of.
"""

from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.training.files import write_whole

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
        self.path, self._version = path, version
        self.entries: dict[str, Entry] = {}
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            if file.version != version:
                raise ConfigError(
                    f"{path}: figures of version {file.version} of the study, {version} expected; move the file away "
                    "to make all of them anew"
                )
            self.entries = msgspec.convert(file.entries, dict[str, kind])  # type: ignore[valid-type]
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: expected figures of a study, got something else: {error}") from error

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def keep(self, key: str, entry: Entry) -> None:
        """Add one entry; ConfigError if the file cannot be written."""
        self.entries[key] = entry
        lines = [
            f"{msgspec.json.encode(name).decode()}: {msgspec.json.encode(each).decode()}"
            for name, each in sorted(self.entries.items())
        ]
        text = f'{{"version": {self._version}, "entries": {{\n' + ",\n".join(lines) + "\n}}\n"
        write_whole(self.path, lambda new: new.write_text(text, encoding="utf-8"))
