"""`edgehar devices assign`: which sensor is worn where, written into edgehar.toml.

Everything else in the file stays as it is, remarks and all. What would be written is read back
first; a file that this cannot be done to is left alone, with the lines to add by hand.
"""

import contextlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert

from edgehar.config import read as config, toml_lines as toml
from edgehar.errors import ConfigError


def assign(
    path: Path,
    wearer: str,
    placement: str,
    sensor: dict[str, str],
    *,
    check: Callable[[config.Config], object],
) -> str:
    """Let `wearer` wear a Bluetooth sensor at `placement`; returns the lines that now say so.

    A Bluetooth sensor that was worn there gives way, and so does the place where this one was worn.
    ConfigError if the file cannot be read or written, or would be refused with this sensor.

    Args:
        path: The configuration; a new one is begun if there is none.
        wearer: Id; a new wearer is added if there is none of it.
        placement: Where it is worn.
        sensor: `profile` and `address`.
        check: Refuses a configuration that cannot be run.
    """
    # A link stays one.
    path = path.resolve()
    text = _read(path)
    raw = _parsed(text, path)
    wearers = raw.setdefault("wearer", [])
    entry = {"placement": placement, **sensor}
    for i, k in _giving_way(wearers, wearer, entry):
        text = _without(text, f"wearer[{i}].ble[{k}]")
        del wearers[i]["ble"][k]
    lines = _block("wearer.ble", entry)
    index = next((i for i, one in enumerate(wearers) if one.get("id") == wearer), None)
    if index is None:
        new = _inserted(text, None, [*_block("wearer", {"id": wearer}), *lines])
        wearers.append({"id": wearer, "ble": [entry]})
    else:
        new = _inserted(text, toml.end_of(f"wearer[{index}]", text), lines)
        wearers[index].setdefault("ble", []).append(entry)
    if not _says(new, raw):
        by_hand = " / ".join(filter(None, lines))
        raise ConfigError(f"{path} is written in a way that cannot be added to; add by hand: {by_hand}")
    check(config.parse(new, str(path)))
    _write(path, new)
    return "\n".join(filter(None, lines))


def _giving_way(wearers: list[dict[str, Any]], wearer: str, entry: dict[str, str]) -> list[tuple[int, int]]:
    """(wearer, sensor) of what is worn at that place, and of where that sensor was worn; the last ones first."""
    return [
        (i, k)
        for i, one in reversed(list(enumerate(wearers)))
        for k, sensor in reversed(list(enumerate(one.get("ble", []))))
        if (one.get("id") == wearer and sensor.get("placement") == entry["placement"])
        or str(sensor.get("address")).upper() == entry["address"].upper()
    ]


def _says(text: str, content: dict[str, Any]) -> bool:
    """Whether a text is TOML with this content; a table without sensors is as good as none."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    for one in (*found["wearer"], *content["wearer"]):
        one.setdefault("ble", [])
    return found == content


def _read(path: Path) -> str:
    try:
        # Line ends stay as they are.
        return path.read_bytes().decode("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    """What the file says, in which wearers and their sensors are what they have to be."""
    try:
        raw = tomllib.loads(text)
        convert(raw.get("wearer", []), list[config.Wearer])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except ValidationError:
        config.parse(text, str(path))
    return raw


def _block(table: str, entry: dict[str, str]) -> list[str]:
    """A table of an array. A JSON string is a TOML string, but for what JSON escapes as two halves."""
    return [
        "",
        f"[[{table}]]",
        *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()),
    ]


def _inserted(text: str, after: int | None, lines: list[str]) -> str:
    """The text with more lines after one of its own, by number; None: at its end."""
    old = toml.lines_of(text)
    at = len(old) if after is None else after
    return _joined([*old[:at], *lines, *old[at:]], text).lstrip("\r\n")


def _without(text: str, table: str) -> str:
    """The text without a table, from its header to its last key."""
    lines = toml.lines_of(text)
    first, last = toml.line_of(table, text), toml.end_of(table, text)
    if first is None or last is None:
        return text
    # The blank line before goes with it.
    start = first - 2 if first > 1 and not lines[first - 2].strip() else first - 1
    return _joined([*lines[:start], *lines[last:]], text)


def _joined(lines: list[str], text: str) -> str:
    """Lines that end as those of a text do."""
    end = "\r\n" if "\r\n" in text else "\n"
    return "".join(line + end for line in lines)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, whatever happens meanwhile."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(text, "utf-8", newline="")
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o7777)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
