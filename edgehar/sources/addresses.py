"""Forms of the addresses that people write: a host, a serial port, a phone.

Nothing is opened or asked for here. Each check raises ConfigError, which says what to write instead.
"""

import contextlib
import ipaddress
import re
import stat
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from edgehar.errors import ConfigError
from edgehar.validation import shown

DEFAULT_BAUD = 115_200
"""Bits per second of a serial port, unless its user chose another rate."""

SENSOR_SERVER_PORT = 8080
"""Port of the app SensorServer, unless its user chose another one."""

_LONGEST_HOST = 253
_SCHEMES = ("socket", "rfc2217", "loop", "spy", "hwgrep", "alt", "cp2110")  # what pyserial can open


def check_host(host: str) -> None:
    """Refuse what is neither the name nor the address of a host."""
    if _is_host(host):
        return
    parts = _split(host.strip() if "://" in host else f"//{host.strip()}")
    hint = "such as pi-kitchen.local or 192.168.1.7"
    if parts and parts.hostname and _is_host(parts.hostname):
        port = f" and port = {parts.port}" if parts.port else ""
        tls = ", with a table [mqtt.tls]" if parts.scheme in {"mqtts", "ssl"} else ""
        hint = f"write {shown(parts.hostname)}{port}{tls}"
    raise ConfigError(f"expected the name or address of a host and nothing else, got {shown(host)}; {hint}")


def _is_host(text: str) -> bool:
    if len(text) > _LONGEST_HOST:
        return False
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    labels = [b"0"]
    with contextlib.suppress(UnicodeError):
        # As a resolver's library does it, which fails at an empty part and at one that is too long.
        labels = text.removesuffix(".").encode("idna").split(b".")
    return not labels[-1].isdigit() and all(re.fullmatch(rb"[\w-]+", label) for label in labels)


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL whose port is a port; None if it is no URL."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0:
            return parts
    return None


def check_serial_port(port: str) -> None:
    """Refuse what cannot be a serial port; one that is only not there just now may come."""
    scheme, is_url, pattern = port.partition("://")
    scheme = scheme.lower()  # as pyserial reads it
    if not is_url:
        _check_device(port)
    elif scheme not in _SCHEMES:
        raise ConfigError(
            f"{shown(port)}: expected the path of a device, or one of {'://, '.join(_SCHEMES)}://"
        )
    elif scheme in {"socket", "rfc2217"}:
        host_and_port(port)
    elif scheme == "hwgrep":
        try:
            re.compile(pattern.partition("&")[0])
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                f"{shown(port)}: expected a regular expression after hwgrep://: {error}"
            ) from error


def _check_device(port: str) -> None:
    if "EDIT-ME" in port:
        raise ConfigError(
            f"{shown(port)} is the example's; write your sensor's port, which `ls /dev/serial/by-id/*` shows"
        )
    if not port.startswith("/"):
        raise ConfigError(f"{shown(port)}: expected the path of a device, such as /dev/{port:.20}")
    try:
        mode = Path(port).stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISCHR(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a file"
        raise ConfigError(
            f"{shown(port)} is {kind} and no serial port; write one of those that `ls /dev/serial/by-id/*` shows"
        )


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of a URL such as `socket://host:port`."""
    parts = _split(url)
    if not parts or not parts.hostname or not parts.port:
        raise ConfigError(f"{shown(url)}: expected {url.partition('://')[0]}://host:port")
    _check_host_of(url, parts.hostname)
    return parts.hostname, parts.port


def _check_host_of(url: str, host: str) -> None:
    try:
        check_host(host)
    except ConfigError as error:
        raise ConfigError(f"{shown(url)}: {error}") from error


def listening_address(listen: str) -> tuple[str, int]:
    """Return host and port of an address to listen on."""
    parts = _split(f"//{listen}")
    try:
        host = str(ipaddress.ip_address(parts.hostname or "")) if parts else ""
    except ValueError:
        host = ""
    if not parts or not host or not parts.port or parts.netloc != listen:
        raise ConfigError(
            f"{shown(listen)}: expected an address of this host and a port, such as 0.0.0.0:8000"
        )
    return host, parts.port


def is_loopback(listen: str) -> bool:
    """Tell whether only this host can reach an address to listen on; ConfigError if it cannot be one."""
    host, _ = listening_address(listen)
    return ipaddress.ip_address(host).is_loopback


def sensor_server_address(url: str) -> tuple[str, int]:
    """Return host and port of the app SensorServer, from the URL that it shows; a host of version 6 in brackets."""
    parts = _split(url)
    more = parts and (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if not parts or not parts.hostname or parts.scheme != "ws" or more:
        raise ConfigError(f"{shown(url)}: expected ws://address:port, as the app shows it")
    host = parts.hostname
    _check_host_of(url, host)
    return f"[{host}]" if ":" in host else host, parts.port or SENSOR_SERVER_PORT
