"""MM-Fit (Strömbäck et al. 2020): ten people in 21 workouts, with a watch on each wrist.

`w00/w00_sw_l_acc.npy` and `w00_sw_l_gyr.npy`: a row for each sample: frame of the video, time in ms, and three axes, m/s² or rad/s;
`w00_labels.csv`: first and last frame, repetitions and name of each set of an exercise. The form is that of the authors' notebook, the units
are those of public loaders.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import read_rows
from edgehar.recordings.published.form import NULL, Labels, PublishedRecording
from edgehar.recordings.published.number_files import LARGEST, seconds
from edgehar.types import IMU_CHANNELS

FOLDER = "mm-fit"
RATE_HZ = 100.0

_PERSON = {f"w{i:02}": person for i, person in enumerate("201012010101340156789")}
"""Person of each workout, as the authors' notebook says."""
_PLACES = {"sw_l": "wrist_left", "sw_r": "wrist_right"}
_LONGEST_GAP_S = 0.5
"""Between two samples of the gyroscope, over which it is drawn straight."""

WORDS = (
    NULL,
    "squats",
    "lunges",
    "bicep_curls",
    "situps",
    "pushups",
    "tricep_extensions",
    "dumbbell_rows",
    "jumping_jacks",
    "dumbbell_shoulder_press",
    "lateral_shoulder_raises",
)
"""Whatever is outside of the sets of an exercise is null, `non_activity` in the authors' words."""

_Array = NDArray[Any]


def read(folder: Path, file: str) -> PublishedRecording:
    """Read a watch of one workout, such as `w00/w00_sw_l_acc.npy`, with its gyroscope at the times of the accelerometer.

    RecordingError if a file is not of the form.
    """
    path = folder / file
    workout, place = path.name[:3], path.name[4:8]
    if workout not in _PERSON:
        raise RecordingError(
            f"{path}: expected a workout from w00 to w20; take away what is not of the archive"
        )
    acc, gyr = (_sensor(path.with_name(f"{workout}_{place}_{kind}.npy")) for kind in ("acc", "gyr"))
    t = seconds(path, acc[:, 1])
    x = np.column_stack([acc[:, 2:], _at(t, 1e-3 * (gyr[:, 1] - acc[0, 1]), gyr[:, 2:])])
    labels = _labels(path.with_name(f"{workout}_labels.csv"), acc[:, 0])
    columns = tuple(f"{_PLACES[place]}.{channel}" for channel in IMU_CHANNELS)
    return PublishedRecording(
        file,
        _PERSON[workout],
        RATE_HZ,
        t,
        columns,
        x.astype(np.float32),
        {"activity": labels},
    )


def _load(path: Path) -> _Array:
    """Open an array without reading it yet; what says that it is larger than its file is refused."""
    try:
        array: _Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: no such file; unpack the whole archive there") from error
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except (
        Exception
    ) as error:  # a damaged header raises nearly anything, on Python 3.13 errors of its tokenizer too
        raise RecordingError(
            f"{path}: expected an array of numbers as NumPy writes it, got something else or a part of one; unpack the archive again"
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise _misfit(path, "numbers", array)
    return array


def _misfit(path: Path, expected: str, array: _Array) -> RecordingError:
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    return RecordingError(
        f"{path}: expected {expected}, got an array of shape {shape} and type {dtype}; unpack the archive again"
    )


def _sensor(path: Path) -> _Array:
    array = _load(path)
    if array.ndim != 2 or array.shape[1] != 5 or len(array) < 2:
        raise _misfit(path, "(rows, 5), frame, time and three axes", array)
    rows = np.array(array, np.float64)
    bad = ~np.isfinite(rows[:, :2]).all(axis=1) | (np.abs(rows) > LARGEST).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise RecordingError(
            f"{path}: row {row + 1}: expected frame, time and three axes, got {rows[row].tolist()}; unpack the archive again"
        )
    return rows


def _at(t: _Array, given: _Array, values: _Array) -> _Array:
    """Draw values at times t, s, by straight lines; NaN beyond their ends and over long gaps."""
    later = np.append(True, given[1:] > np.maximum.accumulate(given)[:-1])
    given, values = given[later], values[later]
    drawn = np.stack([np.interp(t, given, column, np.nan, np.nan) for column in values.T], axis=1)
    after = np.clip(np.searchsorted(given, t), 1, len(given) - 1) if len(given) > 1 else 0
    drawn[given[after] - given[after - 1] > _LONGEST_GAP_S] = np.nan
    return drawn


def _labels(path: Path, frame: _Array) -> Labels:
    index = np.zeros(len(frame), np.int16)
    for first, last, word in _sets(path):
        index[(frame >= first) & (frame <= last)] = WORDS.index(word)
    return Labels(WORDS, index)


def _sets(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield first and last frame and name of each set of an exercise."""
    is_empty = True
    for line, cells in read_rows(path):
        is_empty = False
        try:
            first, last, _ = (int(cell) for cell in cells[:3])
            word = cells[3]
            is_set = len(cells) == 4 and word in WORDS[1:] and first <= last
        except (ValueError, IndexError):
            is_set = False
        if not is_set:
            raise RecordingError(
                f"{path}: line {line}: expected first and last frame, repetitions and an exercise, one of {', '.join(WORDS[1:])}, got "
                f"{', '.join(cells)[:120]!r}; unpack the archive again"
            )
        yield first, last, word
    if is_empty:
        raise RecordingError(
            f"{path}: expected a line for each set of an exercise, got an empty file; unpack the archive again"
        )
