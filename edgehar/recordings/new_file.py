"""A new file that is there as a whole or not at all, and takes no other's place."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edgehar.errors import RecordingError

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Errors of a file system without hard links, such as a memory stick's."""


def require_new(path: Path) -> None:
    """Refuse, by RecordingError, the name of something that is there."""
    if path.exists() or path.is_symlink():
        raise RecordingError(
            f"{path}: expected a new file, and there is one already; name another, or move it away"
        )


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name once all is written and on the disk; whatever ends it before leaves nothing.

    RecordingError if there is one of this name, also one that came meanwhile, or the disk refuses.
    """
    require_new(path)
    part = path.with_name(f".{os.getpid()}.{path.name}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(part, path)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        require_new(path)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        require_new(path)
        part.replace(path)
