"""PAMAP2 (Reiss & Stricker 2012): nine people with sensors on wrist, chest and ankle.

`PAMAP2_Dataset/Protocol/subject101.dat` and `Optional/`: 54 numbers a line between blanks, 100 lines a second. The form
is that of the set's own description.
"""

from pathlib import Path

from edgehar.recordings.published.form import UNSAID, PublishedRecording, labels_of
from edgehar.recordings.published.number_files import read_numbers

FOLDER = "PAMAP2_Dataset"
RATE_HZ = 100.0

PLACES = ("hand", "chest", "ankle")
_QUANTITIES = (
    "temperature",
    *(f"{name}_{axis}" for name in ("acc16", "acc6", "gyr", "mag") for axis in "xyz"),
    *(f"orientation_{axis}" for axis in "wxyz"),
)
COLUMNS = ("heart_rate", *(f"{place}.{quantity}" for place in PLACES for quantity in _QUANTITIES))
"""1/min, °C, m/s², rad/s and µT; the orientation is invalid in this set, as its description says."""

WORDS = {
    0: UNSAID,
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "nordic_walking",
    9: "watching_tv",
    10: "computer_work",
    11: "car_driving",
    12: "ascending_stairs",
    13: "descending_stairs",
    16: "vacuum_cleaning",
    17: "ironing",
    18: "folding_laundry",
    19: "house_cleaning",
    20: "playing_soccer",
    24: "rope_jumping",
}
"""By activityID; 0 are moments between activities, which the description asks to leave out."""


def read(folder: Path, file: str) -> PublishedRecording:
    """Read one file, such as `Protocol/subject101.dat`; RecordingError if it is not of the form."""
    path = folder / file
    table = read_numbers(path, len(COLUMNS) + 2)
    labels = labels_of(path, table[:, 1], WORDS)
    t = table[:, 0].astype("f8")
    return PublishedRecording(file, path.stem, RATE_HZ, t - t[0], COLUMNS, table[:, 2:], {"activity": labels})
