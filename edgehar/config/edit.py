"""`edgehar devices assign`: which sensor is worn where, written into edgehar.toml.

Everything else in the file stays as it is, remarks and all. What would be written is read back
first; a file that this cannot be done to is left alone, with the lines to add by hand.
"""

import contextlib
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from msgspec import Struct, ValidationError, convert
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Item, Table, Whitespace

from edgehar.config.read import parse, parse_toml, read_text
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.errors import ConfigError

_KINDS = ("serial", "ble", "phone")
"""Lists of a wearer's sensors."""

_SIMULATOR = "simulator"
"""Table that takes the place of a wearer's sensors."""


class Assignment(Struct, frozen=True):
    """Lines that were written for a sensor, and the sensors that gave way to it."""

    lines: str
    """Those that now say who wears the sensor."""
    gave_way: list[str]
    """Sensors that are no longer worn, or no longer there, in words."""


class _Entry(Struct, frozen=True):
    """One sensor of the file: which wearer's, in which of `_KINDS`, and which of them; or what simulates all of them."""

    wearer: int
    kind: str
    number: int


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
    sensor_lines = [f"[[wearer.{kind}]]", *_keys(entry)]
    try:
        new, lines = _edited(text, wearer, kind, entry, replaced)
    # tomlkit goes less deep into nested lists than tomllib.
    except (TOMLKitError, RecursionError):
        is_new = _index_of(wearer, content["wearer"]) is None
        wearer_lines = ["[[wearer]]", *_keys({"id": wearer}), ""] if is_new else []
        new, lines = _appended(text, [*wearer_lines, *sensor_lines]), "\n".join(sensor_lines)
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


def _giving_way(wearers: list[dict[str, Any]], wearer: str, entry: dict[str, Any]) -> Iterator[_Entry]:
    """Yield what is worn at that place, and where that sensor was worn; last ones of a list first."""
    for i, worn_by in enumerate(wearers):
        if worn_by.get("id") == wearer and _SIMULATOR in worn_by:
            yield _Entry(i, _SIMULATOR, 0)
        for kind in _KINDS:
            for k, sensor in reversed(list(enumerate(worn_by.get(kind, [])))):
                same_place = worn_by.get("id") == wearer and sensor.get("placement") == entry["placement"]
                if same_place or _identity(sensor) == _identity(entry):
                    yield _Entry(i, kind, k)


def _check_nobody_left_bare(
    wearers: list[dict[str, Any]], wearer: str, entry: dict[str, Any], replaced: Sequence[_Entry], path: Path
) -> None:
    """Refuse by a ConfigError to take from somebody else the only sensor."""
    for index in {each.wearer for each in replaced}:
        name, worn = wearers[index]["id"], sum(len(wearers[index].get(kind, [])) for kind in _KINDS)
        if name != wearer and worn == sum(each.wearer == index for each in replaced):
            raise ConfigError(
                f"{_identity(entry)} is the only sensor of {name}: first give {name} another one, or take "
                f"that [[wearer]] out of {path}"
            )


def _identity(sensor: dict[str, Any]) -> object:
    """Return by what a sensor is the same one wherever it is worn; something unequal to all if by nothing."""
    return sensor.get("port") or str(sensor.get("address") or "").upper() or object()


def _in_words(wearers: list[dict[str, Any]], entry: _Entry) -> str:
    worn_by = wearers[entry.wearer]
    if entry.kind == _SIMULATOR:
        return f"the simulation of {worn_by['id']}"
    return _worn(worn_by["id"], worn_by[entry.kind][entry.number])


def _worn(wearer: str, sensor: dict[str, Any]) -> str:
    reached = [str(value) for key, value in sensor.items() if key != "placement"]
    return f"{' '.join(reached) or 'the first that fits'}, worn by {wearer} at {sensor['placement']}"


def _with_lists(wearer: dict[str, Any]) -> dict[str, Any]:
    """Return a wearer with each list of sensors, empty or not."""
    return {kind: [] for kind in _KINDS} | wearer


def _expected(
    content: dict[str, Any], wearer: str, kind: str, entry: dict[str, Any], replaced: Sequence[_Entry]
) -> dict[str, Any]:
    """Return what the file shall hold; every wearer has its lists of sensors, empty or not."""
    wearers = [_with_lists(table) for table in content["wearer"]]
    for each in replaced:
        if each.kind == _SIMULATOR:
            del wearers[each.wearer][_SIMULATOR]
            continue
        sensors = wearers[each.wearer][each.kind]
        wearers[each.wearer][each.kind] = [*sensors[: each.number], *sensors[each.number + 1 :]]
    index = _index_of(wearer, wearers)
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


def _index_of(wearer: str, wearers: Any) -> int | None:
    return next((i for i, table in enumerate(wearers) if table.get("id") == wearer), None)


