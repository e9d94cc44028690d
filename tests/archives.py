"""Files of exactly the forms in which sets of recorded people are published, made up."""

from collections.abc import Sequence
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
