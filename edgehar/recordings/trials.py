"""Sets of labelled trials of people in npz form, read in whole or in part.

The form: `x` int16 (rows, columns) times `scale` (columns,) is SI, `columns` such as
`wrist_left.acc_x`, `n` (trials,) rows of each trial, `subject`, `activity`, `trial` (trials,),
`rate_hz`, and where there are such, `t_ms` (rows,) arrival times and `row_label` (rows,).
"""

import math
import os
import struct
import warnings
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
from edgehar.recordings.array_forms import check_form, check_values
from edgehar.recordings.scoring import Segment
from edgehar.types import IMU_CHANNELS, Times

_OF_TRIALS = ("n", "subject", "activity", "trial")
KEYS = ("x", "scale", "columns", "rate_hz", *_OF_TRIALS)
"""Arrays that every set has."""
_SKIP = 1 << 16
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # the last: a form of zip unknown here
_ZIP_END = struct.Struct("<10xH10x")
"""End of a zip file but for the comment: number of its entries (.ZIP File Format Specification, 4.3.16)."""
_NPY_VERSIONS = ((1, 0), (2, 0), (3, 0))
_MOST_MEASURED = 1e5
"""m/s² or rad/s, far beyond every sensor."""

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


class Signal(Struct, frozen=True, eq=False):
    """Rows of all sensors of a set."""

    x: Array
    """(rows, columns); times `scale` it is m/s² and rad/s."""
    scale: Array
    """(columns,)."""
    sensors: dict[str, dict[str, int]]
    """By placement and channel: which column, in the file's order."""

    def of(self, columns: Sequence[int], rows: slice = slice(None)) -> Array:
        """Return these rows of these columns, m/s² and rad/s."""
        columns = list(columns)
        values: Array = self.x[rows, columns] * self.scale[columns]
        return values


