"""The text files that a recording of another program consists of: one file, a folder, or a zip."""

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Row
from edgehar.recordings.ehr import require_no_pipe

_ENDINGS = (".csv", ".txt", ".tsv")
_HEAD_BYTES = 65_536
_HEAD_LINES = 60
_LONGEST_LINE = 65_536
"""Characters; a line of numbers has far fewer."""
_MOST_MEMBERS = 1_000
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECIMALS = re.compile(r"[.,](\d*)\D*$")


class Member:
    """One text file, in whatever encoding it is; errors of reading it are RecordingErrors."""

    def __init__(self, name: str, file_name: str, opened: Callable[[], BinaryIO]) -> None:
        self.name = name
        """Name for messages."""
        self.file_name = file_name
        """Name of the file alone."""
        self._opened = opened

    @cached_property
    def _encoding(self) -> str:
        with self._reading() as file:
            return _encoding(file.read(_HEAD_BYTES))

    @cached_property
    def head(self) -> list[str]:
        """The first lines, without their ends."""
        lines = []
        for line in self.lines():
            lines.append(line.rstrip("\r\n"))
            if len(lines) == _HEAD_LINES:
                break
        return lines

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends."""
        try:
            with self._reading() as raw, io.TextIOWrapper(raw, self._encoding, newline="") as file:
                while line := file.readline(_LONGEST_LINE):
                    if len(line) == _LONGEST_LINE:
                        raise RecordingError(f"{self.name}: expected lines of text, got one without an end")
                    yield line
        except OSError as error:
            raise RecordingError(f"{self.name}: {error.strerror or error}") from error
        except (UnicodeError, zlib.error, EOFError, zipfile.BadZipFile) as error:
            raise RecordingError(f"{self.name}: expected a text file, and it is damaged: {error}") from error

    def rows(self, first: int = 1, *, head: str | None = None) -> Iterator[Row]:
        """Yield number and cells of each row from this line on; `head` stands before them as another row.

        A last line that was cut off is left out.
        """
        start = head if head is not None else self.head[first - 1] if len(self.head) >= first else ""
        delimiter = delimiter_of(start)
        text = (line for number, line in enumerate(self._whole_lines(delimiter), 1) if number >= first)
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
        if head is not None:
            yield first, head.split(delimiter)
        try:
            for row in reader:
                yield reader.line_num + first - 1, [cell.strip() for cell in row]
        except csv.Error as error:
            raise RecordingError(f"{self.name}: line {reader.line_num + first - 1}: {error}") from error

    def _whole_lines(self, delimiter: str) -> Iterator[str]:
        before = ""
        for line in self.lines():
            if not line.endswith(("\n", "\r")) and _is_cut(line, before, delimiter):
                return
            before = line
            yield line

    def _reading(self) -> BinaryIO:
        try:
            return self._opened()
        except OSError as error:
            raise RecordingError(f"{self.name}: {error.strerror or error}") from error
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise RecordingError(f"{self.name}: a damaged or encrypted zip: {error}") from error


class Source:
    """A recording of another program: the text files in a folder or a zip, or one of them."""

    def __init__(self, path: Path) -> None:
        """Open it; RecordingError if there is none, or no text file in it."""
        require_no_pipe(path, "copy it to a file")
        self.path = path
        self.members = _members(path)
        if not self.members:
            raise RecordingError(
                f"{path}: expected files that end in {', '.join(_ENDINGS)}, and it holds none"
            )

    @property
    def only(self) -> Member | None:
        """The file, if it is one."""
        return self.members[0] if len(self.members) == 1 else None

    def named(self, stem: str) -> Member | None:
        """Return the file of this name without its ending, in any case of letters."""
        return next((m for m in self.members if Path(m.file_name).stem.lower() == stem.lower()), None)


def delimiter_of(line: str) -> str:
    """Return what stands between the cells of a line: tabs or semicolons where there are some, for then commas may be decimal."""
    return next((mark for mark in "\t;" if line.count(mark) >= 2), ",")


def _members(path: Path) -> list[Member]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _ENDINGS and file.is_file())
        return [Member(f"{file}", file.name, partial(_open, file)) for file in files[:_MOST_MEMBERS]]
    try:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
        if not is_zip:
            return [Member(f"{path}", path.name, partial(_open, path))]
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except zipfile.BadZipFile as error:
        raise RecordingError(f"{path}: a damaged zip: {error}") from error
    # macOS keeps a shadow of every file beside it.
    chosen = [name for name in names if name.lower().endswith(_ENDINGS) and "__MACOSX/" not in name]
    return [
        Member(f"{path}/{name}", name.rpartition("/")[2], partial(_open_in_zip, path, name))
        for name in sorted(chosen)[:_MOST_MEMBERS]
    ]


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _open_in_zip(path: Path, name: str) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    try:
        file = archive.open(name)
    finally:
        archive.close()  # the file within keeps it open
    return file  # type: ignore[return-value]


def _encoding(head: bytes) -> str:
    """Name the encoding of a text by its first bytes; what is no UTF is read as Windows writes western text."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    if b"\x00" in head:
        return "utf-16-le" if head[1:2] == b"\x00" else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _is_cut(last: str, before: str, delimiter: str) -> bool:
    """Tell whether a last line without an end lacks what the line before it has."""
    cells, whole = last.split(delimiter), before.split(delimiter)
    if len(cells) < len(whole):
        return True
    if any(_is_number(other) and not _is_number(cell) for cell, other in zip(cells, whole, strict=False)):
        return True
    decimals, whole_decimals = _DECIMALS.search(cells[-1]), _DECIMALS.search(whole[-1])
    return whole_decimals is not None and (decimals is None or len(decimals[1]) < len(whole_decimals[1]))


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True
