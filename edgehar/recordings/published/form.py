"""The common form of a published recording."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.types import FloatArray, Times

NULL = "null"
"""The word for rows where none of a set's labels was done, in sets that say so."""
UNSAID = ""
"""The word for rows of which a set says nothing, or that it asks to leave out."""


class Labels(Struct, frozen=True, eq=False):
    """Labels of a recording, row by row."""

    words: tuple[str, ...]
    """As the set calls them, lower case with _; may hold `NULL` and `UNSAID`."""
    index: NDArray[np.int16]
    """(rows,), index into the words."""

    def of_rows(self) -> NDArray[np.str_]:
        """Return the word of each row, (rows,)."""
        return np.array(self.words)[self.index]


class PublishedRecording(Struct, frozen=True, eq=False):
    """One file of a published archive, or several files of the same sensor and time."""

    file: str
    """Its path below the archive's top folder."""
    person: str
    """Name of the person in the set; one name where the set has several for the same person."""
    rate_hz: float
    """Nominal."""
    t: Times
    """(rows,), s from the first row: as the file tells, or evenly spaced where its times are not read."""
    columns: tuple[str, ...]
    """Place and quantity, as in `hand.acc16_x`."""
    x: FloatArray
    """(rows, columns), in the units of the set's reader; NaN where a value was lost."""
    labels: Mapping[str, Labels]
    """By track: `activity`, or `locomotion` and `gesture`."""


def labels_of(path: Path, codes: NDArray[Any], words: Mapping[int, str], head: int = 0) -> Labels:
    """Turn a column of codes into labels; RecordingError at the first row with a code that is none of the set's.

    Args:
        path: of the file, for messages.
        codes: (rows,), numbers.
        words: of each code of the set.
        head: lines before the first row.
    """
    names = tuple(dict.fromkeys(words.values()))
    values, place = np.unique(codes, return_inverse=True)
    translated = np.array([names.index(words[v]) if v in words else -1 for v in values.tolist()], np.int16)
    index = translated[place]
    if (index < 0).any():
        row = int((index < 0).argmax())
        raise RecordingError(
            f"{path}: line {row + head + 1}: expected the code of a label, one of "
            f"{', '.join(map(str, words))}, got {codes[row]:g}; unpack the archive again"
        )
    return Labels(names, index)
