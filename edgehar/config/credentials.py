"""Secrets: each stands in a file of its own, or comes to the service as a systemd credential; none in edgehar.toml."""

import os
from pathlib import Path

from msgspec.structs import replace

from edgehar.brokers.mqtt_text import LONGEST_TEXT
from edgehar.config.read import read_text
from edgehar.config.schema import Config, Dashboard, Metrics, Mqtt
from edgehar.errors import ConfigError, about
from edgehar.validation import shown

SERVICE_FOLDER = Path("/etc/edgehar")
"""Folder from which the service of deploy/ reads its configuration."""

STORE = Path("/etc/credstore")
"""Folder in which systemd looks for its credentials (systemd.exec(5), LoadCredential=); only root reads there."""


def credential_of(name: str | None) -> str | None:
    """Return the name of the systemd credential that a key such as `password_file` names; None: it names a file or nothing."""
    return None if name is None or "/" in name else name


def withheld_credential(name: str | None) -> str | None:
    """Return the name of that credential if this process is not the service that systemd hands it to."""
    return None if os.environ.get("CREDENTIALS_DIRECTORY") else credential_of(name)


def file_of(credential: str, config: Path) -> Path:
    """Return the file that holds a credential: of the service in systemd's store, of another configuration beside it."""
    folder = config.absolute().parent
    return STORE / f"edgehar.{credential}" if folder == SERVICE_FOLDER else folder / credential


def by_hand(config: Config, path: Path) -> Config:
    """Return a configuration, read from `path`, for a process to which systemd hands no credential.

    In the place of the broker's credential it names the file that holds it, if there is one, or nobody may look.
    """
    mqtt = config.mqtt
    if mqtt is None or (credential := withheld_credential(mqtt.password_file)) is None:
        return config
    file = file_of(credential, path)
    try:
        is_here = file.exists()
    except PermissionError:
        is_here = True  # and reading it says that it is root's
    return replace(config, mqtt=replace(mqtt, password_file=str(file))) if is_here else config


def broker_password(mqtt: Mqtt) -> str | None:
    """Return the broker's password; ConfigError if it cannot be read."""
    return _secret("mqtt.password_file", mqtt.password_file)


def metrics_token(metrics: Metrics) -> str | None:
    """Return what who reads the metrics has to show; ConfigError if it cannot be read."""
    return _secret("metrics.token_file", metrics.token_file)


def dashboard_token(dashboard: Dashboard) -> str | None:
    """Return what who looks at the page has to show; ConfigError if it cannot be read."""
    return _secret("dashboard.token_file", dashboard.token_file)


def _secret(key: str, name: str | None) -> str | None:
    """Return the content of a file or credential without its line end."""
    if name is None:
        return None
    with about(key):
        if withheld := withheld_credential(name):
            raise ConfigError(
                f"{key}: {shown(withheld)} has no `/`, so it is a systemd credential, which the service alone "
                f"gets; to run by hand name a file, such as {shown(f'./{withheld}')}"
            )
        credential = credential_of(name)
        path = Path(os.environ["CREDENTIALS_DIRECTORY"] if credential else "", name)
        try:
            secret = read_text(path).rstrip("\r\n")
        except ConfigError as error:
            loaded = f"; does the unit say LoadCredential={credential}:FILE?" if credential else ""
            raise ConfigError(f"{key}: {error}{loaded}") from error
        if not 0 < len(secret.encode()) <= LONGEST_TEXT:
            what = "password" if key.startswith("mqtt") else "token"
            raise ConfigError(
                f"{key}: {path}: expected a {what} of 1 to {LONGEST_TEXT} bytes, got {len(secret.encode())}"
            )
        return secret
