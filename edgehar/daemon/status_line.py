"""Words on a daemon: the log's of what begins, and the line in which systemd, and whoever asks it, reads how it goes."""

import logging
import time
from typing import TYPE_CHECKING

from edgehar import __version__
from edgehar.config.schema import Config
from edgehar.daemon.wiring import describe_sensors

if TYPE_CHECKING:
    from edgehar.daemon.daemon import Daemon

_LOGGER = logging.getLogger(__name__)

MOST_PROBLEMS = 5
"""Problems that systemd's status line names; the others it counts."""


def status_line(daemon: "Daemon") -> str:
    """Say in words how it goes, and what is wrong with which sensor."""
    controls = daemon.controls
    up, now = sum(control.feed.is_up for control in controls), time.monotonic()
    problems = [
        f"{control.id}/{placement}: {problem}"
        for control in controls
        for placement, problem in control.problems(now).items()
    ]
    more = [f"{len(problems) - MOST_PROBLEMS} more problems"] if len(problems) > MOST_PROBLEMS else []
    heard = f"{up} of {len(controls)} wearers heard, {daemon.broker}"
    zones = [
        f"zone {name}, sensors with faults: {len(zone.faults)}" for name, zone in daemon.zones.each.items()
    ]
    disk = daemon.mqtt.disk_problem if daemon.mqtt else None
    at_risk = [f"events are in memory alone: {disk}"] if disk else []
    is_unheard = daemon.sparkplug is not None and not daemon.sparkplug.is_born
    unheard = ["no Sparkplug host hears it"] if is_unheard else []
    return "; ".join([heard, *zones, *unheard, *at_risk, *problems[:MOST_PROBLEMS], *more])


def log_start(daemon: "Daemon", config: Config) -> None:
    """Log what begins, a line for each fact."""
    daemon.zones.log_start()
    _LOGGER.info("edgehar %s, model %s", __version__, daemon.models.id)
    for wearer, feed in zip(config.wearer, daemon.feeds, strict=True):
        _LOGGER.info("wearer %s: %s", feed.id, ", ".join(describe_sensors(wearer, feed.placements)))
    if (broker := config.mqtt) is not None:
        topics = f"{broker.prefix}/{config.gateway.id}/#"
        topics += f" and {daemon.sparkplug.topics}" if daemon.sparkplug else ""
        _LOGGER.info("publishes to the MQTT broker %s:%d, topics %s", broker.host, broker.port, topics)
    elif not daemon.publishers:
        _LOGGER.warning("nobody is told what is recognized: there is neither [mqtt] nor --stdout")
