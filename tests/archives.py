"""Files of exactly the forms in which sets of recorded people are published, made up."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Run = tuple[int, float]
"""Code of a label, and s for which it is done."""

Table = NDArray[np.float64]


def codes(runs: Sequence[Run], rate_hz: float) -> NDArray[np.int64]:
    return np.concatenate([np.full(round(seconds * rate_hz), code) for code, seconds in runs])


def signals(rows: int, columns: int, seed: int, rate_hz: float) -> Table:
    """Waves of another pitch in each column, with some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(rows)[:, None] / rate_hz
    waves = np.sin(2 * np.pi * (0.3 + 0.05 * np.arange(columns)) * t + rng.uniform(0, 6, columns))
    return waves * (1 + np.arange(columns)) + 0.1 * rng.normal(size=(rows, columns))


def write(path: Path, lines: Sequence[str], head: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in ([head] if head else []) + list(lines)))


def number(value: float, digits: int = 6) -> str:
    return "NaN" if np.isnan(value) else f"{value:.{digits}g}"


def pamap2(path: Path, runs: Sequence[Run], seed: int = 0) -> Table:
    """Write a file of PAMAP2 and return its 52 columns; the heart rate comes with every 11th line, as there."""
    label = codes(runs, 100.0)
    x = signals(len(label), 52, seed, 100.0)
    x[np.arange(len(x)) % 11 > 0, 0] = np.nan
    lines = [
        " ".join([f"{8.38 + 0.01 * i:.2f}", str(code), *(number(v) for v in row)])
        for i, (code, row) in enumerate(zip(label, x, strict=True))
    ]
    write(path, lines)
    return x


PAMAP2_FILES = [f"Protocol/subject10{i}.dat" for i in range(1, 10)] + [
    f"Optional/subject10{i}.dat" for i in (1, 5, 6, 8, 9)
]


def pamap2_archive(data: Path, runs: Sequence[Run], optional: Sequence[Run] = ((0, 1.0), (9, 4.0))) -> None:
    for seed, file in enumerate(PAMAP2_FILES):
        pamap2(data / "PAMAP2_Dataset" / file, optional if file.startswith("Opt") else runs, seed)


def opportunity(path: Path, runs: Sequence[tuple[int, int, float]], seed: int = 0) -> Table:
    """Write a file of Opportunity, of runs of locomotion, gesture and s, and return its 250 columns."""
    locomotion = codes([(first, seconds) for first, _, seconds in runs], 30.0)
    gesture = codes([(second, seconds) for _, second, seconds in runs], 30.0)
    x = np.rint(1000 * signals(len(gesture), 250, seed, 30.0))
    x[:, 0] = np.rint(np.arange(len(x)) * 1000 / 30)
    x[:, 243], x[:, 244:249], x[:, 249] = locomotion, 0, gesture
    write(path, [" ".join(number(v, 9) for v in row) for row in x])
    return x


def lara(path: Path, runs: Sequence[Run], columns: int, seed: int = 0) -> Table:
    """Write a file of LARa and its labels; 30 columns are MbientLab's, behind dates, 27 MotionMiners', behind time and class."""
    label = codes(runs, 100.0)
    x = signals(len(label), columns, seed, 100.0)
    is_dated = columns == 30
    lines = []
    for i, (code, row) in enumerate(zip(label, x, strict=True)):
        before = (
            [f"2019-06-25 10:{i // 6000:02}:{i / 100 % 60:09.6f}"]
            if is_dated
            else [f"{10 * i}.0", f"{code}.0"]
        )
        lines.append(",".join([*before, *(number(v) for v in row)]))
    names = [f"column_{i}" for i in range(columns)]
    write(path, lines, ",".join([*(["Time"] if is_dated else ["Time", "Class"]), *names]))
    labels = [",".join([str(code), *["0"] * 19]) for code in label]
    attributes = ",".join(["Class", "I-A_GaitCycle", *(f"attribute_{i}" for i in range(18))])
    write(path.with_name(f"{path.stem}_labels.csv"), labels, attributes)
    return x


OPENPACK_NAMES = "unixtime,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z,quat_w,quat_x,quat_y,quat_z"
OPERATION_NAMES = "uuid,user,session,box,id,operation,start,end,actions"


def openpack(
    folder: Path, user: str, session: str, runs: Sequence[tuple[int | None, float]], seed: int = 0
) -> Table:
    """Write the right wrist of a session and its operations, None between two, and return acceleration, g, and rate, °/s."""
    began = 1634178333023
    rows = round(1000 * sum(seconds for _, seconds in runs) / 33)
    x = np.column_stack([0.3 * signals(rows, 6, seed, 30.0)])
    x[:, 2] += 1.0
    lines = [
        ",".join([str(began + 33 * i), *(f"{v:.4f}" for v in row), "0.0,0.0,0.0,0.0"])
        for i, row in enumerate(x)
    ]
    write(folder / user / "atr" / "atr01" / f"{session}.csv", lines, OPENPACK_NAMES)
    operations, at = [], began / 1000
    for code, seconds in runs:
        if code is not None:
            times = [
                datetime.fromtimestamp(t, timezone(timedelta(hours=9))).isoformat(" ")
                for t in (at, at + seconds)
            ]
            operations.append(f"op:{at},{user},{session},1,{code},Whatever,{times[0]},{times[1]},act:1;act:2")
        at += seconds
    write(
        folder / user / "annotation" / "openpack-operations" / f"{session}.csv", operations, OPERATION_NAMES
    )
    return x


def mmfit(
    folder: Path, workout: str, sets: Sequence[tuple[int, int, str]], seconds: float, seed: int = 0
) -> Table:
    """Write the left watch of a workout, its sets by first and last frame, and return acceleration and angular rate."""
    rows = round(100 * seconds)
    x = signals(rows, 6, seed, 100.0)
    x[:, 2] += 9.81
    at = 10.0 * np.arange(rows)
    place = folder / workout
    place.mkdir(parents=True, exist_ok=True)
    for kind, columns, late in (("acc", x[:, :3], 0.0), ("gyr", x[:, 3:], 2.0)):
        sensor = np.column_stack([np.floor(0.03 * at) + 500, at + 1.6e12 + late, columns])
        np.save(place / f"{workout}_sw_l_{kind}.npy", sensor)
    lines = [f"{first},{last},10,{word}" for first, last, word in sets]
    write(place / f"{workout}_labels.csv", lines)
    return x
