"""The publisher to the MQTT broker, from the configuration, and the events that wait for it."""

import logging
from pathlib import Path

from edgehar.config.credentials import broker_password
from edgehar.config.read import state_folder
from edgehar.config.schema import DAY_S, Config
from edgehar.daemon.wiring import make_tls
from edgehar.errors import ConfigError, about
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.outbox import Bounds

_LOGGER = logging.getLogger(__name__)


def open_kept_events(config: Config) -> KeptEvents:
    """Open the events that wait for the broker, where the configuration has them; ConfigError if it cannot be."""
    folder = _folder(config)
    with about("gateway.state_dir"):
        return KeptEvents(EventFile(folder) if folder else None)


def check_kept_events(now: Config, following: Config) -> None:
    """Refuse another folder for events, by ConfigError, that could not be used."""
    if _folder(following) != _folder(now):
        open_kept_events(following).close()


def moved(kept: KeptEvents, now: Config, following: Config) -> KeptEvents:
    """Return where events are kept from now on: the same, or another place that has them by then."""
    if following.mqtt is None or _folder(following) == _folder(now):
        return kept
    try:
        other = open_kept_events(following)
    except ConfigError as error:
        _LOGGER.warning("events stay where they were: %s", error)
        return kept
    kept.move_to(other)
    kept.close()
    return other


def _folder(config: Config) -> Path | None:
    return state_folder(config.gateway) if config.mqtt else None


def make_mqtt(config: Config, kept: KeptEvents | None = None) -> Mqtt | None:
    """Make the MQTT publisher that the configuration asks for, not yet connected."""
    if config.mqtt is None:
        return None
    broker = config.mqtt
    password = broker_password(broker)
    with about("mqtt.tls"):
        return Mqtt(
            host=broker.host,
            port=broker.port,
            gateway=config.gateway.id,
            prefix=broker.prefix,
            username=broker.username,
            password=password,
            tls=make_tls(broker),
            version=broker.version,
            heartbeat_s=broker.heartbeat_s,
            bounds=Bounds(broker.queue, round(broker.queue_mb * 2**20), broker.queue_days * DAY_S),
            kept=kept,
        )
