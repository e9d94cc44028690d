"""Sensors in the text of edgehar.toml, added and removed in place: all else stays as it is, remarks and all."""

from collections.abc import Sequence
from typing import Any

import tomlkit
from msgspec import Struct
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Item, Table, Whitespace

KINDS = ("serial", "ble", "phone")
"""Lists of a wearer's sensors."""

SIMULATOR = "simulator"
"""Table that takes the place of a wearer's sensors."""


class Entry(Struct, frozen=True):
    """One sensor of the file: which wearer's, in which of `KINDS`, and which of them; or what simulates all of them."""

    wearer: int
    kind: str
    number: int


def edited(
    text: str, wearer: str, kind: str, entry: dict[str, Any], replaced: Sequence[Entry]
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


def appended(text: str, lines: list[str]) -> str:
    """Return the text with lines at its end, where a sensor is one of a new wearer, or else of the last one."""
    end = _line_end(text)
    return text.removesuffix(end) + end.join(["", "", *lines, ""])


def index_of(wearer: str, wearers: Any) -> int | None:
    """Return which table of the file, or of its content, is the wearer of this id; None if none is."""
    return next((i for i, table in enumerate(wearers) if table.get("id") == wearer), None)


def key_lines(table: dict[str, Any]) -> list[str]:
    """Return a table's keys and values as TOML, a line each."""
    return [f"{key} = {tomlkit.item(value).as_string()}" for key, value in table.items()]


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _add(document: TOMLDocument, wearer: str, kind: str, entry: dict[str, Any], end: str) -> str:
    """Add a sensor, with its wearer where there is none of that id; return its lines."""
    wearers: Any = document.get("wearer")
    index = index_of(wearer, wearers or [])
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
    return str(sensor.as_string()) if inline else "\n".join([f"[[wearer.{kind}]]", *key_lines(entry)])


def _new_wearers(wearer: str, kind: str, entry: dict[str, Any], end: str, *, inline: bool) -> Any:
    """Return an array of one wearer with one sensor, as tables or as inline ones, in nodes of tomlkit."""
    (identity,), keys = key_lines({"id": wearer}), key_lines(entry)
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
    if kind == SIMULATOR:
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
