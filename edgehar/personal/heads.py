"""The heads of wearers on disk: `heads/anna.3.head.json` is the third that anna taught.

A number is never given twice, so that a model's id names one head. One that was taken back keeps its number, as
`anna.3.undone.json`; of each wearer the newest `KEPT` files are kept.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.personal.head import SUFFIX, Head, read, write
from edgehar.personal.recognizer import personal
from edgehar.pipeline.recognizer import Recognizer

KEPT = 10
"""Heads of one wearer, with those that were taken back."""
UNDONE = ".undone.json"


def load_head(network: Recognizer, path: Path, worn: Sequence[str]) -> Recognizer:
    """Return the network with the head of a file on it; ModelError if it does not fit that, or what is worn.

    Its id is the network's with the head's name behind it, as in `imu_tcn@0.5.0+anna.3`.
    """
    head = read(path)
    try:
        model = personal(network, head)
        model.spec = replace(model.spec, version=f"{network.spec.version}+{name_of(path)}")
        model.slots(worn)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return model


def name_of(path: Path) -> str:
    """Return the name of a head, such as `anna.3`."""
    return path.name.removesuffix(SUFFIX)


class Heads:
    """The heads of one wearer in one folder."""

    def __init__(self, folder: Path, wearer: str) -> None:
        self._folder, self._wearer = folder, wearer

    def paths(self) -> list[Path]:
        """List the heads that were not taken back, the oldest first."""
        numbered = self._numbered()
        return [numbered[number] for number in sorted(numbered) if not numbered[number].name.endswith(UNDONE)]

    def add(self, head: Head, in_use: Path | None) -> Path:
        """Write a head with the next number and return its file; ModelError if it cannot be written.

        The oldest that are too many go, but none that is `in_use`.
        """
        numbered = self._numbered()
        path = self._folder / f"{self._wearer}.{max(numbered, default=0) + 1}{SUFFIX}"
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"{self._folder}: cannot be made: {error.strerror}; name a folder that can"
            ) from error
        write(path, head)
        # The service reads what root has taught, whatever root's umask.
        path.chmod(0o644)
        for number in sorted(numbered)[: max(0, len(numbered) + 1 - KEPT)]:
            if numbered[number] != in_use:
                numbered[number].unlink(missing_ok=True)
        return path

    def before(self, path: Path) -> list[Path]:
        """List the heads before one of these, the newest first; none before another file."""
        return [other for other in reversed(self.paths()) if self._number(other) < self._number(path)]

    def take_back(self, path: Path) -> None:
        """Let a head be none of those in use any more; its number is not given again."""
        if path in self.paths():
            path.replace(path.with_name(name_of(path) + UNDONE))

    def _numbered(self) -> dict[int, Path]:
        return {number: path for path in self._folder.glob("*.json") if (number := self._number(path))}

    def _number(self, path: Path) -> int:
        """Return a head's number; 0 if it is none of this wearer's."""
        form = rf"{re.escape(self._wearer)}\.(\d{{1,9}})({re.escape(SUFFIX)}|{re.escape(UNDONE)})"
        match = re.fullmatch(form, path.name)
        return int(match[1]) if match and path.parent == self._folder else 0
