"""A wearer's `head` in edgehar.toml, set or taken out; everything else in the file stays as it is, remarks and all."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from edgehar.config.edit import write
from edgehar.config.read import parse, parse_toml, read_text
from edgehar.config.schema import Config
from edgehar.config.toml_lines import line_of
from edgehar.errors import ConfigError


def set_head(path: Path, wearer: str, head: Path | None, *, check: Callable[[Config], object]) -> None:
    """Let a wearer have a head, or none; ConfigError if the file cannot be read or written, or would be refused.

    `check` refuses a configuration that cannot be run.
    """
    text = read_text(path)
    content = parse_toml(text, str(path))
    index = next((i for i, table in enumerate(content["wearer"]) if table["id"] == wearer), None)
    if index is None:
        raise ConfigError(f"{path}: nobody is called {wearer}; name one of its wearers")
    value = None if head is None else _relative(head, path)
    expected = content["wearer"][index]
    expected.pop("head", None)
    if value is not None:
        expected["head"] = value
    ways = (_with_line(text, index, value), _with_key(text, index, value))
    new = next((each for each in ways if each is not None and _says(each, content)), None)
    if new is None:
        change = "take its head out" if value is None else f"add head = {tomlkit.item(value).as_string()}"
        raise ConfigError(
            f"{path} is written in a way that cannot be changed; in [[wearer]] {wearer}: {change}"
        )
    check(parse(new, str(path)))
    write(path, new)


def _relative(head: Path, config: Path) -> str:
    """Return a head's path from the folder of the configuration where it lies below."""
    folder = config.absolute().parent
    return str(head.relative_to(folder) if head.is_relative_to(folder) else head)


def _says(text: str, content: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == content
    except tomllib.TOMLDecodeError:
        return False


def _with_line(text: str, index: int, value: str | None) -> str | None:
    """Return the text with a line more, less or another, so that one that comes and goes leaves nothing; None if there is no place."""
    lines = text.split("\n")
    at, after = (line_of(f"wearer[{index}].{key}", text) for key in ("head", "id"))
    beside = at or after
    if beside is None:
        return None
    former = lines[beside - 1]
    indent, end = former[: len(former) - len(former.lstrip())], "\r" * former.endswith("\r")
    new = [] if value is None else [f"{indent}head = {tomlkit.item(value).as_string()}{end}"]
    lines[beside - bool(at) : beside] = new
    return "\n".join(lines)


def _with_key(text: str, index: int, value: str | None) -> str | None:
    """Return the text with another head of the wearer, wherever that is written; None if tomlkit cannot do it."""
    try:
        document = tomlkit.parse(text)
        table: Any = document["wearer"]
        # tomlkit draws the tables of an array together, whatever stands between them.
        if document.as_string() != text:
            return None
        if value is None:
            table[index].pop("head", None)
        else:
            table[index]["head"] = value
        return document.as_string()
    except (TOMLKitError, RecursionError):
        return None
