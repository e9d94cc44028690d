"""`python -m benchmarks.imports [ROWS]`: what importing an Axivity CSV at 100 Hz costs, for each row."""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edgehar.apps.imports import import_file
from edgehar.recordings.imports.form import Wish

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def main(rows: int) -> None:
    """Write so many rows, import them, and print CPU time, memory and size."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "a.csv", Path(folder) / "a.ehr"
        _write(source, rows)
        before, cpu = _peak_mb(), time.process_time()
        import_file(source, out, Wish("wrist_left"))
        cpu, after = time.process_time() - cpu, _peak_mb()
        print(f"{rows:,} rows, {source.stat().st_size / 1e6:.0f} MB of CSV: {cpu:.1f} s of CPU")
        print(
            f"peak memory {before:.0f} MB before, {after:.0f} MB after; {out.stat().st_size / 1e6:.1f} MB of .ehr"
        )


def _write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(1)
    with path.open("w", encoding="utf-8") as file:
        file.write("Time,Accel-X (g), Accel-Y (g), Accel-Z (g)\n")
        for i in range(rows):
            x, y, z = rng.normal((0.0, 0.0, 1.0), 0.1)
            date = datetime.fromtimestamp(_BEGIN + i / 100 + 5e-4, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            file.write(f"{date},{x:f},{y:f},{z:f}\n")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
