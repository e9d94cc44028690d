"""Named arrays out of MATLAB's files of versions 5 to 7, by MathWorks, "MAT-File Format" (level 5).

Read here and not by SciPy, whose reader ends the interpreter at some damaged files.
"""

import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgehar.errors import RecordingError
from edgehar.motion.capture.array_files import Arrays, require_arrays

_HEADER_BYTES = 128
_ORDERS = {b"IM": "<", b"MI": ">"}
_VERSION = 0x0100
_MOST_BYTES = 1 << 30
"""Most bytes of one variable, unpacked."""

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""NumPy's types by the number of an element's."""
_LETTERS = {2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""Encodings by the number of an element's type."""
_CHAR_CLASS, _NUMERIC_CLASSES = 4, range(6, 16)
_COMPLEX_FLAG = 1 << 11


def read_matlab(path: Path, *names: str) -> Arrays:
    """Read these variables: numbers as they lie, text as a list of rows.

    RecordingError if the file is none, or lacks one, or one is of another kind.
    """
    try:
        variables = dict(_variables(path.read_bytes()))
        require_arrays(path, variables, names)
        return {name: _array(*variables[name]) for name in names}
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except (ValueError, zlib.error) as error:
        raise RecordingError(f"{path}: no MATLAB file, or a damaged one: {error}") from error


def _variables(raw: bytes) -> Iterator[tuple[str, tuple[bytes, str]]]:
    """Give name, content and byte order of each variable."""
    order = _ORDERS.get(raw[_HEADER_BYTES - 2 : _HEADER_BYTES])
    if order is None or not raw.startswith(b"MATLAB"):
        raise ValueError("expected MATLAB 5.0 MAT-file at its begin; save it with -v7")
    if int(np.frombuffer(raw, f"{order}u2", 1, _HEADER_BYTES - 4)[0]) != _VERSION:
        raise ValueError("expected version 5 to 7; save it with -v7")
    for element in _elements(raw[_HEADER_BYTES:], order):
        kind, content = _unpacked(*element, order)
        if kind == _MATRIX:
            parts = list(_elements(content, order))
            if len(parts) < 3:
                raise ValueError("a variable without a name")
            yield parts[2][1].decode("latin-1"), (content, order)


def _unpacked(kind: int, data: bytes, order: str) -> tuple[int, bytes]:
    if kind != _COMPRESSED:
        return kind, data
    return next(_elements(zlib.decompressobj().decompress(data, _MOST_BYTES), order), (0, b""))


def _elements(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Give the number of each element's type, and its data; ValueError if the last one is cut off."""
    at = 0
    while at < len(raw):
        if len(raw) - at < 8:
            raise ValueError("cut off within a tag")
        first, second = (int(word) for word in np.frombuffer(raw, f"{order}u4", 2, at))
        if first >> 16:
            # Up to four bytes stand in the tag itself.
            kind, size, begin, at = first & 0xFFFF, first >> 16, at + 4, at + 8
        else:
            padding = 0 if first == _COMPRESSED else -second % 8
            kind, size, begin, at = first, second, at + 8, at + 8 + second + padding
        if begin + size > len(raw) or (first >> 16 and size > 4):
            raise ValueError(f"cut off: {size} bytes announced, {len(raw) - begin} left")
        yield kind, raw[begin : begin + size]


def _array(content: bytes, order: str) -> np.ndarray:
    (_, flags), (_, dimensions), _, *parts = _elements(content, order)
    if len(flags) < 4 or len(dimensions) % 4 or not parts:
        raise ValueError("a variable without flags, shape or content")
    flag = int(np.frombuffer(flags, f"{order}u4", 1)[0])
    shape = tuple(np.frombuffer(dimensions, f"{order}i4").tolist())
    kind, data = parts[0]
    if flag & 0xFF == _CHAR_CLASS and kind in _LETTERS:
        return _text(data, _LETTERS[kind], order, shape)
    if flag & 0xFF not in _NUMERIC_CLASSES or flag & _COMPLEX_FLAG or kind not in _NUMBERS:
        raise ValueError("a variable is neither real numbers nor text")
    values = np.frombuffer(data, f"{order}{_NUMBERS[kind]}")
    if min(shape, default=0) < 0 or math.prod(shape) != values.size:
        raise ValueError(f"{values.size} numbers in an array of shape {shape}")
    return values.reshape(shape, order="F")


def _text(data: bytes, encoding: str, order: str, shape: tuple[int, ...]) -> np.ndarray:
    byte_order = "" if encoding == "utf-8" else "-le" if order == "<" else "-be"
    letters = np.array([*data.decode(f"{encoding}{byte_order}")], dtype="U1")
    if len(shape) != 2 or min(shape) < 0 or math.prod(shape) != letters.size:
        raise ValueError(f"{letters.size} letters in a text of shape {shape}")
    return np.array(["".join(row) for row in letters.reshape(shape, order="F")])
