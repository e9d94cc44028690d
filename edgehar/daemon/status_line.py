"""Words on a daemon: the log's of what begins, and the line in which systemd, and whoever asks it, reads how it goes."""

import logging
import time
from collections.abc import Sequence

from edgehar import __version__
from edgehar.config.schema import Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.models import Models
from edgehar.daemon.wearer import WearerFeed
from edgehar.daemon.wiring import describe_sensors
from edgehar.daemon.zones import Zones
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.sparkplug.publisher import Sparkplug

_LOGGER = logging.getLogger(__name__)

MOST_PROBLEMS = 5
"""Problems that systemd's status line names; the others it counts."""


def broker_state(mqtt: Mqtt | None) -> str:
    """Say in words how it goes with the broker."""
    return "no broker" if mqtt is None else "broker up" if mqtt.connected else "broker away"


def status_line(
    controls: Sequence[WearerControl], zones: Zones, mqtt: Mqtt | None, sparkplug: Sparkplug | None
) -> str:
    """Say in words how it goes, and what is wrong with which sensor; `controls` but for those of zones."""
    up, now = sum(control.feed.is_up for control in controls), time.monotonic()
    problems = [
        f"{control.id}/{placement}: {problem}"
        for control in controls
        for placement, problem in control.problems(now).items()
    ]
    more = [f"{len(problems) - MOST_PROBLEMS} more problems"] if len(problems) > MOST_PROBLEMS else []
    heard = f"{up} of {len(controls)} wearers heard, {broker_state(mqtt)}"
    faulty = [f"zone {name}, sensors with faults: {len(zone.faults)}" for name, zone in zones.each.items()]
    disk = mqtt.disk_problem if mqtt else None
    at_risk = [f"events are in memory alone: {disk}"] if disk else []
    is_unheard = sparkplug is not None and not sparkplug.is_born
    unheard = ["no Sparkplug host hears it"] if is_unheard else []
    return "; ".join([heard, *faulty, *unheard, *at_risk, *problems[:MOST_PROBLEMS], *more])


def log_start(
    config: Config,
    models: Models,
    feeds: Sequence[WearerFeed],
    sparkplug: Sparkplug | None,
    *,
    is_told: bool,
) -> None:
    """Log what begins, a line for each fact; `feeds` are those of the configuration's wearers, in its order."""
    _LOGGER.info("edgehar %s, model %s", __version__, models.id)
    for wearer, feed in zip(config.wearer, feeds, strict=True):
        _LOGGER.info("wearer %s: %s", feed.id, ", ".join(describe_sensors(wearer, feed.placements)))
    if (broker := config.mqtt) is not None:
        topics = f"{broker.prefix}/{config.gateway.id}/#"
        topics += f" and {sparkplug.topics}" if sparkplug else ""
        _LOGGER.info("publishes to the MQTT broker %s:%d, topics %s", broker.host, broker.port, topics)
    elif not is_told:
        _LOGGER.warning("nobody is told what is recognized: there is neither [mqtt] nor --stdout")
