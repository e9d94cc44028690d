"""`edgehar devices assign`: which sensor is worn where, written into edgehar.toml.

Everything else in the file stays as it is, remarks and all. What would be written is read back
first; a file that this cannot be done to is left alone, with the lines to add by hand.
"""

import contextlib
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert
from tomlkit.exceptions import TOMLKitError

from edgehar.config.read import parse, parse_toml, read_text
from edgehar.config.schema import Config
from edgehar.config.toml_sensors import KINDS, SIMULATOR, Entry, appended, edited, index_of, key_lines
from edgehar.config.worn import Wearer
from edgehar.errors import ConfigError


class Assignment(Struct, frozen=True):
    """Lines that were written for a sensor, and the sensors that gave way to it."""

    lines: str
    """Those that now say who wears the sensor."""
    gave_way: list[str]
    """Sensors that are no longer worn, or no longer there, in words."""


def assign(
    path: Path,
    wearer: str,
    placement: str,
    sensor: dict[str, Any],
    *,
    check: Callable[[Config], object],
) -> Assignment:
    """Let `wearer` wear a sensor at `placement`; return what has changed in the file.

    What was worn there gives way, so does the place where this sensor was worn, and a simulation. ConfigError if the
    file cannot be read or written, or would be refused with this sensor.

    Args:
        path: The configuration; a new one is begun if there is none.
        wearer: Id; a new wearer is added if there is none of it.
        placement: Where it is worn.
        sensor: `profile` and `address` of one over Bluetooth, or `port` and what else a serial one needs.
        check: Refuses a configuration that cannot be run.
    """
    text = read_text(path) if path.exists() else ""
    content = _parsed(text, path)
    entry, kind = {"placement": placement, **sensor}, "serial" if "port" in sensor else "ble"
    replaced = [*_giving_way(content["wearer"], wearer, entry)]
    _check_nobody_left_bare(content["wearer"], wearer, entry, replaced, path)
    sensor_lines = [f"[[wearer.{kind}]]", *key_lines(entry)]
    try:
        new, lines = edited(text, wearer, kind, entry, replaced)
    # tomlkit goes less deep into nested lists than tomllib.
    except (TOMLKitError, RecursionError):
        is_new = index_of(wearer, content["wearer"]) is None
        wearer_lines = ["[[wearer]]", *key_lines({"id": wearer}), ""] if is_new else []
        new, lines = appended(text, [*wearer_lines, *sensor_lines]), "\n".join(sensor_lines)
    if not _holds(new, _expected(content, wearer, kind, entry, replaced)):
        by_hand = " / ".join(sensor_lines)
        raise ConfigError(f"{path} is written in a way that cannot be added to; add by hand: {by_hand}")
    check(parse(new, str(path)))
    write(path, new)
    gave_way = [_in_words(content["wearer"], each) for each in replaced]
    return Assignment(lines, [each for each in gave_way if each != _worn(wearer, entry)])


def _parsed(text: str, path: Path) -> dict[str, Any]:
    """Return the file's content, in which wearers and their sensors are what they have to be."""
    content = {"wearer": [], **parse_toml(text, str(path))}
    try:
        convert(content["wearer"], list[Wearer])
    except ValidationError:
        parse(text, str(path))
    return content


def _giving_way(wearers: list[dict[str, Any]], wearer: str, entry: dict[str, Any]) -> Iterator[Entry]:
    """Yield what is worn at that place, and where that sensor was worn; last ones of a list first."""
    for i, worn_by in enumerate(wearers):
        if worn_by.get("id") == wearer and SIMULATOR in worn_by:
            yield Entry(i, SIMULATOR, 0)
        for kind in KINDS:
            for k, sensor in reversed(list(enumerate(worn_by.get(kind, [])))):
                same_place = worn_by.get("id") == wearer and sensor.get("placement") == entry["placement"]
                if same_place or _identity(sensor) == _identity(entry):
                    yield Entry(i, kind, k)


def _check_nobody_left_bare(
    wearers: list[dict[str, Any]], wearer: str, entry: dict[str, Any], replaced: Sequence[Entry], path: Path
) -> None:
    """Refuse by a ConfigError to take from somebody else the only sensor."""
    for index in {each.wearer for each in replaced}:
        name, worn = wearers[index]["id"], sum(len(wearers[index].get(kind, [])) for kind in KINDS)
        if name != wearer and worn == sum(each.wearer == index for each in replaced):
            raise ConfigError(
                f"{_identity(entry)} is the only sensor of {name}: first give {name} another one, or take "
                f"that [[wearer]] out of {path}"
            )


def _identity(sensor: dict[str, Any]) -> object:
    """Return by what a sensor is the same one wherever it is worn; something unequal to all if by nothing."""
    return sensor.get("port") or str(sensor.get("address") or "").upper() or object()


def _in_words(wearers: list[dict[str, Any]], entry: Entry) -> str:
    worn_by = wearers[entry.wearer]
    if entry.kind == SIMULATOR:
        return f"the simulation of {worn_by['id']}"
    return _worn(worn_by["id"], worn_by[entry.kind][entry.number])


def _worn(wearer: str, sensor: dict[str, Any]) -> str:
    reached = [str(value) for key, value in sensor.items() if key != "placement"]
    return f"{' '.join(reached) or 'the first that fits'}, worn by {wearer} at {sensor['placement']}"


def _with_lists(wearer: dict[str, Any]) -> dict[str, Any]:
    """Return a wearer with each list of sensors, empty or not."""
    return {kind: [] for kind in KINDS} | wearer


def _expected(
    content: dict[str, Any], wearer: str, kind: str, entry: dict[str, Any], replaced: Sequence[Entry]
) -> dict[str, Any]:
    """Return what the file shall hold; every wearer has its lists of sensors, empty or not."""
    wearers = [_with_lists(table) for table in content["wearer"]]
    for each in replaced:
        if each.kind == SIMULATOR:
            del wearers[each.wearer][SIMULATOR]
            continue
        sensors = wearers[each.wearer][each.kind]
        wearers[each.wearer][each.kind] = [*sensors[: each.number], *sensors[each.number + 1 :]]
    index = index_of(wearer, wearers)
    if index is None:
        wearers.append(_with_lists({"id": wearer, kind: [entry]}))
    else:
        wearers[index][kind] = [*wearers[index][kind], entry]
    return {**content, "wearer": wearers}


def _holds(text: str, expected: dict[str, Any]) -> bool:
    """Tell whether a text is TOML of this content."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return {**content, "wearer": [_with_lists(table) for table in content.get("wearer", [])]} == expected


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all, whatever happens meanwhile; a link stays one."""
    path = path.resolve()
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
