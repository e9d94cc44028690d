"""Compilers for the sensor side, and the C library behind a pipe."""

import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from conftest import ROOT, lacking

BRIDGE = ROOT / "firmware_bridge"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def tool(name: str, package: str | None = None) -> str:
    """Return the path of a program that Debian has in `package`."""
    return shutil.which(name) or lacking(f"{name} (apt install {package or name})")


def run(command: Sequence[str | Path], stdin: str | None = None) -> str:
    """Return what a command prints; fail with its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def noise(rng: random.Random, length: int) -> bytes:
    """Return random bytes among which zeros and the largest are common."""
    return bytes(rng.choice((0, 0, 255, rng.randrange(256))) for _ in range(length))


class Driver:
    """`firmware_bridge/tests/driver.c`, compiled under sanitizers."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "driver"
        sources = [BRIDGE / "tests" / "driver.c", BRIDGE / "imu_link.c"]
        run([tool("gcc"), "-std=c99", *STRICT, *SANITIZED, "-O1", "-I", BRIDGE, *sources, "-o", self._path])

    def answers(self, requests: Sequence[str]) -> list[str]:
        """Return a line for each request, all from the same process."""
        answers = run([self._path], stdin="".join(f"{request}\n" for request in requests)).splitlines()
        assert len(answers) == len(requests)
        return answers
