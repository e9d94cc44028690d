"""Text files of recorded movement in the encodings that programs write."""

import gzip
from pathlib import Path

import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.text_files import read_text

WORDS = "JOINT Tête\n1 2 3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_the_encoding_is_told_by_the_file(tmp_path: Path, encoding: str, name: str) -> None:
    raw = WORDS.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    assert read_text(tmp_path / name) == WORDS


@pytest.mark.parametrize("raw", [b"\xff\xfeJ", gzip.compress(WORDS.encode())[:-5]])
def test_a_broken_file_is_named(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(raw) if raw[:2] == b"\xff\xfe" else raw)
    with pytest.raises(RecordingError, match=r"^[^\n]*a\.gz: cannot be read as [^\n]*$"):
        read_text(tmp_path / "a.gz")
