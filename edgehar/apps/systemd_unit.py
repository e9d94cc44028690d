"""State of the daemon's service on this machine, as systemd tells it."""

import asyncio
import subprocess
from typing import Any

from edgehar.validation import printable

UNIT = "edgehar.service"

ANSWER_S = 5.0
"""A systemctl that has not answered within this time never will, s."""

_PROPERTIES = "LoadState,ActiveState,SubState,StatusText,NRestarts"


async def unit_state() -> dict[str, Any] | None:
    """Return the unit's state, its own words and how often it was restarted; None where there is none."""
    answer = await asyncio.to_thread(_answer)
    lines = answer.decode(errors="replace").splitlines()
    properties = dict(line.split("=", 1) for line in lines if "=" in line)
    if properties.get("LoadState") != "loaded":
        return None
    restarts = properties.get("NRestarts", "")
    return {
        "unit": UNIT,
        "active": printable(properties.get("ActiveState", "")),
        "sub": printable(properties.get("SubState", "")),
        "says": properties.get("StatusText", "")[:300] or None,
        "restarts": int(restarts) if restarts.isdecimal() else None,
    }


def _answer() -> bytes:
    """Return what systemctl prints; nothing if it is not there, fails, or takes too long."""
    command = ["systemctl", "show", UNIT, "-p", _PROPERTIES]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=ANSWER_S)  # noqa: S603 - it is constant
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout
