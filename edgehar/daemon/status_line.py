"""The line in which systemd, and whoever asks it, reads how it goes."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehar.daemon.daemon import Daemon

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
