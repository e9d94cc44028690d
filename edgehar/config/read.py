"""edgehar.toml, read into the structs of `schema`; its mistakes by line.

The file is the only layer: no environment variable and no flag overrides a key of it. Secrets
never stand in it; it names the file, or the systemd credential, that holds them.
"""

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from edgehar.config.keys import in_words, keys_at, words_at
from edgehar.config.rules import complaints
from edgehar.config.schema import Config, Gateway, Model
from edgehar.config.toml_lines import line_of
from edgehar.config.worn import Camera
from edgehar.errors import ConfigError, ModelError, OperatorError, about
from edgehar.pipeline import manifest
from edgehar.pipeline.decision_settings import REPLACED, Settings
from edgehar.validation import Misfit, did_you_mean, explain, printable, shown

T = TypeVar("T")

LARGEST_FILE = 2**20
"""Bytes of a text that is read; a device such as /dev/zero has no end."""


def load(path: Path) -> Config:
    """Read a configuration; ConfigError says which key, what was expected and what came."""
    try:
        text = read_text(path)
    except ConfigError as error:
        raise ConfigError(f"{error}; give another file with --config") from error
    return parse(text, str(path))


@contextmanager
def naming_lines(path: Path) -> Iterator[None]:
    """Let an error from within that is about a key of the file begin with the key's line, as those of `load` do."""
    try:
        yield
    except OperatorError as error:
        if error.key is None:
            raise
        raise type(error)(f"{_at(str(path), error.key, read_text(path))}: {error}") from error


def read_text(path: Path) -> str:
    """Return a file's text, line ends as they are, without a byte order mark; ConfigError if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) <= LARGEST_FILE:
            return content.decode("utf-8-sig")
        reason = f"it has more than {LARGEST_FILE:,} bytes"
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reason = f"line {line} is not UTF-8 text; save it as UTF-8"
    raise ConfigError(f"{path}: cannot be read: {reason}")


def parse(text: str, name: str = "edgehar.toml") -> Config:
    """Return the configuration that `text` holds; `name` is the file, named in errors, whose folder paths are relative to."""
    raw = parse_toml(text, name)
    config = _converted(raw, Config, "", text, name)
    _converted(_over(msgspec.to_builtins(Settings()), config.decision), Settings, "decision", text, name)
    for path, complaint in (*_unusable(raw), *complaints(config)):
        raise ConfigError(f"{_at(name, path, text)}: {complaint}")
    return _anchored(config, Path(name).absolute().parent)


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Return the content of a TOML text; ConfigError says in which line of the file `name` it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = _plain(str(error), text)
        raise ConfigError(f"{name}:{line}: not valid TOML: {' '.join(what.split())}") from error
    except RecursionError as error:
        raise ConfigError(
            f"{name}: lists or tables are nested too deep; no key needs more than a few"
        ) from error
    except ValueError as error:
        # tomllib leaves it to Python to refuse thousands of digits.
        raise ConfigError(f"{name}: not valid TOML: a number or a time in it is beyond all bounds") from error


def _plain(complaint: str, text: str) -> tuple[int, str]:
    """Return the line of a complaint of tomllib, and what it means of the two commonest mistakes, or else its own words."""
    lines = text.rstrip().split("\n")
    what, number, column = complaint.removesuffix(" (at end of document)"), len(lines), "the end of the file"
    if place := re.fullmatch(r"(.*) \(at line (\d+), (column \d+)\)", complaint, re.DOTALL):
        what, number, column = place[1], int(place[2]), place[3]
    key, sign, value = (lines[number - 1] if number <= len(lines) else "").partition("=")
    if sign and what == "Cannot overwrite a value":
        return number, f"the key `{printable(key.strip())}` is there twice; leave one of them"
    if sign and what == "Invalid value" and not value.partition("#")[0].strip():
        return (
            number,
            f"the key `{printable(key.strip())}` has no value; give one behind the `=`, or take the line out",
        )
    hint = "; text stands in quotes" if what == "Invalid value" and place else ""
    return number, f"{what} at {column}{hint}"


def _converted(raw: dict[str, Any], kind: type[T], table: str, text: str, name: str) -> T:
    """Return what a table holds; `table` is where it stands, "" for the whole file."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(explain(error, raw), table, text, name)) from error


