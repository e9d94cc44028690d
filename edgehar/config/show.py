"""A configuration as it counts, defaults and the model's settings included: as rows, and as TOML that can be read again.

No secret is in it: a configuration names the file, or the credential, that holds one, and an account in a URL is left out.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import tomlkit

from edgehar.config.read import decision_settings, leaves
from edgehar.config.schema import Config
from edgehar.pipeline.decision_settings import Settings

_ACCOUNT = re.compile(r"(\w+://)[^/?#@\s]*(?:@[^/?#@\s]*)*@")
_SECRET_PARAMETER = re.compile(
    r"([?&][^=&\s]*(?:pass|pwd|token|key|secret|auth|user)[^=&\s]*=)[^&#\s]*", re.IGNORECASE
)


def without_accounts(text: str) -> str:
    """Return a text in which no URL has a user, a password, or a parameter that sounds like one."""
    return _SECRET_PARAMETER.sub(r"\1...", _ACCOUNT.sub(r"\1", text))


def origins(config: Config, text: str, model: Settings) -> Iterator[tuple[str, Any, str]]:
    """Yield every effective key as (path, value, `file`, `model` or `default`); `text` is the file's."""
    in_file = dict(leaves(tomllib.loads(text)))
    for path, value in leaves(_effective(config, model)):
        other = "model" if path.startswith("decision.") else "default"
        yield path, value, "file" if path in in_file else other


def as_toml(config: Config, text: str, model: Settings) -> str:
    """Return the effective configuration as TOML; what is not from the file says so in a remark. `text` is the file's."""
    remarks = {
        path: "" if origin == "file" else f"  # {origin}" for path, _, origin in origins(config, text, model)
    }
    return "\n".join(_lines(_effective(config, model), "", "", remarks)).lstrip("\n")


def _effective(config: Config, model: Settings) -> dict[str, Any]:
    decision = msgspec.to_builtins(decision_settings(config, model))
    whole: dict[str, Any] = _public(msgspec.to_builtins(config))
    # The tables in the order in which people write them, the wearers last.
    return {key: value for key, value in whole.items() if key != "wearer"} | {
        "decision": decision,
        "wearer": whole["wearer"],
    }


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _public(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_public(inner) for inner in value]
    return without_accounts(value) if isinstance(value, str) and "://" in value else value


def _lines(table: dict[str, Any], path: str, header: str, remarks: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a table: its keys, then the tables in it; TOML has no word for what is not set."""
    inner = list[tuple[str, str, str, dict[str, Any]]]()
    for key, value in table.items():
        place, name = (f"{before}.{key}" if before else key for before in (path, header))
        if isinstance(value, dict):
            inner.append((f"[{name}]", place, name, value))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            inner += [(f"[[{name}]]", f"{place}[{i}]", name, each) for i, each in enumerate(value)]
        elif value is not None and value != []:
            yield f"{key} = {tomlkit.item(value).as_string()}{remarks[place]}"
    for title, place, name, value in inner:
        yield from ("", title)
        yield from _lines(value, place, name, remarks)
