"""A file that a verb writes for people: it takes the place of an older one of its kind, and of nothing else."""

from pathlib import Path
from tempfile import TemporaryFile

from edgehar.errors import ConfigError


def require_replaceable(path: Path, kind: str, begins: bytes) -> None:
    """Refuse, by ConfigError and before the work, a name that cannot be written, or at which there is something else.

    `kind` is in words what is written, as in `a page`; all of its kind begin with `begins`, in whatever case.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: expected a file for {kind}, and it is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it, or name another")
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: expected a file for {kind}, and it is a pipe, a device or a socket")
    try:
        start = _start(path, len(begins))
        with TemporaryFile(dir=path.resolve().parent):
            pass
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file") from error
    if start and start.lower() != begins.lower():
        raise ConfigError(
            f"{path}: is there already and is not {kind}, so it is left as it is; name another file"
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, where a link points if it is one; ConfigError if it cannot be written."""
    target = path.resolve()
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file") from error
    finally:
        part.unlink(missing_ok=True)


def _start(path: Path, length: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(length)
