"""A misfit between a file and its form, out of msgspec's error and the file's own content; and how values are shown."""

import difflib
import json
import re
from collections.abc import Iterable
from datetime import date, time
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.errors import one_line

_LONGEST = 60
"""Length of a value that is shown in an error, characters."""


class Misfit(Struct, frozen=True):
    """One place that does not fit."""

    path: str
    """Place, as in `wearer[0].serial[1].port`; empty at the top."""
    unknown: str | None
    """Name of a key that is none."""
    missing: str | None
    """Name of a key that has to be there."""
    expected: str
    got: str


def explain(error: msgspec.ValidationError, raw: Any) -> Misfit:
    """Return where and how content does not fit; `raw` is the same content as plain dictionaries and lists."""
    # A key may hold a line break, an error is one line.
    what, _, where = " ".join(str(error).split()).partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.*)`", what)
    missing = re.search(r"missing required field `(.*)`", what)
    expected = re.sub(r"^Expected |, got .*$|`", "", what)
    if what.startswith("Invalid enum value"):
        expected = "one of the values that `edgehar config schema` lists"
    return Misfit(
        path=path,
        unknown=unknown[1] if unknown else None,
        missing=missing[1] if missing else None,
        expected=expected,
        got=shown(_at(path, raw)),
    )


def shown(value: object) -> str:
    """Return a value as JSON, shortened; what JSON has no word for (nan, inf, a date) as TOML writes it."""
    if isinstance(value, float | date | time):
        return str(value)
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        return "something nested too deep to show"
    return printable(text)


def printable(text: str) -> str:
    """Return a text with nothing in it that could break a line or command a terminal, shortened."""
    return one_line(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")


def did_you_mean(word: str, words: Iterable[str], otherwise: str, *, most: int = 1) -> str:
    """Return a question that names the words nearest to one that is none, at most `most`; or `otherwise`."""
    near = difflib.get_close_matches(word[:_LONGEST], words, n=most, cutoff=0.4)
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else otherwise


def _at(path: str, raw: Any) -> Any:
    known_part = path.partition("[...]")[0]  # which key of a mapping it is, msgspec does not say
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", known_part):
        raw = raw[int(index)] if index else raw[key]
    return raw
