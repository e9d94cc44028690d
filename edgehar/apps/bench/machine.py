"""This machine: its names, and whether anything slowed it down while it was measured."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

SYS = Path("/sys")
CPUINFO = Path("/proc/cpuinfo")

_FELL = 0.85
"""Share of the highest clock seen below which it fell."""
_GREW = 1.2
"""Times that the same work takes longer at the end than at the begin."""
_OTHERS = 1.25
"""Times that the wall's clock ran of the processor's: others had it."""

_PI_BITS = {0: "under-voltage", 1: "its clock is capped", 2: "throttled", 3: "at the soft temperature limit"}
"""Bits of `vcgencmd get_throttled` for what is so now; sixteen bits further what has been since the start."""


class Machine(Struct, frozen=True):
    """The machine on which something is measured."""

    processor: str
    architecture: str
    cores: int
    system: str
    python: str


class Sample(Struct, frozen=True):
    """Readings of one moment; None: not here."""

    mhz: float | None = None
    """Highest clock of all cores."""
    celsius: float | None = None
    """Highest of all thermal zones."""
    throttled: int | None = None
    """Times that a core was throttled since the start of the machine."""
    pi: int | None = None
    """Bits of `vcgencmd get_throttled`."""


def describe() -> Machine:
    """Return what this machine is."""
    return Machine(
        processor=_processor(),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def _processor() -> str:
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or "unknown"
    for key in ("Model", "model name", "Hardware"):
        if named := re.search(rf"^{key}\s*: (.+)$", text, re.MULTILINE):
            return named[1].strip()
    return platform.processor() or platform.machine()


def sample(sys: Path = SYS) -> Sample:
    """Read what can be read now."""
    clocks = _numbers(sys, "devices/system/cpu/cpu*/cpufreq/scaling_cur_freq")
    heat = _numbers(sys, "class/thermal/thermal_zone*/temp")
    throttled = _numbers(sys, "devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")
    return Sample(
        mhz=max(clocks) / 1000 if clocks else None,
        celsius=max(heat) / 1000 if heat else None,
        throttled=round(sum(throttled)) if throttled else None,
        pi=_get_throttled(),
    )


def _numbers(root: Path, pattern: str) -> list[float]:
    numbers = []
    for file in root.glob(pattern):
        try:
            numbers.append(float(file.read_text()))
        except (OSError, ValueError):
            continue
    return numbers


def _get_throttled() -> int | None:
    """Return what a Raspberry Pi's firmware says; None elsewhere."""
    if (answer := vcgencmd("get_throttled")) and (bits := re.search(r"throttled=0x([0-9a-fA-F]+)", answer)):
        return int(bits[1], 16)
    return None


def vcgencmd(verb: str) -> str | None:
    """Return what a Raspberry Pi's firmware answers; None elsewhere, or where it may not be asked."""
    if (program := shutil.which("vcgencmd")) is None:
        return None
    try:
        return subprocess.run([program, verb], capture_output=True, text=True, timeout=5, check=True).stdout  # noqa: S603 - of the system
    except (OSError, subprocess.SubprocessError):
        return None


def slowed(samples: Sequence[Sample], yardsticks: Sequence[float], wall_s: float, cpu_s: float) -> list[str]:
    """Say in words what made the figures worse than the machine is.

    Args:
        samples: Taken between the rounds, in their order.
        yardsticks: Time of the same work in each round, s.
        wall_s: Time that passed in the rounds, s.
        cpu_s: Time of the processor that they got, s.
    """
    remarks = []
    counts = [each.throttled for each in samples if each.throttled is not None]
    if counts and counts[-1] > counts[0]:
        remarks.append(f"the processor throttled {counts[-1] - counts[0]} times to stay cool")
    bits = 0
    for each in samples:
        bits |= each.pi or 0
    remarks += [f"the Raspberry Pi says: {words}" for bit, words in _PI_BITS.items() if bits >> bit & 1]
    clocks = [each.mhz for each in samples if each.mhz is not None]
    if clocks and clocks[-1] < _FELL * max(clocks):
        remarks.append(f"its clock fell from {max(clocks):.0f} to {clocks[-1]:.0f} MHz")
    if yardsticks and yardsticks[-1] > _GREW * min(yardsticks):
        remarks.append(f"the same work took {yardsticks[-1] / min(yardsticks):.1f} times as long at the end")
    if wall_s > _OTHERS * cpu_s > 0:
        remarks.append(f"other programs had the processor for {100 * (1 - cpu_s / wall_s):.0f} % of the time")
    return remarks