def _explain(misfit: Misfit, table: str, text: str, name: str) -> str:
    """Return one line for people; `table` is where the misfit's own path begins."""
    path = ".".join(filter(None, (table, misfit.path)))
    if misfit.missing and not path:
        return f"{name}: expected at least one [[{misfit.missing}]], got none"
    if misfit.missing:
        return f"{_at(name, path, text)}: [{path}] lacks the key `{misfit.missing}`"
    if not misfit.unknown:
        hint = did_you_mean(misfit.got.strip('"'), words_at(path), "")
        expected = f"{_at(name, path, text)}: {path}: expected {in_words(path)}, got {misfit.got}"
        return f"{expected}; {hint}" if hint else expected
    valid = keys_at(path)
    hint = did_you_mean(misfit.unknown, valid, f"valid keys are {', '.join(valid)}")
    if path == "decision" and misfit.unknown in REPLACED:
        hint = f"it gave way to {REPLACED[misfit.unknown]}"
    at = _at(name, ".".join(filter(None, (path, misfit.unknown))), text)
    return f"{at}: {f'[{path}]' if path else 'the file'} has no key `{printable(misfit.unknown)}`; {hint}"


def _at(name: str, path: str, text: str) -> str:
    """Return the place of a key or table in a file, as in `edgehar.toml:12`."""
    line = line_of(path, text)
    return name if line is None else f"{name}:{line}"


def _unusable(raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield path and complaint of values that fit a key's type and that nothing can work with."""
    for path, value in leaves(raw):
        if isinstance(value, float) and not math.isfinite(value):
            yield path, f"{path}: expected {in_words(path)}, got {shown(value)}"
        if isinstance(value, str) and "\0" in value:
            yield path, f"{path}: {shown(value)} has a NUL character, which no name, path or topic may have"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of every key below; a list without tables is a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{i}]")
    else:
        yield path, value


def _anchored(config: Config, folder: Path) -> Config:
    """Return the configuration with absolute paths, of which the relative ones began at `folder`."""

    def below(path: str | None) -> str | None:
        return None if path is None else str(folder / path)

    def of_secret(name: str | None) -> str | None:
        # Without a slash it is no path but a systemd credential.
        return below(name) if name and "/" in name else name

    mqtt, metrics, dashboard, model = config.mqtt, config.metrics, config.dashboard, config.model
    if mqtt:
        tls = mqtt.tls and replace(
            mqtt.tls,
            ca_file=below(mqtt.tls.ca_file),
            cert_file=below(mqtt.tls.cert_file),
            key_file=below(mqtt.tls.key_file),
        )
        mqtt = replace(mqtt, tls=tls, password_file=of_secret(mqtt.password_file))
    if metrics:
        metrics = replace(metrics, token_file=of_secret(metrics.token_file))
    if dashboard:
        dashboard = replace(dashboard, token_file=of_secret(dashboard.token_file))
    names = {pair.stem for pair in manifest.available()} | {Model().path, Model().camera}
    paths = {key: name for key in ("path", "camera") if (name := getattr(model, key)) not in names}
    model = replace(model, **{key: below(name) for key, name in paths.items()})

    def of_camera(camera: Camera) -> Camera:
        is_path = "://" not in camera.device and not camera.device.isdigit()
        device = below(camera.device) if is_path else camera.device
        return replace(camera, device=device, weights=below(camera.weights))

    wearers = [
        replace(
            wearer,
            head=below(wearer.head),
            replay=wearer.replay and replace(wearer.replay, path=below(wearer.replay.path)),
            camera=[of_camera(camera) for camera in wearer.camera],
        )
        for wearer in config.wearer
    ]
    gateway = replace(config.gateway, state_dir=below(config.gateway.state_dir))
    return replace(
        config, gateway=gateway, mqtt=mqtt, metrics=metrics, dashboard=dashboard, model=model, wearer=wearers
    )


def state_folder(gateway: Gateway) -> Path | None:
    """Return the folder for what outlives the process: of the configuration, else of the systemd service; None: there is none."""
    # systemd separates several by colons (systemd.exec(5), StateDirectory=).
    folder = gateway.state_dir or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(folder) if folder else None


def leading_model(config: Config) -> Literal["path", "camera"]:
    """Return the key of [model] that names the model whose settings count where the file has none: a camera's if there are cameras alone."""
    seen_alone = [
        wearer.camera and not (wearer.serial or wearer.ble or wearer.phone) for wearer in config.wearer
    ]
    return "camera" if seen_alone and all(seen_alone) else "path"


def model_pair(config: Config, key: Literal["path", "camera"] = "path") -> Path:
    """Return the path of the manifest that a key of [model] names; ModelError names the key if there is none."""
    with about(f"model.{key}"):
        try:
            return manifest.find(getattr(config.model, key))
        except ModelError as error:
            raise ModelError(f"model.{key}: {error}") from error


def decision_settings(config: Config, model: Settings) -> Settings:
    """Return the model's decision settings with the configuration's keys put over them."""
    merged = _over(msgspec.to_builtins(model), config.decision)
    return _converted(merged, Settings, "decision", "", "over the model's own settings")


def _over(table: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the keys of another put over it, table by table."""
    return table | {
        key: _over(table[key], value)
        if isinstance(value, dict) and isinstance(table.get(key), dict)
        else value
        for key, value in above.items()
    }
