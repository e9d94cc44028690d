"""The edge node that Sparkplug hosts see, from the configuration, and what it is told of a wearer."""

import random

from edgehar import __version__
from edgehar.brokers.mqtt_text import client_id
from edgehar.config.credentials import broker_password
from edgehar.config.schema import Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.models import Models
from edgehar.daemon.wiring import make_tls
from edgehar.daemon.zones import CountedZone
from edgehar.errors import about
from edgehar.pipeline.zone import Table
from edgehar.publishers.mqtt_reconnect import Broker
from edgehar.publishers.payloads import monotonic_to_unix
from edgehar.publishers.sparkplug.metrics import Worn, ZoneDevice
from edgehar.publishers.sparkplug.node import EdgeNode
from edgehar.publishers.sparkplug.publisher import Sparkplug, now_ms
from edgehar.types import FALLING


def make_sparkplug(config: Config, models: Models) -> Sparkplug | None:
    """Make the publisher to Sparkplug hosts that the configuration asks for, not yet connected."""
    if config.sparkplug is None or config.mqtt is None:
        return None
    broker, gateway = config.mqtt, config.gateway.id
    node = EdgeNode(
        config.sparkplug.group,
        config.sparkplug.edge_node or gateway,
        {
            "Properties/Version": __version__,
            "Properties/Model": models.id,
            "Properties/ModelSha256": models.sha256,
        },
        limit=broker.queue,
        # A process should not begin with the number that the one before it may have ended with.
        bd_seq=random.randrange(256),  # noqa: S311  # no secret
        now_ms=now_ms(),
    )
    with about("mqtt.tls"):
        tls = make_tls(broker)
        context = tls.load() if tls else None
    connected = Broker(
        name="Sparkplug: MQTT broker",
        host=broker.host,
        port=broker.port,
        client_id=client_id(f"{broker.prefix}/{gateway}/sparkplug"),
        will=lambda: node.open_session(now_ms()),
        username=broker.username,
        password=broker_password(broker),
        tls=context,
        version=broker.version,
        will_delay_s=0,
    )
    return Sparkplug(
        connected, node, primary_host=config.sparkplug.primary_host, heartbeat_s=broker.heartbeat_s
    )


def worn(control: WearerControl, now: float) -> Worn:
    """Return a wearer as a host sees one; `now` is monotonic, s."""
    feed = control.feed
    sensors, problems = feed.health()["sensors"], control.problems(now)
    return Worn(
        id=control.id,
        problems={place: problems.get(place, "ok") for place in feed.placements},
        batteries={place: sensors[place]["battery"] for place in feed.placements},
        operating_point=control.point,
        tells_falls=FALLING in feed.pipeline.told,
        is_heard=feed.is_up,
    )


def zone_device(zone: CountedZone, table: Table) -> ZoneDevice:
    """Return a zone as a host sees one."""
    return ZoneDevice(
        id=zone.zone.id,
        counts=table.counts,
        withheld=table.withheld,
        wearers=table.wearers,
        least=table.least,
        faulty=len(zone.faults),
        counted_ms=round(monotonic_to_unix(table.t) * 1000),
    )
