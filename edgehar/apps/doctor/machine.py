"""The machine: disk, memory, clock, temperature and power, as Linux tells them."""

import ctypes
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import edgehar
from edgehar.errors import ConfigError
from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn
from edgehar.publishers.event_file import check_folder

_MB = 2**20

DISK_WARN_MB, DISK_FAIL_MB = 1000, 100
"""Free space; a day of one sensor's packets is 80 MB."""

MEMORY_MB = 100
"""Free memory; the daemon with one model takes about as much."""

HOT_C = 80.0
"""A Raspberry Pi begins to slow down at 80 °C, and slows down by more at 85 (its documentation, "Frequency management")."""

_UNSYNCHRONIZED = 5
"""TIME_ERROR of adjtimex(2)."""

_TIMEX_BYTES = 512
"""More than the kernel's struct timex has on any architecture."""

_POWER = {
    0: "its voltage is too low now",
    1: "its frequency is capped now",
    2: "it is throttled now",
    3: "it is too warm now",
    16: "its voltage was too low",
    17: "its frequency was capped",
    18: "it was throttled",
    19: "it was too warm",
}
"""Bits of the Pi's get_throttled (raspberrypi.com documentation of vcgencmd)."""

_THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"


def check_machine(
    folder: Path | None, sys: Path = Path("/sys"), proc: Path = Path("/proc")
) -> Iterator[Finding]:
    """Yield the findings; `folder` is where the gateway keeps things, if anywhere."""
    yield from _check_disk(folder)
    yield _check_memory(proc)
    yield from _check_clock(time.time(), _is_synchronized())
    yield from _check_temperature(sys)
    yield from _check_power(sys)


def _check_disk(folder: Path | None) -> Iterator[Finding]:
    if folder is not None:
        try:
            check_folder(folder)
            yield ok("state", f"{folder} can be written")
        except ConfigError as error:
            yield fail(
                "state",
                str(error),
                "give the service's user the folder, or name another as state_dir of [gateway]",
            )
    place = next(
        (path for path in ((folder, *folder.parents) if folder else ()) if path.exists()), Path.cwd()
    )
    free = shutil.disk_usage(place).free // _MB
    says = f"{free:,} MB free where {place} is"
    if free >= DISK_WARN_MB:
        yield ok("disk", says)
    else:
        level = fail if free < DISK_FAIL_MB else warn
        yield level("disk", says, "make room: old recordings and logs (journalctl --vacuum-size=100M) first")


def _check_memory(proc: Path) -> Finding:
    lines = dict(
        line.split(":", 1) for line in (proc / "meminfo").read_text("ascii").splitlines() if ":" in line
    )
    free = int(lines.get("MemAvailable", "0").split()[0]) // 1024
    says = f"{free:,} MB of memory free"
    return (
        ok("memory", says)
        if free >= MEMORY_MB
        else warn("memory", says, "end what else runs here, or take a larger machine")
    )


def _is_synchronized() -> bool | None:
    """Return whether the kernel's clock is kept by NTP; None where it does not say."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONIZED


def _check_clock(now: float, synchronized: bool | None) -> Iterator[Finding]:  # noqa: FBT001 - as it was asked
    fix = "sudo timedatectl set-ntp true, and let it reach a time server"
    installed = Path(edgehar.__file__).stat().st_mtime
    if now < installed:
        yield fail("clock", f"it is before the day on which edgehar was installed: {_day(now)}", fix)
    elif synchronized is False:
        yield warn("clock", f"nobody keeps this machine's clock ({_day(now)} UTC)", fix)
    else:
        kept = "kept by a time server" if synchronized else "the kernel does not say whether anybody keeps it"
        yield ok("clock", f"{_day(now)} UTC, {kept}")


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))


def _check_temperature(sys: Path) -> Iterator[Finding]:
    degrees = [
        n / 1000
        for file in sys.glob("class/thermal/thermal_zone*/temp")
        if (n := _number(file, 10)) is not None
    ]
    if not degrees:
        return
    says = f"{max(degrees):.0f} °C at the warmest place"
    if max(degrees) >= HOT_C:
        yield warn("temperature", says, "give it air or a heat sink: above 80 °C a Raspberry Pi slows down")
    else:
        yield ok("temperature", says)


def _check_power(sys: Path) -> Iterator[Finding]:
    bits = _number(sys / _THROTTLED, 16)
    if bits is None:
        return
    wrong = [what for bit, what in _POWER.items() if bits >> bit & 1]
    if not wrong:
        yield ok("power", "no throttling since the start")
        return
    is_now = bool(bits & 0xF)
    level = fail if bits & 0b101 else warn
    since = "" if is_now else ", since the start"
    yield level(
        "power",
        f"{' and '.join(wrong)}{since}",
        "a power supply of its own (5 V, 3 A; Pi 5: 5 A), a short cable, and air",
    )


def _number(file: Path, radix: int) -> int | None:
    try:
        return int(file.read_text("ascii").strip(), radix)
    except (OSError, ValueError):
        return None
