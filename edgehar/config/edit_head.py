"""A wearer's `head` in edgehar.toml, set or taken out; everything else in the file stays as it is, remarks and all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from edgehar.config.edit import write
from edgehar.config.read import parse, parse_toml, read_text
from edgehar.config.schema import Config
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
    new = _edited(text, index, value)
    if new is None or parse_toml(new, str(path)) != content:
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


def _edited(text: str, index: int, value: str | None) -> str | None:
    """Return the text with another head of the wearer (index); None if tomlkit cannot do it."""
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
