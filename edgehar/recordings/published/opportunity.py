"""Opportunity (Roggen et al. 2010): four people at breakfast, with sensors all over the body and in what they use.

`OpportunityUCIDataset/dataset/S1-ADL1.dat` and `S1-Drill.dat`: 250 numbers a line between blanks, 30 lines a second. Of them
the 113 that the set's challenge uses are read: those on the body, without orientations. The form is that of the set's
`column_names.txt` and `label_legend.txt`, as public loaders have them.
"""

from pathlib import Path

from edgehar.recordings.published.form import NULL, PublishedRecording, labels_of
from edgehar.recordings.published.number_files import read_numbers

FOLDER = "OpportunityUCIDataset"
RATE_HZ = 30.0

_WIDTH = 250
_LOCOMOTION, _GESTURE = 243, 249
"""Columns, from 0, of the labels."""
_BUTTONS = ("rkn_upper", "hip", "lua_upper", "rua_lower", "lh", "back", "rkn_lower", "rwr", "rua_upper", "lua_lower", "lwr", "rh")  # fmt: skip
"""Accelerometers, in the order of the file."""
_UNITS = ("imu_back", "imu_rua", "imu_rla", "imu_lua", "imu_lla")
"""Inertial units: nine numbers each, then four of an orientation."""
_SHOES = ("shoe_left", "shoe_right")
_OF_A_UNIT = tuple(f"{name}_{axis}" for name in ("acc", "gyr", "mag") for axis in "xyz")
_OF_A_SHOE = (
    *(f"{name}_{axis}" for name in ("euler", "nav_acc", "body_acc", "body_gyr", "nav_gyr") for axis in "xyz"),
    "compass",
)
COLUMNS = (
    *(f"{place}.acc_{axis}" for place in _BUTTONS for axis in "xyz"),
    *(f"{place}.{name}" for place in _UNITS for name in _OF_A_UNIT),
    *(f"{place}.{name}" for place in _SHOES for name in _OF_A_SHOE),
)
"""mg of the accelerometers; of the units as the sensors tell, with no unit that the set documents."""
_TAKEN = [
    *range(1, 37),
    *(column for unit in range(5) for column in range(37 + 13 * unit, 46 + 13 * unit)),
    *range(102, 134),
]

LOCOMOTION = {0: NULL, 1: "stand", 2: "walk", 4: "sit", 5: "lie"}
GESTURES = {
    0: NULL,
    406516: "open_door_1",
    406517: "open_door_2",
    404516: "close_door_1",
    404517: "close_door_2",
    406520: "open_fridge",
    404520: "close_fridge",
    406505: "open_dishwasher",
    404505: "close_dishwasher",
    406519: "open_drawer_1",
    404519: "close_drawer_1",
    406511: "open_drawer_2",
    404511: "close_drawer_2",
    406508: "open_drawer_3",
    404508: "close_drawer_3",
    408512: "clean_table",
    407521: "drink_from_cup",
    405506: "toggle_switch",
}
"""Words of gestures, done with either arm, by the code of the file."""


def read(folder: Path, file: str) -> PublishedRecording:
    """Read one file, such as `dataset/S1-ADL1.dat`; RecordingError if it is not of the form."""
    path = folder / file
    table = read_numbers(path, _WIDTH)
    t = 1e-3 * table[:, 0].astype("f8")
    return PublishedRecording(
        file,
        path.stem.partition("-")[0],
        RATE_HZ,
        t - t[0],
        COLUMNS,
        table[:, _TAKEN],
        {
            "locomotion": labels_of(path, table[:, _LOCOMOTION], LOCOMOTION),
            "gesture": labels_of(path, table[:, _GESTURE], GESTURES),
        },
    )
