"""The program that has a device open."""

import os
from pathlib import Path


def user_of(path: str) -> str | None:
    """Name the process that holds a device open, as far as this user may see; None if none is seen."""
    device = os.path.realpath(path)
    for fd in Path("/proc").glob("[0-9]*/fd/*"):
        process = fd.parents[1]
        try:
            if str(fd.readlink()) == device:
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return None
