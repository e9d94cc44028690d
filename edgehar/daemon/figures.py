"""Figures since the start of a daemon: for the broker, for pages, and as Prometheus reads them."""

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgehar import __version__
from edgehar.daemon import metrics
from edgehar.publishers.payloads import iso_utc

if TYPE_CHECKING:
    from edgehar.daemon.daemon import Daemon


def figures(daemon: "Daemon") -> dict[str, Any]:
    """Return counters of all but the wearers."""
    return {
        "time": iso_utc(time.time()),
        "uptime_s": round(time.monotonic() - daemon.started),
        "rss_mb": _resident_mb(),
        "events_dropped": daemon.mqtt.dropped if daemon.mqtt else 0,
        "messages_refused": daemon.mqtt.refused if daemon.mqtt else 0,
        **({"sparkplug": daemon.sparkplug.health()} if daemon.sparkplug else {}),
    }


def health(daemon: "Daemon") -> dict[str, Any]:
    """Return all counters, for people and dashboards; of who is counted in a zone there are none."""
    return figures(daemon) | {"wearers": {control.id: control.feed.health() for control in daemon.controls}}


def prometheus(daemon: "Daemon") -> str:
    """Return all figures, as Prometheus reads them."""
    about = {"version": __version__, "model": daemon.models.id, "runtime": daemon.models.runtime}
    families = metrics.families_of(health(daemon), about, daemon.mqtt, began=daemon.began)
    tables = {name: zone.table for name, zone in daemon.zones.each.items()}
    return metrics.text_of([*families, *daemon.answers.families(), metrics.of_zones(tables)])


def _resident_mb() -> float:
    """Return the memory of this process now, MB, as Linux tells it (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)
