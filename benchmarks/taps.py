"""Double taps of `pipeline.taps`: how many are seen on simulated wearers, and how often daily life is taken for one.

python -m benchmarks.taps ../shared/data

Daily life is that of recordings; those that may train choose the threshold, the others only check it. Taps are half sines of a fingertip's 5 to 20 ms and 1 to 8 g, laid over simulated wearers as a
sensor would sample them: behind its anti-alias filter (second order at half the rate, as the LSM6DSO's), and without one.
"""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from edgehar.motion.wearer import Wearer
from edgehar.pipeline.taps import DoubleTaps
from edgehar.types import ACCELERATION, STANDARD_GRAVITY, Samples

SETS = {
    "selfback_thigh": True,
    "selfback_wrist": True,
    "sp_sw_har_trouser_pocket_left": True,
    "sp_sw_har_wrist_left": True,
    "ha24_watch": False,
    "hapt_waist": False,
    "motionsense": False,
    "weda_fall_acc": False,
    "smartfallmm_meta_wrist": False,
}
"""Those of 40 Hz and more, and which may train and so may choose a threshold: at the others' 20 to 32 Hz no tap is heard at all."""

THRESHOLDS_G = (0.5, 0.75, 1.0, 1.5, 2.5)

PART = 500
"""Samples that come at once; the detector tells the same however they come."""

FINE_HZ = 6400.0
"""Rate at which a tap is drawn, Hz."""

Array = NDArray[np.float64]


def trials(data: Path, name: str) -> Iterator[tuple[str, float, Array]]:
    """Yield sensor, rate in Hz and acceleration in m/s² of each trial of people who may train."""
    with np.load(data / "imu" / f"{name}.npz") as stored:
        columns, rate = [str(column) for column in stored["columns"]], float(stored["rate_hz"])
        x, ends = stored["x"], np.cumsum(stored["n"])
        people, scale = [str(person) for person in stored["subject"]], stored["scale"]
    allowed = _people(data, "selfback_thigh") if name == "selfback_wrist" else {*people}
    for person, begin, end in zip(people, np.concatenate(([0], ends[:-1])), ends, strict=True):
        if person not in allowed:
            continue
        for i, column in enumerate(columns):
            if column.endswith(".acc_x"):
                yield column.partition(".")[0], rate, x[begin:end, i : i + 3] * scale[i : i + 3]


@cache
def _people(data: Path, name: str) -> set[str]:
    with np.load(data / "imu" / f"{name}.npz") as stored:
        return {str(person) for person in stored["subject"]}


def count(detector: DoubleTaps, t: Array, x: Array) -> list[float]:
    """Return when a detector heard double taps, s, of samples that come so many at a time."""
    heard = list[float]()
    for at in range(0, len(t), PART):
        part = slice(at, at + PART)
        heard += detector.push(Samples("wrist", t[part], x[part].astype(np.float32), ACCELERATION))
    return heard


def false_alarms(data: Path) -> None:
    """Print false double taps per hour, for each threshold, on each set at its rate and at 50 Hz."""
    print("false double taps per hour  may train      h    Hz  " + "".join(f"{g:>7} g" for g in THRESHOLDS_G))
    for name, may_train in SETS.items():
        by_sensor: dict[str, list[tuple[float, Array]]] = {}
        for sensor, rate, x in trials(data, name):
            by_sensor.setdefault(sensor, []).append((rate, x))
        for parts in by_sensor.values():
            rate = parts[0][0]
            for step in (1, 2) if rate == 100 else (1,):
                hours = sum(len(x) for _, x in parts) / rate / 3600
                rates = [
                    sum(_taps(x[::step], rate / step, g) for _, x in parts) / hours for g in THRESHOLDS_G
                ]
                cells = "".join(f"{each:9.2f}" for each in rates)
                may = "yes" if may_train else "no"
                print(f"{name:<31}{may:<5}{hours:6.2f}{rate / step:6.0f}  {cells}", flush=True)


def _taps(x: Array, rate_hz: float, threshold_g: float) -> int:
    detector = DoubleTaps(threshold_g * STANDARD_GRAVITY)
    return len(count(detector, np.arange(len(x)) / rate_hz, x))


def pulses(
    begin_s: float, gap_s: float, width_s: float, rate_hz: float, *, is_filtered: bool
) -> tuple[int, Array]:
    """Return the first row and the rows of two taps of height 1, as a sensor samples them."""
    fine_t = np.arange(0.0, gap_s + 0.3, 1 / FINE_HZ)
    fine = sum(
        np.where((fine_t >= at) & (fine_t < at + width_s), np.sin(np.pi * (fine_t - at) / width_s), 0.0)
        for at in (0.02, 0.02 + gap_s)
    )
    if is_filtered:
        fine = signal.sosfilt(signal.butter(2, rate_hz / 2, fs=FINE_HZ, output="sos"), fine)
    row = int(np.ceil(begin_s * rate_hz))
    t = row / rate_hz - begin_s + np.arange(int((gap_s + 0.25) * rate_hz)) / rate_hz
    return row, np.interp(t, fine_t, fine)


def hits(activity: str, rate_hz: float, peak_g: float, *, is_filtered: bool, taps: int = 60) -> float:
    """Return the share of double taps that are heard, of a simulated wearer with a sensor at the wrist."""
    rng = np.random.default_rng(7)
    seconds = 5.0 * taps
    [samples] = Wearer(seed=7, placements=["wrist"], rate_hz=rate_hz).perform(activity, seconds)
    x, t = samples.x[:, :3].astype(float), np.arange(len(samples.t)) / rate_hz
    begins = 2.0 + 5.0 * np.arange(taps - 1) + rng.uniform(0, 1, taps - 1)
    for begin in begins:
        row, shape = pulses(
            begin, rng.uniform(0.12, 0.4), rng.uniform(0.005, 0.02), rate_hz, is_filtered=is_filtered
        )
        direction = rng.normal(size=3)
        x[row : row + len(shape)] += (
            peak_g * STANDARD_GRAVITY * shape[:, None] * direction / np.linalg.norm(direction)
        )
    heard = np.array(count(DoubleTaps(), t, x))
    return float(np.mean([np.any(np.abs(heard - begin) < 0.2) for begin in begins]))


def true_taps() -> None:
    """Print the share of double taps that are heard, by what is done, rate, filter and height."""
    heights = (1, 2, 3, 4, 6, 8)
    print("double taps heard of 59             Hz  filter  " + "".join(f"{g:>6} g" for g in heights))
    for activity in ("sitting", "walking"):
        for rate_hz in (25, 50, 100, 200):
            for is_filtered in (True, False):
                shares = [hits(activity, rate_hz, g, is_filtered=is_filtered) for g in heights]
                cells = "".join(f"{each:8.0%}" for each in shares)
                print(f"{activity:<30}{rate_hz:8}  {'yes' if is_filtered else 'no':<6}  {cells}", flush=True)


if __name__ == "__main__":
    true_taps()
    false_alarms(Path(sys.argv[1]))
