"""Text files of recorded movement, whichever program wrote them."""

import codecs
import gzip
import zlib
from pathlib import Path

from edgehar.errors import RecordingError


def read_text(path: Path) -> str:
    """Read a text file, unpacked if it ends in `.gz`: UTF-8 or UTF-16 by its byte order mark, else Latin-1.

    Raises:
        RecordingError: if it is missing or broken.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return _decode(raw)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RecordingError(f"{path}: cannot be read as (gzipped) text: {error}") from error


def _decode(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Numbers and keywords are ASCII in all of them; only a name may hold another letter.
        return raw.decode("latin-1")
