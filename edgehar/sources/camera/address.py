"""Origin of a camera's pictures: a device, a stream of the network, or a file."""

import errno
import os
import stat
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from edgehar.errors import ConfigError, RecordingError, SourceLostError
from edgehar.sources.device_user import user_of

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""The kinds of stream, and the port of each where its URL names none."""

Kind = Literal["device", "stream", "file"]


class Address(Struct, frozen=True):
    """An address of pictures."""

    kind: Kind
    place: str
    """Path or URL that is opened."""
    name: str
    """The same for people: a URL without user and password."""


def parse(text: str) -> Address:
    """Read what a person names: `0`, `/dev/video0`, `rtsp://...`, `http://...` or a file's path.

    Raises:
        ConfigError: if it is none of them.
    """
    if text.isascii() and text.isdigit():
        text = f"/dev/video{text}"
    if "://" in text:
        return Address("stream", text, _public(text))
    if not _may_be_a_path(text):
        raise ConfigError(f"camera {text!r}: expected a number, a device, a URL or a file")
    path = Path(text).absolute()
    is_device = path.is_relative_to("/dev") or _is_char_device(path)
    return Address("device" if is_device else "file", str(path), str(path) if is_device else text)


def host_and_port(url: str) -> tuple[str, int]:
    """Return where a stream's URL, which `parse` took, leads."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS[parts.scheme]


def refuse_misfit(address: Address) -> None:
    """Look at a device or file before it is opened: OpenCV tells no reasons, and would wait for a pipe.

    Raises:
        SourceLostError: if a device is not there or may not be opened.
        RecordingError: if a file is not there, may not be read, or is none.
    """
    if address.kind == "stream":
        return
    error = SourceLostError if address.kind == "device" else RecordingError
    try:
        mode = os.stat(address.place).st_mode  # noqa: PTH116 - strict about every failure
        if address.kind == "device" and not stat.S_ISCHR(mode):
            raise SourceLostError(f"{address.name} is no camera, but {_what(mode)}")
        if address.kind == "file" and not stat.S_ISREG(mode):
            raise RecordingError(f"{address.name} is no video, but {_what(mode)}")
        flags = os.O_RDWR if address.kind == "device" else os.O_RDONLY
        os.close(os.open(address.place, flags | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as failure:
        raise error(_explain(address, failure)) from failure


def cameras(dev: Path = Path("/dev")) -> list[str]:
    """List the cameras below `dev`, by their stable names where they have one."""
    by_id = sorted(map(str, dev.glob("v4l/by-id/*")))
    return by_id or sorted(map(str, dev.glob("video[0-9]*")))


def _may_be_a_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text) and text != ""
    except UnicodeError:
        return False


def _is_char_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:  # told when it is opened
        return False


def _public(url: str) -> str:
    """Return a stream's URL without user and password; ConfigError if it is no stream."""
    expected = ", ".join(f"{scheme}://" for scheme in PORTS)
    try:
        parts: SplitResult = urlsplit(url)
        is_stream = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_stream = False
    if not is_stream:
        # Not shown: it may hold a password.
        raise ConfigError(f"camera: a stream's address is expected to begin with {expected} and name a host")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "a pipe or the like"


def _explain(address: Address, failure: OSError) -> str:
    """Say what a person should do about what could not be opened."""
    name = address.name
    if address.kind == "file":
        return f"{name} cannot be read: {failure.strerror}"
    match failure.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO | errno.ENOTDIR:
            present = ", ".join(cameras())
            present = f"there is {present}" if present else "no camera is there"
            return f"{name} does not exist: is the camera plugged in? ({present})"
        case errno.EACCES | errno.EPERM:
            return f"{name} may not be opened: add this user to the group video (sudo usermod -aG video NAME)"
        case errno.EBUSY:
            return f"{name} is in use by {user_of(address.place) or 'another program'}: close that first"
    return f"{name} cannot be opened: {failure.strerror}"
