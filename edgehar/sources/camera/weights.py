"""The weights of MoveNet SinglePose Lightning: which files are taken for them, and where they are looked for.

They do not ship with edgehar; `edgehar models pull movenet-lightning` fetches them.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from edgehar.errors import OperatorError

MODEL = "movenet-lightning"
FILE_NAME = f"{MODEL}.tflite"
PULL = f"edgehar models pull {MODEL}"
SYSTEM = Path("/var/cache/edgehar")
"""Cache of the machine: the service's own, and root's."""


class Variant(Struct, frozen=True):
    """One of the published files; all take the same frames and give the same keypoints."""

    name: str
    bytes: int
    sha256: str


INT8 = Variant("int8", 2_894_840, "cd7cc22fa946e5d146a7b98d496853e1923e22828d3972d579973f27f91bb105")
FLOAT16 = Variant("float16", 4_758_512, "0fac2226112d0371903ca86e3853cec24ef603a0b2f96f589b180f0ebdd135ab")
VARIANTS = (INT8, FLOAT16)
LARGEST = max(variant.bytes for variant in VARIANTS)


def folders() -> list[Path]:
    """Return where the weights are looked for if no file is named; they are pulled into the first.

    Root has no cache of its own, unless it names one: what it pulls is for the service.
    """
    places = list[Path]()
    if service := os.environ.get("CACHE_DIRECTORY", "").split(":")[0]:
        places.append(Path(service))
    user = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if user.is_absolute():
        places.append(user / "edgehar")
    elif os.geteuid() != 0:
        places.append(Path("~/.cache/edgehar").expanduser())
    return [*places, SYSTEM]


def find_weights(path: Path | None = None) -> Path:
    """Return the file of the weights: the one that is named, or the first whole one in `folders()`.

    Raises:
        OperatorError: if there is none, or the one that is named is another file.
    """
    if path is not None:
        variant_of(path)
        return path
    misfits = list[str]()
    for candidate in _candidates():
        try:
            variant_of(candidate)
        except OperatorError as error:
            misfits.append(str(error))
        else:
            return candidate
    raise OperatorError(
        f"the weights of {MODEL} are not here: `{PULL}` fetches them; {FILE_NAME} was looked for in "
        + "; ".join([", ".join(map(str, folders())), *misfits])
    )


def variant_of(path: Path) -> Variant:
    """Return which of the published files this is; OperatorError if it is none or cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be read: {error.strerror}; `{PULL}` fetches it") from error
    try:
        return identify(content)
    except OperatorError as error:
        raise OperatorError(f"{path}: {error}; `{PULL}` fetches it") from error


def identify(content: bytes) -> Variant:
    """Return which of the published files these bytes are; OperatorError if they are none."""
    digest = hashlib.sha256(content).hexdigest()
    for variant in VARIANTS:
        if variant.sha256 == digest:
            return variant
    expected = " or ".join(f"{each.bytes:,} bytes ({each.name}, sha256 {each.sha256})" for each in VARIANTS)
    size = f"{len(content):,}" if len(content) <= LARGEST else f"more than {LARGEST:,}"
    raise OperatorError(f"expected MoveNet's weights, {expected}, got {size} bytes, sha256 {digest}")


def _candidates() -> Iterator[Path]:
    for folder in folders():
        path = folder / FILE_NAME
        if os.access(path, os.F_OK):
            yield path
