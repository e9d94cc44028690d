"""The text of a first edgehar.toml, and putting it where it belongs: whole or not at all, beside what was there."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from msgspec import Struct
from msgspec.structs import replace

from edgehar.config.credentials import file_of
from edgehar.config.read import parse
from edgehar.config.schema import Config, Mqtt
from edgehar.errors import ConfigError

PASSWORD_NAME = "mqtt-password"  # noqa: S105 - the file's name, and the credential's in deploy/edgehar.service
"""Name of the password's file beside the configuration, and of the service's credential."""


class First(Struct, frozen=True):
    """Everything that a first configuration says."""

    gateway: str
    mqtt: Mqtt
    wearer: str
    sensors: Sequence[Mapping[str, Any]]
    """`placement`, and what else [[wearer.ble]] or [[wearer.serial]] has; none: a simulated wearer."""
    simulated: str
    """Placement of the simulated sensor, if there is no other."""
    has_home_assistant: bool = False
    adapter: str | None = None


def text_of(first: First) -> str:
    """Return a first configuration as TOML."""
    return "\n".join(_lines(first)) + "\n"


def _lines(first: First) -> Iterator[str]:
    yield "# edgehar: `edgehar config check` tests this file, `edgehar config show` prints every key that counts."
    yield from ("# Relative paths begin at this file's folder.", "", "[gateway]")
    yield f"{_key('id', first.gateway)}  # this machine's name in topics"
    yield from ("", "[mqtt]", *_keys(first.mqtt, "host", "port", "username", "password_file"))
    if first.mqtt.tls:
        yield from ("", "[mqtt.tls]  # even empty: encrypted", *_keys(first.mqtt.tls, "ca_file"))
    table = "[homeassistant]  # even empty: the wearers are devices in Home Assistant by themselves"
    yield from ("", table if first.has_home_assistant else f"# {table}")
    if first.adapter:
        yield from ("", "[bluetooth]", _key("adapter", first.adapter))
    yield from ("", "[[wearer]]", f"{_key('id', first.wearer)}  # a pseudonym: it stands in topics")
    for sensor in first.sensors:
        kind = "serial" if "port" in sensor else "ble"
        yield from ("", f"[[wearer.{kind}]]", *(_key(key, value) for key, value in sensor.items()))
    if not first.sensors:
        remark = "to try things out: `edgehar devices assign` puts a sensor in its place"
        yield from ("", f"[wearer.simulator]  # {remark}", _key("placements", [first.simulated]))


def _keys(table: Struct, *names: str) -> list[str]:
    return [_key(name, value) for name in names if (value := getattr(table, name)) is not None]


def _key(name: str, value: Any) -> str:
    return f"{name} = {tomlkit.item(value).as_string()}"


def check_free(path: Path, *, force: bool) -> None:
    """Refuse a path at which no file can be begun: there is one, unless it may be put aside, or nobody may write there."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; name a file in it, such as {path / 'edgehar.toml'}")
        if path.exists() and not force:
            raise ConfigError(
                f"{path} is there already: `edgehar devices assign` adds a sensor to it and `edgehar config check` tests "
                f"it; --force begins a new one and keeps this one as {_free_backup(path).name}"
            )
        folder = next(above for above in path.absolute().parents if above.exists())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name another file") from error
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{path}: this user cannot write in {folder}; name another file, or use sudo")


def write_first(
    path: Path, first: First, password: str | None, *, check: Callable[[Config], object]
) -> list[Path]:
    """Write a first configuration, and the password into a file of its own; return what was put aside for them.

    All of it stands beside its place before any of it is put there, the configuration last. ConfigError if it would be
    refused, which changes nothing, or cannot be written, which leaves the configuration as it was.

    Args:
        path: The configuration's; a link stays one.
        first: What it says.
        password: Into a file of its own (`credentials.file_of`), for its owner alone; None: there is none to write.
        check: Refuses a configuration that cannot be run.
    """
    secret_path = file_of(PASSWORD_NAME, path)
    path, tested = path.resolve(), first
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            new = list[tuple[Path, Path]]()
            if password is not None:
                secret_path.parent.mkdir(mode=0o700, exist_ok=True)
                secret = stack.enter_context(_beside(secret_path, password + "\n", 0o600))
                new.append((secret, secret_path))
                tested = replace(first, mqtt=replace(first.mqtt, password_file=str(secret)))
            new.append((stack.enter_context(_beside(path, text_of(first), 0o644)), path))
            check(parse(text_of(tested), str(path)))
            return [aside for temporary, place in new for aside in _put(temporary, place)]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def _beside(path: Path, text: str, mode: int) -> Iterator[Path]:
    """Write a file beside another one, and remove it in the end unless it was put elsewhere."""
    # Nobody else may read it from the beginning on.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fsync(file.fileno())
        temporary.chmod(mode)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _put(temporary: Path, path: Path) -> Iterator[Path]:
    """Put a file in its place; yield where what was there is kept."""
    if path.exists():
        aside = _free_backup(path)
        # A second name of it first, so that there is a file of the first one at every moment.
        aside.hardlink_to(path)
        yield aside
    temporary.replace(path)


def _free_backup(path: Path) -> Path:
    """Return a name beside a file that no file has."""
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in itertools.count())
    return next(name for name in names if not name.exists())
