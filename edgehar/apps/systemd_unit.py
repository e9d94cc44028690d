"""What systemd says of the daemon's service on this machine."""

import asyncio
import contextlib
from typing import Any

from edgehar.validation import printable

UNIT = "edgehar.service"

ANSWER_S = 5.0
"""A systemctl that has not answered within this time never will, s."""

_PROPERTIES = "LoadState,ActiveState,SubState,StatusText,NRestarts"
_LARGEST = 10_000
"""Bytes of an answer that are read."""


async def unit_state() -> dict[str, Any] | None:
    """Return the unit's state, its own words and how often it was restarted; None where there is none."""
    answer = await _answer("systemctl", "show", UNIT, "-p", _PROPERTIES)
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


async def _answer(*command: str) -> bytes:
    """Return what a command prints; nothing if it is not there, fails, or takes too long."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=nothing, stdout=pipe, stderr=nothing)
    except OSError:
        return b""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await process.stdout.read(_LARGEST)
            return answer if await process.wait() == 0 else b""
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