def _keys(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {tomlkit.item(value).as_string()}" for key, value in table.items()]


def _appended(text: str, lines: list[str]) -> str:
    """Return the text with lines at its end, where a sensor is one of a new wearer, or else of the last one."""
    end = _line_end(text)
    return text.removesuffix(end) + end.join(["", "", *lines, ""])


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _edited(
    text: str, wearer: str, kind: str, entry: dict[str, Any], replaced: Sequence[_Entry]
) -> tuple[str, str]:
    """Return the new text and the lines that say so in it; TOMLKitError if more than that would change."""
    end = _line_end(text)
    if text and not text.endswith("\n"):
        text += end
    document = tomlkit.parse(text)
    # tomlkit draws the tables of an array together, whatever stands between them.
    if document.as_string() != text:
        raise TOMLKitError("its tables would be moved")
    lines = _add(document, wearer, kind, entry, end)
    for each in replaced:
        _remove(document["wearer"][each.wearer], each.kind, each.number, end)
    return document.as_string(), lines


def _add(document: TOMLDocument, wearer: str, kind: str, entry: dict[str, Any], end: str) -> str:
    """Add a sensor, with its wearer where there is none of that id; return its lines."""
    wearers: Any = document.get("wearer")
    index = _index_of(wearer, wearers or [])
    worn_by: Any = None if index is None else wearers[index]
    sensors: Any = None if worn_by is None else worn_by.get(kind)
    place: Any = next(each for each in (sensors, worn_by, wearers, document) if each is not None)
    inline = isinstance(place, Array | InlineTable)
    new = _new_wearers(wearer, kind, entry, end, inline=inline)
    sensor = new[0][kind][0]
    blank = end if document.body else ""
    remarks: list[Item] = []
    if isinstance(place, AoT) and place is not document.last_item():
        remarks = _take_remarks(place[-1])
    elif isinstance(place, Table):
        remarks = _take_remarks(place)
    if place is sensors:
        sensors.append(sensor)
    elif place is worn_by:
        worn_by[kind] = new[0][kind]
    elif place is wearers:
        wearers.append(new[0])
    else:
        document["wearer"] = new
    if not inline:
        (new[0] if index is None else sensor).trivia.indent = blank
    for remark in remarks:
        sensor.add(remark)
    return str(sensor.as_string()) if inline else "\n".join([f"[[wearer.{kind}]]", *_keys(entry)])


def _new_wearers(wearer: str, kind: str, entry: dict[str, Any], end: str, *, inline: bool) -> Any:
    """Return an array of one wearer with one sensor, as tables or as inline ones, in nodes of tomlkit."""
    (identity,), keys = _keys({"id": wearer}), _keys(entry)
    text = (
        f"wearer = [{{ {identity}, {kind} = [{{ {', '.join(keys)} }}] }}]"
        if inline
        else end.join(["[[wearer]]", identity, "", f"[[wearer.{kind}]]", *keys, ""])
    )
    return tomlkit.parse(text)["wearer"]


def _take_remarks(table: Table) -> list[Item]:
    """Remove and return what stands behind a table's last key: tomlkit counts to it what heads the next one."""
    body = table.value.body
    last = max((n for n, (key, _) in enumerate(body) if key is not None), default=-1)
    node = body[last][1] if body and last == len(body) - 1 else None
    if isinstance(node, AoT):
        return _take_remarks(node[-1])
    if isinstance(node, Table):
        return _take_remarks(node)
    remarks = [node for _, node in body[last + 1 :]]
    del body[last + 1 :]
    return remarks


def _remove(worn_by: Any, kind: str, k: int, end: str) -> None:
    """Remove a sensor, or a simulation, and one of the blank lines round it, but no remark before or behind it."""
    sensors = worn_by[kind]
    if kind == _SIMULATOR:
        remarks = _remarks_text(sensors) if isinstance(sensors, Table) else ""
        _replace_by_text(worn_by, kind, remarks)
        return
    if isinstance(sensors, AoT):
        remarks = _remarks_text(sensors[k])
        if k + 1 < len(sensors):
            trivia = sensors[k + 1].trivia
            trivia.indent = (remarks + trivia.indent).removeprefix(end)
        elif k:
            sensors[k - 1].add(Whitespace(remarks.removeprefix(end)))
        else:
            _replace_by_text(worn_by, kind, remarks.removeprefix(end))
            return
    del sensors[k]


def _remarks_text(table: Table) -> str:
    return "".join(node.as_string() for node in _take_remarks(table))


def _replace_by_text(worn_by: Any, kind: str, text: str) -> None:
    """Put remarks in the place of a wearer's table or list."""
    body = worn_by.value.body
    at = next(n for n, (key, _) in enumerate(body) if key is not None and key.key == kind)
    del worn_by[kind]
    body[at] = (None, Whitespace(text))
    is_blank = at and body[at - 1][0] is None and body[at - 1][1].as_string().isspace()
    if is_blank and not text:
        body[at - 1] = (None, Whitespace(""))


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