class TrialFile:
    """The arrays of one open npz file; RecordingError where they are not of the form above."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, keys: Sequence[str] = KEYS) -> None:
        self.path = path
        self._archive = archive
        self._keys = {name.removesuffix(".npy") for name in archive.namelist()}
        self._rows = 0
        if missing := self.missing(keys):
            raise RecordingError(f"{path}: lacks {', '.join(missing)}; a set has {', '.join(keys)}")
        with _refused(path):
            _check_directory(path, archive)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Name those of these arrays that the file lacks."""
        return [key for key in keys if key not in self._keys]

    def trials(self) -> Trials:
        """Read the columns of the trials themselves."""
        arrays = {key: self.whole(key) for key in _OF_TRIALS}
        if len({len(column) for column in arrays.values()}) > 1:
            raise RecordingError(f"{self.path}: {', '.join(_OF_TRIALS)} differ in length")
        self._rows = int(arrays["n"].sum())
        return Trials(**arrays)

    def rate_hz(self) -> float:
        """Read the nominal rate of the rows, Hz."""
        return float(self.whole("rate_hz"))

    def signal(self, spans: Spans) -> Signal:
        """Read these rows of all sensors, of `trials`."""
        scale, x = self.whole("scale"), self.rows("x", spans)
        assert x is not None
        sensors = self._sensors(x.shape[-1], len(scale))
        self._require_measured(x, scale)
        return Signal(x, scale, sensors)

    def _require_measured(self, x: Array, scale: Array) -> None:
        """Refuse a column, (rows,) of x times its scale, that no sensor can have measured, by RecordingError."""
        largest = np.maximum(-x.min(axis=0).astype(np.float64), x.max(axis=0)) * np.abs(scale)
        for column in np.flatnonzero(largest > _MOST_MEASURED):
            raise RecordingError(
                f"{self.path}: array scale: index {column}: {scale[column]:g} makes up to {largest[column]:g} of x, "
                f"expected at most {_MOST_MEASURED:g} m/s² or rad/s"
            )

    def _sensors(self, width: int, scales: int) -> dict[str, dict[str, int]]:
        """Read which column of x, so many wide, holds which channel of which placement, in the file's order."""
        names = [str(name) for name in self.whole("columns")]
        if not len(names) == scales == width:
            raise RecordingError(f"{self.path}: x, scale and columns differ in width")
        if not names:
            raise RecordingError(
                f"{self.path}: array columns: names none, expected some such as wrist_left.acc_x"
            )
        self.require("channel", [name.rpartition(".")[2] for name in names], IMU_CHANNELS)
        sensors: dict[str, dict[str, int]] = {}
        for column, name in enumerate(names):
            placement, _, channel = name.rpartition(".")
            if sensors.setdefault(placement, {}).setdefault(channel, column) != column:
                raise RecordingError(f"{self.path}: columns name {name} twice")
        return sensors

    def whole(self, key: str) -> Array:
        """Read an array, all of it."""
        with self._array(key) as (file, shape, dtype):
            array = np.frombuffer(file.read(), dtype).reshape(shape)
            check_values(key, array)
            return array

    def rows(self, key: str, spans: Spans) -> Array | None:
        """Read these rows, of `trials`, one span after the other; None without the array. The others never come into memory."""
        if key not in self._keys:
            return None
        parts: dict[tuple[int, int], Array] = {}
        with self._array(key) as (file, shape, dtype):
            if shape[0] != self._rows:
                raise ValueError(f"{shape[0]} rows, expected the sum of n, {self._rows}")
            begin, row_bytes = file.tell(), dtype.itemsize * math.prod(shape[1:])
            for first, end in sorted(spans):  # in the file's order: seeking back would unpack it anew
                _skip_to(file, begin + first * row_bytes)
                part = np.frombuffer(file.read((end - first) * row_bytes), dtype)
                parts[first, end] = part.reshape(end - first, *shape[1:])
                check_values(key, parts[first, end], first)
            _skip_to_end(file)
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
    def _array(self, key: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
        """Open an array at its first row, with its shape and type."""
        with _refused(self.path):
            try:
                with self._archive.open(f"{key}.npy") as file:
                    shape, dtype = _read_header(file)
                    check_form(key, shape, dtype)
                    _check_size(self._archive.getinfo(f"{key}.npy").file_size - file.tell(), shape, dtype)
                    yield file, shape, dtype
            except ValueError as error:
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
    """Tell whether a file has all arrays that a set needs; RecordingError if it is missing or damaged."""
    with opened(path, ()) as file:
        return not file.missing(KEYS)


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


def _check_directory(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse a damaged directory, in which an array that not every set has would be missed, by BadZipFile."""
    names = archive.namelist()
    with path.open("rb") as file:
        file.seek(-_ZIP_END.size - len(archive.comment), os.SEEK_END)
        entries = _ZIP_END.unpack(file.read(_ZIP_END.size))[0]
    if entries != len(names):
        raise zipfile.BadZipFile(f"{len(names)} arrays, expected {entries} as its end says")
    for name in names:
        archive.open(name).close()  # compares the name with that beside the array


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and type of the array of which this file is the .npy; leave it at the first row."""
    version = npy.read_magic(file)
    if version not in _NPY_VERSIONS:
        raise ValueError(f"npy version {version}, expected one of {_NPY_VERSIONS}")
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings(action="ignore"):  # of an old, but good one
            shape, by_columns, dtype = header(file)
    except (*_DAMAGED, OSError, ValueError):
        raise
    except Exception as error:  # it evaluates text, which raises nearly anything
        raise ValueError(f"no readable header: {error}") from error
    if by_columns and len(shape) > 1:
        raise ValueError("stored by columns, expected by rows")
    return shape, dtype


def _check_size(size: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse rows of so many bytes, before they are read, if the header says otherwise, by ValueError."""
    if size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{size} bytes, expected {dtype} of shape {shape}")


def _skip_to(file: IO[bytes], position: int) -> None:
    # A packed file's own seek unpacks up to 16 MiB at once, and checks nothing.
    while (ahead := position - file.tell()) > 0 and file.read(min(ahead, _SKIP)):
        pass


def _skip_to_end(file: IO[bytes]) -> None:
    """Read what is left: the checksum of an array stands behind its last byte."""
    while file.read(_SKIP):
        pass
