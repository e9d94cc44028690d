"""edgehar.toml, read into the structs of `schema`; its mistakes by line.

The file is the only layer: no environment variable and no flag overrides a key of it. Secrets
never stand in it; it names the file, or the systemd credential, that holds them.
"""

import difflib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from edgehar.config.schema import Ble, Config, Mqtt, Phone
from edgehar.config.toml_lines import line_of
from edgehar.devices import PROFILES, Profile
from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.validation import Misfit, explain

T = TypeVar("T")


def load(path: Path) -> Config:
    """Read a configuration; ConfigError says which key, what was expected and what came."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}; give another file with --config") from error
    return parse(text, str(path))


def parse(text: str, name: str = "edgehar.toml") -> Config:
    """Return the configuration that `text` holds; `name` is the file named in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(explain(error, raw), "", text, name)) from error
    try:
        msgspec.convert(config.decision, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(explain(error, config.decision), "decision", text, name)) from error
    for complaint in _contradictions(config):
        raise ConfigError(f"{name}: {complaint}")
    return config


def _explain(misfit: Misfit, table: str, text: str, name: str) -> str:
    """Return one line for people; `table` is where the misfit's own path begins."""
    path = ".".join(filter(None, (table, misfit.path)))
    if misfit.missing:
        return f"{_at(name, path, text)}: [{path or 'top level'}] lacks the key `{misfit.missing}`"
    if not misfit.unknown:
        return f"{_at(name, path, text)}: {path or 'top level'}: expected {misfit.expected}, got {misfit.got}"
    valid = _keys_at(path)
    near = difflib.get_close_matches(misfit.unknown, valid, n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`?" if near else f"valid keys are {', '.join(valid)}"
    at = _at(name, ".".join(filter(None, (path, misfit.unknown))), text)
    return f"{at}: [{path or 'top level'}] has no key `{misfit.unknown}`; {hint}"


def _at(name: str, path: str, text: str) -> str:
    """Return the place of a key or table in a file, as in `edgehar.toml:12`."""
    line = line_of(path, text)
    return name if line is None else f"{name}:{line}"


def _keys_at(path: str) -> list[str]:
    """Return the valid keys of the table at `path`, as in `wearer[0].serial[1]`."""
    table: type[Struct] = Config
    for part in filter(None, re.sub(r"\[[^\]]*\]", "", path).split(".")):
        types = {field.encode_name: field.type for field in msgspec.structs.fields(table)}
        # The decision's keys are checked apart, as the model has them too.
        table = _struct_in(types[part]) or Settings
    return [field.encode_name for field in msgspec.structs.fields(table)]


def _struct_in(annotation: Any) -> type[Struct] | None:
    """Return the struct of an annotation such as `Annotated[list[Serial], Meta()]`; None if there is none in it."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation
    return next(filter(None, map(_struct_in, get_args(annotation))), None)


def _contradictions(config: Config) -> Iterator[str]:
    """Yield in a sentence each mistake that no single key's bounds can see."""
    for name in _twice(wearer.id for wearer in config.wearer):
        yield f"two wearers are called `{name}`; give each an id of its own"
    for wearer in config.wearer:
        worn = bool(wearer.serial or wearer.ble or wearer.phone)
        sources = [worn, wearer.replay is not None, wearer.simulator is not None]
        if sum(sources) != 1:
            yield (
                f"wearer `{wearer.id}` needs sensors ([[wearer.serial]], [[wearer.ble]], [[wearer.phone]]) or one "
                f"of [wearer.replay] and [wearer.simulator]; it has {sum(sources) or 'none'} of the three"
            )
    for port in _twice(sensor.port for wearer in config.wearer for sensor in wearer.serial):
        yield f"the port {port} is named by two sensors; one port carries one sensor"
    yield from _bluetooth_contradictions([sensor for wearer in config.wearer for sensor in wearer.ble])
    yield from _phone_contradictions(
        [phone for wearer in config.wearer for phone in wearer.phone], config.mqtt
    )
    if config.mqtt and config.mqtt.tls and bool(config.mqtt.tls.cert_file) != bool(config.mqtt.tls.key_file):
        yield "[mqtt.tls] needs cert_file and key_file together"
    if config.mqtt and config.mqtt.password_file and config.mqtt.username is None:
        yield "[mqtt] has a password_file but no username; give both"


def _bluetooth_contradictions(sensors: Sequence[Ble]) -> Iterator[str]:
    for profile in {sensor.profile for sensor in sensors} - PROFILES.keys():
        near = difflib.get_close_matches(profile, PROFILES, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(PROFILES)}"
        yield f"no sensor profile is called `{profile}`; {hint}"
    for address in _twice(sensor.address.upper() for sensor in sensors if sensor.address):
        yield f"the address {address} is named by two sensors; a sensor is worn in one place"
    for name in _twice(s.name for s in sensors if s.name and not s.address):
        yield f"two sensors are called {name!r}: nothing tells them apart; {_GIVE_ADDRESSES}"
    anonymous = [
        PROFILES[s.profile] for s in sensors if not s.name and not s.address and s.profile in PROFILES
    ]
    for a, b in combinations(anonymous, 2):
        if _may_be_taken_for(a, b):
            yield f"a {a.name} and a {b.name} of any name: nothing tells them apart; {_GIVE_ADDRESSES}"


_GIVE_ADDRESSES = "give each its address, which `edgehar devices assign` writes"


def _may_be_taken_for(a: Profile, b: Profile) -> bool:
    """Tell whether a device may fit both, by a service or by the beginning of its name."""
    return bool(set(a.services) & set(b.services)) or any(
        x.startswith(y) or y.startswith(x) for x in a.name_prefixes for y in b.name_prefixes
    )


def _phone_contradictions(phones: Sequence[Phone], mqtt: Mqtt | None) -> Iterator[str]:
    for phone in phones:
        ways = [phone.url, phone.listen, phone.topic]
        if sum(way is not None for way in ways) != 1:
            yield f"the phone at `{phone.placement}` needs exactly one of url, listen and topic"
        if phone.url and phone.device:
            yield f"the phone at `{phone.placement}` has a device, which goes with listen or topic, and not with url"
        if phone.topic and mqtt is None:
            yield f"the phone at `{phone.placement}` has a topic, but there is no [mqtt] to say which broker"
    for url, listen, topic, device in _twice((p.url, p.listen, p.topic, p.device) for p in phones):
        told_apart = "" if url or device else "; give each its device"
        yield f"two phones are reached by {url or listen or topic}{told_apart}"


def _twice(items: Iterable[T]) -> list[T]:
    """Return what occurs more than once, each once."""
    return [item for item, n in Counter(items).items() if n > 1]


def broker_password(mqtt: Mqtt) -> str | None:
    """Return the broker's password, from its file or systemd credential; ConfigError if it cannot be read."""
    if mqtt.password_file is None:
        return None
    path = Path(mqtt.password_file)
    if path.name == mqtt.password_file:
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / path
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        where = (
            "" if path.name != mqtt.password_file else " (a bare name is a systemd credential; use a path)"
        )
        raise ConfigError(f"mqtt.password_file: {path} cannot be read: {reason}{where}") from error


def decision_settings(config: Config, model: Settings) -> Settings:
    """Return the model's decision settings with the configuration's keys put over them."""
    merged = msgspec.to_builtins(model) | config.decision
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(
            _explain(explain(error, merged), "decision", "", "over the model's own settings")
        ) from error


def origins(config: Config, text: str, model: Settings) -> Iterator[tuple[str, Any, str]]:
    """Yield every effective key as (path, value, `file`, `model` or `default`)."""
    in_file = dict(_flatten(tomllib.loads(text)))
    effective = msgspec.to_builtins(config) | {
        "decision": msgspec.to_builtins(decision_settings(config, model))
    }
    for path, value in _flatten(effective):
        other = "model" if path.startswith("decision.") else "default"
        yield path, value, "file" if path in in_file else other


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, inner in enumerate(value):
            yield from _flatten(inner, f"{path}[{i}]")
    else:
        yield path, value
