"""Sets of labelled trials of people in npz form, read in whole or in part.

The form: `x` int16 (rows, columns) times `scale` (columns,) is SI, `columns` such as
`wrist_left.acc_x`, `n` (trials,) rows of each trial, `subject`, `activity`, `trial` (trials,),
`rate_hz`, and where there are such, `t_ms` (rows,) arrival times and `row_label` (rows,).
"""

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from msgspec import Struct
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.recordings.scoring import Segment
from edgehar.types import IMU_CHANNELS, Times

_OF_TRIALS = ("n", "subject", "activity", "trial")
KEYS = ("x", "scale", "columns", "rate_hz", *_OF_TRIALS)
"""Arrays that every set has."""
_SKIP = 1 << 16
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # the last: a form of zip unknown here
_NUMBERS = ("x", "scale", "rate_hz", "n", "t_ms")
"""Arrays that hold numbers."""
_DIMENSIONS = {
    "x": 2,
    "scale": 1,
    "columns": 1,
    "rate_hz": 0,
    "t_ms": 1,
    "row_label": 1,
    **dict.fromkeys(_OF_TRIALS, 1),
}

Array = NDArray[Any]
Spans = list[tuple[int, int]]
"""First row and row behind the last of each trial."""


class Trials(Struct, frozen=True, eq=False):
    """Columns of the trials themselves, (trials,) each."""

    n: Array
    """Rows."""
    subject: Array
    activity: Array
    trial: Array
    """Numbers."""

    @property
    def spans(self) -> Spans:
        """Rows of each trial in the file."""
        return spans_of(self.n)


def spans_of(n: Array) -> Spans:
    """Lay trials of so many rows, (trials,), end to end."""
    ends = np.cumsum(n, dtype=np.int64).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


class TrialFile:
    """The arrays of one open npz file; RecordingError where they are not of the form above."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, keys: Sequence[str] = KEYS) -> None:
        self.path = path
        self._archive = archive
        self._keys = {name.removesuffix(".npy") for name in archive.namelist()}
        missing = [key for key in keys if key not in self._keys]
        if missing:
            raise RecordingError(f"{path}: lacks {', '.join(missing)}; a set has {', '.join(keys)}")

    def trials(self) -> Trials:
        """Read the columns of the trials themselves."""
        arrays = {key: self.whole(key) for key in _OF_TRIALS}
        if len({len(column) for column in arrays.values()}) > 1:
            raise RecordingError(f"{self.path}: {', '.join(_OF_TRIALS)} differ in length")
        with self._array("x") as file:
            (rows, _), _ = _shape(file, "x")
            if rows != arrays["n"].sum():
                raise ValueError(f"{rows} rows, expected the sum of n, {arrays['n'].sum()}")
        return Trials(**arrays)

    def rate_hz(self) -> float:
        """Read the nominal rate of the rows, Hz."""
        rate_hz = float(self.whole("rate_hz"))
        if not 0.1 <= rate_hz <= 1e5:
            raise RecordingError(f"{self.path}: rate_hz {rate_hz}; 0.1..100000 expected")
        return rate_hz

    def sensors(self, width: int, scales: int) -> dict[str, dict[str, int]]:
        """Read which column of x, so many wide, holds which channel of which placement, in the file's order."""
        names = [str(name) for name in self.whole("columns")]
        if not len(names) == scales == width:
            raise RecordingError(f"{self.path}: x, scale and columns differ in width")
        self.require("channel", [name.rpartition(".")[2] for name in names], IMU_CHANNELS)
        sensors: dict[str, dict[str, int]] = {}
        for column, name in enumerate(names):
            placement, _, channel = name.rpartition(".")
            if sensors.setdefault(placement, {}).setdefault(channel, column) != column:
                raise RecordingError(f"{self.path}: columns name {name} twice")
        return sensors

    def whole(self, key: str) -> Array:
        """Read an array, all of it."""
        with self._array(key) as file:
            array = np.asarray(npy.read_array(file, allow_pickle=False))
            _check_form(key, array.shape, array.dtype)
            return array

    def rows(self, key: str, spans: Spans) -> Array | None:
        """Read these rows, one span after the other; the others never come into memory. None without the array."""
        if key not in self._keys:
            return None
        parts: dict[tuple[int, int], Array] = {}
        with self._array(key) as file:
            shape, dtype = _shape(file, key)
            begin, row_bytes = file.tell(), dtype.itemsize * math.prod(shape[1:])
            for first, end in sorted(spans):  # in the file's order: seeking back would unpack it anew
                _skip_to(file, begin + first * row_bytes)
                part = np.frombuffer(file.read((end - first) * row_bytes), dtype)
                parts[first, end] = part.reshape(end - first, *shape[1:])
        return np.concatenate([parts[span] for span in spans])

    def require(self, kind: str, wanted: Sequence[object], present: Sequence[str] | Array) -> list[str]:
        """Return what is wanted, as text; RecordingError that lists what is present if something is not."""
        names = [str(name) for name in wanted]
        unknown = [name for name in names if name not in present]
        if unknown:
            raise RecordingError(
                f"{self.path}: no {kind} {', '.join(unknown)}; there are {in_order(present)}"
            )
        return names

    @contextmanager
    def _array(self, key: str) -> Iterator[IO[bytes]]:
        with _refused(self.path):
            try:
                with self._archive.open(f"{key}.npy") as file:
                    yield file
            except (ValueError, EOFError) as error:
                raise RecordingError(f"{self.path}: array {key}: {error}") from error


