"""Joules, where they can be read: RAPL's counters on x86, the power chip of a Raspberry Pi 5."""

import re
from pathlib import Path

from msgspec import Struct

from edgehar.apps.bench.machine import SYS, vcgencmd

_RAIL = re.compile(r"^\s*(\w+?)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]", re.MULTILINE)


class Energy(Struct, frozen=True):
    """Energy that all of the machine's processor, or of the board, took."""

    joules: float
    seconds: float
    source: str


class EnergyMeter:
    """Reads energy from its making on."""

    def __init__(self, sys: Path = SYS) -> None:
        # Packages alone: cores and memory are parts of them.
        self._files = [
            folder / "energy_uj"
            for folder in sorted(sys.glob("class/powercap/intel-rapl:*"))
            if folder.name.count(":") == 1
        ]
        self._begin = [_number(file) for file in self._files]
        self._watts: list[float] = []

    def sample(self) -> None:
        """Take the power of now, where there is no counter; call it while there is work."""
        if not self._counts and (answer := vcgencmd("pmic_read_adc")) and (watts := pmic_watts(answer)):
            self._watts.append(watts)

    def read(self, seconds: float) -> Energy | None:
        """Return what was used in the seconds since the making; None where nothing can be read."""
        if self._counts:
            used = 0.0
            for file, before in zip(self._files, self._begin, strict=True):
                after = _number(file)
                if before is None or after is None:
                    return None
                wrap = _number(file.with_name("max_energy_range_uj")) or 0.0
                used += after - before if after >= before else after - before + wrap
            return Energy(used / 1e6, seconds, "RAPL, all packages")
        if self._watts:
            return Energy(sum(self._watts) / len(self._watts) * seconds, seconds, "the board's power chip")
        return None

    @property
    def _counts(self) -> bool:
        return bool(self._begin) and None not in self._begin


def pmic_watts(answer: str) -> float:
    """Return the power of all rails that `vcgencmd pmic_read_adc` tells both current and voltage of, W."""
    rails: dict[str, dict[str, float]] = {}
    for name, unit, value in _RAIL.findall(answer):
        rails.setdefault(name, {})[unit] = float(value)
    return sum(rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2)


def _number(file: Path) -> float | None:
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return None
