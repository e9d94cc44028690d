"""The keys that a table of edgehar.toml may hold, and in words the values that a key takes."""

import re
from typing import Any

from msgspec.inspect import (
    DictType,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    TupleType,
    UnionType,
    type_info,
)

from edgehar.config.names import IN_WORDS
from edgehar.config.schema import Config
from edgehar.pipeline.decision_settings import Settings


def keys_at(path: str) -> list[str]:
    """Return the valid keys of the table at `path`, as in `wearer[0].serial[1]`."""
    table = _kind_at(path)
    return [field.encode_name for field in table.fields] if isinstance(table, StructType) else []


def words_at(path: str) -> list[str]:
    """Return the words of which one has to stand at `path`; none where it may be another text, or a number."""
    kind = _kind_at(path)
    return [word for word in kind.values if isinstance(word, str)] if isinstance(kind, LiteralType) else []


def in_words(path: str) -> str:
    """Return what is expected at `path`, for people."""
    without_indices = re.sub(r"\[\d+\]", "", path)
    header = f"[{without_indices}]"
    return _in_words(_kind_at(path), f"[{header}]" if path.endswith("]") else header)


def _kind_at(path: str) -> Any:
    """Return msgspec's description of what stands at a path."""
    kind: Any = type_info(Config)
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        kind = _plain(_item(kind, int(index)) if index else _field(kind, key))
    return kind


def _field(kind: Any, key: str) -> Any:
    return next(field.type for field in kind.fields if field.encode_name == key)


def _item(kind: Any, index: int) -> Any:
    return kind.item_types[index] if isinstance(kind, TupleType) else kind.item_type


def _plain(kind: Any) -> Any:
    """Return a description without remarks, and without None, which TOML cannot say."""
    while isinstance(kind, Metadata | UnionType):
        kind = (
            kind.type
            if isinstance(kind, Metadata)
            else next(each for each in kind.types if not isinstance(each, NoneType))
        )
    # The decision's keys are checked apart, as the model has them too.
    return type_info(Settings) if isinstance(kind, DictType) else kind


def _in_words(kind: Any, header: str) -> str:
    words = "text in quotes"
    match kind:
        case StructType():
            words = f"a table, which begins with {header}"
        case ListType(item_type=item) if isinstance(_plain(item), StructType):
            words = f"a list of tables, each of which begins with [{header}]"
        case ListType():
            words = "a list in brackets"
        case TupleType(item_types=items):
            words = f"a list in brackets of {len(items)}, each {_in_words(_plain(items[0]), header)}"
        case LiteralType():
            words = " or ".join(map(str, kind.values))
        case IntType():
            words = f"a whole number{_bounds(kind)}"
        case FloatType():
            words = f"a number{_bounds(kind)}"
        case StrType(pattern=str(pattern)):
            words = IN_WORDS[pattern]
    return words + (", and something in it" if getattr(kind, "min_length", None) else "")


def _bounds(kind: IntType | FloatType) -> str:
    """Return the bounds of a number, as in ` from 1 to 65535`."""
    if None not in {kind.ge, kind.le}:
        return f" from {kind.ge:.9g} to {kind.le:.9g}"
    bounds = (("of at least", kind.ge), ("above", kind.gt), ("below", kind.lt), ("of at most", kind.le))
    words = " and ".join(f"{word} {bound:.9g}" for word, bound in bounds if bound is not None)
    return f" {words}" if words else ""
