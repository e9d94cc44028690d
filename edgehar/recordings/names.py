"""Names of recordings that a gateway makes: `<wearer>-<time>-<word>.ehr`, the time in UTC, as in `anna-20260504T081503Z-walking.ehr`."""

import re
from datetime import UTC, datetime

from msgspec import Struct

SUFFIX = ".ehr"

_NAME = re.compile(r"(?P<wearer>[A-Za-z0-9_-]+?)-(?P<time>\d{8}T\d{6}Z)-(?P<word>[A-Za-z0-9_-]+)\.ehr")
_TIME = "%Y%m%dT%H%M%SZ"


class RecordingName(Struct, frozen=True):
    """The parts of a name."""

    wearer: str
    unix_s: float
    """Unix time, s."""
    word: str
    """Label, or why it was kept."""

    def __str__(self) -> str:
        return f"{self.wearer}-{datetime.fromtimestamp(self.unix_s, UTC).strftime(_TIME)}-{self.word}{SUFFIX}"


def parse_name(name: str) -> RecordingName | None:
    """Return the parts of a file's name; None if a gateway made no such name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        moment = datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return RecordingName(match["wearer"], moment.timestamp(), match["word"])
