"""Bytes that stay free on the disk, where events wait for the broker too."""

import shutil
from pathlib import Path

from edgehar.errors import RecordingError

LEAST_FREE = 512 * 2**20


def require_space(folder: Path) -> None:
    """Refuse, by RecordingError, a disk that is nearly full or cannot be looked at."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from error
    if free < LEAST_FREE:
        raise RecordingError(
            f"{folder}: {free >> 20} MB are free on the disk, and {LEAST_FREE >> 20} have to stay; make room there"
        )