@contextmanager
def opened(path: Path, keys: Sequence[str] = KEYS) -> Iterator[TrialFile]:
    """Open a file that has these arrays; RecordingError in one line if it is missing, damaged or of another form.

    So is a ValueError of who reads it, who found something in the arrays that does not fit.
    """
    try:
        with _refused(path):
            archive = zipfile.ZipFile(path)
        with archive:
            yield TrialFile(path, archive, keys)
    except ValueError as error:
        raise RecordingError(f"{path}: no set of trials: {error}") from error


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Turn what zipfile raises of a missing or damaged file into RecordingError."""
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise RecordingError(f"{path}: no npz file, or a damaged one: {error}") from error


def has_form(path: Path) -> bool:
    """Tell whether a file has all arrays that a set needs."""
    try:
        with opened(path):
            return True
    except RecordingError:
        return False


def in_order(names: Sequence[str] | Array) -> str:
    """List each name once, numbers by their value."""
    return ", ".join(
        sorted({str(name) for name in names}, key=lambda name: (name.isdecimal() and len(name), name))
    )


def label_runs(times: Times, labels: Array, period: float) -> list[Segment]:
    """Join rows of one label, (rows,) each, to segments; the last one ends a period, s, after the last row."""
    first = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    starts = times[first].tolist()
    ends = [*starts[1:], float(times[-1]) + period]
    return [(start, end, str(label)) for start, end, label in zip(starts, ends, labels[first], strict=True)]


def _shape(file: IO[bytes], key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of the array of which this file is the .npy; leave it at the first row."""
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = header(file)
    if by_columns and len(shape) > 1:
        raise ValueError("stored by columns, expected by rows")
    _check_form(key, shape, dtype)
    return shape, dtype


def _check_form(key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array whose form is not that of its key by ValueError; keys of other forms may be anything."""
    dimensions = _DIMENSIONS.get(key, len(shape))
    if len(shape) != dimensions:
        raise ValueError(f"shape {shape}, expected {dimensions}-D")
    if key in _NUMBERS and dtype.kind not in "iuf":
        raise ValueError(f"{dtype}, expected numbers")


def _skip_to(file: IO[bytes], position: int) -> None:
    # A packed file's own seek unpacks up to 16 MiB at once.
    while file.tell() < position and file.read(min(position - file.tell(), _SKIP)):
        pass
