"""Line numbers of the tables and keys of a valid TOML text, for errors that name a line."""

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r"""
      \#[^\n]*
    | \"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\])*" | '[^']*'
    | [\[\]{}=,\n]
    | [^\s\[\]{}=,"'\#]+
    """,
    re.VERBOSE | re.DOTALL,
)
"""A remark, a text in quotes, a mark, or whatever else stands together: a number, or a key with its dots."""

Piece = tuple[int, str]
"""Line and text."""

Place = tuple[str, int]
"""Path and line."""


def line_of(path: str, text: str) -> int | None:
    """Return the first line that says something at or below `path`, as in `wearer[0].serial[1].port`; None if none does."""
    below = (f"{path}.", f"{path}[")
    return next((line for place, line in _places(text) if place == path or place.startswith(below)), None)


def _pieces(text: str) -> Iterator[Piece]:
    line, at = 1, 0
    for match in _PIECE.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        if not match[0].startswith("#"):
            yield line, match[0]


def _places(text: str) -> Iterator[Place]:
    """Yield path and line of each header, key and item of a list."""
    pieces, table, lengths = _pieces(text), "", dict[str, int]()
    for line, piece in pieces:
        if piece == "[":
            table = _header(pieces, lengths)
            yield table, line
        elif piece != "\n":
            yield from _keys(table, (line, piece), pieces, "\n")


def _header(pieces: Iterator[Piece], lengths: dict[str, int]) -> str:
    """Read the rest of a header and return its table's path; `lengths` counts the tables of each array."""
    _, piece = next(pieces)
    is_array = piece == "["
    names = [] if is_array else _names(piece)
    while (piece := next(pieces)[1]) != "]":
        names += _names(piece)
    if is_array:
        next(pieces)
    path = ""
    for name in names[:-1]:
        path = _latest(_below(path, name), lengths)
    path = _below(path, names[-1])
    if is_array:
        lengths[path] = lengths.get(path, 0) + 1
    return _latest(path, lengths)


def _latest(path: str, lengths: dict[str, int]) -> str:
    return f"{path}[{lengths[path] - 1}]" if path in lengths else path


def _keys(table: str, first: Piece, pieces: Iterator[Piece], end: str) -> Iterator[Place]:
    """Yield the keys of an inline table, or the key of a line, and what is in them."""
    names, (line, piece) = list[str](), first
    while piece != end:
        if piece == "=":
            path = _below(table, ".".join(names))
            yield path, line
            yield from _value(path, next(pieces), pieces)
        elif piece in ",\n":
            names = []
        else:
            names += _names(piece)
        line, piece = next(pieces, (line, end))


def _value(path: str, first: Piece, pieces: Iterator[Piece]) -> Iterator[Place]:
    """Yield what is in a value, if that is a list or an inline table."""
    if first[1] == "{":
        yield from _keys(path, next(pieces), pieces, "}")
    elif first[1] == "[":
        index = 0
        while (piece := next(pieces))[1] != "]":
            if piece[1] == ",":
                index += 1
            elif piece[1] != "\n":
                item = f"{path}[{index}]"
                yield item, piece[0]
                yield from _value(item, piece, pieces)


def _names(piece: str) -> list[str]:
    """Return the names in a piece of a key: one in quotes, or some with dots between them."""
    return [piece[1:-1]] if piece[0] in "\"'" else [name for name in piece.split(".") if name]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
