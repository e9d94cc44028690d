"""The publisher to the MQTT broker, from the configuration, and the events that wait for it."""

from edgehar.config.credentials import broker_password
from edgehar.config.read import state_folder
from edgehar.config.schema import DAY_S, Config
from edgehar.daemon.wiring import make_tls
from edgehar.errors import about
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.outbox import Bounds


def open_kept_events(config: Config) -> KeptEvents:
    """Open the events that wait for the broker, where the configuration has them; ConfigError if it cannot be."""
    folder = state_folder(config.gateway) if config.mqtt else None
    with about("gateway.state_dir"):
        return KeptEvents(EventFile(folder) if folder else None)


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
