"""LARa (Niemann et al. 2020): people who pick and pack in a warehouse, S07 to S14 with two sets of sensors.

`S07/L01_S07_R01.csv`, a line of names and 100 lines a second, and beside it `L01_S07_R01_labels.csv`, a line for each of them: class, then
19 attributes. MbientLab's sensors: date and time, then acceleration and angular rate of five places, in g and °/s. MotionMiners': time, class,
then acceleration, angular rate and magnetic field of three places, in counts. The form is that of the authors' programs, where the archive
is called `IMU data` and `LARa_dataset_motionminers`.
"""

from pathlib import Path

import numpy as np

from edgehar.errors import RecordingError
from edgehar.recordings.published.form import UNSAID, PublishedRecording, labels_of
from edgehar.recordings.published.number_files import read_numbers

MBIENTLAB_FOLDER = "LARa/IMU data"
MOTIONMINERS_FOLDER = "LARa/LARa_dataset_motionminers"
RATE_HZ = 100.0

MBIENTLAB_COLUMNS = tuple(
    f"{place}.{name}_{axis}"
    for place in ("arm_left", "leg_left", "chest", "arm_right", "leg_right")
    for name in ("acc", "gyr")
    for axis in "xyz"
)
"""The file's LA, LL, N (above the breastbone), RA and RL."""
MOTIONMINERS_COLUMNS = tuple(
    f"{place}.{name}_{axis}"
    for place in ("arm_left", "torso", "arm_right")
    for name in ("acc", "gyr", "mag")
    for axis in "xyz"
)

WORDS = {
    0: "standing",
    1: "walking",
    2: "cart",
    3: "handling_upwards",
    4: "handling_centred",
    5: "handling_downwards",
    6: "synchronization",
    7: UNSAID,
}
"""By class; the eighth, none, are stretches that the set asks to leave out."""

_ATTRIBUTES = 19
_MOST_UNLABELLED = round(RATE_HZ)
"""Rows at the end of one file that the other may lack."""


def read_mbientlab(folder: Path, file: str) -> PublishedRecording:
    """Read one file, such as `S07/L01_S07_R01.csv`, with its labels; RecordingError if one is not of the form."""
    return _read(folder, file, MBIENTLAB_COLUMNS, before=1)


def read_motionminers(folder: Path, file: str) -> PublishedRecording:
    """Read one file, such as `S07/L01_S07_R01.csv`, with its labels; RecordingError if one is not of the form."""
    return _read(folder, file, MOTIONMINERS_COLUMNS, before=2)


def _read(folder: Path, file: str, columns: tuple[str, ...], *, before: int) -> PublishedRecording:
    """Read sensors that stand behind so many other columns; of one alone, it is a date."""
    path = folder / file
    table = read_numbers(path, len(columns) + before, head=1, delimiter=",", dated=before == 1)
    label_path = path.with_name(f"{path.stem}_labels.csv")
    classes = read_numbers(label_path, 1 + _ATTRIBUTES, head=1, delimiter=",")[:, 0]
    rows = min(len(table), len(classes))
    if max(len(table), len(classes)) - rows > _MOST_UNLABELLED:
        raise RecordingError(
            f"{label_path}: expected a line for each of the {len(table)} of {path.name}, got {len(classes)}; "
            "unpack the archive again"
        )
    return PublishedRecording(
        file,
        path.stem.split("_")[1] if path.stem.count("_") == 2 else path.stem,
        RATE_HZ,
        np.arange(rows) / RATE_HZ,
        columns,
        table[:rows, -len(columns) :],
        {"activity": labels_of(label_path, classes[:rows], WORDS, head=1)},
    )
