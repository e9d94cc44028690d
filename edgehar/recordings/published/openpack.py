"""OpenPack (Yoshimura et al. 2022), v1: sixteen people who pack boxes.

`U0101/atr/atr01/S0100.csv`: a line of names, then time in ms since 1970, acceleration in g, angular rate in °/s and a quaternion, 30 lines
a second; `U0101/annotation/openpack-operations/S0100.csv`: what was done from when to when. The form is that of the set's own documentation.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import read_rows
from edgehar.recordings.published.form import NULL, Labels, PublishedRecording
from edgehar.recordings.published.number_files import read_numbers, seconds
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY, Times

FOLDER = "openpack/v1.0.0"
RATE_HZ = 30.0

PLACES = {
    "atr01": "wrist_right",
    "atr02": "wrist_left",
    "atr03": "upper_arm_right",
    "atr04": "upper_arm_left",
}

_SAME_PERSON = {"U0202": "U0105", "U0203": "U0108", "U0204": "U0110", "U0205": "U0107", "U0210": "U0103"}
"""People who came twice, as the set's description of them says."""
_WIDTH = 11

WORDS = {
    8100: NULL,
    100: "picking",
    200: "relocate_item_label",
    300: "assemble_box",
    400: "insert_items",
    500: "close_box",
    600: "attach_box_label",
    700: "scan_label",
    800: "attach_shipping_label",
    900: "put_on_back_table",
    1000: "fill_out_order",
}
"""By id of the operation; 8100 is also what lies between them."""


def person(user: str) -> str:
    """Return the first of the set's names for the same person."""
    return _SAME_PERSON.get(user, user)


def read(folder: Path, file: str) -> PublishedRecording:
    """Read one sensor of one session, such as `U0101/atr/atr01/S0100.csv`, with its operations.

    RecordingError if a file is not of the form. Values are in m/s² and rad/s.
    """
    path = folder / file
    user, _, sensor, name = Path(file).parts
    table = read_numbers(path, _WIDTH, head=1, delimiter=",", dtype="f8")
    x = table[:, 1:7].astype(np.float32)
    x[:, :3] *= np.float32(STANDARD_GRAVITY)
    x[:, 3:] = np.deg2rad(x[:, 3:])
    t = seconds(path, table[:, 0], head=1)
    operations = folder / user / "annotation" / "openpack-operations" / name
    columns = tuple(f"{PLACES[sensor]}.{channel}" for channel in IMU_CHANNELS)
    return PublishedRecording(
        file, person(user), RATE_HZ, t, columns, x, {"activity": _labels(operations, 1e-3 * table[:, 0])}
    )


def _labels(path: Path, t: Times) -> Labels:
    ids = list(WORDS)
    index = np.zeros(len(t), np.int16)
    for code, start, end in _operations(path):
        index[(t >= start) & (t < end)] = ids.index(code)
    return Labels(tuple(WORDS.values()), index)


def _operations(path: Path) -> Iterator[tuple[int, float, float]]:
    """Yield id, start and end of each operation, s since 1970."""
    rows = read_rows(path)
    _, head = next(rows, (1, []))
    missing = [name for name in ("id", "start", "end") if name not in head]
    if missing:
        raise RecordingError(
            f"{path}: line 1: expected the names of columns, id, start and end among them, got {', '.join(head) or 'nothing'}; "
            "unpack the archive again"
        )
    places = [head.index(name) for name in ("id", "start", "end")]
    for line, cells in rows:
        operation = _operation([cells[place] if place < len(cells) else "" for place in places])
        if operation is None:
            raise RecordingError(
                f"{path}: line {line}: expected the id of an operation, its start and a later end as dates and times with their zone, got "
                f"{', '.join(cells)[:120]!r}; unpack the archive again"
            )
        yield operation


def _operation(cells: list[str]) -> tuple[int, float, float] | None:
    try:
        code = int(cells[0])
        start, end = (datetime.fromisoformat(cell) for cell in cells[1:])
    except ValueError:
        return None
    if code not in WORDS or start.tzinfo is None or end.tzinfo is None or end < start:
        return None
    return code, start.timestamp(), end.timestamp()
