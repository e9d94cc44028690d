"""Names and secrets taken out of what goes to other people: each becomes the same stand-in wherever it stands.

Taken out are whatever the configuration names (people, machines, accounts, sensors, addresses), the content of its secrets,
this machine's and user's names, and all that looks like an address of a network or a radio.
"""

import contextlib
import getpass
import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from edgehar.config.credentials import broker_password, dashboard_token, metrics_token
from edgehar.config.schema import Config
from edgehar.config.show import without_accounts
from edgehar.errors import OperatorError

_SHORT = 4
"""Letters up to which a name is taken out only where it stands alone: else it would spoil half of all words."""

_PLAIN = {"", "localhost", "127.0.0.1", "::1", "edgehar", "homeassistant", "root", "camera", "wearer"}
"""Names that tell nothing of anybody."""

_PATTERNS = (
    (re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b"), "MAC"),
    (re.compile(r"\b(?!127\.0\.0\.1\b|0\.0\.0\.0\b)(?:\d{1,3}\.){3}\d{1,3}\b"), "IP"),
    (re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?![\w:])"), "IP"),
    (re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4}(?![\w:])"), "IP"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "DEVICE"),
    # Of whoever called sudo, as whom this runs not.
    (re.compile(r"(?<=/home/)[^/\s\"':,;<>]+"), "USER"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"), "MAIL"),
)

_TIME = re.compile(r"\d{1,2}:\d\d:\d\d")


class Redaction:
    """A set of names and what stands in their place."""

    def __init__(self, config: Config | None, text: str = "") -> None:
        """Collect the names of this machine and of a configuration, or of the text of one that cannot be used."""
        self._stand_ins: dict[str, str] = {}
        for kind, name in (*_of_machine(), *(_of_config(config) if config else _of_text(text))):
            self._add(kind, name)
        names = sorted(self._stand_ins, key=len, reverse=True)
        self._names = re.compile("|".join(map(_pattern, names)), re.IGNORECASE) if names else None

    def _add(self, kind: str, name: str | None) -> None:
        if name and name.lower() not in _PLAIN and name.lower() not in self._stand_ins:
            number = 1 + sum(stand_in.startswith(f"<{kind}-") for stand_in in self._stand_ins.values())
            self._stand_ins[name.lower()] = f"<{kind}-{number}>"

    def text(self, text: str) -> str:
        """Return a text without them."""
        text = without_accounts(text)
        if self._names is not None:
            text = self._names.sub(lambda match: self._stand_ins[match[0].lower()], text)
        for pattern, kind in _PATTERNS:
            text = pattern.sub(partial(_unless_time, kind), text)
        return text

    def value(self, value: Any) -> Any:
        """Return what JSON can hold without them, keys included."""
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value


def _unless_time(kind: str, match: re.Match[str]) -> str:
    return match[0] if _TIME.fullmatch(match[0]) else f"<{kind}>"


def _pattern(name: str) -> str:
    escaped = re.escape(name)
    # A letter before or behind would make it another word; passwords stand anywhere.
    return rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])" if len(name) <= _SHORT else escaped


def _of_machine() -> Iterator[tuple[str, str]]:
    host = socket.gethostname()
    yield "HOST", host
    yield "HOST", host.partition(".")[0]
    home = str(Path.home())
    if home not in {"/", "/root"}:
        yield "HOME", home
    try:
        yield "USER", getpass.getuser()
    except (KeyError, OSError):
        return


def _of_text(text: str) -> Iterator[tuple[str, str]]:
    """Yield whatever stands in quotes, closed or not: which of it names anybody nobody can say."""
    for line in text.splitlines():
        for quoted in (*re.findall(r'"([^"]*)', line), *re.findall(r"'([^']*)", line)):
            parts = [part for part in re.split(r"[/:@?&=]+", quoted) if len(part) > _SHORT]
            yield from (("VALUE", value.strip()) for value in (quoted, *parts) if re.search(r"\w", value))


def _of_config(config: Config) -> Iterator[tuple[str, str | None]]:
    yield from (("SECRET", secret) for secret in _secrets(config))
    yield "GATEWAY", config.gateway.id
    if mqtt := config.mqtt:
        yield from (("HOST", mqtt.host), ("ACCOUNT", mqtt.username), ("TOPIC", mqtt.prefix))
    if sparkplug := config.sparkplug:
        names = (sparkplug.group, sparkplug.edge_node, sparkplug.primary_host)
        yield from (("SPARKPLUG", name) for name in names)
    yield from (("ZONE", zone.id) for zone in config.zone)
    for wearer in config.wearer:
        yield "WEARER", wearer.id
        for port in (sensor.port for sensor in wearer.serial):
            name = Path(port).name
            yield from (("PORT", port), ("PORT", None if name.startswith("tty") else name))
            yield "HOST", _host(port if "://" in port else None)
        for sensor in wearer.ble:
            yield from (("MAC", sensor.address), ("SENSOR", sensor.name))
        for phone in wearer.phone:
            yield from (
                ("URL", phone.url),
                ("LISTEN", phone.listen),
                ("TOPIC", phone.topic),
                ("PHONE", phone.device),
            )
        for camera in wearer.camera:
            url = camera.device if "://" in camera.device else None
            yield from (("CAMERA", url), ("CAMERA", url and without_accounts(url)))
            yield "HOST", _host(url)
        if wearer.replay:
            yield from (("FILE", wearer.replay.path), ("PERSON", wearer.replay.subject))


def _host(url: str | None) -> str | None:
    if url is None:
        return None
    return re.split(r"[:/?#]", url.partition("://")[2].rpartition("@")[2], maxsplit=1)[0]


def _secrets(config: Config) -> Iterator[str | None]:
    """Yield the content of all secrets that this process can read; those it cannot it cannot tell either."""
    mqtt, metrics, dashboard = config.mqtt, config.metrics, config.dashboard
    for secret in (
        partial(broker_password, mqtt) if mqtt else None,
        partial(metrics_token, metrics) if metrics else None,
        partial(dashboard_token, dashboard) if dashboard else None,
    ):
        with contextlib.suppress(OperatorError):
            yield secret() if secret else None
    for wearer in config.wearer:
        urls = [camera.device for camera in wearer.camera] + [phone.url or "" for phone in wearer.phone]
        for url in urls:
            account = re.match(r"\w+://([^/@\s]*)@", url)
            yield from account[1].split(":", 1) if account else ()
            yield from re.findall(r"[?&][^=&]*=([^&#\s]+)", url)
