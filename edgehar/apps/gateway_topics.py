"""Topics of a gateway and its wearers, as a broker retains them.

Whatever stands on a topic may be somebody else's: it is read by its form, bounded, and shown with nothing in it that
commands a terminal.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from edgehar.config.names import Name
from edgehar.errors import one_line
from edgehar.validation import shown

T = TypeVar("T")

LONGEST_TEXT = 200
"""Letters of a text that are shown."""

Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[float, Meta(ge=0, le=1e12)]
WholeCount = Annotated[int, Meta(ge=0, le=10**12)]


class About(Struct, frozen=True):
    """Content of `<gateway>/info`, as far as it is read."""

    version: str = ""
    model: str = ""
    wearers: dict[Name, list[str]] = {}
    models: dict[Name, str] = {}
    zones: dict[Name, Any] = {}


class SensorHealth(Struct, frozen=True):
    """Figures of one sensor in `<gateway>/health`; None where nothing is told."""

    battery: Count | None = None
    """Percent."""
    packets: Count | None = None
    lost: Count | None = None


class WearerHealth(Struct, frozen=True):
    """Figures of one wearer's sensors in `<gateway>/health`, by placement."""

    sensors: dict[str, SensorHealth] = {}


class _SparkplugHealth(Struct, frozen=True):
    is_born: bool = True


class Health(Struct, frozen=True):
    """Content of `<gateway>/health`, as far as it is read."""

    time: Moment | None = None
    uptime_s: Count | None = None
    rss_mb: Count | None = None
    events_dropped: Count | None = None
    messages_refused: Count | None = None
    sparkplug: _SparkplugHealth | None = None
    wearers: dict[str, WearerHealth] = {}


class Reasons(Struct, frozen=True):
    """Content of `<wearer>/activity/attributes`, as far as it is read."""

    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    since: Moment | None = None
    time: Moment | None = None
    reason: str = ""


class Topics:
    """Retained payloads below a gateway's topic; one of another form than ours is noted as a problem."""

    def __init__(self, root: str, payloads: Mapping[str, bytes]) -> None:
        self._root, self._payloads = root, payloads
        self.problems: list[str] = []

    def word(self, suffix: str, expected: Sequence[str] = ()) -> str | None:
        """Return the bare word of a topic; None if there is none, or another than is expected."""
        payload = self._payloads.get(f"{self._root}/{suffix}")
        if payload is None:
            return None
        text = payload[:1000].decode(errors="replace")
        if expected and text not in expected:
            self._note(suffix, " or ".join(expected), text)
            return None
        return bounded_line(text)

    def content(self, suffix: str, kind: type[T], expected: str) -> T | None:
        """Return the JSON of a topic; None if there is none, or of another form."""
        payload = self._payloads.get(f"{self._root}/{suffix}")
        if payload is None:
            return None
        try:
            return msgspec.json.decode(payload, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._note(suffix, expected, payload[:1000].decode(errors="replace"))
            return None

    def _note(self, suffix: str, expected: str, text: str) -> None:
        topic = f"{self._root}/{suffix}"
        self.problems.append(f"topic {topic}: expected {expected}, got {shown(text)}; who else writes there?")


def bounded_line(text: str) -> str:
    """Return a text as one line of at most `LONGEST_TEXT` letters, with nothing in it that commands a terminal."""
    return one_line(text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}...")
