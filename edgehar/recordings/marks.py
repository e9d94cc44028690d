"""Marks: what was done during a recording, in records of their own between its packets (`ehr`).

`begin`: from here on `label` is done, and what was done before ends. `end`: from here on nothing is said. `void`: the newest
label is taken back, for it went wrong. `moment`: somebody marked this moment.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment

Kind = Literal["begin", "end", "void", "moment"]


class Mark(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One mark; its stream time stands beside it."""

    kind: Kind
    label: str = ""
    """Label that begins, as it was named; empty for the other kinds."""
    note: str = ""
    """Its origin, for people: `button`, `key`, `tap`."""


TimedMark = tuple[float, Mark]
"""Stream time, s, and the mark."""


def encode(mark: Mark) -> bytes:
    """Return a mark's body."""
    return msgspec.json.encode(mark)


def decode(body: bytes) -> Mark:
    """Return the mark of a body that `is_mark`."""
    return msgspec.json.decode(body, type=Mark)


def is_mark(body: bytes) -> bool:
    """Tell whether a body can be read as a mark."""
    try:
        decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def segments(marks: Iterable[TimedMark], end: float) -> list[Segment]:
    """Return what was done, in common labels and stream time, s; what never ended lasts to `end`.

    What lasted for no time is left out.
    """
    takes: list[Segment] = []
    begun: tuple[float, str] | None = None
    for t, mark in (*marks, (end, Mark("end"))):
        if mark.kind == "moment":
            continue
        if mark.kind == "void":
            if begun is None:
                del takes[-1:]
        elif begun and begun[0] < t:
            takes.append((begun[0], t, begun[1]))
        begun = (t, common_label(mark.label)) if mark.kind == "begin" else None
    return takes
