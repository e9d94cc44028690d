"""Line numbers of the tables and keys of a TOML text, for errors that name a line."""

import re
from collections.abc import Iterator, Mapping


def line_of(path: str, text: str) -> int | None:
    """Return the number of the line that sets or opens `path`, as in `wearer[0].serial[1].port`; None if none does."""
    for number, table, key in _lines(text):
        if path == (table if key is None else f"{table}.{key}".lstrip(".")):
            return number
    return None


def _lines(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Yield (line number, table, key) of each header, whose key is None, and of each key."""
    table, indices = "", dict[str, int]()
    for number, line in enumerate(text.split("\n"), 1):
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
    """Return `wearer.serial` as `wearer[0].serial[1]`."""
    parts = table.split(".")
    names = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return ".".join(
        part + (f"[{indices[name]}]" if name in indices else "")
        for part, name in zip(parts, names, strict=True)
    )
