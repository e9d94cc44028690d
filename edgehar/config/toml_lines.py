"""Where tables and keys stand in the text of a TOML file, for errors that name a line and for additions."""

import re
from collections.abc import Iterator, Mapping


def line_of(path: str, text: str) -> int | None:
    """Number of the line that sets or opens `path`, as in `wearer[0].serial[1].port`; None if none does."""
    for number, table, key in _lines(text):
        if path == (table if key is None else f"{table}.{key}".lstrip(".")):
            return number
    return None


def end_of(path: str, text: str) -> int | None:
    """Number of the last line of a table and all that belongs to it; None if it is not there."""
    inside = (path, f"{path}.", f"{path}[")
    ends = [number for number, table, _ in _lines(text) if table == path or table.startswith(inside[1:])]
    return ends[-1] if ends else None


def lines_of(text: str) -> list[str]:
    """Its lines as TOML counts them, without their ends."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _lines(text: str) -> Iterator[tuple[int, str, str | None]]:
    """(line number, table, key) of each header, whose key is None, and of each key."""
    table, indices = "", dict[str, int]()
    for number, line in enumerate(lines_of(text), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)", line):
            name = header[2]
            if header[1] == "[[":
                indices = {k: v for k, v in indices.items() if not k.startswith(f"{name}.")}
                indices[name] = indices.get(name, -1) + 1
            table = _with_indices(name, indices)
            yield number, table, None
        elif key := re.match(r"\s*([\w-]+)\s*=", line):
            yield number, table, key[1]


def _with_indices(table: str, indices: Mapping[str, int]) -> str:
    """`wearer.serial` as `wearer[0].serial[1]`."""
    parts = table.split(".")
    names = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return ".".join(
        part + (f"[{indices[name]}]" if name in indices else "")
        for part, name in zip(parts, names, strict=True)
    )
