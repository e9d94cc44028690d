"""What other programs write: the same half minute of one sensor in each program's form. `python tests/foreign.py FOLDER` writes all."""

import math
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

G = 9.80665
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()

Motion = tuple[NDArray[np.float64], NDArray[np.float64]]


def motion(rate_hz: float = 50.0, seconds: float = 30.0, jitter_s: float = 0.0, seed: int = 1) -> Motion:
    """Return times, s, and six channels, m/s² and rad/s: ten seconds on a table, y up, and then walking."""
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    t += np.random.default_rng(seed).uniform(-jitter_s, jitter_s, len(t)) * (t > 0.0)
    moves = t >= 10.0
    step = 2 * math.pi * 1.8 * t
    x = np.zeros((len(t), 6))
    x[:, 0] = 0.3 + moves * 1.5 * np.sin(step / 2)
    x[:, 1] = G + moves * 3.0 * np.sin(step)
    x[:, 2] = -0.2 + moves * 1.0 * np.cos(step)
    x[:, 3:] = moves[:, None] * np.column_stack(
        (np.sin(step), 0.4 * np.cos(step / 2), 0.2 * np.sin(step / 2))
    )
    return t, x


def lines(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    """Write lines, and rows whose cells stand between delimiters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [*head, *(delimiter.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(text) + "\n", "utf-8")
    return path


def date(t: float, form: str = "%Y-%m-%d %H:%M:%S.%f") -> str:
    """Return a date as most programs write it, with milliseconds."""
    return datetime.fromtimestamp(BEGIN + t + 5e-4, UTC).strftime(form)[:-3]


def sensor_logger(
    folder: Path,
    t: NDArray[np.float64],
    x: NDArray[np.float64],
    *,
    platform: str = "android",
    sign: float = 1.0,
) -> Path:
    """Write a folder as Sensor Logger's zip unpacks to, with TotalAcceleration on Android and the two others on iOS."""
    ns = [round((BEGIN + at) * 1e9) for at in t]

    def file(name: str, columns: NDArray[np.float64]) -> None:
        rows = [(ns[i], f"{t[i]:.6f}", *(f"{v:.9f}" for v in columns[i, ::-1])) for i in range(len(t))]
        lines(folder / f"{name}.csv", ["time,seconds_elapsed,z,y,x"], rows)

    gravity = np.tile([0.0, G, 0.0], (len(t), 1))
    file("Accelerometer", sign * (x[:, :3] - gravity))
    file("Gravity", sign * gravity)
    file("Gyroscope", x[:, 3:])
    if platform == "android":
        file("TotalAcceleration", x[:, :3])
    head = "version,device name,recording epoch time,recording time,recording timezone,platform,appVersion,device id,sensors,sampleRateMs,standardisation,platform version"
    row = f"3,Phone,{ns[0] // 1_000_000},2026-03-01_12-00-00,Europe/Berlin,{platform},1.64,0,Accelerometer|Gravity,20|20,false,17"
    lines(folder / "Metadata.csv", [head, row], [])
    marks = [(ns[0], "0.0", "standing", 500), (ns[-1] - 20 * 10**9 + 2 * 10**7, "10.0", "walking", 300)]
    lines(folder / "Annotation.csv", ["time,seconds_elapsed,text,millisecond_press_duration"], marks)
    return folder


def phyphox(
    path: Path, t: NDArray[np.float64], x: NDArray[np.float64], *, delimiter: str = ",", comma: bool = False
) -> Path:
    """Write a zip of phyphox."""

    def number(value: float) -> str:
        mantissa, _, exponent = f"{value:.9E}".partition("E")
        return f"{mantissa}E{int(exponent)}".replace(".", "," if comma else ".")

    def table(name: str, unit: str, columns: NDArray[np.float64]) -> str:
        head = delimiter.join(['"Time (s)"', *(f'"{name} {axis} ({unit})"' for axis in "xyz")])
        rows = [delimiter.join(number(v) for v in (t[i], *columns[i])) for i in range(len(t))]
        return "\n".join([head, *rows]) + "\n"

    times = f'"START"{delimiter}{number(0.0)}{delimiter}{BEGIN:.3f}{delimiter}"2026-03-01 13:00:00.000 UTC+01:00"\n'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Accelerometer.csv", table("Acceleration", "m/s^2", x[:, :3]))
        archive.writestr("Gyroscope.csv", table("Gyroscope", "rad/s", x[:, 3:]))
        archive.writestr("meta/time.csv", f'"event"{delimiter}"experiment time"\n' + times)
        archive.writestr("meta/device.csv", f'"property"{delimiter}"value"\n"version"{delimiter}"1.1.16"\n')
    return path


def witmotion(path: Path, t: NDArray[np.float64], x: NDArray[np.float64]) -> Path:
    """Write a text with tabs, stamped as rows arrived: four at a time."""
    head = "time\tDeviceName\tChipTime()\t" + "\t".join(
        [*(f"Acc{a}(g)" for a in "XYZ"), *(f"As{a}(°/s)" for a in "XYZ"), *(f"Angle{a}(°)" for a in "XYZ")]
    )
    rows = []
    for i in range(len(t)):
        arrived = t[min(i // 4 * 4 + 3, len(t) - 1)]
        values = [*(f"{v / G:.5f}" for v in x[i, :3]), *(f"{math.degrees(v):.4f}" for v in x[i, 3:])]
        rows.append(
            (date(arrived, "%Y-%m-%dT%H:%M:%S.%f"), "WT(C0:FF:EE:00:00:03)", "null", *values, 0.0, 0.0, 0.0)
        )
    return lines(path, [head], rows, "\t")


def movella_dot(path: Path, t: NDArray[np.float64], x: NDArray[np.float64], *, wraps: bool = True) -> Path:
    """Write the app's CSV; the count of µs begins anew within it."""
    commas = "," * 17
    head = [
        "sep=,",
        *(
            f"{line}{commas}"
            for line in ("DeviceTag:,left", "FirmwareVersion:,3.0.0", "AppVersion:,2023.6.0")
        ),
        *(f"{line}{commas}" for line in ("SyncStatus:,Synced", "OutputRate:,60Hz", "FilterProfile:,General")),
        f"Measurement Mode:,Rate Quantities{commas}",
        f"StartTime:,2026-03-01 13:00:00.000 +0100{commas}",
        f"© Movella Technologies B. V. 2005-2026{commas}",
        "",
        "PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z",
    ]
    first = 2**32 - 15_000_000 if wraps else 0
    rows = [
        (
            i + 1,
            (first + round(t[i] * 1e6)) % 2**32,
            *(f"{v:.6f}" for v in x[i, :3]),
            *(f"{math.degrees(v):.6f}" for v in x[i, 3:]),
        )
        for i in range(len(t))
    ]
    return lines(path, head, rows)


def axivity(path: Path, t: NDArray[np.float64], x: NDArray[np.float64], *, with_names: bool = True) -> Path:
    """Write what omconvert writes of an AX6, or cwa-convert without names."""
    head = "Time,Accel-X (g), Accel-Y (g), Accel-Z (g), Gyro-X (d/s), Gyro-Y (d/s), Gyro-Z (d/s)"
    rows = [
        (date(t[i]), *(f"{v / G:f}" for v in x[i, :3]), *(f"{math.degrees(v):f}" for v in x[i, 3:]))
        for i in range(len(t))
    ]
    return lines(path, [head] if with_names else [], rows)


def actigraph(
    path: Path,
    t: NDArray[np.float64],
    x: NDArray[np.float64],
    *,
    stamps: bool = False,
    delimiter: str = ",",
    form: str = "M/d/yyyy",
) -> Path:
    """Write ActiLife's raw CSV."""
    rate = round(1 / float(np.median(np.diff(t))))
    day = "1/3/2026" if form.startswith("d") else "3/1/2026"
    head = [
        f"------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.4 Firmware v3.2.1 date format {form} at {rate} Hz  Filter Normal -----------",
        "Serial Number: NEO1F00000000",
        "Start Time 12:00:00",
        f"Start Date {day}",
        "Epoch Period (hh:mm:ss) 00:00:00",
        "Download Time 14:00:00",
        f"Download Date {day}",
        "Current Memory Address: 0",
        "Current Battery Voltage: 4.12     Mode = 12",
        "--------------------------------------------------",
    ]
    names = [*(["Timestamp"] if stamps else []), *(f"Accelerometer {axis}" for axis in "XYZ")]
    rows: list[list[str]] = []
    for i in range(len(t)):
        values = [f"{v / G:.5f}" for v in x[i, :3]]
        if delimiter == ";":
            values = [value.replace(".", ",") for value in values]
        rows.append([*([date(t[i], f"{day} %H:%M:%S.%f")] if stamps else []), *values])
    return lines(path, [*head, delimiter.join(names)], rows, delimiter)


def any_table(path: Path, t: NDArray[np.float64], x: NDArray[np.float64]) -> Path:
    """Write a table of no known program, with labels."""
    rows = [
        (round(t[i] * 1000), *(f"{v:.5f}" for v in x[i]), "standing" if t[i] < 10 else "walking")
        for i in range(len(t))
    ]
    return lines(path, ["ms;ax;ay;az;gx;gy;gz;did"], rows, ";")


WRITERS: Mapping[str, Callable[[Path, NDArray[np.float64], NDArray[np.float64]], Path]] = {
    "sensor_logger": sensor_logger,
    "phyphox.zip": phyphox,
    "witmotion.txt": witmotion,
    "movella_dot.csv": movella_dot,
    "axivity.csv": axivity,
    "actigraph.csv": actigraph,
    "any.csv": any_table,
}


def main(folder: Path) -> None:
    """Write half a minute in each form into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in WRITERS.items():
        print(write(folder / name, *motion()))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
